#!/bin/sh
# What the front of a service costs over tcp:  tests/bench/front.sh [plain|curve]
#
# The front (common/wire/front.c) checks the bytes of a connection before ZeroMQ gets them. One server has it, another one listens
# with ZeroMQ alone; a client asks both in turns, without encryption and with CURVE. Printed are medians of 15 rounds and their
# ratios: megabytes per second of messages of 4 MiB to and from the service, four in flight, and microseconds of the round trip of a
# small one. If other programs use the machine, too, look at the ratio of busy times, which are of client and server together.
# BUILD names the build folder (default: build).
set -eu
build=${BUILD:-build} work=$(mktemp -d "${TMPDIR:-/tmp}/rg-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM # which would end this shell without the line above
[ -x "$build/tests/bench/front" ] || { echo "front: build first, or name the build folder in BUILD" >&2; exit 1; }

plain() { echo "### without encryption" && "$build/tests/bench/front"; }

curve()
{
    "$build/bin/rg-ctl" keys init --set security.keys="$work/keys" >/dev/null
    echo "### CURVE" && "$build/tests/bench/front" --set security.keys="$work/keys"
}

case ${1:-all} in
plain) plain ;;
curve) curve ;;
all) plain && curve ;;
*) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
esac
