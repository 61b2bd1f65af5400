#!/bin/bash
# arm64.sh: compiles the services and the unit and grad tests for arm64 with Debian's cross compiler, and runs these tests under
# qemu-user, by hand, in build-arm64. It installs arm64 libraries, many of which exclude this machine's own, so it runs in a container:
#   docker run --rm --network host -v "$PWD:/src" -w /src debian:bookworm-slim tests/deploy/arm64.sh
# It ends with a table of what passed, failed, took longer than RG_LIMIT seconds (3600), or was left out, and why. RG_TESTS limits the
# tests to names that match.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DEB_HOST_ARCH=arm64
./deploy/install.sh qemu-user-static
folder=build-arm64
cmake -S . -B $folder -G Ninja -DCMAKE_TOOLCHAIN_FILE=deploy/cross.cmake -DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64-static \
    -DRG_WERROR=ON -DRG_TIMEOUT="${RG_LIMIT:-3600}"
ninja -C $folder services/all tests/unit/all tests/grad/all

# What is left out, and why: name<TAB>reason.
kernel_knows_arm64=/proc/sys/fs/binfmt_misc/qemu-aarch64
{
    printf 'test_grad_networks\tcompares PyTorch only; nothing of it is compiled\n'
    printf 'test_grad_ranks\tMPI is not installed\n'
    [ -e $kernel_knows_arm64 ] || for name in unit-client unit-client-python unit-retrieval-index; do
        printf '%s\tstarts a program by itself, and this kernel has no qemu for arm64 (%s)\n' $name $kernel_knows_arm64
    done
} >$folder/left-out

jobs=$(nproc) # before OMP_NUM_THREADS, which it would print
# RG_EMULATED tells tests what qemu cannot do. One thread: several would only wait for one another under emulation.
export RG_EMULATED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Each tape reserves 64 GiB of addresses (common/nn/tape.c), and qemu 7.2 notes every page of them: 4 GB and many seconds. Under a
# limit a tape reserves less.
ulimit -v $((8 << 20))
code=0
ctest --test-dir $folder -j "$jobs" -L '^(unit|grad)$' ${RG_TESTS:+-R "$RG_TESTS"} \
    -E "^($(cut -f 1 $folder/left-out | paste -sd '|'))\$" | tee $folder/log || code=1

# The table. ctest's lines are `NUMBER/ALL Test #NUMBER: NAME ... RESULT SECONDS sec'; its log has what the tests printed.
print_table()
{
    awk -v limit="${RG_LIMIT:-3600}" -F '\t' '
        FNR == NR { names["left out"] = names["left out"] sprintf("\n    %s: %s", $1, $2); count["left out"]++; next }
        !/^ *[0-9]+\/[0-9]+ Test/ { next }
        { split($0, word, /: +| +\.\.+/); name = word[2]; seconds = $0; sub(/ sec *$/, "", seconds); sub(/.* /, "", seconds) }
        / Passed / { count["passed"]++; next }
        { kind = /\*\*\*Timeout/ ? "too slow" : /\*\*\*Skipped/ ? "left out" : "failed"
          count[kind]++; names[kind] = names[kind] sprintf("\n    %s", name) }
        END { n = split("passed,failed,too slow,left out", kinds, ",")
              for (i = 1; i <= n; i++) printf "%-9s %3d%s%s\n", kinds[i], count[kinds[i]],
                  kinds[i] == "too slow" ? " (over " limit " s)" : "", names[kinds[i]] }
    ' $folder/left-out $folder/log
    echo "single cases left out of tests that passed:"
    sed -n 's/^EMULATED: /    /p' $folder/Testing/Temporary/LastTest.log | sort
}
echo
print_table
exit $code
