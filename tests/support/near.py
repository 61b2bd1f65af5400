"""near.py A B TOLERANCE: checks that two checkpoints have equal weights and averages, relative to the largest of a network,
or the last lines of two metrics streams the same losses, relative to the loss or 1. Says what is furthest off.

Moments are not compared: they are sums of gradients, which jump where rounding moves a unit across the kink of a ReLU."""
import array
import json
import struct
import sys


def blocks(path):
    """The weights and the averaged weights of each network of a checkpoint."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    found = {}
    for name, entry in sorted(header.items()):
        if name != "__metadata__" and not name.startswith(("m.", "v.")):
            first, end = entry["data_offsets"]
            kind = ".".join(name.split(".")[: 2 if name.startswith("ema.") else 1])
            found.setdefault(kind, array.array("f")).frombytes(data[first:end])
    return found


def losses(path):
    with open(path) as file:
        last = json.loads(file.read().splitlines()[-1])
    return {name: [value] for name, value in last.items()
            if isinstance(value, float) and name not in ("images_per_s", "wait_share")}


def off(a, b, least):
    scale = max(max(map(abs, b), default=0), least)
    return max((abs(x - y) for x, y in zip(a, b)), default=0) / scale if scale else 0


a, b, tolerance = sys.argv[1], sys.argv[2], float(sys.argv[3])
read, least = (losses, 1) if a.endswith(".jsonl") else (blocks, 0)
one, other = read(a), read(b)
if one.keys() != other.keys() or not one:
    sys.exit(f"{a} and {b} hold different things: {sorted(one.keys() ^ other.keys())}")
worst, name = max((off(one[name], other[name], least), name) for name in one)
print(f"{name} is off by {worst:.2g}, at most {tolerance:g} is near")
sys.exit(worst > tolerance)
