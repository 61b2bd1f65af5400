#!/usr/bin/python3
"""Writes fixtures/models.bin: what the peer networks (peer.py, in float64) compute, for test_models.c. Run by hand:

    /usr/bin/python3 tests/grad/make_model_reference.py

Weights, inputs and upstream gradients come from filling.py. The file holds NET.yI, the outputs; NET.dxI.sample and
NET.PARAM.sample, evenly spaced elements of the gradients; NET.scale, the largest of all gradients; KIND.value and
KIND.dI of the losses.
"""
import os

import numpy as np
import torch

import peer
import tensorfile
from filling import fill, initialise

SAMPLES = 32
GF, N_RES, DF, LAYERS, SCALES, ATTRS, DIMS, MLP, IMG, EMBED, K = 4, 2, 4, 3, 2, 5, 8, 16, 32, 20, 3
VGG_WIDTHS = (4, 6, 8, 12, 12)
N, WIDTH, SIDE, CODE = 2, 4 * GF, IMG // 4, ATTRS * DIMS


def data(name, shape):
    """A leaf of N,C,H,W (or N,C) whose values were filled in the order of N,H,W,C."""
    value = torch.from_numpy(fill(name, shape))
    if value.dim() == 4:
        value = value.permute(0, 3, 1, 2).contiguous()
    return value.requires_grad_()


def nhwc(x):
    x = x.detach()
    return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).numpy()


def sample(gradient):
    flat = gradient.reshape(-1)
    return flat[:: max(1, flat.size // SAMPLES)][:SAMPLES]


def network(tensors, name, module, inputs, call, part=None):
    """part: what the module is called in checkpoints, where that is not name."""
    initialise(module, (part or name) + ".")
    leaves = [data("%s.x%d" % (name, i), shape) for i, shape in enumerate(inputs)]
    outputs = call(module, *leaves)
    total = 0
    for i, y in enumerate(outputs):
        tensors["%s.y%d" % (name, i)] = nhwc(y)
        shape = nhwc(y).shape
        total = total + (y * data("%s.dy%d" % (name, i), shape).detach().reshape(y.shape)).sum()
    total.backward()
    gradients = {"dx%d" % i: nhwc(x.grad) for i, x in enumerate(leaves)}
    unread = lambda p: torch.zeros_like(p)  # by this call: the scale of a ranked R
    gradients.update({key: (unread(p) if p.grad is None else p.grad).detach().numpy() for key, p in module.named_parameters()})
    for key, gradient in gradients.items():
        tensors["%s.%s.sample" % (name, key)] = sample(gradient)
    tensors[name + ".scale"] = np.array([max(np.abs(g).max() for g in gradients.values())])


def loss(tensors, kind, shapes, call):
    leaves = [data("%s.x%d" % (kind, i), shape) for i, shape in enumerate(shapes)]
    value = call(*leaves)
    value.backward()
    tensors[kind + ".value"] = np.array([value.item()])
    for i, x in enumerate(leaves):
        if x.grad is not None:
            tensors["%s.d%d" % (kind, i)] = nhwc(x.grad)


def penalty(tensors, discriminator, image):
    """WGAN-GP's penalty and its gradients, which are zero for biases and for the other head."""
    real, fake = (data("penalty.x%d" % i, image).detach() for i in range(2))
    mix = (1 + data("penalty.mix", (N,)).detach()) / 2
    value = peer.gradient_penalty(discriminator, real, fake, mix)
    params = dict(discriminator.named_parameters())
    found = torch.autograd.grad(value, list(params.values()), allow_unused=True)
    gradients = [np.zeros(p.shape) if g is None else g.numpy() for p, g in zip(params.values(), found)]
    for key, gradient in zip(params, gradients):
        tensors["penalty.%s.sample" % key] = sample(gradient)
    tensors["penalty.scale"] = np.array([max(np.abs(g).max() for g in gradients)])
    tensors["penalty.value"] = np.array([value.item()])


def main():
    tensors, image, content, code = {}, (N, IMG, IMG, 3), (N, SIDE, SIDE, WIDTH), (N, CODE)
    kept = fill("keep", (2, N, peer.HIDDEN)) < 0.8
    keep = torch.from_numpy(np.where(kept, np.float32(1 / 0.9), np.float32(0)).astype(np.float64))
    network(tensors, "content", peer.Content(GF, N_RES), [image], lambda net, x: [net(x)])
    network(tensors, "attribute", peer.Attribute(GF, ATTRS, DIMS), [image], lambda net, x: net(x))
    generator = peer.Generator(GF, N_RES, ATTRS, DIMS, MLP)
    network(tensors, "generator", generator, [content, code], lambda net, c, z: [net(c, z)])
    discriminator = peer.Discriminator(DF, LAYERS, SCALES, ATTRS, IMG)
    network(tensors, "discriminator", discriminator, [image], lambda net, x: [y for verdict in net(x) for y in verdict])
    penalty(tensors, discriminator, image)
    embedder = peer.Embedder(GF, IMG, ATTRS, DIMS, EMBED)
    network(tensors, "embedder", embedder, [content, code], lambda net, c, z: [net(c, z, keep)])
    ranked = peer.Embedder(GF, IMG, ATTRS, DIMS, EMBED, ranked=True)
    network(tensors, "ranked", ranked, [content, code], lambda net, c, z: [net(c, z, keep)], "embedder")
    neighbours = (N, SIDE, SIDE, K * WIDTH)
    network(tensors, "fusion", peer.Fusion(GF, K), [content, neighbours], lambda net, c, r: [net(c, r)])
    loss(tensors, "kl", [(3, CODE)] * 3, lambda m, v, g: peer.kl(m, v, g.detach(), 0.5, DIMS))
    loss(tensors, "earth_mover", [(3, CODE)] * 3, lambda m, v, g: peer.earth_mover(m, v, g.detach(), 0.5, DIMS))
    loss(tensors, "isometry", [(3, CODE)] * 4, peer.isometry)
    relevance = torch.softmax(data("relevance", (4, 4)).detach().masked_fill(torch.eye(4, dtype=torch.bool), -torch.inf), 1)
    loss(tensors, "ranking", [(2 * 4, EMBED), (1,)], lambda e, scale: peer.ranking(e, scale, relevance))
    loss(tensors, "triplet", [(3 * 4, EMBED)], lambda e: peer.triplet(e, 3, 0.2))
    features = peer.vgg16(VGG_WIDTHS)
    initialise(features, "features.")
    loss(tensors, "perceptual", [image, image], lambda a, b: peer.perceptual(features, a, b.detach()))
    tensorfile.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "models.bin"), tensors)


if __name__ == "__main__":
    main()
