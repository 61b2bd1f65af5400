#!/bin/bash
# What additions to a retrieval set cost training:  tests/bench/additions.sh [--set KEY=VALUE ...]
#
# Stage 3 of configs/celeba64.yaml, RG-UNIT at 64 px, trains without end, with a retrieval set of 80 procedural faces. In turns, nothing
# else runs, and another retrieval service on the same machine takes 10,000 vectors of 100 numbers per second into a set of 100,000
# (tests/bench/scale). A round takes LINES lines of metrics.jsonl twice; a line has the speed of ten iterations. The script prints
# the median times of an iteration, their ratio, and how many of the processors' milliseconds per second the additions take:
# where the trainer's threads need all processors, they lack these.
#
# ROUNDS=5 and LINES=2 set the duration; RG_BIN is the folder of the executables. The set lies in TMPDIR.
set -euo pipefail
cd "$(dirname "$0")/../.."
export GOMP_SPINCOUNT=2000 # as rg-ctl up sets it
bin=${RG_BIN:-build/bin} bench=${RG_BIN:-build/bin}/../tests/bench rounds=${ROUNDS:-5} lines=${LINES:-2} batch=8 images=100000
work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX")
trainer='' service='' adder=''
finish()
{
    for pid in $adder $trainer $service; do kill "$pid" 2>/dev/null || true; done
    "$bin/rg-ctl" down "${options[@]}" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

options=(--config configs/celeba64.yaml --set run="$work/run" --set data.root="$work/faces" --set data.crop=0 --set stage1.iterations=1
    --set stage1.batch=2 --set stage1.sample_every=0 --set stage2.iterations=1 --set stage2.batch=8 --set stage2.sample_every=0
    --set stage3.iterations=1000000 --set stage3.batch="$batch" --set stage3.checkpoint_every=100000 --set stage3.sample_every=0 "$@")
metrics=$work/run/metrics.jsonl
"$bin/rg-ctl" make-faces "$work/faces" --count 80 >/dev/null 2>&1
"$bin/rg-ctl" up "${options[@]}" >/dev/null
for stage in 1 2; do "$bin/rg-ctl" train --stage $stage "${options[@]}" >/dev/null 2>&1; done
"$bin/rg-ctl" add-images "${options[@]}" "$work/faces" >/dev/null 2>&1
"$bin/rg-ctl" train --stage 3 --json "${options[@]}" >"$work/train.log" 2>&1 &
trainer=$!

mkdir "$work/vectors"
config=$work/vectors/config.yaml
echo "{run: $work/vectors, threads: 1, retrieval: {index: auto, map_size_gib: 8}}" >"$config"
GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "$bin/rg-retrieval" --config "$config" 2>"$work/vectors/log" &
service=$!
until [ -S "$work/vectors/retrieval.ipc" ]; do sleep 0.1; done
N=$images STEP=fill "$bench/scale" --config "$config" >/dev/null 2>&1

# next_lines N: prints the milliseconds per iteration of each of the next N lines of metrics.jsonl.
next_lines()
{
    { tail -n 0 -F "$metrics" 2>/dev/null || true; } | head -n "$1" |
        sed -nE 's/.*"images_per_s":([0-9.e+-]+).*/\1/p' | awk -v batch=$batch '{ print 1000 * batch / $1 }'
}
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
busy_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print 1000 * ($12 + $13) / hz }' "/proc/$1/stat"; }

next_lines 1 >/dev/null # warm-up
for ((i = 1; i <= rounds; i++)); do
    next_lines "$lines" >"$work/alone.$i"
    rm -f "$work/enough"
    before=$(busy_ms $service) begun=$(date +%s%N)
    FIRST=$images STEP=add UNTIL=$work/enough "$bench/scale" --config "$config" >"$work/added.$i" 2>"$work/adder.log" &
    adder=$!
    next_lines 1 >/dev/null # partly without additions
    next_lines "$lines" >"$work/beside.$i"
    touch "$work/enough"
    wait $adder || { cat "$work/adder.log" >&2; exit 1; }
    adder=
    read -r added rate client <"$work/added.$i"
    images=$((images + added))
    printf 'round %d: %.0f ms alone, %.0f ms beside %d additions/s, which take %.0f ms/s in the service and %d in the client\n' "$i" \
        "$(median "$work/alone.$i")" "$(median "$work/beside.$i")" "$rate" \
        "$(echo "$before $(busy_ms $service) $begun $(date +%s%N)" | awk '{ print 1e9 * ($2 - $1) / ($4 - $3) }')" "$client"
done
cat "$work"/alone.* >"$work/alone"
cat "$work"/beside.* >"$work/beside"
awk -v a="$(median "$work/alone")" -v b="$(median "$work/beside")" \
    'BEGIN { printf "an iteration: %.0f ms alone, %.0f ms beside additions, ratio %.3f\n", a, b, b / a }'
