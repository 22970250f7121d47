"""Experiments on networks as they are initialised."""

from __future__ import annotations

import numpy as np

import fastact as fa
from fastact.evaluation.experiments.digits import digits
from fastact.evaluation.experiments.experiment import (
    CONFIRMED,
    DEPENDS,
    REFUTED,
    Experiment,
    Result,
    hidden,
    network,
    spread,
)


def _zeros(quick: bool) -> Result:
    x, shares = digits().x, []
    for seed in range(2 if quick else 10):
        net = network((64, 256, 256, 256, 256, 10), "relu", np.random.default_rng(seed))
        shares.append([float((h == 0).mean()) for h in hidden(net, x)])
    table = np.array(shares)
    rows = [[i + 1, m, s] for i, (m, s) in enumerate(zip(table.mean(0), table.std(0), strict=True))]
    near = bool((abs(table.mean(0) - 0.5) < 0.05).all())
    return Result(
        ["layer", "share of zeros", "standard deviation over seeds"],
        rows,
        CONFIRMED if near else REFUTED,
        f"On average {table.mean():.1%} of the outputs are exactly 0.",
        {"zeros": float(table.mean())},
    )


def dying_bounds(n: int, depth: int) -> tuple[float, float]:
    """Lower and upper bound of the probability that a network of width n is born dead (Lu et al.)."""
    half = 2.0**-n
    a1, a2 = 1 - half, 1 - 2 * half - (n - 1) * 4.0**-n
    factor = (1 - 2 * half) * (1 - half) / (1 + (n - 1) * half)
    lower = 1 - a1 ** (depth - 2) + factor * (a2 ** (depth - 2) - a1 ** (depth - 2))
    return lower, 1 - a1 ** (depth - 1)


def born_dead(n: int, depth: int, draws: int, rng: np.random.Generator) -> float:
    """The share of networks without biases, with one input and depth - 1 hidden layers, that are constant."""
    h = np.stack(
        [np.ones((draws, 1)), -np.ones((draws, 1))], 1
    )  # positive and negative inputs, up to a factor
    for _ in range(depth - 1):
        w = rng.normal(size=(draws, h.shape[2], n)) * np.sqrt(2 / h.shape[2])
        h = fa.relu(h @ w)
    return float((h == 0).all((1, 2)).mean())


def _dying(quick: bool) -> Result:
    rng, draws, rows, inside = np.random.default_rng(0), 2000 if quick else 10000, [], True
    measured: dict[tuple[int, int], float] = {}
    for n in (2, 4, 8):
        for depth in (3, 5, 10, 20):
            share, (lower, upper) = born_dead(n, depth, draws, rng), dying_bounds(n, depth)
            slack = 4 * np.sqrt(upper / draws)
            inside &= lower - slack <= share <= upper + slack
            measured[n, depth] = share
            rows.append([n, depth, lower, share, upper])
    return Result(
        ["width", "layers", "lower bound", "share born dead", "upper bound"],
        rows,
        CONFIRMED if inside else REFUTED,
        "All shares lie between the bounds: width protects, depth kills."
        if inside
        else "A share lies outside its bounds.",
        {"n2_depth20": measured[2, 20], "n8_depth20": measured[8, 20]},
    )


_DEPTHS = (5, 10, 30)


def _ratio(name: str, depth: int, gain: float | None, seed: int) -> float:
    """The norm of the first layer's gradient over that of the last one's."""
    rng = np.random.default_rng((seed, depth))
    net = network((64,) * (depth + 2), name, rng, gain=gain, output="identity")
    y, saved = net.forward(rng.normal(size=(200, 64)).astype(np.float32))
    dw = net.backward(rng.normal(size=y.shape), saved, need_dx=False)[1]
    norms = [np.linalg.norm(d.astype(np.float64)) for d in dw]
    return float(norms[0] / norms[-1]) if norms[-1] else 0.0


def _vanishing(quick: bool) -> Result:
    rows, ratios = [], {}
    seeds = range(1 if quick else 3)
    for name in ("sigmoid", "tanh", "relu", "gelu", "selu", "elu"):
        for depth in _DEPTHS[-1:] if quick else _DEPTHS:
            found = {gain: [_ratio(name, depth, gain, seed) for seed in seeds] for gain in (1.0, None)}
            rows.append([name, depth, *(spread(each) for each in found.values())])
        ratios.update({(name, gain): float(np.median(each)) for gain, each in found.items()})
    vanishes = ratios["sigmoid", 1.0] < 1e-6
    fitting = min(ratios["relu", None], ratios["tanh", None], ratios["selu", None])
    return Result(
        ["activation", "hidden layers", "ratio, gain 1", "ratio, fitting gain"],
        rows,
        DEPENDS if vanishes and fitting > 1e-2 else CONFIRMED if vanishes else REFUTED,
        f"With {_DEPTHS[-1]} layers and gain 1 the ratio is {ratios['sigmoid', 1.0]:.0e} for sigmoid; with "
        f"the gain that fits, it is at least {fitting:.2g} for relu, tanh and selu.",
        {"sigmoid": ratios["sigmoid", 1.0], "relu_fitting": ratios["relu", None]},
    )


def descent(mean: float, rng: np.random.Generator) -> tuple[float, int]:
    """Linear least squares with two inputs of this mean and variance 1: the condition number, and the steps
    of gradient descent, as long as is safe, from (1, -1) until both weights are within 0.001 of the answer,
    0."""
    x = rng.normal(mean, 1.0, (1000, 2))
    hessian = x.T @ x / len(x)
    values = np.linalg.eigvalsh(hessian)
    w, steps = np.array([1.0, -1.0]), 0
    while abs(w).max() > 1e-3:
        w, steps = w - hessian @ w / values[-1], steps + 1
    return float(values[-1] / values[0]), steps


def _centred(quick: bool) -> Result:
    rows, steps = [], {}
    for mean in (0.0, 1.0, 3.0):
        found = [descent(mean, np.random.default_rng(seed)) for seed in range(2 if quick else 10)]
        condition, counts = zip(*found, strict=True)
        steps[mean] = float(np.mean(counts))
        rows.append([mean, spread(condition), spread(counts)])
    return Result(
        ["mean of the inputs", "condition number", "steps"],
        rows,
        CONFIRMED if steps[3.0] > 3 * steps[0.0] else REFUTED,
        f"{steps[0.0]:.0f} steps with mean 0, {steps[1.0]:.0f} with mean 1 and {steps[3.0]:.0f} with mean 3: "
        "the mean makes one direction steep, and the others slow.",
        {"mean_0": steps[0.0], "mean_3": steps[3.0]},
    )


def _one_sided(quick: bool) -> Result:
    x, rows, shares = digits().x, [], {}
    for name in ("sigmoid", "relu", "softplus", "abs", "leaky_relu", "tanh", "elu", "gelu"):
        health = fa.Health(network((64, 64, 64, 10), name, np.random.default_rng(0)), effective_rank=True)
        health.update(x[:400] if quick else x)
        layer = health.report().layers[0]
        mean, second = layer.stats.mean, layer.stats.second_moment
        h = hidden(health.network, x)[0]
        one_sign = float(((h >= 0).all(1) | (h <= 0).all(1)).mean())
        shares[name] = (one_sign, float(np.square(mean).sum() / second.sum()))
        rows.append([name, *shares[name], layer.effective_rank])
    alike = abs(shares["leaky_relu"][1] - shares["relu"][1])
    return Result(
        ["activation", "samples whose gradients share a sign", "mean share", "effective rank"],
        rows,
        DEPENDS,
        f"The sign is the wrong measure: leaky_relu has no such sample, but relu's mean share to "
        f"{alike:.2f}. The mean share is {shares['sigmoid'][1]:.2f} for sigmoid, {shares['tanh'][1]:.3f} for "
        "tanh.",
        {"sigmoid": shares["sigmoid"][1], "tanh": shares["tanh"][1], "leaky_against_relu": alike},
    )


EXPERIMENTS = (
    Experiment(
        "zeros",
        "A relu network has 50 % zeros at initialisation.",
        "'around 50 %' (Glorot, Bordes and Bengio, 2011).",
        "Digits, 64-256-256-256-256-10, normal weights with relu's gain, zero biases: share of exact zeros.",
        _zeros,
    ),
    Experiment(
        "dying",
        "Deep, narrow relu networks are born dead; width protects.",
        "Bounds on the probability (Lu, Shin, Su and Karniadakis, 2020, arXiv:1903.06733).",
        "Networks without biases, one input, weights of variance 2 / inputs: those whose output is constant.",
        _dying,
    ),
    Experiment(
        "vanishing",
        "Gradients vanish in deep sigmoid and tanh networks.",
        "Hochreiter (1991); Glorot and Bengio (2010).",
        "Hidden layers of 64 units, normal inputs, a normal gradient at the output: norm of the first "
        "layer's gradient over the last one's.",
        _vanishing,
    ),
    Experiment(
        "one-sided",
        "Activations that are not zero-centred make gradients share a sign, so that training zig-zags.",
        "cs231n, neural networks part 1.",
        "Digits, 64-64-64-10: samples whose gradients with respect to the weights of a unit in layer 2 "
        "share a sign; the share of the mean in the second moment of layer 1; its effective rank.",
        _one_sided,
    ),
    Experiment(
        "centred",
        "Inputs that are not zero-centred slow gradient descent.",
        "LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, section 4.3.",
        "Least squares with two weights, from (1, -1): steps of gradient descent, at the inverse of the "
        "greatest eigenvalue, until both weights are within 0.001 of the solution.",
        _centred,
    ),
)
