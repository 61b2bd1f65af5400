#!/bin/bash
# Does training on an OpenCL device end where training on the processor ends?
#
#   tests/bench/device.sh [DEVICE [ITERATIONS [BUILD]]]      default: gpu:0 1200 build
#
# Trains stage 1 of configs/smoke.yaml on the processor, on the device, and on the processor with another seed, and prints
# what the evaluator measures of each: the accuracy of translations on all images, and the losses at the end. The second seed
# is the yardstick: it shows how far two runs lie apart that differ in nothing that matters. One classifier judges all.
set -eu
device=${1:-gpu:0} iterations=${2:-1200} build=${3:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/rg-device-XXXXXX")
ctl=$build/bin/rg-ctl
common="--config configs/smoke.yaml --set data.root=$work/faces --set stage1.iterations=$iterations"
running=
trap '[ -z "$running" ] || $ctl down $running >/dev/null 2>&1; rm -rf "$work"' EXIT

# train NAME STAGE OPTION...: trains the stage in the run folder of this name.
train()
{
    running="$common --set run=$work/$1 ${*:3}"
    $ctl up $running >/dev/null
    $ctl train --stage "$2" $running >/dev/null
    [ "$2" = classifier ] || $ctl evaluate --stage "$2" --json $running >"$work/$1.json"
    $ctl down $running >/dev/null
    running=
}

# Prints the accuracies of translated images, and the last losses.
report()
{
    python3 - "$1" "$work/$2.json" "$work/$2/metrics.jsonl" <<'END'
import json, sys
def numbers(value, name=""):
    for key, inner in (value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
        yield from numbers(inner, f"{name}.{key}" if name else str(key))
    if isinstance(value, (int, float)) and "wanted_accuracy" in name:
        yield name, value
report = json.load(open(sys.argv[2]))
print(f"{sys.argv[1]}:")
for name, value in numbers(report):
    print(f"  {name:52} {value:.3f}")
last = json.loads(open(sys.argv[3]).read().splitlines()[-1])
for name in ("recon", "cycle", "d_classify", "g_classify"):
    print(f"  {name:52} {last[name]:.3f}")
END
}

"$ctl" make-faces "$work/faces" --count 1000 --seed 1 >/dev/null
train processor classifier
for run in device seed; do cp -r "$work/processor" "$work/$run"; done
train processor 1
train device 1 --set "device=$device"
train seed 1 --set seed=1001
report "the processor" processor
report "$device" device
report "the processor, another seed" seed
