#!/bin/sh
# The retrieval service against FAISS itself:  tests/bench/retrieval.sh
#
# A service of its own, with an empty store, is filled with 200,000 random vectors of 100 numbers through its front door;
# then batches of 32 and 256 queries and single ones are searched, alternately by the service over ipc and by FAISS's exact
# index in the bench's process, with as many threads. Both must find the same neighbours. The last line is `ratio R`: the
# least of service / FAISS in queries per second. BUILD names the build folder (default build).
set -eu
build=${BUILD:-build} work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX") service=
trap '[ -z "$service" ] || kill "$service"; rm -rf "$work"' EXIT
[ -x "$build/tests/bench/retrieval" ] || { echo "retrieval: build first, or name the build folder in BUILD" >&2; exit 1; }
options="--set run=$work --set retrieval.map_size_gib=4 --set threads=2"
export OMP_NUM_THREADS=2
# shellcheck disable=SC2086  # a list of options
"$build/bin/rg-retrieval" $options 2>"$work/log" &
service=$!
# shellcheck disable=SC2086
"$build/tests/bench/retrieval" $options
