#!/bin/sh
# The retrieval service against FAISS itself:  tests/bench/retrieval.sh [exact|hnsw]
#
# A service of its own, with an empty store, is filled with 200,000 vectors of 100 numbers through its front door; then
# batches of 32 and 256 queries and single ones are searched, alternately by the service over ipc and by FAISS in the
# bench's process, on the same vectors: exactly (FAISS's best of one or all threads, with or without BLAS), and with the very
# HNSW graph that the service has built, at the effort that finds 98 %. Then single queries are timed while vectors are
# added, and recall is measured after building, adding, removing and building again. The last line is `ratio R`: the least
# of service / FAISS in queries per second. BUILD names the build folder (default build).
set -eu
build=${BUILD:-build} work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX") service=
trap '[ -z "$service" ] || kill "$service"; rm -rf "$work"' EXIT
[ -x "$build/tests/bench/retrieval" ] || { echo "retrieval: build first, or name the build folder in BUILD" >&2; exit 1; }
export OMP_NUM_THREADS=2 GOMP_SPINCOUNT=2000 # as rg-ctl up starts it

against() { # NAME INDEX
    options="--set run=$work/$1 --set retrieval.map_size_gib=4 --set retrieval.index=$2 --set threads=2"
    mkdir "$work/$1"
    # shellcheck disable=SC2086  # a list of options
    "$build/bin/rg-retrieval" $options 2>"$work/$1/log" &
    service=$!
    # shellcheck disable=SC2086
    "$build/tests/bench/retrieval" $options >"$work/$1/table" || { cat "$work/$1/table" "$work/$1/log"; exit 1; }
    kill "$service"
    wait "$service" || true
    service=
    grep -v '^ratio' "$work/$1/table"
    sed -n 's/^ratio //p' "$work/$1/table" >>"$work/ratios"
}

case ${1:-all} in
exact) against exact Flat ;;
hnsw) against hnsw HNSW32 ;;
all) against exact Flat && against hnsw HNSW32 ;;
*) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
esac
echo "ratio $(sort -n "$work/ratios" | head -1)"
