"""Numbers that the C tests compute alike (rg_fixture_fill in fixture.h), so that fixtures need to hold results only."""
import numpy as np
import torch


def fill(name, shape, scale=1.0):
    """Uniform in [-scale, scale): splitmix64 of the name's FNV-1a hash plus the position times the golden ratio."""
    seed = 14695981039346656037
    for byte in name.encode():
        seed = ((seed ^ byte) * 1099511628211) % 2**64
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float32) * np.float32(2**-23) - np.float32(1)
    return (unit * np.float32(scale)).astype(np.float64).reshape(shape)


def initialise(module, prefix):
    for name, p in module.named_parameters():
        if name.endswith("weight"):
            value = fill(prefix + name, p.shape, (6 / (p.numel() // p.shape[0])) ** 0.5)
        elif name.endswith("gain"):
            value = 1 + fill(prefix + name, p.shape, 0.5)
        else:
            value = fill(prefix + name, p.shape, 0.5)
        p.data = torch.from_numpy(value)
