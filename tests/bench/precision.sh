#!/bin/sh
# Does training in bf16 follow training in f32?   tests/bench/precision.sh [--help]
#
# Trains stage 1 three times with the real services - f32, bf16, and f32 with another seed - and sets their losses side
# by side: means over windows of iterations, as a table and as curves (OUT/curves.svg). The second seed is the yardstick:
# it shows how far two runs lie apart that differ in nothing that matters.
set -eu
python=${PYTHON:-python3}
exec "$python" "$(dirname "$0")/precision.py" "$@"
