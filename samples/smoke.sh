#!/usr/bin/env bash
# A smoke test for continuous integration: paints the pictures that samples/smoke holds and compares them.
# The last bits of sums differ between processors, so a value may differ by 2 of 255 levels.
#
#   samples/smoke.sh [folder]      paint into a new folder and compare
#   samples/smoke.sh --repaint     make the known pictures anew, after a change of the model
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll
[ -f "$program" ] || dotnet build -c Release src/StableDiffusion.Cli
sd() { dotnet "$program" "$@"; }

if [ "${1:-}" = --repaint ]; then
  rm -f samples/smoke/*.png
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
  sd batch samples/smoke/jobs.jsonl --output "$out/"
  cp "$out"/*.png samples/smoke/
  exit
fi

out=${1:-$(mktemp -d)}
sd batch samples/smoke/jobs.jsonl --output "$out/" --device cpu
sd compare samples/smoke "$out"
