#!/bin/sh
# How much faster a second rank makes training:  tests/bench/ranks.sh [--set KEY=VALUE ...]
#
# Two ranks of one thread each train stage 1 with half of a batch each; one process of one thread trains it with the whole
# batch. They take turns in the same run. Printed are medians of 15 iterations, and their ratio, which is at most 2 because
# the ranks share the memory and the caches of one machine. If other programs use the machine, too, look at the ratio of
# busy times: it leaves out only the time in which the ranks wait for each other.
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
