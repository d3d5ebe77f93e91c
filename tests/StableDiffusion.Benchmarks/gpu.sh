#!/usr/bin/env bash
# What only a machine with an NVIDIA GPU can tell, in one go: whether it paints the CPU's pictures, and how fast, with each set of CUDA options.
# Prints Markdown; takes minutes.
#
#   gpu.sh MODEL [FLOAT16_MODEL]
#
# MODEL is an export of Stable Diffusion 1.5 in float32; FLOAT16_MODEL the same exported in float16, for the rows that compute in it.
# STEPS=50 and SIZE=512 change the picture; DEVICE=auto runs the script where there is no GPU.
set -euo pipefail
export LC_ALL=C # numbers have a point, whatever the user's language
export CUDA_DEVICE_ORDER=PCI_BUS_ID # as nvidia-smi counts
gpu=${CUDA_VISIBLE_DEVICES:-0}
gpu=${gpu%%,*}

fail() { echo "error: $*" >&2; exit 1; }

[ $# -ge 1 ] || { echo "error: give the folder of a model: gpu.sh MODEL [FLOAT16_MODEL]" >&2; exit 2; }
for folder in "$@"; do [ -d "$folder" ] || fail "$folder is no folder."; done
device=${DEVICE:-cuda}
if [ "$device" = cuda ]; then
  command -v nvidia-smi >/dev/null || fail "nvidia-smi is not here; this needs an NVIDIA GPU, its driver, CUDA 13 and cuDNN 9."
  nvidia-smi -L >/dev/null || fail "nvidia-smi finds no GPU."
fi

model=$(realpath "$1")
half=${2:+$(realpath "$2")}
steps=${STEPS:-50} size=${SIZE:-512}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
dotnet build -c Release -v quiet -nologo src/StableDiffusion.Cli >&2
sd() { dotnet src/StableDiffusion.Cli/bin/Release/net10.0/StableDiffusion.Cli.dll "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The largest difference of two pictures, or of those of two folders, in levels of 255.
difference() { sd compare "$1" "$2" --tolerance 255 | sed -nE 's/.*largest difference ([0-9]+),.*/\1/p' | sort -n | tail -n 1; }

median() { sort -n | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

echo "## Same pictures as the CPU"
echo
echo "Three seeds, ten steps; the largest difference of a value, of 255."
echo
echo "| model | difference |"
echo "| --- | --- |"
for folder in models/emoji-256 tests/goldens/models/*/; do
  name=$(basename "$folder")
  picture=()
  [ "$name" != inpaint ] || picture=(-i samples/red-apple.png --mask samples/red-apple.png)
  for where in cpu "$device"; do
    sd "a red apple" -m "$folder" -s 1..3 --steps 10 "${picture[@]}" --device "$where" -q -o "$work/$name-$where/{seed}.png" >/dev/null
  done
  echo "| $name | $(difference "$work/$name-cpu" "$work/$name-$device") |"
done

# One row: five pictures, of which the first warms up; medians of the others, and memory as nvidia-smi sees it.
row() { # NAME MODEL OPTIONS...
  local name=$1 folder=$2 out=$work/row memory=$work/memory watch=
  shift 2
  rm -rf "$out"
  : >"$memory"
  if [ "$device" = cuda ]; then
    nvidia-smi -i "$gpu" --query-gpu=memory.used --format=csv,noheader,nounits -lms 200 >"$memory" &
    watch=$!
  fi
  if sd "a castle" -m "$folder" -s 1..5 --steps "$steps" -W "$size" -H "$size" --scheduler ddim --device "$device" "$@" --json -q -o "$out/{seed}.png" >"$work/lines" 2>"$work/errors"; then
    [ -d "$work/first" ] || cp -r "$out" "$work/first"
    sed -nE 's/.*"seconds":\{"load":([0-9.]+),"text":([0-9.]+),.*"unet":([0-9.]+),"vae":([0-9.]+)\}.*/\1 \2 \3 \4/p' "$work/lines" >"$work/seconds"
    printf '| %s | %.2f | %.2f | %.3f | %.2f | %.3f | %s | %s |\n' "$name" \
      "$(awk 'NR == 1 { print $1 }' "$work/seconds")" "$(awk 'NR == 1 { print $2 + $3 + $4 }' "$work/seconds")" \
      "$(awk 'NR > 1 { print $2 + $3 + $4 }' "$work/seconds" | median)" "$(awk -v steps="$steps" 'NR > 1 { print 1000 * $3 / steps }' "$work/seconds" | median)" \
      "$(awk 'NR > 1 { print $4 }' "$work/seconds" | median)" "$(sort -n "$memory" | tail -n 1)" "$(difference "$work/first" "$out")"
  else
    echo "| $name | $(grep '^error' "$work/errors" | head -n 1 | tr '|' ' ') | | | | | | |"
  fi
  [ -z "$watch" ] || { kill "$watch"; wait "$watch" 2>/dev/null || true; }
}

echo
echo "## $(basename "$model"), $size × $size, $steps steps"
echo
[ "$device" != cuda ] || nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
echo
echo "| | load, s | first picture, s | next pictures, s | a step, ms | decode, s | GPU memory, MiB | difference from the first row, levels |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
row "float32" "$model"
row "attention plain" "$model" --attention plain
row "TF32" "$model" --cuda-option use_tf32=1
row "cuDNN search: EXHAUSTIVE" "$model" --cuda-option cudnn_conv_algo_search=EXHAUSTIVE
row "cuDNN workspace of 32 MB" "$model" --cuda-option cudnn_conv_use_max_workspace=0
row "channels last" "$model" --cuda-option prefer_nhwc=1
row "channels last, TF32" "$model" --cuda-option prefer_nhwc=1 --cuda-option use_tf32=1
row "bias fused" "$model" --cuda-option fuse_conv_bias=1
row "CUDA graph" "$model" --cuda-option enable_cuda_graph=1
row "CUDA graph, TF32" "$model" --cuda-option enable_cuda_graph=1 --cuda-option use_tf32=1
sd optimize "$model" --precision fp16 --seeds 0 --device cpu -q -o "$work/fp16" >/dev/null
row "float16 weights, computed in float32" "$work/fp16"
if [ -n "$half" ]; then
  row "float16" "$half"
  row "float16, attention plain" "$half" --attention plain
  row "float16, cuDNN search: EXHAUSTIVE" "$half" --cuda-option cudnn_conv_algo_search=EXHAUSTIVE
  row "float16, channels last" "$half" --cuda-option prefer_nhwc=1
  row "float16, CUDA graph" "$half" --cuda-option enable_cuda_graph=1
  row "float16, CUDA graph, channels last, EXHAUSTIVE" "$half" --cuda-option enable_cuda_graph=1 --cuda-option prefer_nhwc=1 --cuda-option cudnn_conv_algo_search=EXHAUSTIVE
  row "float16, channels last, EXHAUSTIVE" "$half" --cuda-option prefer_nhwc=1 --cuda-option cudnn_conv_algo_search=EXHAUSTIVE
fi
