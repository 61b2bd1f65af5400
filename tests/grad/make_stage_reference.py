#!/usr/bin/python3
"""Writes fixtures/stages.bin: the losses of the first ITERATIONS iterations of stages 1, 2 and 3 as a PyTorch trainer
(float64, torch.optim) over the peer networks computes them, for test_stages.c. Run by hand:

    /usr/bin/python3 tests/grad/make_stage_reference.py

Initial weights, pixels, labels and draws come from filling.py under names that the C test uses too; the file holds
STAGE.LOSS [ITERATIONS] only. Losses are unweighted.
"""
import os

import torch
import torch.nn.functional as F

import peer
import tensorfile
from filling import fill, initialise
from make_reference import ADAM, ADAMW, COSINE, LINEAR, SGD, schedule

GF, N_RES, DF, LAYERS, SCALES, ATTRS, DIMS, MLP, IMG, EMBED, K = 4, 1, 4, 3, 2, 5, 8, 16, 32, 20, 3
STD, MARGIN, SHARPNESS, ALIKE, CODE, SIDE, WIDTH = 0.5, 0.2, 10, 5, ATTRS * DIMS, IMG // 4, 4 * GF
ITERATIONS, N, REFERENCES, WARMUP, CLIP = 10, 4, 2, 3, 2.0
WEIGHTS = dict(recon=10, cycle=10, content=1, attribute=1, kl=0.1, isometry=0.1, adversarial=1, classify=2, perceptual=0.1, penalty=10)
VGG_WIDTHS = (8, 12, 16, 32, 64)  # narrower, and one unit that rounding takes over its kink shows in the losses


def pixels(name, n):
    return torch.from_numpy(fill(name, (n, IMG, IMG, 3))).permute(0, 3, 1, 2).contiguous()


def bits(name, width, n=N):
    return torch.from_numpy((fill(name, (n, width)) > 0).astype("f8"))


def codes(name, n=N):
    return torch.from_numpy(fill(name, (n, CODE), 1.5))


class Trainer:
    """An optimiser under the schedule, with the gradient clipped over all of its parameters."""

    def __init__(self, kind, plan, lr, decay, modules):
        self.params = [p for module in modules for p in module.parameters()]
        self.plan, self.lr = plan, lr
        if kind == SGD:
            self.optimiser = torch.optim.SGD(self.params, lr, momentum=0.9, weight_decay=decay)
        else:
            family = {ADAM: torch.optim.Adam, ADAMW: torch.optim.AdamW}[kind]
            self.optimiser = family(self.params, lr, betas=(0.5, 0.999), weight_decay=decay)

    def step(self, loss, iteration):
        for p, gradient in zip(self.params, torch.autograd.grad(loss, self.params)):
            p.grad = gradient
        torch.nn.utils.clip_grad_norm_(self.params, CLIP)
        self.optimiser.param_groups[0]["lr"] = schedule(self.plan, self.lr, WARMUP, ITERATIONS, iteration)
        self.optimiser.step()


class Memory:
    """The test's retrieval server: what it finds is a function of the query and of how often it was asked.
    Content maps, or codes."""

    def __init__(self, stage, codes=False):
        self.stage, self.asked, self.codes = stage, 0, codes

    def find(self, queries):
        shape = (N, 1, 1, K * CODE) if self.codes else (N, SIDE, SIDE, K * WIDTH)
        found = fill("%s.found.%d" % (self.stage, self.asked), shape)
        self.asked += 1
        return torch.from_numpy(found).permute(0, 3, 1, 2) * (1 + queries.mean(1).reshape(-1, 1, 1, 1))


def weighted(losses, names):
    weight = lambda name: WEIGHTS["kl" if name == "earth_mover" else name.split("_")[-1]]
    return sum(weight(name) * losses[name] for name in names)


def judge(discriminator, image, wanted, labels=None, critic=False):
    verdicts = discriminator(image)
    if critic:
        adversarial = sum((-source if wanted else source).mean() for source, _ in verdicts)
    else:
        adversarial = sum(((source - wanted) ** 2).mean() for source, _ in verdicts)
    if labels is None:
        return adversarial
    return adversarial, sum(F.binary_cross_entropy_with_logits(logits, labels) for _, logits in verdicts)


def with_detail(image, source, rebuilt):
    return (image + (source - rebuilt)).clamp(-1, 1)


class Translation:
    """Stages 1 and 3: a D step and a G step on one translated batch."""

    def __init__(self, stage, nets, memory=None, features=None, critic=False, both=False, detail=False):
        """features: VGG16, for the perceptual loss. critic: WGAN-GP and the earth mover's prior. both: every
        image goes to a sampled code and to a reference's, the sampled ones first. detail: a translation keeps what
        the reconstruction of its source lacks."""
        self.times, self.references = (2, N) if both else (1, REFERENCES)
        self.critic, self.detail = critic, detail
        self.stage, self.nets, self.memory, self.features = stage, nets, memory, features
        learners = [nets.content, nets.attribute, nets.generator]
        if memory:
            learners = [nets.generator] if memory.codes else [nets.generator, nets.fusion]
            for frozen in (nets.content, nets.attribute, nets.embedder):
                frozen.requires_grad_(False)
        kind, plan, decay = (ADAMW, COSINE, 1e-4) if memory else (ADAM, LINEAR, 0)
        self.trainer_g = Trainer(kind, plan, 1e-4, decay, learners)
        self.trainer_d = Trainer(kind, plan, 1e-4, decay, [nets.discriminator])

    def guided(self, content, code, own):
        """What G is given in place of a content and a wanted code."""
        if not self.memory or self.memory.codes and torch.equal(code, own):
            return content, code
        with torch.no_grad():
            found = self.memory.find(self.nets.embedder(content, code))
        if self.memory.codes:
            rows = code.reshape(N, ATTRS, DIMS)
            differences = (rows - rows.mean(2, keepdim=True)).flatten(1)
            return content, torch.where(code == own, own, found.reshape(N, K, CODE).mean(1) + differences)
        return self.nets.fusion(content, found), code

    def iterate(self, i):
        name, nets = "%s.%d." % (self.stage, i), self.nets
        x, reference = pixels(name + "pixels", N), pixels(name + "references", self.references)
        labels, target_labels = bits(name + "labels", ATTRS), bits(name + "targets", ATTRS)
        content, (z, logvar) = nets.content(x), nets.attribute(x)
        targets, latent = self.times * N, self.times * N - self.references
        each = lambda rows: torch.cat([rows] * self.times)  # a row for every target
        sampled = torch.cat([codes(name + "codes", targets)[:latent], nets.attribute(reference)[0]])
        wanted = torch.where(bits(name + "keep", CODE, targets) > 0, each(z), sampled)
        joined, wanted = self.guided(each(content), wanted, each(z))
        fake = nets.generator(joined, wanted)
        recon = nets.generator(*self.guided(content, z, z))
        if self.detail:
            fake = with_detail(fake, each(x), each(recon))

        losses = {}
        real, losses["d_classify"] = judge(nets.discriminator, x, 1, labels, self.critic)
        losses["d_adversarial"] = real + judge(nets.discriminator, fake.detach(), 0, None, self.critic)
        if self.critic:
            mix = (1 + torch.from_numpy(fill(name + "mix", (targets,)))) / 2
            losses["d_penalty"] = peer.gradient_penalty(nets.discriminator, each(x), fake, mix)
        self.trainer_d.step(weighted(losses, list(losses)), i)

        losses["g_adversarial"], losses["g_classify"] = judge(
            nets.discriminator, fake, 1, each(target_labels), self.critic
        )
        again = nets.content(fake)
        cycle = nets.generator(*self.guided(again, each(z), each(z)))
        of_fake = nets.attribute(fake[:latent])[0]  # codes are read back from translations to sampled codes
        losses["recon"] = (recon - x).abs().mean()
        losses["content"] = (again - each(content)).abs().mean()
        losses["cycle"] = (cycle - each(x)).abs().mean()
        losses["attribute"] = (of_fake - wanted[:latent]).abs().mean()
        losses["isometry"] = peer.isometry(nets.attribute(recon[:latent])[0], of_fake, z[:latent], wanted[:latent])
        if not self.memory:
            component = (2 * labels - 1).repeat_interleave(DIMS, 1)
            if self.critic:
                losses["earth_mover"] = peer.earth_mover(z, logvar, component, STD, DIMS)
            else:
                losses["kl"] = peer.kl(z, logvar, component, STD, DIMS)
        if self.features:
            losses["perceptual"] = peer.perceptual(self.features, fake, each(x))
        self.trainer_g.step(weighted(losses, [key for key in losses if not key.startswith("d_")]), i)
        return losses


class Triplets:
    """Stage 2: R on what the frozen rest makes of a batch."""

    def __init__(self, stage, nets, detail=False):
        self.stage, self.nets, self.detail = stage, nets, detail
        self.trainer = Trainer(SGD, LINEAR, 0.1, 1e-4, [nets.embedder])

    def view(self, image):
        return self.nets.content(image), self.nets.attribute(image)[0]

    def translated(self, content, code, own, source):
        image = self.nets.generator(content, code)
        if self.detail:
            image = with_detail(image, source, self.nets.generator(content, own))
        return self.view(image)

    def iterate(self, i):
        name = "%s.%d." % (self.stage, i)
        edit = lambda code, which: torch.where(bits(name + which + "keep", CODE) > 0, code, codes(name + which + "codes"))
        with torch.no_grad():
            x, another = pixels(name + "pixels", N), pixels(name + "references", N)
            content, z = self.view(x)
            wanted = edit(z, "")
            other = self.view(another)
            views = [
                (content, wanted),
                self.translated(content, wanted, z, x),
                other,
                self.translated(other[0], edit(other[1], "other_"), other[1], another),
                self.translated(content, edit(z, "random_"), z, x),
                self.translated(content, z, z, x),
            ]
            contents, all_codes = (torch.cat(part) for part in zip(*views))
        kept = torch.from_numpy((fill(name + "dropout", (2, len(views) * N, peer.HIDDEN)) < 0.8).astype("f8")) / 0.9
        loss = peer.triplet(self.nets.embedder(contents, all_codes, kept), N, MARGIN)
        self.trainer.step(loss, i)
        return {"triplet": loss}


class Ranking:
    """Stage 2 of a ranked R: queries against the images of the batch."""

    def __init__(self, stage, nets):
        self.stage, self.nets = stage, nets
        self.trainer = Trainer(SGD, LINEAR, 0.1, 1e-4, [nets.embedder])

    def iterate(self, i):
        name = "%s.%d." % (self.stage, i)
        labels, wanted = bits(name + "labels", ATTRS), bits(name + "wanted", ATTRS)
        with torch.no_grad():
            x = pixels(name + "pixels", N)
            content, z = self.nets.content(x), self.nets.attribute(x)[0]
            keep = (labels == wanted).repeat_interleave(DIMS, 1)
            query = peer.components(torch.where(keep, z, 2 * wanted.repeat_interleave(DIMS, 1) - 1), DIMS)
        kept = torch.from_numpy((fill(name + "dropout", (2, 2 * N, peer.HIDDEN)) < 0.8).astype("f8")) / 0.9
        e = self.nets.embedder(torch.cat([content, content]), torch.cat([query, z]), kept)
        loss = peer.ranking(e, self.nets.embedder.scale, peer.relevance(wanted, labels, SHARPNESS, content, ALIKE))
        self.trainer.step(loss, i)
        return {"ranking": loss}


def networks(ranked=False):
    nets = peer.Networks(GF, N_RES, DF, LAYERS, SCALES, ATTRS, DIMS, MLP, IMG, EMBED, K, ranked)
    for name, module in nets.named_children():
        initialise(module, name + ".")
    return nets


def main():
    tensors, features = {}, peer.vgg16(VGG_WIDTHS)
    initialise(features, "features.")
    stages = {
        "stage1": Translation("stage1", networks()),
        "both1": Translation("both1", networks(), both=True),
        "stage2": Triplets("stage2", networks()),
        "ranked2": Ranking("ranked2", networks(ranked=True)),
        "stage3": Translation("stage3", networks(), Memory("stage3")),
        "style3": Translation("style3", networks(), Memory("style3", codes=True)),
        "perceptual1": Translation("perceptual1", networks(), features=features),
        "critic1": Translation("critic1", networks(), critic=True),
        "detail1": Translation("detail1", networks(), detail=True),
        "detail2": Triplets("detail2", networks(), detail=True),
        "detail3": Translation("detail3", networks(), Memory("detail3"), detail=True),
    }
    for name, stage in stages.items():
        rows = [stage.iterate(i) for i in range(ITERATIONS)]
        for key in rows[0]:
            tensors["%s.%s" % (name, key)] = torch.stack([row[key].detach() for row in rows]).numpy()
            print(name, key, tensors["%s.%s" % (name, key)].round(4))
    tensorfile.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "stages.bin"), tensors)


if __name__ == "__main__":
    main()
