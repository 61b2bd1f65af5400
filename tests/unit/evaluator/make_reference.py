#!/usr/bin/env python3
"""Writes fixtures/metrics.bin: the evaluator's measures, computed with PyTorch, for test_reference.c.

Run from anywhere: python3 tests/unit/evaluator/make_reference.py (needs PyTorch). The result is committed.
"""
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "grad"))
import tensorfile  # noqa: E402

K = 5
SPLITS = 3


def frechet(a, b):
    """Heusel et al. 2017, eq. 6; the root's trace from the eigenvalues of the product, which is not symmetric."""
    root = torch.linalg.eigvals(torch.cov(a.T) @ torch.cov(b.T)).real.clamp(min=0).sqrt().sum()
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + torch.cov(a.T).trace() + torch.cov(b.T).trace() - 2 * root


def kid(a, b):
    """Binkowski et al. 2018, eq. 4, of the whole sets."""
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3
    n = len(a)
    apart = 1 - torch.eye(n)
    within = (kernel(a, a) * apart).sum() + (kernel(b, b) * apart).sum()
    return within / (n * (n - 1)) - 2 * kernel(a, b).mean()


def prdc(real, made):
    """Kynkaanniemi et al. 2019, eq. 2; Naeem et al. 2020, eq. 3 and 4."""
    def radii(x):
        return torch.cdist(x, x).kthvalue(K + 1, dim=1).values  # the nearest is the vector itself
    apart = torch.cdist(real, made)
    in_real = apart <= radii(real)[:, None]
    in_made = apart <= radii(made)[None, :]
    return [in_real.any(0).double().mean(), in_made.any(1).double().mean(), in_real.sum() / (K * len(made)),
            in_real.any(1).double().mean()]


def inception(p):
    """Salimans et al. 2016, section 4."""
    scores = [(part * (part.log() - part.mean(0).log())).sum(1).mean().exp() for part in p.split(len(p) // SPLITS)]
    scores = torch.stack(scores)
    return [scores.mean(), scores.std(unbiased=False)]


def lpips(layers, weights):
    """Zhang et al. 2018, eq. 1, of images 0 and 1; layers are [N,C,H,W]."""
    total = 0
    for y, w in zip(layers, weights):
        y = y / (y.norm(dim=1, keepdim=True) + 1e-10)
        total = total + (w[:, None, None] * (y[0] - y[1]) ** 2).sum(0).mean()
    return total


def main():
    torch.manual_seed(1)
    f32 = torch.float32
    real, made = torch.randn(60, 7), 0.8 * torch.randn(60, 7) @ torch.randn(7, 7) + 0.3
    probability = torch.softmax(3 * torch.randn(30, 11), 1)
    maps = [torch.randn(2, 5, 4, 3).relu(), torch.randn(2, 8, 2, 2).relu()]
    weights = [torch.rand(5), torch.rand(8)]
    maps[0][0, :, 1, 1] = 0  # no channel answers
    a, b = real.double(), made.double()
    tensors = {"real": real, "made": made, "frechet": frechet(a, b), "kid": kid(a, b),
               "prdc": torch.stack([x.double() for x in prdc(a, b)]),
               "probability": probability, "inception": torch.stack(inception(probability.double()))}
    for i, (y, w) in enumerate(zip(maps, weights)):
        tensors[f"map{i}"] = y.permute(0, 2, 3, 1)
        tensors[f"weight{i}"] = w
    doubles = [y.double() for y in maps]
    tensors["lpips"] = lpips(doubles, [w.double() for w in weights])
    tensors["lpips.ones"] = lpips(doubles, [torch.ones(len(w)).double() for w in weights])
    (HERE / "fixtures").mkdir(exist_ok=True)
    tensorfile.save(HERE / "fixtures/metrics.bin", {name: t.to(f32).reshape(t.shape or (1,)).numpy() for name, t in tensors.items()})


main()
