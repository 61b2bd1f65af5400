#!/bin/sh
# Sets up, builds and passes the tests:  tests/run.sh [--sanitize|--threads|--avx2] [--werror] [CTEST ARGUMENTS]
#   --sanitize   address and undefined-behaviour sanitizers, in a build folder of its own
#   --threads    the thread sanitizer, in a build folder of its own: what runs on several threads, each without OpenMP's,
#                which it does not know
#   --avx2       what processors without AVX-512 compute, in a build folder of its own: unit and grad
#   --werror     warnings are errors
# Tests that need ../shared (real images) or a container engine say so and are skipped where that is absent.
set -eu
cd "$(dirname "$0")/.."

build=build options='' threads=2 avx2=
while [ $# -gt 0 ]; do
    case $1 in
    --sanitize) build=build-sanitize options="$options -DRG_SANITIZE=address,undefined" ;;
    --threads) build=build-threads threads=1 options="$options -DRG_SANITIZE=thread" ;;
    --avx2) build=build-avx2 avx2=yes options="$options -DRG_AVX512=OFF" ;;
    --werror) options="$options -DRG_WERROR=ON" ;;
    *) break ;;
    esac
    shift
done

threaded='^(unit-(core-(worker|pool)|wire-(msg|link|replicas|service|jobs|traffic|http)|retrieval|client$|encoder|loader|gateway)|flow-grow)'

./deploy/install.sh
# shellcheck disable=SC2086  # a list of options
cmake -S . -B $build -G Ninja $options
targets=
if [ $threads -eq 1 ]; then
    set -- -R "$threaded" "$@"
    targets="services/all $(ctest --test-dir $build -N -R "$threaded" 2>/dev/null | sed -n 's/^ *Test *#[0-9]*: \(unit-.*\)/\1/p')"
fi
# shellcheck disable=SC2086
ninja -C $build $targets
jobs=$((2 * $(nproc))) # nproc prints OMP_NUM_THREADS where that is set
export OMP_NUM_THREADS=$threads
export TSAN_OPTIONS="suppressions=$PWD/tests/support/threads.supp"
if [ $avx2 ]; then
    # shellcheck disable=SC2046  # a list of settings
    export $(cat tests/support/avx2.env)
    set -- -L '^(unit|grad)$' "$@"
fi
# Twice as many tests at a time as there are processors, the longest first: most of them wait most of the time.
ctest --test-dir $build --output-on-failure -j $jobs "$@"
