#!/usr/bin/env bash
# Pictures an hour by threads and pictures in one call of the network (--unet-batch), as a Markdown table. The load is left out: it is the difference
# between a run of many pictures and a run of one call. Usage: throughput.sh MODEL [PICTURES] [OPTIONS OF sd …]; SD names the program.
set -euo pipefail
export LC_ALL=C # numbers have a point, whatever the user's language
model=$1 pictures=${2:-24}
shift $(($# > 1 ? 2 : 1))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Seconds that so many pictures take, the load included.
seconds() {
  local began ended
  printf 'a red apple, 3d render --seed 1..%d\n' "$3" >"$work/jobs.txt"
  began=$(date +%s.%N)
  "${SD:-sd}" batch "$work/jobs.txt" -m "$model" --device cpu --threads "$1" --unet-batch "$2" --quiet "${@:4}" -o "$work/$1-$2-$3/" >"$work/log" || { cat "$work/log" >&2; exit 1; }
  ended=$(date +%s.%N)
  rm -rf "${work:?}/$1-$2-$3"
  awk "BEGIN { print $ended - $began }"
}

echo "| threads | one a call | 2 | 4 | 8 |"
echo "| --- | --- | --- | --- | --- |"
for threads in 1 2; do
  row="| $threads |"
  for batch in 1 2 4 8; do
    few=$(seconds "$threads" "$batch" 8 "$@")
    many=$(seconds "$threads" "$batch" $((8 + pictures)) "$@")
    row+=" $(awk "BEGIN { printf \"%.0f\", 3600 * $pictures / ($many - $few) }") |"
  done
  echo "$row"
done
