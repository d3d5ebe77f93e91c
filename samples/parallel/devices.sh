#!/usr/bin/env bash
# One machine with several devices, by GNU parallel: each device paints its share of one batch.
#
#   samples/parallel/devices.sh prompts.txt folder cuda:0 cuda:1
set -euo pipefail
prompts=$1 out=$2
shift 2

program=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll
[ -f "$program" ] || { echo "build first: dotnet build -c Release" >&2; exit 1; }

# --line-buffer shows each path as it comes; --halt ends all when this script is stopped, and --resume goes on.
status=0
parallel --line-buffer --jobs "$#" --halt soon,fail=100% --termseq TERM,20000,KILL \
  dotnet "$program" batch "$prompts" --output "$out/" --shard "{#}/$#" --device "{}" --resume --progress none ::: "$@" || status=$?

dotnet "$program" batch merge "$out"
exit "$status"
