#!/usr/bin/python3
"""Writes tests/unit/onnx/fixtures: small networks of the kinds that users have, as PyTorch exports them (NAME.onnx),
and what PyTorch computes with them in float64 (NAME.bin). Run by hand:

    /usr/bin/python3 tests/grad/make_onnx_reference.py

NAME.bin holds x, an image [N,H,W,3]; the networks' outputs by their names in the file, of which the last is `y`; dy, a
random gradient of y; and dx, what it is for the image. All are NHWC.
"""
import os
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F

import tensorfile
from make_reference import nhwc

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "..", "unit", "onnx", "fixtures")


class Vgg(nn.Module):
    names = ["relu2", "y"]
    size = (2, 16, 16)

    def __init__(self):
        super().__init__()
        conv = lambda i, o: [nn.Conv2d(i, o, 3, padding=1), nn.ReLU(True)]
        self.first = nn.Sequential(*conv(3, 16), nn.MaxPool2d(2), *conv(16, 16))
        self.second = nn.Sequential(nn.MaxPool2d(2), *conv(16, 12), *conv(12, 16), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Linear(64, 24), nn.ReLU(True), nn.Dropout(), nn.Linear(24, 10))

    def forward(self, x):
        relu2 = self.first(x)
        return relu2, self.head(torch.flatten(self.second(relu2), 1))


class Alex(nn.Module):
    names = ["conv2", "pool5", "y"]
    size = (1, 51, 51)

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 16, 11, 4, 2), nn.ReLU(True), nn.MaxPool2d(3, 2), nn.Conv2d(16, 10, 5, padding=2))
        self.second = nn.Sequential(nn.ReLU(True), nn.MaxPool2d(3, 2), nn.Conv2d(10, 16, 3, padding=1), nn.ReLU(True))
        self.pool = nn.AdaptiveAvgPool2d((1, 2))
        self.head = nn.Sequential(nn.Dropout(), nn.Linear(32, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 9), nn.Tanh())

    def forward(self, x):
        conv2 = self.first(x)
        pool5 = self.pool(self.second(conv2))
        return conv2, pool5, self.head(pool5.view(-1, 32))


class Fire(nn.Module):
    def __init__(self, i, squeeze, expand):
        super().__init__()
        self.squeeze = nn.Conv2d(i, squeeze, 1)
        self.one, self.three = nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)


class Squeeze(nn.Module):
    names = ["fire1", "y"]
    size = (2, 29, 27)

    def __init__(self):
        super().__init__()
        pool = lambda: nn.MaxPool2d(3, 2, ceil_mode=True)
        self.first = nn.Sequential(nn.Conv2d(3, 16, 3, 2), nn.ReLU(True), pool(), Fire(16, 4, 8))
        self.second = nn.Sequential(pool(), Fire(16, 6, 16), nn.LeakyReLU(0.2), nn.Dropout(), nn.Conv2d(32, 7, 1))

    def forward(self, x):
        fire1 = self.first(x)
        return fire1, F.relu(self.second(fire1)).mean((2, 3))


class Unit(nn.Module):
    """Inception's unit: a convolution without bias, normalised."""

    def __init__(self, i, o, kernel, **options):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(i, o, kernel, bias=False, **options), nn.BatchNorm2d(o, eps=0.001)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Inception(nn.Module):
    names = ["mixed", "pooled", "y"]
    size = (2, 33, 33)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(Unit(3, 8, 3, stride=2), Unit(8, 12, 3, padding=1), nn.MaxPool2d(3, 2))
        self.long = nn.Sequential(Unit(12, 6, 1), Unit(6, 6, (1, 7), padding=(0, 3)), Unit(6, 8, (7, 1), padding=(3, 0)))
        self.one, self.pool = Unit(12, 4, 1), Unit(12, 5, 1)
        self.left, self.right = Unit(17, 6, (1, 3), padding=(0, 1)), Unit(17, 6, (3, 1), padding=(1, 0))
        self.last, self.head = nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.Linear(12, 6)

    def forward(self, x):
        parts = [torch.unsqueeze(x[:, c], 1) * (0.458 + 0.1 * c) + (0.03 - 0.05 * c) for c in range(3)]
        x = self.stem(torch.cat(parts, 1))
        mixed = torch.cat([self.one(x), self.long(x), self.pool(F.avg_pool2d(x, 3, 1, 1))], 1)
        x = self.last(torch.cat([self.left(mixed), self.right(mixed)], 1))
        pooled = F.adaptive_avg_pool2d(x, (1, 1))
        return mixed, pooled, F.softmax(self.head(torch.flatten(pooled, 1)), 1)


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.a, self.b = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.norm_a, self.norm_b = nn.BatchNorm2d(o), nn.BatchNorm2d(o)
        self.down = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if i != o else nn.Identity()

    def forward(self, x):
        return F.relu(self.norm_b(self.b(F.relu(self.norm_a(self.a(x))))) + self.down(x))


class Residual(nn.Module):
    names = ["stem", "layer1", "y"]
    size = (2, 24, 24)
    keep_norms = True

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16))
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2 = nn.Sequential(Block(16, 16, 1)), nn.Sequential(Block(16, 12, 2))
        self.norm, self.head = nn.BatchNorm2d(12), nn.Linear(12, 5)

    def forward(self, x):
        stem = self.stem(x)
        layer1 = self.layer1(self.pool(F.relu(stem)))
        x = self.norm(self.layer2(layer1)) * 0.5 - 0.25
        return stem, layer1, torch.sigmoid(self.head(F.adaptive_avg_pool2d(x, 1).flatten(1) / 1.5))


class Mobile(nn.Module):
    names = ["depthwise", "scaled", "y"]
    size = (2, 18, 19)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU6())
        self.depthwise = nn.Conv2d(16, 16, 3, 1, 2, 2, groups=16)
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.group, self.last = nn.Conv2d(16, 24, (3, 2), (2, 1), 1, groups=4), nn.Conv2d(24, 8, 1)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))

    def forward(self, x):
        depthwise = self.depthwise(self.stem(x))
        x = F.hardswish(depthwise)
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        scaled = x * gate
        x = F.hardsigmoid(self.last(F.silu(self.group(scaled)))) * self.scale
        return depthwise, scaled, x.clamp(0.05, 0.9)


NETWORKS = {"vgg": Vgg, "alex": Alex, "squeeze": Squeeze, "inception": Inception, "residual": Residual, "mobile": Mobile}


def fill(network):
    """Statistics such as training leaves behind, and values large enough to clip."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")


def export(network, x, path):
    mode = torch.onnx.TrainingMode.PRESERVE if getattr(network, "keep_norms", False) else torch.onnx.TrainingMode.EVAL
    torch.onnx.export(network, x[:1], path, input_names=["image"], output_names=network.names, opset_version=14, training=mode)


def reference(network, x, path):
    network, x = network.double(), x.double().requires_grad_()
    values = network(x)
    dy = torch.randn_like(values[-1]).float().double()
    values[-1].backward(dy)
    tensors = {"x": nhwc(x), "dy": nhwc(dy), "dx": nhwc(x.grad)}
    tensors.update((name, nhwc(value)) for name, value in zip(network.names, values))
    tensorfile.save(path, tensors)


def main():
    warnings.simplefilter("ignore")
    os.makedirs(FOLDER, exist_ok=True)
    for seed, (name, kind) in enumerate(NETWORKS.items()):
        torch.manual_seed(seed)
        network = kind().eval()
        fill(network)
        n, height, width = kind.size
        x = torch.rand(n, 3, height, width) * 2 - 1
        export(network, x, os.path.join(FOLDER, name + ".onnx"))
        reference(network, x, os.path.join(FOLDER, name + ".bin"))


if __name__ == "__main__":
    main()
