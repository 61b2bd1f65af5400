#!/bin/sh
# Sets up, builds and passes the tests:  tests/run.sh [--sanitize] [--werror] [CTEST ARGUMENTS]
#   --sanitize   address and undefined-behaviour sanitizers, in a build folder of its own
#   --werror     warnings are errors
# Tests that need ../shared (real images) say so and are skipped where it is absent.
set -eu
cd "$(dirname "$0")/.."

build=build options=
while [ $# -gt 0 ]; do
    case $1 in
    --sanitize) build=build-sanitize options="$options -DRG_SANITIZE=ON" ;;
    --werror) options="$options -DRG_WERROR=ON" ;;
    *) break ;;
    esac
    shift
done

./deploy/install.sh
# shellcheck disable=SC2086  # a list of options
cmake -S . -B $build -G Ninja $options
ninja -C $build
export OMP_NUM_THREADS=2
ctest --test-dir $build --output-on-failure "$@"
