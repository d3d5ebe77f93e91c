#!/usr/bin/env bash
# As throughput.sh, for models whose pictures take minutes: pictures of STEPS steps (25) an hour are reckoned from the seconds that the program gives of one step
# and of decoding, those of the second call of the network, for the first reads weights. Prints Markdown, with the peak memory of each run.
# Usage: throughput-large.sh MODEL [OPTIONS OF sd …]; SD names the program; THREADS (1 2) and BATCHES (1 2 4) choose the rows.
set -euo pipefail
export LC_ALL=C # numbers have a point, whatever the user's language
model=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "| threads | pictures a call | a step, s | decoding one, s | pictures an hour | peak memory, GiB |"
echo "| --- | --- | --- | --- | --- | --- |"
for threads in ${THREADS:-1 2}; do
  for batch in ${BATCHES:-1 2 4}; do
    printf 'a castle --seed 1..%d\n' $((2 * batch)) >"$work/jobs.txt"
    /usr/bin/time -f %M -o "$work/memory" "${SD:-sd}" batch "$work/jobs.txt" -m "$model" --steps 1 --scheduler ddim --device cpu --threads "$threads" --unet-batch "$batch" \
      --json --quiet "$@" -o "$work/$threads-$batch/" >"$work/lines" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    sed -nE 's/.*"text":([0-9.e-]+),.*"unet":([0-9.]+),"vae":([0-9.]+)\}.*/\1 \2 \3/p' "$work/lines" | tail -n "$batch" >"$work/seconds"
    awk -v threads="$threads" -v batch="$batch" -v steps="${STEPS:-25}" -v memory="$(tail -n 1 "$work/memory")" '
      { text += $1; step = $2; decoding += $3 }
      END { printf "| %d | %d | %.2f | %.2f | %.1f | %.2f |\n", threads, batch, step, decoding / batch, 3600 * batch / (text / batch + steps * step + decoding), memory / 1048576 }' "$work/seconds"
  done
done
