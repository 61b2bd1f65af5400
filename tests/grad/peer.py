"""The networks of RG-UNIT in PyTorch, the peer of common/model: same formulas, same parameter names
("content.in.weight" is `in.weight` of the Content below), same layouts. Written to be compared with, not to be fast.

Every class takes the sizes it needs and says what it maps to what. Data is N,C,H,W here.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

MAX_WIDTH = 512  # of the discriminator
EMBEDDER_WIDTHS = (128, 128, 64, 64, 32, 32)
HIDDEN = 512  # of the embedder's head


def instance_norm(x):
    return F.instance_norm(x, eps=1e-5)


def leaky(x):
    return F.leaky_relu(x, 0.1)


class Conv(nn.Conv2d):
    """A convolution with reflection or zero padding."""

    def __init__(self, inputs, outputs, k, stride=1, pad=0, reflect=False, bias=True):
        super().__init__(inputs, outputs, k, stride, pad, bias=bias, padding_mode="reflect" if reflect else "zeros")


class NormConv(Conv):
    """A convolution, then MUNIT's layer norm (unbiased std over C,H,W; eps outside the root) and ReLU."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.gain = nn.Parameter(torch.ones(self.out_channels))
        self.shift = nn.Parameter(torch.zeros(self.out_channels))

    def forward(self, x):
        x = super().forward(x)
        mean = x.mean((1, 2, 3), keepdim=True)
        std = x.flatten(1).std(1, unbiased=True).reshape(-1, 1, 1, 1)
        x = (x - mean) / (std + 1e-5)
        return F.relu(x * self.gain.reshape(1, -1, 1, 1) + self.shift.reshape(1, -1, 1, 1))


class Block(nn.Module):
    """The two convolutions of a residual block; what happens between them is the owner's."""

    def __init__(self, width, reflect):
        super().__init__()
        self.a = Conv(width, width, 3, 1, 1, reflect)
        self.b = Conv(width, width, 3, 1, 1, reflect)


class Content(nn.Module):
    """E_c: image [N,3,S,S] -> content [N,4*gf,S/4,S/4]."""

    def __init__(self, gf, n_res):
        super().__init__()
        self.add_module("in", Conv(3, gf, 7, 1, 3, True))
        self.down = nn.ModuleList(Conv(gf << i, gf << (i + 1), 4, 2, 1, True) for i in range(2))
        self.res = nn.ModuleList(Block(4 * gf, True) for _ in range(n_res))

    def forward(self, x):
        for conv in (getattr(self, "in"), *self.down):
            x = F.relu(instance_norm(conv(x)))
        for block in self.res:
            x = x + instance_norm(block.b(F.relu(instance_norm(block.a(x)))))
        return x


class Attribute(nn.Module):
    """E_a: image [N,3,S,S] -> mean and log-variance of the code [N,attrs*attr_dims]."""

    def __init__(self, gf, attrs, attr_dims):
        super().__init__()
        widths = (gf, 2 * gf, 4 * gf, 4 * gf, 4 * gf)
        self.add_module("in", Conv(3, gf, 7, 1, 3, True))
        self.down = nn.ModuleList(Conv(widths[i], widths[i + 1], 4, 2, 1, True) for i in range(4))
        self.mean = nn.Linear(4 * gf, attrs * attr_dims)
        self.logvar = nn.Linear(4 * gf, attrs * attr_dims)

    def forward(self, x):
        for conv in (getattr(self, "in"), *self.down):
            x = F.relu(conv(x))
        pooled = x.mean((2, 3))
        return self.mean(pooled), self.logvar(pooled)


class Generator(nn.Module):
    """G: content [N,4*gf,h,w], code [N,attrs*attr_dims] -> image [N,3,4h,4w].

    With attention a mask of one channel decides between that image and `source`, the one content was encoded from."""

    def __init__(self, gf, n_res, attrs, attr_dims, mlp, attention=False):
        super().__init__()
        width = 4 * gf
        self.width = width
        self.res = nn.ModuleList(Block(width, False) for _ in range(n_res))
        self.up = nn.ModuleList(NormConv(width >> i, width >> (i + 1), 5, 1, 2) for i in range(2))
        self.out = Conv(gf, 3, 7, 1, 3)
        self.mask = Conv(gf, 1, 7, 1, 3) if attention else None
        sizes = (attrs * attr_dims, mlp, mlp, 2 * n_res * 2 * width)
        self.mlp = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(3))

    def adain(self, x, styles):
        shift, scale = next(styles), next(styles)
        return instance_norm(x) * scale[:, :, None, None] + shift[:, :, None, None]

    def forward(self, content, code, source=None):
        hidden = F.relu(self.mlp[1](F.relu(self.mlp[0](code))))
        styles = iter(self.mlp[2](hidden).split(self.width, 1))  # shift, scale of each AdaIN layer in turn
        x = content
        for block in self.res:
            x = x + self.adain(block.b(F.relu(self.adain(block.a(x), styles))), styles)
        for conv in self.up:
            x = conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        image = torch.tanh(self.out(x))
        if self.mask is None:
            return image
        mask = torch.sigmoid(self.mask(x))
        return image * mask + source * (1 - mask)


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


class Embedder(nn.Module):
    """R: content [N,4*gf,img/4,img/4], code [N,attrs*attr_dims] -> embedding [N,embed_dim].

    keep: dropout factors (0 or 1/(1-p)) of the two hidden layers [2,N,512], None for inference. ranked: of unit length,
    with the scale of the ranking loss."""

    def __init__(self, gf, img, attrs, attr_dims, embed_dim, ranked=False):
        super().__init__()
        if ranked:
            self.scale = nn.Parameter(torch.ones(1))
        self.ranked = ranked
        width, side, blocks = 4 * gf, img // 4, []
        for i, outputs in enumerate(EMBEDDER_WIDTHS):
            halve = i % 2 == 1 and side > 4
            blocks.append(NormConv(width, outputs, 4 if halve else 3, 2 if halve else 1, 1))
            side, width = side // 2 if halve else side, outputs
        self.conv = nn.ModuleList(blocks)
        sizes = (width * side * side + attrs * attr_dims, HIDDEN, HIDDEN, embed_dim)
        self.fc = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(3))

    def forward(self, content, code, keep=None):
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


class Fusion(nn.Module):
    """Content [N,4*gf,h,w] and that of its k neighbours [N,k*4*gf,h,w] -> content [N,4*gf,h,w]."""

    def __init__(self, gf, k):
        super().__init__()
        width = 4 * gf
        self.neighbours = Conv(k * width, width, 3, 1, 1)
        self.join = Conv(2 * width, width, 3, 1, 1)

    def forward(self, content, neighbours):
        return self.join(torch.cat([content, self.neighbours(neighbours)], 1))


class Networks(nn.Module):
    """All of them, so that state_dict() has the checkpoints' names."""

    def __init__(self, gf, n_res, df, d_layers, d_scales, attrs, attr_dims, mlp, img, embed_dim, k, attention=False, ranked=False):
        super().__init__()
        self.content = Content(gf, n_res)
        self.attribute = Attribute(gf, attrs, attr_dims)
        self.generator = Generator(gf, n_res, attrs, attr_dims, mlp, attention)
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


def components(code, attr_dims):
    """The means of the components that codes [N,A*Z] are nearest to."""
    sums = code.reshape(len(code), -1, attr_dims).sum(2)
    return torch.where(sums > 0, 1.0, -1.0).to(code.dtype).repeat_interleave(attr_dims, 1)
