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


_DEPTH = 30


def _vanishing(quick: bool) -> Result:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 64)).astype(np.float32)
    rows, ratios = [], {}
    for name in ("sigmoid", "tanh", "relu", "gelu", "selu", "elu"):
        row: list[object] = [name]
        for gain in (1.0, None):
            found = []
            for seed in range(1 if quick else 3):
                net = network((64,) * (_DEPTH + 2), name, np.random.default_rng(seed), gain=gain)
                y, saved = net.forward(x)
                dw = net.backward(rng.normal(size=y.shape), saved, need_dx=False)[1]
                norms = [np.linalg.norm(d.astype(np.float64)) for d in dw]
                found.append(float(norms[0] / norms[-1]) if norms[-1] else 0.0)
            ratio = float(np.median(found))
            ratios[name, gain] = ratio
            row.append(ratio)
        rows.append(row)
    vanishes = ratios["sigmoid", 1.0] < 1e-6
    fitting = min(ratios["relu", None], ratios["tanh", None], ratios["selu", None])
    return Result(
        ["activation", "ratio, gain 1", "ratio, fitting gain"],
        rows,
        DEPENDS if vanishes and fitting > 1e-2 else CONFIRMED if vanishes else REFUTED,
        f"With gain 1 the ratio is {ratios['sigmoid', 1.0]:.0e} for sigmoid; with the gain that fits, it is "
        f"at least {fitting:.2g} for relu, tanh and selu.",
        {"sigmoid": ratios["sigmoid", 1.0], "relu_fitting": ratios["relu", None]},
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
        f"{_DEPTH} hidden layers of 64 units, normal inputs, a normal gradient at the output: norm of the "
        "first layer's gradient over the last one's, median over seeds.",
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
)
