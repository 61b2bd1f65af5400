#!/usr/bin/python3
"""Writes fixtures/ops.bin and fixtures/optim.bin: what PyTorch (CPU, float64) computes for every op of
common/nn/ops.h and every optimiser of common/nn/optim.h. Run by hand when an op is added:

    /usr/bin/python3 tests/grad/make_reference.py

Tensors are named OP.CASE.ROLE. Roles: the op's inputs, parameters and numbers; `y`, its output; `dy`, a random
upstream gradient; dROLE, the gradient of an input or parameter. Data is NHWC, weights are OIHW. Everything is
computed in float64 from values that float32 holds exactly, so a test measures the engine's error alone.
"""
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

import tensorfile

NONE, RELU, LEAKY, TANH, SIGMOID = range(5)  # enum rg_act
ACTS = [lambda x: x, F.relu, lambda x: F.leaky_relu(x, 0.1), torch.tanh, torch.sigmoid]
HERE = os.path.dirname(os.path.abspath(__file__))


def normal(*shape, mean=0.0, std=1.0):
    """A leaf with values that float32 holds."""
    value = torch.randn(*shape) * std + mean
    return value.float().double().requires_grad_()


def nhwc(x):
    x = x.detach()
    if x.dim() == 4:
        return x.permute(0, 2, 3, 1).numpy()
    return x.reshape(x.shape[0], 1, 1, -1).numpy()


class Reference:
    """Collects cases; counts them by op."""

    def __init__(self):
        self.tensors, self.count = {}, {}

    def begin(self, op):
        index = self.count.get(op, 0)
        self.count[op] = index + 1
        return "%s.%d." % (op, index)

    def case(self, op, y, inputs, params=None, **numbers):
        """Differentiates y (a tensor: against a random dy; a scalar: as a loss) and stores everything."""
        name, params = self.begin(op), params or {}
        loss = y.dim() == 0
        dy = torch.ones_like(y) if loss else normal(*y.shape).detach()
        y.backward(dy)
        put = lambda role, value: self.tensors.__setitem__(name + role, value)
        for role, x in inputs.items():
            put(role, nhwc(x))
            if x.grad is not None:
                put("d" + role, nhwc(x.grad))
        for role, p in params.items():
            put(role, p.detach().numpy())
            put("d" + role, p.grad.numpy())
        for role, value in numbers.items():
            put(role, np.array([value]))
        put("y", y.detach().numpy().reshape(1) if loss else nhwc(y))
        if not loss:
            put("dy", nhwc(dy))


def conv(ref):
    #    n  h  w   c  o  k stride pad reflect up act bias
    for n, h, w, c, o, k, stride, pad, reflect, up, act, biased in [
        (1, 5, 7, 1, 1, 3, 1, 1, 0, 0, NONE, 1),
        (2, 6, 6, 3, 8, 7, 1, 3, 1, 0, RELU, 1),
        (3, 8, 6, 8, 16, 4, 2, 1, 1, 0, RELU, 1),
        (2, 8, 8, 3, 8, 4, 2, 1, 1, 0, LEAKY, 1),
        (1, 9, 7, 17, 5, 3, 1, 1, 1, 0, NONE, 1),
        (2, 6, 5, 16, 17, 3, 1, 1, 0, 0, RELU, 1),
        (2, 8, 8, 16, 16, 3, 1, 1, 0, 0, NONE, 1),
        (1, 7, 9, 8, 4, 5, 1, 2, 0, 0, NONE, 1),
        (2, 8, 8, 8, 3, 7, 1, 3, 0, 0, NONE, 1),
        (3, 4, 3, 17, 1, 1, 1, 0, 0, 0, NONE, 1),
        (3, 4, 4, 8, 5, 4, 1, 0, 0, 0, NONE, 0),
        (1, 3, 3, 8, 5, 3, 1, 0, 0, 0, LEAKY, 1),
        (2, 7, 5, 3, 6, 4, 2, 1, 0, 0, RELU, 1),
        (1, 9, 9, 4, 3, 3, 2, 1, 0, 0, NONE, 1),
        (2, 4, 4, 16, 8, 1, 1, 0, 0, 0, RELU, 0),
        (2, 3, 4, 4, 6, 5, 1, 2, 0, 1, NONE, 1),
        (2, 5, 4, 3, 8, 3, 1, 1, 0, 1, RELU, 1),
        # large enough for Winograd's tiles: the three geometries
        (2, 14, 16, 16, 16, 3, 1, 1, 1, 0, RELU, 1),
        (4, 24, 24, 16, 16, 4, 2, 1, 1, 0, LEAKY, 1),
        (8, 7, 8, 16, 16, 5, 1, 2, 0, 1, NONE, 1),
    ]:
        x = normal(n, c, h, w)
        weight = normal(o, c, k, k, std=1 / math.sqrt(c * k * k))
        params = {"weight": weight}
        if biased:
            params["bias"] = normal(o)
        large = F.interpolate(x, scale_factor=2, mode="nearest") if up else x
        padded = F.pad(large, (pad,) * 4, mode="reflect") if reflect and pad else large
        y = F.conv2d(padded, weight, params.get("bias"), stride, 0 if reflect else pad)
        numbers = {"stride": stride, "pad": pad, "reflect": reflect, "up": up, "act": act}
        ref.case("conv", ACTS[act](y), {"x": x}, params, **numbers)


def linear(ref):
    for n, i, o, act in [(1, 1, 1, NONE), (3, 40, 17, RELU), (2, 17, 32, NONE), (5, 8, 3, TANH), (2, 3, 9, LEAKY)]:
        x, weight, bias = normal(n, i), normal(o, i, std=1 / math.sqrt(i)), normal(o)
        ref.case("linear", ACTS[act](F.linear(x, weight, bias)), {"x": x}, {"weight": weight, "bias": bias}, act=act)


def instance(x):
    mean = x.mean((2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean((2, 3), keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5)


def instance_norm(ref):
    #    n  c  h  w  act residual mean std
    for n, c, h, w, act, residual, mean, std in [
        (1, 1, 5, 7, NONE, 0, 0, 1),
        (2, 8, 6, 5, RELU, 0, 0, 1),
        (3, 17, 4, 4, LEAKY, 0, 0, 1),
        (2, 16, 3, 5, NONE, 1, 0, 1),
        (1, 3, 2, 3, NONE, 1, 0, 1),
        (2, 5, 8, 8, RELU, 0, 10, 1),
        (1, 4, 5, 5, NONE, 0, 0, 0.01),
    ]:
        x = normal(n, c, h, w, mean=mean, std=std)
        inputs = {"x": x}
        y = ACTS[act](instance(x))
        if residual:
            inputs["residual"] = normal(n, c, h, w)
            y = y + inputs["residual"]
        ref.case("instance_norm", y, inputs, act=act)


def adain(ref):
    #    n  c  h  w  row offset act residual
    for n, c, h, w, row, offset, act, residual in [
        (1, 1, 4, 3, 2, 0, NONE, 0),
        (2, 8, 5, 6, 16, 0, RELU, 0),
        (3, 5, 4, 4, 29, 7, NONE, 1),
        (2, 17, 3, 4, 40, 6, LEAKY, 0),
        (2, 16, 4, 4, 64, 32, NONE, 1),
    ]:
        x, style = normal(n, c, h, w), normal(n, row)
        inputs = {"x": x, "style": style}
        shift = style[:, offset : offset + c].reshape(n, c, 1, 1)
        scale = style[:, offset + c : offset + 2 * c].reshape(n, c, 1, 1)
        y = ACTS[act](scale * instance(x) + shift)
        if residual:
            inputs["residual"] = normal(n, c, h, w)
            y = y + inputs["residual"]
        ref.case("adain", y, inputs, offset=offset, act=act)


def layer_norm(ref):
    for n, c, h, w, act, mean in [
        (1, 1, 3, 4, NONE, 0),
        (2, 8, 5, 6, RELU, 0),
        (3, 17, 4, 4, NONE, 5),
        (2, 3, 7, 5, LEAKY, 0),
    ]:
        x, gain, bias = normal(n, c, h, w, mean=mean), normal(c, mean=1), normal(c)
        flat = x.reshape(n, -1)
        centred = flat - flat.mean(1, keepdim=True)
        std = torch.sqrt((centred**2).sum(1, keepdim=True) / (flat.shape[1] - 1))
        y = (centred / (std + 1e-5)).reshape(x.shape) * gain.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)
        ref.case("layer_norm", ACTS[act](y), {"x": x}, {"gain": gain, "bias": bias}, act=act)


def shapes(ref):
    for n, c, h, w in [(1, 1, 1, 1), (2, 3, 4, 5), (3, 17, 3, 2), (2, 8, 7, 7)]:
        x = normal(n, c, h, w)
        x = normal(n, c, h, w)
        ref.case("pool3", F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), {"x": x})
        x = normal(n, c, h, w)
        ref.case("global_mean", x.mean((2, 3)), {"x": x})
        x = normal(n, c, h, w)
        ref.case("flatten", x.flatten(1), {"x": x})
    for n, h, w, widths in [(2, 3, 4, (3, 8)), (1, 5, 2, (1, 17, 3)), (3, 1, 1, (32, 40)), (2, 2, 2, (5,))]:
        parts = [normal(n, c, h, w) for c in widths]
        ref.case("concat", torch.cat(parts, 1), {"x%d" % i: x for i, x in enumerate(parts)}, count=len(widths))
    for a, b, c, h, w in [(1, 2, 3, 4, 5), (3, 3, 8, 2, 2)]:
        x0, x1 = normal(a, c, h, w), normal(b, c, h, w)
        ref.case("stack", torch.cat([x0, x1]), {"a": x0, "b": x1})
    for n, first, count in [(3, 1, 2), (4, 0, 1), (2, 0, 2), (5, 4, 1)]:
        x = normal(n, 3, 2, 5)
        ref.case("rows", x[first : first + count], {"x": x}, first=first, count=count)


def pointwise(ref):
    for n, c, h, w in [(2, 3, 4, 5), (3, 40, 1, 1)]:
        a, b, mask = normal(n, c, h, w), normal(n, c, h, w), (torch.rand(n, c, h, w) < 0.5).double()
        ref.case("select", torch.where(mask > 0, a, b), {"a": a, "b": b, "mask": mask})
        x, keep = normal(n, c, h, w), (torch.rand(n, c, h, w) < 0.9).double() * np.float32(1 / 0.9).astype(float)
        ref.case("dropout", x * keep, {"x": x, "keep": keep})
        for act in (NONE, RELU, LEAKY, TANH):
            x = normal(n, c, h, w)
            ref.case("act", ACTS[act](x), {"x": x}, act=act)


def units(ref):
    for n, c in [(1, 2), (2, 3), (3, 100)]:
        x = normal(n, c)
        ref.case("unit", F.normalize(x, dim=1), {"x": x})


def losses(ref):
    for n, c, h, w, weight in [(1, 1, 1, 1, 1.0), (2, 3, 4, 5, 10.0), (3, 17, 2, 2, 0.5)]:
        a, b = normal(n, c, h, w), normal(n, c, h, w)
        ref.case("l1", weight * (a - b).abs().mean(), {"a": a, "b": b}, weight=weight)
        for target in (0.0, 1.0):
            a = normal(n, c, h, w)
            ref.case("square", weight * ((a - target) ** 2).mean(), {"a": a}, weight=weight, target=target)
        a, labels = normal(n, c, h, w, std=8), (torch.rand(n, c, h, w) < 0.5).double()
        loss = weight * F.binary_cross_entropy_with_logits(a, labels)
        ref.case("bce", loss, {"a": a, "labels": labels}, weight=weight)


def masks(ref):
    for n, c, h, w in [(1, 1, 1, 1), (2, 3, 4, 5), (3, 17, 2, 2)]:
        x = normal(n, c, h, w)
        ref.case("act", torch.sigmoid(x), {"x": x}, act=SIGMOID)


def perceptual(ref):
    for n, c, h, w in [(1, 1, 2, 2), (2, 3, 4, 6), (3, 17, 5, 7)]:
        x = normal(n, c, h, w)
        ref.case("max_pool2", F.max_pool2d(x, 2), {"x": x})
        equal = F.relu(normal(n, c, h, w)).detach().requires_grad_()  # zeros beside zeros: the first counts
        ref.case("max_pool2", F.max_pool2d(equal, 2), {"x": equal})
        a, b = normal(n, c, h, w), normal(n, c, h, w)
        ref.case("l2", 10 * F.mse_loss(a, b), {"a": a, "b": b}, weight=10.0)


MAX, MEAN, MEAN_PADDED = range(3)  # enum rg_pooling


def span(k, stride=1, dilation=1, before=0, after=0):
    return dict(k=k, stride=stride, dilation=dilation, before=before, after=after)


def window_numbers(h, w):
    return dict([("h." + key, value) for key, value in h.items()] + [("w." + key, value) for key, value in w.items()])


def padded(x, h, w, value=0.0):
    return F.pad(x, (w["before"], w["after"], h["before"], h["after"]), value=value)


def window_conv(ref):
    for n, height, width, c, o, groups, h, w, act in [
        (2, 9, 8, 3, 5, 1, span(3, 2, 1, 0, 1), span(5, 1, 1, 2, 2), RELU),
        (1, 7, 10, 6, 4, 2, span(3, 1, 2, 2, 2), span(3, 2, 1, 1, 0), NONE),
        (2, 6, 6, 8, 8, 8, span(3, 1, 1, 1, 1), span(3, 1, 1, 1, 1), RELU),
        (1, 8, 8, 16, 16, 1, span(1), span(7, 1, 1, 3, 3), NONE),
        (1, 8, 9, 16, 32, 1, span(7, 1, 1, 3, 3), span(1), LEAKY),
        (2, 5, 5, 16, 32, 4, span(2, 2), span(3, 3, 1, 1, 2), NONE),
    ]:
        x, bias = normal(n, c, height, width), normal(o)
        weight = normal(o, c // groups, h["k"], w["k"], std=1 / math.sqrt(c // groups * h["k"] * w["k"]))
        steps, dilations = (h["stride"], w["stride"]), (h["dilation"], w["dilation"])
        y = F.conv2d(padded(x, h, w), weight, bias, steps, 0, dilations, groups)
        numbers = dict(window_numbers(h, w), groups=groups, act=act)
        ref.case("window_conv", ACTS[act](y), {"x": x}, {"weight": weight, "bias": bias}, **numbers)


def pool(ref):
    for n, c, height, width, h, w, partial, kind in [
        (2, 3, 7, 9, span(3, 2), span(3, 2), 0, MAX),
        (1, 17, 8, 6, span(3, 2), span(3, 2), 1, MAX),
        (2, 5, 6, 7, span(3, 1, 1, 1, 1), span(2, 2, 1, 1, 1), 0, MAX),
        (1, 4, 9, 9, span(3, 2, 2, 1, 1), span(3, 1, 2, 1, 1), 1, MAX),
        (2, 20, 6, 6, span(3, 1, 1, 1, 1), span(3, 1, 1, 1, 1), 0, MEAN),
        (2, 20, 6, 6, span(3, 1, 1, 1, 1), span(3, 1, 1, 1, 1), 0, MEAN_PADDED),
        (1, 3, 8, 7, span(3, 2, 1, 1, 1), span(5, 3, 1, 2, 2), 1, MEAN),
        (1, 3, 8, 7, span(3, 2, 1, 1, 1), span(5, 3, 1, 2, 2), 1, MEAN_PADDED),
        (1, 2, 5, 4, span(5), span(4), 0, MEAN),
    ]:
        x = normal(n, c, height, width)
        sides = lambda role: (h[role], w[role])
        if kind == MAX:
            y = F.max_pool2d(x, sides("k"), sides("stride"), sides("before"), sides("dilation"), bool(partial))
        else:
            y = F.avg_pool2d(x, sides("k"), sides("stride"), sides("before"), bool(partial), kind == MEAN_PADDED)
        ref.case("pool", y, {"x": x}, partial=partial, kind=kind, **window_numbers(h, w))


def values(ref):
    for n, c, h, w in [(2, 3, 4, 5), (3, 40, 1, 1), (1, 17, 3, 2)]:
        a, b = normal(n, c, h, w), normal(n, c, h, w)
        ref.case("add", a + b, {"a": a, "b": b})
        a, b = normal(n, c, h, w), normal(n, c, h, w)
        ref.case("subtract", a - b, {"a": a, "b": b})
        a, b = normal(n, c, h, w), normal(n, c, h, w)
        ref.case("multiply", a * b, {"a": a, "b": b})
        a, b = normal(n, c, h, w), normal(n, c, 1, 1)
        ref.case("multiply", a * b, {"a": a, "b": b})
        for act in (NONE, RELU):
            x, weight, bias = normal(n, c, h, w), normal(c), normal(c)
            y = x * weight.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)
            ref.case("scale", ACTS[act](y), {"x": x}, {"weight": weight, "bias": bias}, act=act)
        x = normal(n, c, h, w)
        ref.case("clip", x.clamp(-0.5, 1.25), {"x": x}, low=-0.5, high=1.25, leak=0.0)
        x = normal(n, c, h, w)
        ref.case("clip", F.leaky_relu(x, 0.25), {"x": x}, low=0.0, high=math.inf, leak=0.25)
        x = normal(n, c, h, w, std=4)
        ref.case("softmax", F.softmax(x, 1), {"x": x})
    for n, c, h, w, first, count in [(2, 3, 4, 5, 1, 1), (1, 17, 3, 2, 4, 9)]:
        x = normal(n, c, h, w)
        ref.case("channels", x[:, first : first + count], {"x": x}, first=first, count=count)


SGD, ADAM, ADAMW = range(3)  # enum rg_optimizer
CONSTANT, LINEAR, COSINE, STEP = range(4)  # enum rg_schedule


def schedule(kind, lr, warmup, iterations, i):
    if i < warmup:
        return lr * (i + 1) / warmup
    done = max(0.0, i / iterations - 0.5) / 0.5  # of the second half
    return lr * {CONSTANT: 1.0, LINEAR: 1 - done, COSINE: 0.5 * (1 + math.cos(math.pi * done))}[kind]


STEP_EVERY, STEP_FACTOR = 3, 0.5


def steps(warmup, iterations):
    """Rates of torch's StepLR, after a warm-up that does not delay the steps."""
    optimiser = torch.optim.SGD([torch.zeros(1)], 0.01)
    plan = torch.optim.lr_scheduler.StepLR(optimiser, STEP_EVERY, STEP_FACTOR)
    rates = []
    for i in range(iterations):
        rates.append(0.01 * (i + 1) / warmup if i < warmup else plan.get_last_lr()[0])
        optimiser.step()
        plan.step()
    return rates


def optimisers(tensors):
    """STEPS updates of two parameter sets: weights, gradients in, and after each step weights, average and norm."""
    STEPS, lr, ema = 5, 0.01, 0.2  # reached by the warm-up after two steps
    settings = [
        # kind, decay, schedule, warmup, clip
        (SGD, 1e-2, CONSTANT, 0, 0.0),
        (SGD, 1e-2, LINEAR, 2, 2.0),
        (ADAM, 0.0, LINEAR, 2, 2.0),
        (ADAM, 1e-2, COSINE, 0, 0.0),
        (ADAMW, 1e-1, COSINE, 3, 2.0),
    ]
    for index, (kind, decay, plan, warmup, clip) in enumerate(settings):
        name = "optim.%d." % index
        put = lambda role, value: tensors.__setitem__(name + role, np.asarray(value))
        params = [normal(3, 5), normal(7), normal(2, 3, 3, 3)]
        if kind == SGD:
            optimiser = torch.optim.SGD(params, lr, momentum=0.9, weight_decay=decay)
        else:
            family = torch.optim.Adam if kind == ADAM else torch.optim.AdamW
            optimiser = family(params, lr, betas=(0.5, 0.999), eps=1e-8, weight_decay=decay)
        average = [p.detach().clone() for p in params]
        numbers = dict(kind=kind, decay=decay, schedule=plan, warmup=warmup, clip=clip, lr=lr, ema=ema)
        for role, value in dict(numbers, iterations=STEPS + 1, steps=STEPS).items():
            put(role, [value])
        for i, p in enumerate(params):
            put("w%d" % i, p.detach().numpy().copy())
        for step in range(STEPS):
            for i, p in enumerate(params):
                p.grad = normal(*p.shape, std=0.1 if step == 3 else 1.0).detach()  # step 3 is below the clip
                put("step%d.g%d" % (step, i), p.grad.numpy().copy())
            norm = math.sqrt(sum(float((p.grad**2).sum()) for p in params))
            if clip:
                torch.nn.utils.clip_grad_norm_(params, clip)
            optimiser.param_groups[0]["lr"] = schedule(plan, lr, warmup, STEPS + 1, step)
            optimiser.step()
            put("step%d.norm" % step, [norm])
            for i, p in enumerate(params):
                beta = min(ema, (1 + step) / (10 + step))  # warm-up
                average[i] = beta * average[i] + (1 - beta) * p.detach()
                put("step%d.w%d" % (step, i), p.detach().numpy().copy())
                put("step%d.e%d" % (step, i), average[i].numpy().copy())
    plans = [(CONSTANT, 0, 4), (LINEAR, 3, 10), (COSINE, 5, 11), (CONSTANT, 2, 5), (LINEAR, 0, 1)]
    rates = [[schedule(kind, 0.01, warmup, iterations, i) for i in range(iterations)] for kind, warmup, iterations in plans]
    plans, rates = plans + [(STEP, 0, 10), (STEP, 5, 11)], rates + [steps(0, 10), steps(5, 11)]
    for index, (kind, warmup, _) in enumerate(plans):
        for role, value in dict(schedule=[kind], warmup=[warmup], rates=rates[index]).items():
            tensors["lr.%d.%s" % (index, role)] = np.array(value)
    tensors.update({"lr.step_every": np.array([STEP_EVERY]), "lr.step_factor": np.array([STEP_FACTOR])})


def main():
    torch.manual_seed(20)
    torch.set_num_threads(1)
    ref = Reference()
    for family in (conv, linear, instance_norm, adain, layer_norm, shapes, pointwise, losses, masks, perceptual):
        family(ref)
    tensors = {}
    optimisers(tensors)
    for family in (window_conv, pool, values, units):
        family(ref)
    tensorfile.save(os.path.join(HERE, "fixtures", "ops.bin"), ref.tensors)
    tensorfile.save(os.path.join(HERE, "fixtures", "optim.bin"), tensors)
    print(", ".join("%s %d" % item for item in ref.count.items()))


if __name__ == "__main__":
    main()
