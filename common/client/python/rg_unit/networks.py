"""The networks of RG-UNIT in PyTorch, as common/model has them: the same formulas, names ("content.in.weight") and layouts.

GMM-UNIT, Liu et al. 2020 (arXiv 2003.06788); RG-UNIT, Gomez et al. 2020 (arXiv 2008.04991); the headers of common/model
say which equation is which, and where we differ.

Letters: N images, S img_size, C = 4*gf channels of a content map of side S/4, A attributes, Z attr_dims, D embed_dim, k
neighbours. Maps are [N,C,H,W] here; images are f32 in -1..1.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EMBEDDER_WIDTHS = (128, 128, 64, 64, 32, 32)
HIDDEN = 512  # of R's head


def instance_norm(x: Tensor) -> Tensor:
    return F.instance_norm(x, eps=1e-5)


def components(code: Tensor, attr_dims: int) -> Tensor:
    """The means, +1 or -1, of the components that codes [N,A*Z] are nearest to."""
    sums = code.reshape(len(code), -1, attr_dims).sum(2)
    return torch.where(sums > 0, 1.0, -1.0).to(code.dtype).repeat_interleave(attr_dims, 1)


class Conv(nn.Conv2d):
    """A convolution with reflection or zero padding."""

    def __init__(self, inputs: int, outputs: int, k: int, stride: int = 1, pad: int = 0, reflect: bool = False,
                 bias: bool = True) -> None:
        super().__init__(inputs, outputs, k, stride, pad, bias=bias, padding_mode="reflect" if reflect else "zeros")


class NormConv(Conv):
    """A convolution, then MUNIT's layer norm (unbiased std over C,H,W; eps outside the root) and ReLU."""

    def __init__(self, inputs: int, outputs: int, k: int, stride: int = 1, pad: int = 0) -> None:
        super().__init__(inputs, outputs, k, stride, pad)
        self.gain = nn.Parameter(torch.ones(outputs))
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        mean = x.mean((1, 2, 3), keepdim=True)
        std = x.flatten(1).std(1, unbiased=True).reshape(-1, 1, 1, 1)
        x = (x - mean) / (std + 1e-5)
        return F.relu(x * self.gain.reshape(1, -1, 1, 1) + self.shift.reshape(1, -1, 1, 1))


class Block(nn.Module):
    """The two convolutions of a residual block; what happens between them is the owner's."""

    def __init__(self, width: int, reflect: bool) -> None:
        super().__init__()
        self.a = Conv(width, width, 3, 1, 1, reflect)
        self.b = Conv(width, width, 3, 1, 1, reflect)


class Content(nn.Module):
    """E_c: image [N,3,S,S] -> content [N,C,S/4,S/4]."""

    def __init__(self, gf: int, n_res: int) -> None:
        super().__init__()
        self.add_module("in", Conv(3, gf, 7, 1, 3, True))
        self.down = nn.ModuleList(Conv(gf << i, gf << (i + 1), 4, 2, 1, True) for i in range(2))
        self.res = nn.ModuleList(Block(4 * gf, True) for _ in range(n_res))

    def forward(self, x: Tensor) -> Tensor:
        for conv in (getattr(self, "in"), *self.down):
            x = F.relu(instance_norm(conv(x)))
        for block in self.res:
            x = x + instance_norm(block.b(F.relu(instance_norm(block.a(x)))))
        return x


class Attribute(nn.Module):
    """E_a: image [N,3,S,S] -> mean and log-variance of the code [N,A*Z]."""

    def __init__(self, gf: int, attrs: int, attr_dims: int) -> None:
        super().__init__()
        widths = (gf, 2 * gf, 4 * gf, 4 * gf, 4 * gf)
        self.add_module("in", Conv(3, gf, 7, 1, 3, True))
        self.down = nn.ModuleList(Conv(widths[i], widths[i + 1], 4, 2, 1, True) for i in range(4))
        self.mean = nn.Linear(4 * gf, attrs * attr_dims)
        self.logvar = nn.Linear(4 * gf, attrs * attr_dims)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for conv in (getattr(self, "in"), *self.down):
            x = F.relu(conv(x))
        pooled = x.mean((2, 3))
        return self.mean(pooled), self.logvar(pooled)


class Generator(nn.Module):
    """G: content [N,C,h,w], code [N,A*Z] -> image [N,3,4h,4w]."""

    def __init__(self, gf: int, n_res: int, attrs: int, attr_dims: int, mlp: int) -> None:
        super().__init__()
        width = 4 * gf
        self.width = width
        self.res = nn.ModuleList(Block(width, False) for _ in range(n_res))
        self.up = nn.ModuleList(NormConv(width >> i, width >> (i + 1), 5, 1, 2) for i in range(2))
        self.out = Conv(gf, 3, 7, 1, 3)
        sizes = (attrs * attr_dims, mlp, mlp, 2 * n_res * 2 * width)
        self.mlp = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(3))

    def forward(self, content: Tensor, code: Tensor) -> Tensor:
        hidden = F.relu(self.mlp[1](F.relu(self.mlp[0](code))))
        styles = iter(self.mlp[2](hidden).split(self.width, 1))  # shift, scale of each AdaIN layer in turn

        def adain(x: Tensor) -> Tensor:
            shift, scale = next(styles), next(styles)
            return instance_norm(x) * scale[:, :, None, None] + shift[:, :, None, None]

        x = content
        for block in self.res:
            x = x + adain(block.b(F.relu(adain(block.a(x)))))
        for conv in self.up:
            x = conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return torch.tanh(self.out(x))


class Embedder(nn.Module):
    """R: content [N,C,S/4,S/4], code [N,A*Z] -> embedding [N,D].

    keep: dropout factors (0 or 1/(1-p)) of the two hidden layers [2,N,512], None for inference. ranked: of unit length,
    with the scale of the ranking loss."""

    def __init__(self, gf: int, img: int, attrs: int, attr_dims: int, embed_dim: int, ranked: bool = False) -> None:
        super().__init__()
        if ranked:
            self.scale = nn.Parameter(torch.ones(1))
        self.ranked, self.attr_dims = ranked, attr_dims
        width, side, blocks = 4 * gf, img // 4, []
        for i, outputs in enumerate(EMBEDDER_WIDTHS):
            halve = i % 2 == 1 and side > 4
            blocks.append(NormConv(width, outputs, 4 if halve else 3, 2 if halve else 1, 1))
            side, width = side // 2 if halve else side, outputs
        self.conv = nn.ModuleList(blocks)
        sizes = (width * side * side + attrs * attr_dims, HIDDEN, HIDDEN, embed_dim)
        self.fc = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(3))

    def forward(self, content: Tensor, code: Tensor, keep: Tensor | None = None) -> Tensor:
        x = content
        for conv in self.conv:
            x = conv(x)
        x = torch.cat([x.flatten(1), code], 1)
        for i in range(2):
            x = F.relu(self.fc[i](x))
            if keep is not None:
                x = x * keep[i]
        x = self.fc[2](x)
        return F.normalize(x, dim=1) if self.ranked else x

    def query_code(self, code: Tensor) -> Tensor:
        """The code of a query for images that show `code` [N,A*Z]."""
        return components(code, self.attr_dims) if self.ranked else code


class Fusion(nn.Module):
    """model.fusion: concat. Content [N,C,h,w] and that of its k neighbours [N,k*C,h,w] -> content [N,C,h,w]."""

    def __init__(self, gf: int, k: int) -> None:
        super().__init__()
        width = 4 * gf
        self.neighbours = Conv(k * width, width, 3, 1, 1)
        self.join = Conv(2 * width, width, 3, 1, 1)

    def forward(self, content: Tensor, neighbours: Tensor) -> Tensor:
        return self.join(torch.cat([content, self.neighbours(neighbours)], 1))


def guided_code(code: Tensor, own: Tensor, neighbours: Tensor, attr_dims: int) -> Tensor:
    """model.fusion: style. Where the wanted code [N,A*Z] differs from the source's own [N,A*Z], the mean of the neighbours' codes
    [N,k,A*Z], plus what the Z numbers of each attribute of the wanted code differ from their mean. A neighbour of zeros is
    missing; where all are missing the wanted code stays."""
    count = (neighbours != 0).any(2).sum(1, keepdim=True)
    mean = neighbours.sum(1) / count.clamp(min=1)
    rows = code.unflatten(1, (-1, attr_dims))
    guided = mean + (rows - rows.mean(2, keepdim=True)).flatten(1)
    return torch.where((code != own) & (count > 0), guided, code)
