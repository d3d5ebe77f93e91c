#!/usr/bin/env bash
# The first 24 of the prompts that the embedded model is measured with, each at seed 0, nothing chosen: samples/natural-prompts.png.
# Nobody trained on these; the list with what must be seen is models/emoji-256/training/natural-prompts.txt.
#
#   samples/natural-prompts.sh [folder]      default: samples
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-samples}
mkdir -p "$out"

program=src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll
[ -f "$program" ] || dotnet build -c Release src/StableDiffusion.Cli
sd() { dotnet "$program" "$@"; }

pictures=$(mktemp -d)
trap 'rm -rf "$pictures"' EXIT
grep -v '^#' models/emoji-256/training/natural-prompts.txt | head -n 24 | cut -f 1 >"$pictures/prompts.txt"
sd batch "$pictures/prompts.txt" --seed 0 --output "$pictures/{index:02}.png" --quiet >/dev/null
sd grid "$pictures"/*.png --columns 6 --output "$out/natural-prompts.png"
