"""The peer of common/model in PyTorch: the networks of the Python package, to which this file adds the discriminator and the
losses. The same formulas, parameter names ("content.in.weight" is `in.weight` of Content) and layouts, to be compared with.

Every class takes the sizes it needs and says what it maps to what. Data is N,C,H,W here.
"""
import pathlib
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "common" / "client" / "python" / "rg_unit"))
from networks import HIDDEN, Attribute, Content, Conv, Embedder, Fusion, Generator, components, instance_norm  # noqa: E402, F401

MAX_WIDTH = 512  # of the discriminator


def leaky(x):
    return F.leaky_relu(x, 0.1)


class Scale(nn.Module):
    """One scale of D: image [N,3,s,s] -> real/fake map [N,1,s>>layers,s>>layers] and attribute logits [N,attrs]."""

    def __init__(self, df, layers, attrs, side):
        super().__init__()
        widths = [3] + [min(df << i, MAX_WIDTH) for i in range(layers)]
        self.conv = nn.ModuleList(Conv(widths[i], widths[i + 1], 4, 2, 1, True) for i in range(layers))
        self.source = Conv(widths[-1], 1, 1)
        self.add_module("class", Conv(widths[-1], attrs, side >> layers, bias=False))

    def forward(self, x):
        for conv in self.conv:
            x = leaky(conv(x))
        return self.source(x), getattr(self, "class")(x).flatten(1)


class Discriminator(nn.ModuleList):
    """D: image [N,3,img,img] -> per scale (real/fake map, attribute logits)."""

    def __init__(self, df, d_layers, d_scales, attrs, img):
        super().__init__(Scale(df, d_layers, attrs, img >> s) for s in range(d_scales))

    def forward(self, x):
        verdicts = []
        for s, scale in enumerate(self):
            if s > 0:
                x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
            verdicts.append(scale(x))
        return verdicts


class Networks(nn.Module):
    """All of them, so that state_dict() has the checkpoints' names."""

    def __init__(self, gf, n_res, df, d_layers, d_scales, attrs, attr_dims, mlp, img, embed_dim, k, ranked=False):
        super().__init__()
        self.content = Content(gf, n_res)
        self.attribute = Attribute(gf, attrs, attr_dims)
        self.generator = Generator(gf, n_res, attrs, attr_dims, mlp)
        self.discriminator = Discriminator(df, d_layers, d_scales, attrs, img)
        self.embedder = Embedder(gf, img, attrs, attr_dims, embed_dim, ranked)
        self.fusion = Fusion(gf, k)


# ---- losses that are more than a mean


def kl(mean, logvar, component, std, attr_dims):
    """KL of E_a's Gaussian from the labels' component [N,A*Z]: summed over attributes, mean over images and dims."""
    variance = std**2
    each = 0.5 * (torch.log(variance / logvar.exp()) + (logvar.exp() + (mean - component) ** 2) / variance - 1)
    return each.sum() / (mean.shape[0] * attr_dims)


def earth_mover(mean, logvar, component, std, attr_dims):
    """Squared 2-Wasserstein distance of the same two Gaussians, summed and averaged alike."""
    each = (mean - component) ** 2 + ((logvar / 2).exp() - std) ** 2
    return each.sum() / (mean.shape[0] * attr_dims)


def gradient_penalty(discriminator, real, fake, mix):
    """WGAN-GP, summed over scales: the critic of a scale is the mean of its map, its slope that at the image's size."""
    mix = mix.reshape(-1, 1, 1, 1)
    x = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    critics = [source.mean((1, 2, 3)).sum() for source, _ in discriminator(x)]
    slopes = [torch.autograd.grad(critic, x, create_graph=True)[0] for critic in critics]
    return sum(((slope.flatten(1).norm(dim=1) - 1) ** 2).mean() for slope in slopes)


VGG_MEAN, VGG_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def vgg16(widths):
    """torchvision's VGG16 up to relu5_3 with other widths, as `features` of its state_dict."""
    depths = (2, 2, 3, 3, 3)
    plan = sum(([width] * depth + ["M"] for width, depth in zip(widths, depths)), [])
    return torchvision.models.vgg.make_layers(plan[:-1])


def perceptual(features, image, source):
    """Mean square difference of instance-normalised features of two images [N,3,S,S] in -1..1."""
    mean, std = (torch.tensor(v, dtype=image.dtype).reshape(1, 3, 1, 1) for v in (VGG_MEAN, VGG_STD))
    a, b = (instance_norm(features(((x + 1) / 2 - mean) / std)) for x in (image, source))
    return F.mse_loss(a, b)


def isometry(a, b, z, z2):
    """Mean over images of | d(a, b) - d(z, z2) |, d the mean absolute difference; no gradient into z and z2."""
    return ((a - b).abs().mean(1) - (z - z2).detach().abs().mean(1)).abs().mean()


def triplet(embeddings, n, margin):
    """[n*(2+K),D]: anchors, positives, K groups of negatives; mean over all n*K triplets."""
    anchor, positive, negatives = embeddings[:n], embeddings[n : 2 * n], embeddings[2 * n :]
    kinds = negatives.shape[0] // n
    return F.triplet_margin_loss(anchor.repeat(kinds, 1), positive.repeat(kinds, 1), negatives, margin)


def ranking(embeddings, scale, relevance):
    """[2N,D]: N queries, N images. Cross entropy of the chances to be ranked first, without each query's own image."""
    n = embeddings.shape[0] // 2
    scores = scale.exp() * embeddings[:n] @ embeddings[n:].T
    others = ~torch.eye(n, dtype=torch.bool)
    chances = F.log_softmax(scores[others].reshape(n, n - 1), 1)
    return -(relevance[others].reshape(n, n - 1) * chances).sum(1).mean()


def relevance(wanted, shown, sharpness, content, weight):
    """Labels [N,A] that are wanted and shown, content maps [N,C,h,w] -> what the chances shall be, 0 of a query's own image."""
    share = (wanted[:, None] == shown[None]).double().mean(2)
    maps = F.normalize((content - content.mean(0)).flatten(1), dim=1)
    score = sharpness * share + weight * maps @ maps.T
    return torch.softmax(score.masked_fill(torch.eye(len(score), dtype=torch.bool), -torch.inf), 1)
