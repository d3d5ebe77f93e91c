#!/usr/bin/env bash
# Gives Slurm the array, and after it a job that checks all pictures and merges the manifests.
#
#   SD=/path/to/sd samples/slurm/submit.sh prompts.txt folder
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
array=$(sbatch --parsable "$here/batch.sbatch" "$1" "$2")
sbatch --parsable --job-name=sd-merge --dependency="afterany:$array" --output=sd-merge-%j.log --wrap "${SD:-sd} batch merge '$2'"
