#!/bin/bash
# What open pages cost training:  tests/bench/gateway.sh [--set KEY=VALUE ...]
#
# Stage 1 of configs/smoke.yaml trains without end. 50 clients send the requests of the page to the gateway, each every two seconds
# (tests/bench/gateway.lua). Rounds with and without clients alternate in the same run; each takes 40 lines of metrics.jsonl, and a
# line has the speed of ten iterations. The script prints the median times of an iteration with and without clients, and their ratio;
# and then, for information, how many requests are answered during training if wrk does not wait between them.
#
# ROUNDS=5 and LINES=40 set the duration; RG_BIN is the folder of the executables.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${RG_BIN:-build/bin} rounds=${ROUNDS:-5} lines=${LINES:-40} clients=50 batch=8
command -v wrk >/dev/null || { echo "gateway.sh: wrk is not installed (apt-get install wrk)" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX")
wrk='' trainer=''
finish()
{
    [ -z "$wrk" ] || kill "$wrk" 2>/dev/null || true
    [ -z "$trainer" ] || kill "$trainer" 2>/dev/null || true
    "$bin/rg-ctl" down "${options[@]}" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

port=$((10000 + $$ % 20000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
options=(--config configs/smoke.yaml --set run="$work/run" --set data.root="$work/faces" --set http.gateway="$port"
    --set stage1.iterations=1000000 --set stage1.batch="$batch" --set stage1.checkpoint_every=100000
    --set stage1.sample_every=0 "$@")
url=http://127.0.0.1:$port/api/v1
metrics=$work/run/metrics.jsonl

"$bin/rg-ctl" make-faces "$work/faces" --count 400 >/dev/null
"$bin/rg-ctl" up "${options[@]}" >/dev/null
"$bin/rg-ctl" train --stage 1 --json "${options[@]}" >/dev/null 2>&1 &
trainer=$!

# next_lines N: prints the milliseconds per iteration of each of the next N lines of metrics.jsonl.
next_lines()
{
    { tail -n 0 -F "$metrics" 2>/dev/null || true; } | head -n "$1" |
        sed -nE 's/.*"images_per_s":([0-9.e+-]+).*/\1/p' | awk -v batch=$batch '{ print 1000 * batch / $1 }'
}

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

next_lines 10 >/dev/null # warm-up
for ((i = 1; i <= rounds; i++)); do
    next_lines "$lines" >"$work/alone.$i"
    wrk -t 1 -c $clients -d 1h -s tests/bench/gateway.lua $url/status >"$work/wrk.$i" 2>&1 &
    wrk=$!
    next_lines 1 >/dev/null # until the first clients have connected
    next_lines "$lines" >"$work/watched.$i"
    kill -INT $wrk
    wait $wrk || true
    wrk=
    printf 'round %d: %s ms alone, %s ms with %d clients, %s\n' "$i" "$(median "$work/alone.$i")" \
        "$(median "$work/watched.$i")" $clients "$(grep -E '^Requests/sec' "$work/wrk.$i" | tr -s ' ' || echo 'no answer')"
    ! grep -E 'Non-2xx|Socket errors' "$work/wrk.$i" || exit 1
done
cat "$work"/alone.* >"$work/alone"
cat "$work"/watched.* >"$work/watched"
awk -v a="$(median "$work/alone")" -v w="$(median "$work/watched")" \
    'BEGIN { printf "an iteration: %.3f ms alone, %.3f ms with clients, ratio %.3f\n", a, w, w / a }'
echo "without waiting, /status:"
wrk -t 1 -c $clients -d 5s --latency $url/status | grep -E 'Requests/sec|50%|99%|Non-2xx|Socket errors'
