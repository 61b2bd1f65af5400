#!/bin/sh
# A retrieval set of N vectors (1,000,000), filled through the front door:  tests/bench/scale.sh [N]
#
# Starts a service with an empty store, adds N vectors of 100 numbers as images with tiny thumbnails and features, waits until its
# index is built, kills it (-9), starts it again, adds and searches at once, measures searches, with and without filters, alone and
# while vectors are added. A second table has what looks after the set: how long it takes, the most memory meanwhile, and the 99 %
# of single searches meanwhile. Memory is anonymous memory (RssAnon): pages of mapped files are the kernel's to drop.
#
#   INDEX  retrieval.index of the service (auto)
#   BASE   file of embeddings that the vectors are drawn from, f32 [n,100] (scale_vectors.c says how); without it, made-up ones.
#          Of a trained R: rg-ctl export --out FOLDER; tail -c +129 FOLDER/embeddings.npy
#   FAISS  index_factory string of an index that FAISS builds in the process of the benchmark over the same vectors, and searches
#          with the nprobe that gives the service's recall; "" leaves it out (IVF1024,SQ8)
#   BUILD  the build folder (build); TMPDIR: where the store lies, about 1 KiB per vector
set -eu
export N="${1:-1000000}" FAISS="${FAISS-IVF1024,SQ8}"
build=${BUILD:-build} work=$(mktemp -d "${TMPDIR:-/tmp}/rg-scale-XXXXXX") service=
trap '[ -z "$service" ] || kill "$service"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM # which would end this shell without the line above
[ -x "$build/tests/bench/scale" ] || { echo "scale: build first, or name the build folder in BUILD" >&2; exit 1; }
export OMP_NUM_THREADS=2 GOMP_SPINCOUNT=2000 # as rg-ctl up sets them
config=$work/config.yaml
echo "{run: $work/run, threads: 2, retrieval: {index: '${INDEX:-auto}', k_max: 1000, map_size_gib: $((N * 4 / 1000000 + 4))}}" >"$config"
mkdir "$work/run"

start() { # starts the service as rg-ctl up does
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "$build/bin/rg-retrieval" --config "$config" 2>>"$work/log" &
    service=$!
}
step() { STEP=$1 "$build/tests/bench/scale" --config "$config" || { cat "$work/log" >&2; exit 1; }; }
field() { "$build/bin/rg-ctl" status --config "$config" --json retrieval 2>/dev/null | sed -nE "s/.*\"$1\":\"?([^\",}]+).*/\1/p"; }
anonymous() { sed -nE 's/^RssAnon:[[:space:]]*([0-9]+) kB/\1/p' "/proc/$service/status"; }
row() { echo "| $1 | $2 | |"; }
ms_since() { echo $((($(date +%s%N) - $1) / 1000000)); }
wait_until_ready() { until [ "$(field state)" = ready ]; do sleep 0.1; done; }

# Waits until no build goes on; prints how long that took and the most anonymous memory.
wait_until_built() {
    peak=0
    begun=$(date +%s%N)
    until [ "$(field building)" = 0 ] && [ "$(field writing)" = 0 ]; do
        now=$(anonymous)
        [ "$now" -le "$peak" ] || peak=$now
        sleep 0.2
    done
    row "index ready after the last addition, s" $(($(ms_since "$begun") / 1000))
    row "most anonymous memory meanwhile, MiB" $((peak / 1024))
}

# What looks after the set. NAME COMMAND...: a row of the second table.
upkeep() {
    name=$1 peak=0
    shift
    rm -f "$work/done" "$work/ready"
    UNTIL=$work/done READY=$work/ready step watch >"$work/p99" &
    watching=$!
    until [ -e "$work/ready" ]; do sleep 0.1; done
    begun=$(date +%s%N)
    { "$@" >"$work/out" 2>&1 || { echo "scale: $name failed" >&2; cat "$work/out" >&2; }; touch "$work/done"; } &
    until [ -e "$work/done" ]; do
        now=$(anonymous)
        [ "$now" -le "$peak" ] || peak=$now
        sleep 0.1
    done
    took=$(ms_since "$begun")
    wait "$watching"
    echo "| $name | $((took / 1000)).$((took % 1000 / 100)) | $((peak / 1024)) | $(cat "$work/p99") |"
}
index() { "$build/bin/rg-ctl" index --config "$config" --json "$1"; }
remove() { FIRST=$1 COUNT=$2 step remove; }

start
wait_until_ready
empty=$(anonymous)
echo "| $N vectors of 100 numbers, retrieval.index ${INDEX:-auto} | service | FAISS in process |"
echo "|---|---:|---:|"
step fill
row "anonymous memory after adding, bytes per vector" $((($(anonymous) - empty) * 1024 / N))
wait_until_built
row "indexed" "$(field indexed)"
kill -9 "$service"
wait "$service" 2>/dev/null || true
row "disk, bytes per vector: data.mdb" $(($(stat -c %s "$work/run/store/data.mdb") / N))
row "disk, bytes per vector: everything else" $(($(du -sb --exclude=data.mdb "$work/run/store" | cut -f1) / N))
READY=$work/ready step first & # asks until the service answers
asking=$!
until [ -e "$work/ready" ]; do sleep 0.1; done
begun=$(date +%s%N)
start
wait "$asking"
row "from a start after kill -9 to the first right answer, ms" "$(ms_since "$begun")"
FIRST=$N WHEN="right after the start" step grow
until [ "$(field checking)" = 0 ]; do sleep 0.1; done
row "store checked after the start, s" $(($(ms_since "$begun") / 1000))
wait_until_built
step search
row "anonymous memory after the searches, bytes per vector" $((($(anonymous) - empty) * 1024 / N))
FIRST=$(field images) WHEN="while vectors are added" step grow
wait_until_built
step filters
echo
echo "| looking after $(field images) vectors | s | most anonymous memory, MiB | one query meanwhile, p99, ms |"
echo "|---|---:|---:|---:|"
upkeep "removal of 10,000" remove 0 10000
upkeep "removal of a tenth" remove 10000 $((N / 10))
wait_until_built >"$work/out"
upkeep "all pages of a list, as rg-ctl export reads them" step list
upkeep "rg-ctl index verify" index verify
upkeep "rg-ctl index rebuild" index rebuild
upkeep "rg-ctl index compact" index compact
upkeep "embeddings of another model, and the switch" step reindex
grep -h "longest addition" "$work/out" >&2
