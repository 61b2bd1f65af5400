#!/bin/sh
# What a second rank brings:  tests/bench/ranks.sh [--set KEY=VALUE ...]
#
# Two ranks of one thread each train stage 1 with half of a batch each, one process of one thread trains it with the whole
# batch, turn by turn in the same run: medians of 15 iterations, and their ratio, which is at most 2. The ranks share the
# memory and the caches of one machine. Where others use it too, the ratio of the times that the processes are busy says what
# the ranks' own work leaves of the 2: it counts all but waiting for each other.
set -eu
bench=$(dirname "$0")/../../build/tests/bench/ranks
export OMP_WAIT_POLICY=passive
root=
[ "$(id -u)" != 0 ] || root=--allow-run-as-root
for setting in "32 16 8" "64 32 4"; do
    # shellcheck disable=SC2086  # three numbers
    set -- $setting "$@"
    size=$1 gf=$2 batch=$3
    shift 3
    mpirun $root --oversubscribe --bind-to none -np 2 "$bench" --set threads=1 --set data.img_size="$size" \
        --set model.gf="$gf" --set model.d_layers=3 --set stage1.batch="$batch" --set targets=both "$@"
done
