#!/usr/bin/env bash
# Writes the table of differences from diffusers into README.md, between its parity marks, from the golden tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
table=$(mktemp)
trap 'rm -f "$table"' EXIT
STABLEDIFFUSION_PARITY_TABLE=$table dotnet test tests/StableDiffusion.ReferenceTests -c Release --filter 'FullyQualifiedName~GoldenPictureTests|FullyQualifiedName~FamilyPictureTests|FullyQualifiedName~WeightedPromptTests|FullyQualifiedName~AdapterGoldenTests|FullyQualifiedName~ControlGoldenTests|FullyQualifiedName~EmbeddedModelTests' >&2
awk -v table="$table" '
  /<!-- parity:begin -->/ { print; while ((getline line < table) > 0) print line; skipping = 1 }
  /<!-- parity:end -->/ { skipping = 0 }
  !skipping || /<!-- parity:end -->/ { if (!/<!-- parity:begin -->/) print }
' README.md >"$table.readme"
mv "$table.readme" README.md
