#!/bin/bash
# Two encoders beside one:  tests/bench/encoders.sh [--set KEY=VALUE ...]
#
# JPEGs are added to a retrieval set through one loader and one encoder, and in turns through the same loader and two encoders behind
# one name. Each encoder has one thread. Printed are medians of images per second and their ratio: 2 at most, and only where two
# cores have nothing else to do. SIZE (64) is the side of the images, IMAGES (512) how many a round adds, ROUNDS (3) how often both take
# turns; RG_BIN is the folder of the executables. The name is known in a mount namespace of its own (unshare).
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${RG_BIN:-build/bin} size=${SIZE:-64} images=${IMAGES:-512} rounds=${ROUNDS:-3}
if [ -z "${RG_BENCH_HOSTS:-}" ]; then
    RG_BENCH_HOSTS=$(mktemp)
    export RG_BENCH_HOSTS
    trap 'rm -f "$RG_BENCH_HOSTS"' EXIT
    { cat /etc/hosts; printf '127.0.0.1 encoders\n127.0.0.2 encoders\n'; } >"$RG_BENCH_HOSTS"
    # shellcheck disable=SC2016  # the inner shell expands
    unshare -rm sh -c 'mount --bind "$RG_BENCH_HOSTS" /etc/hosts && exec "$0" "$@"' "$0" "$@"
    exit
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX")
port=$((20000 + $$ % 20000)) pids=() options=()
finish()
{
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    [ ${#options[@]} -eq 0 ] || "$bin/rg-ctl" down "${options[@]}" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

config=configs/faces32.yaml
[ "$size" -eq 32 ] || config=configs/celeba$size.yaml
options=(--config "$config" --set run="$work/run" --set data.root="$work/faces" --set data.crop=0 --set retrieval.map_size_gib=4
    --set threads=1 --set endpoints.insecure=true --set stage1.iterations=1 --set stage1.batch=2 --set stage1.sample_every=0
    --set stage2.iterations=1 --set stage2.batch=8 --set stage2.sample_every=0 "$@")
"$bin/rg-ctl" make-faces "$work/faces" --count 80 >/dev/null 2>&1
"$bin/rg-ctl" make-faces "$work/plain" --count "$images" --plain >/dev/null 2>&1
"$bin/rg-ctl" up "${options[@]}" >/dev/null
for stage in 1 2; do "$bin/rg-ctl" train --stage $stage "${options[@]}" >/dev/null 2>&1; done
"$bin/rg-ctl" down "${options[@]}" >/dev/null

start_encoder() { "$bin/rg-encoder" "${options[@]}" --set endpoints.encoder="tcp://127.0.0.$1:$port" 2>>"$work/log" & }
embedded() { # NUMBER
    "$bin/rg-ctl" status --json "${options[@]}" --set endpoints.encoder="tcp://127.0.0.$1:$port" encoder 2>/dev/null |
        sed -nE 's/.*"embedded":"([0-9]+)".*/\1/p'
}
add() { # adds the images once more, with other bytes behind them and so with other ids; prints images per second
    turn=$((${turn:-0} + 1))
    for image in "$work"/plain/*.jpg; do printf '%d\n' $turn >>"$image"; done
    TIMEFORMAT=%R
    { time "$bin/rg-ctl" add-images "${options[@]}" "$work/plain" >"$work/out" 2>&1; } 2>"$work/time"
    grep -q "^$images added" "$work/out" || { cat "$work/out" "$work/log" >&2; exit 1; }
    awk -v n="$images" '{ print n / $1 }' "$work/time"
}
median() { sort -g "$1" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

start_encoder 1
pids=($!)
options+=(--set endpoints.encoder="tcp://encoders:$port")
"$bin/rg-ctl" up --only retrieval,loader "${options[@]}" >/dev/null
add >"$work/warm"
for _ in $(seq "$rounds"); do
    add >>"$work/one"
    start_encoder 2
    pids[1]=$!
    until [ "$(embedded 2 || true)" -gt 0 ] 2>/dev/null; do add >"$work/warm"; done # the loader has found it
    add >>"$work/two"
    kill "${pids[1]}"
    wait "${pids[1]}" || true
done
one=$(median "$work/one") two=$(median "$work/two")
printf '%d px, %d images: %.0f images/s with one encoder, %.0f with two\nratio %.2f\n' "$size" "$images" "$one" "$two" \
    "$(awk -v a="$two" -v b="$one" 'BEGIN { print a / b }')"
