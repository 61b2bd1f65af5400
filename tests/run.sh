#!/bin/sh
# Sets up, builds and passes the tests:  tests/run.sh [--sanitize|--threads] [--werror] [CTEST ARGUMENTS]
#   --sanitize   address and undefined-behaviour sanitizers, in a build folder of its own
#   --threads    the thread sanitizer, in a build folder of its own: what runs on several threads, each without OpenMP's,
#                which it does not know
#   --werror     warnings are errors
# Tests that need ../shared (real images) or a container engine say so and are skipped where that is absent.
set -eu
cd "$(dirname "$0")/.."

build=build options='' threads=2
while [ $# -gt 0 ]; do
    case $1 in
    --sanitize) build=build-sanitize options="$options -DRG_SANITIZE=address,undefined" ;;
    --threads) build=build-threads threads=1 options="$options -DRG_SANITIZE=thread" ;;
    --werror) options="$options -DRG_WERROR=ON" ;;
    *) break ;;
    esac
    shift
done

threaded='^(unit-(core-(worker|pool)|wire-(msg|link|replicas|service|jobs|traffic|http)|retrieval|client$|encoder|loader|gateway)|flow-grow)'

./deploy/install.sh
# shellcheck disable=SC2086  # a list of options
cmake -S . -B $build -G Ninja $options
ninja -C $build
export OMP_NUM_THREADS=$threads
export TSAN_OPTIONS="suppressions=$PWD/tests/support/threads.supp"
[ $threads -eq 2 ] || set -- -R "$threaded" "$@"
ctest --test-dir $build --output-on-failure "$@"
