#!/usr/bin/env bash
# A shell loop's worth of prompts with one load of the model. Stop it when you like: run again, it goes on where it was.
#
#   samples/batch.sh [folder]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/batch}

program=src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll
[ -f "$program" ] || dotnet build -c Release src/StableDiffusion.Cli
sd() { dotnet "$program" "$@"; }

echo "What will be painted:"
sd batch samples/prompts.txt --dry-run --steps 10

echo "Painting:"
sd batch samples/prompts.txt --output "$out/{index:03}-{prompt:30}-{seed}.png" --steps 10 --resume

echo "A program that writes prompts can be a pipe, and one that reads results too:"
for fruit in pear lemon; do
  echo "a $fruit, 3d render --seed 5"
done |
  sd batch - --output "$out/fruit/" --steps 10 --unet-batch 2 --resume --json --progress none --quiet |
  while read -r line; do
    echo "painted: ${line:0:100}"
  done

echo "All $(wc -l <"$out/manifest.jsonl") pictures of the first batch are whole:"
sd batch merge "$out"
