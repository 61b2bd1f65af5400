#!/bin/sh
# The retrieval service compared with FAISS:  tests/bench/retrieval.sh [exact|hnsw]
#
# Starts a service with an empty store and adds 200,000 vectors of 100 numbers. Then batches of 32 and 256 queries and single
# queries are searched in turns by the service over ipc and by FAISS in the process of the benchmark, on the same vectors:
#   exact  against the fastest of FAISS's ways (one or all threads, with or without BLAS); single queries are also timed while
#          vectors are added
#   hnsw   with the same HNSW graph and the efSearch that reaches a recall of 98 %; recall is also measured after building,
#          adding, removing and building again
# At the end the service is killed and started again. The last line is `ratio R`: the least ratio service / FAISS of the queries
# per second. BUILD names the build folder (default: build).
set -eu
build=${BUILD:-build} work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX") service=
trap '[ -z "$service" ] || kill "$service"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM # which would end this shell without the line above
[ -x "$build/tests/bench/retrieval" ] || { echo "retrieval: build first, or name the build folder in BUILD" >&2; exit 1; }
export OMP_NUM_THREADS=2 GOMP_SPINCOUNT=2000 # as rg-ctl up sets them

start() { # CONFIG: starts the service as rg-ctl up does, with huge pages
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "$build/bin/rg-retrieval" --config "$1" 2>>"$work/log" &
    service=$!
}

against() { # NAME INDEX
    config=$work/$1.yaml
    mkdir "$work/$1"
    echo "{run: $work/$1, threads: 2, retrieval: {index: $2, map_size_gib: 4}}" >"$config"
    start "$config"
    "$build/tests/bench/retrieval" --config "$config" >"$work/table" || { cat "$work/table" "$work/log"; exit 1; }
    kill -9 "$service"
    wait "$service" 2>/dev/null || true
    begun=$(date +%s%N)
    start "$config"
    until "$build/bin/rg-ctl" status --config "$config" --json retrieval >"$work/status" 2>/dev/null &&
        grep -q '"state":"ready"' "$work/status"; do :; done
    ended=$(date +%s%N)
    grep -v '^ratio' "$work/table"
    sed -E "s/.*\"images\":\"([0-9]+)\".*\"indexed\":\"([0-9]+)\".*/killed and started again with \\1 images, \\2 of them indexed: $(((ended - begun) / 1000000)) ms until it is ready\n/" "$work/status"
    sed -n 's/^ratio //p' "$work/table" >>"$work/ratios"
    kill "$service"
    wait "$service" 2>/dev/null || true
    service=
}

case ${1:-all} in
exact) against exact Flat ;;
hnsw) against hnsw HNSW32 ;;
all) against exact Flat && against hnsw HNSW32 ;;
*) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
esac
echo "ratio $(sort -n "$work/ratios" | head -1)"
