"""The peer of train_step.sh: iterations of GMM-UNIT's training in PyTorch, each when it is asked for.

Own implementation. An iteration updates D with latent targets, D with reference targets, G with latent targets and G with
reference targets, each with clipped gradients and AdamW, then both averages. No perceptual loss, no attention.

  --mode published  does the work of the published schedule: D's steps build the generator's graph, and encodings that
                    nobody reads are computed
  --mode lean       D's steps share the encodings and build no graph of the generator, D's weights get no gradient from G's
                    steps, and nothing is computed that nobody reads
  --mode joined     RG-UNIT's schedule: translations to both kinds of target and the reconstruction are one decode, shared by
                    one update of D and one of G

After two iterations to warm up it says `ready parameters_g=N parameters_d=N` and from then on answers each line of
standard input with the milliseconds that one iteration took.
"""
import argparse
import copy
import random
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

ATTRIBUTES, DIMS, MLP, VARIANCE = 5, 8, 256, 0.25
WARM_UP = 2
WEIGHT = dict(recon=10.0, cycle=10.0, content=1.0, attribute=1.0, kl=0.1, isometry=0.1)


# ---- networks

class AdaIN(nn.Module):
    """Instance norm whose scale and shift of each sample are set before the call."""

    def __init__(self, width):
        super().__init__()
        self.width, self.scale, self.shift = width, None, None

    def forward(self, x):
        n, c, h, w = x.shape
        y = F.batch_norm(x.contiguous().view(1, n * c, h, w), None, None, self.scale, self.shift, True, 0.0, 1e-5)
        return y.view(n, c, h, w)


class SampleNorm(nn.Module):
    """Layer norm over C, H, W of a sample, one gain and bias per channel."""

    def __init__(self, width):
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.rand(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x):
        flat = x.reshape(x.size(0), -1)
        mean, std = flat.mean(1).view(-1, 1, 1, 1), flat.std(1).view(-1, 1, 1, 1)
        return (x - mean) / (std + 1e-5) * self.gain.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)


def conv(inputs, outputs, k, stride, pad, norm=None, act="relu", reflect=True):
    layers = [nn.ReflectionPad2d(pad) if reflect else nn.ZeroPad2d(pad), nn.Conv2d(inputs, outputs, k, stride)]
    if norm:
        layers.append(norm(outputs))
    if act:
        layers.append({"relu": nn.ReLU(inplace=True), "leaky": nn.LeakyReLU(0.1), "tanh": nn.Tanh()}[act])
    return nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, width, norm, reflect):
        super().__init__()
        self.body = nn.Sequential(conv(width, width, 3, 1, 1, norm, "relu", reflect),
                                  conv(width, width, 3, 1, 1, norm, None, reflect))

    def forward(self, x):
        return self.body(x) + x


class Generator(nn.Module):
    """E_c, E_a and G."""

    def __init__(self, gf, n_res):
        super().__init__()
        inst = nn.InstanceNorm2d
        self.content = nn.Sequential(conv(3, gf, 7, 1, 3, inst), conv(gf, 2 * gf, 4, 2, 1, inst),
                                     conv(2 * gf, 4 * gf, 4, 2, 1, inst),
                                     *[Residual(4 * gf, inst, True) for _ in range(n_res)])
        self.style = nn.Sequential(conv(3, gf, 7, 1, 3), conv(gf, 2 * gf, 4, 2, 1), conv(2 * gf, 4 * gf, 4, 2, 1),
                                   conv(4 * gf, 4 * gf, 4, 2, 1), conv(4 * gf, 4 * gf, 4, 2, 1),
                                   nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.mean = nn.ModuleList(nn.Linear(4 * gf, DIMS) for _ in range(ATTRIBUTES))
        self.logvar = nn.ModuleList(nn.Linear(4 * gf, DIMS) for _ in range(ATTRIBUTES))
        self.decoder = nn.Sequential(*[Residual(4 * gf, AdaIN, False) for _ in range(n_res)],
                                     nn.Upsample(scale_factor=2),
                                     conv(4 * gf, 2 * gf, 5, 1, 2, SampleNorm, "relu", False),
                                     nn.Upsample(scale_factor=2),
                                     conv(2 * gf, gf, 5, 1, 2, SampleNorm, "relu", False),
                                     conv(gf, 3, 7, 1, 3, None, "tanh", False))
        self.adains = [m for m in self.decoder.modules() if isinstance(m, AdaIN)]
        self.mlp = nn.Sequential(nn.Linear(ATTRIBUTES * DIMS, MLP), nn.ReLU(True), nn.Linear(MLP, MLP), nn.ReLU(True),
                                 nn.Linear(MLP, sum(2 * a.width for a in self.adains)))

    def encode(self, x):
        f = self.style(x)
        return torch.stack([head(f) for head in self.mean], 1), torch.stack([head(f) for head in self.logvar], 1)

    def code(self, x):
        return self.encode(x)[0].flatten(1)

    def decode(self, content, code):
        p, at = self.mlp(code), 0
        for adain in self.adains:
            adain.shift = p[:, at:at + adain.width].reshape(-1)
            adain.scale = p[:, at + adain.width:at + 2 * adain.width].reshape(-1)
            at += 2 * adain.width
        return self.decoder(content)


class Discriminator(nn.Module):
    def __init__(self, df, layers, side, scales=2):
        super().__init__()
        self.features, self.source, self.classes = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for scale in range(scales):
            widths = [3] + [min(df << i, 512) for i in range(layers)]
            self.features.append(nn.Sequential(*[conv(a, b, 4, 2, 1, None, "leaky") for a, b in zip(widths, widths[1:])]))
            self.source.append(nn.Conv2d(widths[-1], 1, 1))
            self.classes.append(nn.Conv2d(widths[-1], ATTRIBUTES, side >> scale >> layers, bias=False))

    def forward(self, x):
        out = []
        for features, source, classes in zip(self.features, self.source, self.classes):
            h = features(x)
            out.append((source(h), classes(h).flatten(1)))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return out


# ---- losses

def l1(a, b):
    return (a - b).abs().mean()


def d_loss(D, real, fake, labels):
    return sum((f ** 2).mean() + ((r - 1) ** 2).mean() + F.binary_cross_entropy_with_logits(c, labels)
               for (r, c), (f, _) in zip(D(real), D(fake)))


def judged(D, fake, labels):
    return sum(((s - 1) ** 2).mean() + F.binary_cross_entropy_with_logits(c, labels) for s, c in D(fake))


def kl(mean, component, logvar):
    distance = (logvar.exp() + (mean - component.unsqueeze(2)) ** 2) / VARIANCE
    return (0.5 * (torch.log(VARIANCE / logvar.exp()) + distance - 1)).sum(1).mean()


def latent_code(own, source, target):
    """Sampled; half of the times the code of attributes that do not change is kept."""
    z = target.unsqueeze(2) + VARIANCE ** 0.5 * torch.randn(*target.shape, DIMS)
    if random.random() > 0.5:
        z = torch.where((source == target).unsqueeze(2), own, z)
    return z.flatten(1)


# ---- an iteration

class Training:
    def __init__(self, o):
        self.lean, self.joined = o.mode == "lean", o.mode == "joined"
        self.G, self.D = Generator(o.gf, o.n_res), Discriminator(o.df, o.d_layers, o.side)
        layout = torch.channels_last if o.channels_last else torch.contiguous_format
        for net in (self.G, self.D):
            for m in net.modules():
                if isinstance(m, (nn.Conv2d, nn.Linear)):
                    nn.init.kaiming_normal_(m.weight) if net is self.G else nn.init.normal_(m.weight, 0, 0.02)
                    if m.bias is not None:
                        nn.init.zeros_(m.bias)
            net.to(memory_format=layout)
        self.averages = [(net, copy.deepcopy(net)) for net in (self.G, self.D)]
        self.optim = {net: torch.optim.AdamW(net.parameters(), lr=1e-5, betas=(0.9, 0.999), weight_decay=1e-4)
                      for net in (self.G, self.D)}
        self.x, self.r = [torch.rand(o.batch, 3, o.side, o.side).mul_(2).sub_(1).contiguous(memory_format=layout)
                          for _ in range(2)]
        self.labels, self.targets = [torch.randint(0, 2, (o.batch, ATTRIBUTES)).float() for _ in range(2)]
        self.source, self.target = self.labels * 2 - 1, self.targets * 2 - 1

    def update(self, net, loss):
        self.optim[net].zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        self.optim[net].step()

    def d_steps_published(self):
        G, x = self.G, self.x
        content, own = G.content(x), G.encode(x)[0]
        fake = G.decode(content, latent_code(own, self.source, self.target))
        self.update(self.D, d_loss(self.D, x, fake, self.labels))
        content = G.content(x)
        G.encode(x)           # not read
        G.content(self.r)     # not read
        fake = G.decode(content, G.code(self.r))
        self.update(self.D, d_loss(self.D, x, fake, self.labels))

    def d_steps_lean(self):
        G, x = self.G, self.x
        with torch.no_grad():
            content, own = G.content(x), G.encode(x)[0]
            fakes = [G.decode(content, latent_code(own, self.source, self.target)), G.decode(content, G.code(self.r))]
        for fake in fakes:
            self.update(self.D, d_loss(self.D, x, fake, self.labels))

    def g_loss(self, reference):
        G, x = self.G, self.x
        content, (mean, logvar) = G.content(x), G.encode(x)
        code = mean.flatten(1)
        recon = G.decode(content, code)
        if reference and not self.lean:
            G.content(self.r)     # not read
        wanted = G.code(self.r) if reference else latent_code(mean, self.source, self.target)
        fake = G.decode(content, wanted)
        loss = judged(self.D, fake, self.targets)
        content_of_fake = G.content(fake)
        if not self.lean:
            G.encode(fake)        # not read
        cycle = G.decode(content_of_fake, code)
        if not self.lean:
            G.content(cycle)      # not read
        return (loss + WEIGHT["recon"] * l1(x, recon) + WEIGHT["content"] * l1(content_of_fake, content)
                + WEIGHT["cycle"] * l1(cycle, x) + WEIGHT["attribute"] * l1(code, G.code(cycle))
                + WEIGHT["kl"] * kl(mean, self.source, logvar))

    def joined_steps(self):
        G, D, x, n = self.G, self.D, self.x, len(self.x)
        content, (means, logvars) = G.content(x), G.encode(torch.cat([x, self.r]))
        own, logvar = means[:n], logvars[:n]
        latent, reference = latent_code(own, self.source, self.target), means[n:].flatten(1)
        code, wanted = own.flatten(1), torch.cat([latent, reference])
        y = G.decode(torch.cat([content] * 3), torch.cat([wanted, code]))
        fake, recon = y[:2 * n], y[2 * n:]
        self.update(D, d_loss(D, x, fake.detach(), self.labels))
        D.requires_grad_(False)
        content_of_fake = G.content(fake)
        cycle = G.decode(content_of_fake, torch.cat([code, code]))
        read = G.code(torch.cat([fake[:n], recon]))
        isometry = ((read[:n] - read[n:]).abs().mean(1) - (latent - code).abs().mean(1)).abs().mean()
        twice = torch.cat([x, x])
        self.update(G, judged(D, fake, torch.cat([self.targets] * 2)) + WEIGHT["recon"] * l1(x, recon)
                    + WEIGHT["content"] * l1(content_of_fake, torch.cat([content] * 2)) + WEIGHT["cycle"] * l1(cycle, twice)
                    + WEIGHT["attribute"] * l1(read[:n], latent) + WEIGHT["isometry"] * isometry
                    + WEIGHT["kl"] * kl(own, self.source, logvar))

    def alternating_steps(self):
        if self.lean:
            self.d_steps_lean()
            self.D.requires_grad_(False)
        else:
            self.d_steps_published()
        for reference in (False, True):
            self.update(self.G, self.g_loss(reference))

    def iteration(self):
        self.joined_steps() if self.joined else self.alternating_steps()
        self.D.requires_grad_(True)
        with torch.no_grad():
            for net, average in self.averages:
                for a, b in zip(net.parameters(), average.parameters()):
                    b.lerp_(a, 1 - 0.999)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("side", "gf", "n-res", "df", "d-layers", "batch", "threads"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--mode", choices=["published", "lean", "joined"], default="published")
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    random.seed(1)
    training = Training(options)

    def timed():
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16):
            training.iteration()
        return 1e3 * (time.perf_counter() - start)

    for _ in range(WARM_UP):
        timed()
    count = [sum(p.numel() for p in net.parameters()) for net in (training.G, training.D)]
    print("ready parameters_g=%d parameters_d=%d" % tuple(count), flush=True)
    for _ in sys.stdin:
        print("%.3f" % timed(), flush=True)


if __name__ == "__main__":
    main()
