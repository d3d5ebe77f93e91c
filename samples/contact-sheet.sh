#!/usr/bin/env bash
# Paints what the embedded model knows, one seed each, and lays it out on one sheet: samples/contact-sheet.png.
#
#   samples/contact-sheet.sh [folder]      default: samples
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-samples}
mkdir -p "$out"

program=src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll
[ -f "$program" ] || dotnet build -c Release src/StableDiffusion.Cli
sd() { dotnet "$program" "$@"; }

pictures=$(mktemp -d)
trap 'rm -rf "$pictures"' EXIT
sd batch samples/contact-sheet.txt --output "$pictures/{index:02}.png" --quiet >/dev/null
sd grid "$pictures"/*.png --columns 6 --output "$out/contact-sheet.png"
