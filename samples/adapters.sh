#!/usr/bin/env bash
# The LoRA that lies beside the embedded model, and what a ControlNet would be shown: the pictures of samples/adapters.
#
#   samples/adapters.sh [folder]      default: samples/adapters
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-samples/adapters}
mkdir -p "$out"

program=src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll
[ -f "$program" ] || dotnet build -c Release src/StableDiffusion.Cli
sd() { dotnet "$program" "$@"; }

pictures=$(mktemp -d)
trap 'rm -rf "$pictures"' EXIT

# Above without, below with the LoRA, the same seed. Of cat, tractor and mermaid it was shown no drawing.
printf 'a %s\n' fox rocket penguin robot cat tractor mermaid >"$pictures/prompts.txt"
sd batch "$pictures/prompts.txt" --seed 1 --quiet --output "$pictures/plain/{index}.png" >/dev/null
sd batch "$pictures/prompts.txt" --seed 1 --quiet --lora models/emoji-256/lora/pixel-art.safetensors --output "$pictures/lora/{index}.png" >/dev/null
sd grid "$pictures"/plain/*.png "$pictures"/lora/*.png --columns 7 --output "$pictures/grid.png" >/dev/null
sd upscale "$pictures/grid.png" --upscaler lanczos --scale 0.5 --output "$out/lora.png"

sd canny "$pictures/plain/3.png" --output "$out/canny.png"
