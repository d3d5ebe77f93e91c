#!/usr/bin/env bash
# Pictures of the embedded model at 512 pixels: by Lanczos above, by its own upscaling network below.
#
#   samples/enlarged.sh [folder]      default: samples
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-samples}
mkdir -p "$out"

program=src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll
[ -f "$program" ] || dotnet build -c Release src/StableDiffusion.Cli
sd() { dotnet "$program" "$@"; }

pictures=$(mktemp -d)
trap 'rm -rf "$pictures"' EXIT

printf '%s\n' 'a fox' 'a rocket, flat icon' 'a bicycle, line art' >"$pictures/prompts.txt"
sd batch "$pictures/prompts.txt" --seed 1 --quiet --upscale 2 --output "$pictures/lanczos/{index}.png" >/dev/null
sd batch "$pictures/prompts.txt" --seed 1 --quiet --upscaler model --output "$pictures/model/{index}.png" >/dev/null
sd grid "$pictures"/lanczos/*.png "$pictures"/model/*.png --columns 3 --output "$out/enlarged.webp"
