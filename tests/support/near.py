"""near.py A B TOLERANCE [LOSSES]: whether two checkpoints hold the same weights, and two metrics streams' last lines the
same losses: relative to the largest of a tensor, and to a loss or 1. Says what is furthest off."""
import array
import json
import struct
import sys


def tensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            first, end = entry["data_offsets"]
            yield name, array.array("f", data[first:end])


def losses(path):
    last = json.loads(open(path).read().splitlines()[-1])
    for name, value in last.items():
        if isinstance(value, float) and name not in ("images_per_s", "wait_share"):
            yield name, [value]


def off(a, b, least):
    scale = max(max(map(abs, b), default=0), least)
    return max((abs(x - y) for x, y in zip(a, b)), default=0) / scale if scale else 0


a, b, tolerance = sys.argv[1], sys.argv[2], float(sys.argv[3])
read, least = (losses, 1) if a.endswith(".jsonl") else (tensors, 0)
one, other = dict(read(a)), dict(read(b))
if one.keys() != other.keys() or not one:
    sys.exit(f"{a} and {b} hold different things: {sorted(one.keys() ^ other.keys())}")
worst, name = max((off(one[name], other[name], least), name) for name in one)
print(f"{name} is off by {worst:.2g}, at most {tolerance:g} is near")
sys.exit(worst > tolerance)
