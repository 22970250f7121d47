"""Experiments on networks that are trained on digits."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastact as fa
from fastact.evaluation.experiments.digits import digits, error, train, train_epoch
from fastact.evaluation.experiments.experiment import (
    CONFIRMED,
    DEPENDS,
    REFUTED,
    Experiment,
    Result,
    network,
)

# relu against tanh -----------------------------------------------------------------------------------


def _epochs_to(name: str, rate: float, seed: int, most: int) -> float:
    """Epochs to a training error of 1 %, or infinity."""
    rng = np.random.default_rng(seed)
    net = network((64, 128, 128, 128, 10), name, rng)
    velocity = np.zeros_like(net.parameters)
    for epoch in range(1, most + 1):
        train_epoch(net, rate, rng, velocity)
        if error(net, test=False) <= 0.01:
            return epoch
    return float("inf")


def _speed(quick: bool) -> Result:
    rates = (0.3,) if quick else (0.03, 0.1, 0.3, 1.0, 3.0)
    seeds = range(1 if quick else 3)
    rows, best = [], {}
    for name in ("relu", "tanh") if quick else ("relu", "leaky_relu", "gelu", "elu", "tanh", "sigmoid"):
        found = {rate: [_epochs_to(name, rate, seed, 25) for seed in seeds] for rate in rates}
        rate = min(rates, key=lambda r: float(np.median(found[r])))
        best[name] = float(np.median(found[rate]))
        shown = [value if np.isfinite(value) else "more than 25" for value in found[rate]]
        median = best[name] if np.isfinite(best[name]) else "more than 25"
        rows.append([name, rate, median, ", ".join(map(str, shown))])
    factor = best["tanh"] / best["relu"]
    return Result(
        ["activation", "best rate", "epochs, median", "epochs by seed"],
        rows,
        REFUTED if factor < 3 else CONFIRMED,
        f"With weights that fit the activation, tanh takes {factor:.2g} times the epochs of relu.",
        {"factor": factor},
    )


# tanh with 1 - x^2 -----------------------------------------------------------------------------------


class WrongTanh:
    """tanh whose slope is taken to be 1 - x^2, with x the input instead of the output."""

    def __call__(self, x: Any) -> Any:
        """The value."""
        return fa.tanh(x)

    def derivative(self, x: Any) -> Any:
        """The slope, wrongly."""
        return 1 - np.square(x)


def _slope(quick: bool) -> Result:
    rows, errors = [], {}
    for name, activation in (("1 - y^2", fa.tanh), ("1 - x^2", WrongTanh())):
        found = []
        for seed in range(1 if quick else 5):
            rng = np.random.default_rng(seed)
            net = network((64, 64, 64, 10), activation, rng, gain=float(fa.init.gain("tanh")))
            train(net, 0.05, 8, rng, momentum=0.9)
            found.append(error(net, test=True))
        errors[name] = float(np.mean(found))
        rows.append([name, errors[name], min(found), max(found)])
    right, wrong = errors["1 - y^2"], errors["1 - x^2"]
    return Result(
        ["slope", "test error", "least", "most"],
        rows,
        DEPENDS,
        f"True of the output ({right:.1%} of test images are wrong), false of the input ({wrong:.1%}).",
        {"of_output": right, "of_input": wrong},
    )


# Dead units ------------------------------------------------------------------------------------------


def _batches(quick: bool) -> Result:
    rows, ratios, shares = [], [], {}
    for rate in (0.05, 0.3):
        for width in (16,) if quick else (16, 64, 256):
            dead, in_batch = [], []
            for seed in range(1 if quick else 3):
                rng = np.random.default_rng(seed)
                net = network((64, width, width, 10), "relu", rng)
                train(net, rate, 4 if quick else 8, rng, momentum=0.9)
                health, x = fa.Health(net), digits().x
                for start in range(0, len(x) - 31, 32):
                    health.update(x[start : start + 32])
                layer = health.report().layers[1]
                dead.append(layer.dead)
                in_batch.append(layer.dead_in_batch)
            shares[rate, width] = float(np.mean(dead))
            rows.append([rate, width, shares[rate, width], float(np.mean(in_batch))])
            if shares[rate, width]:
                ratios.append(float(np.mean(in_batch)) / shares[rate, width])
    low, high = (max(share for (rate, _), share in shares.items() if rate == r) for r in (0.05, 0.3))
    return Result(
        ["rate", "width", "dead on the data set", "inactive in a batch of 32"],
        rows,
        CONFIRMED if high > low else DEPENDS,
        f"At most {low:.1%} of the units die at a rate of 0.05, {high:.1%} at 0.3; a batch overstates by "
        f"up to {max(ratios, default=1.0):.2g} times.",
        {"low": low, "high": high, "overstated": max(ratios, default=1.0)},
    )


_PLANTED = 48  # of the 64 units of layer 1


def _undying(quick: bool) -> Result:
    kinds: dict[str, Any] = {
        "relu": fa.relu,
        "leaky_relu(0.1)": fa.leaky_relu.bind(negative_slope=0.1),
        "relu, leaky_relu backward": fa.surrogate("relu", "leaky_relu").bind(backward_negative_slope=0.1),
    }
    rows, after, healthy = [], {}, {}
    for name, activation in kinds.items():
        seeds = range(1 if quick else 5)
        plain = [_trained(activation, seed, 0.0)[0] for seed in seeds]
        sick = [_trained(activation, seed, -8.0) for seed in seeds]
        healthy[name] = float(np.mean(plain))
        after[name] = float(np.mean([share for _, _, share in sick]))
        rows.append([name, healthy[name], *(float(np.mean(column)) for column in zip(*sick, strict=True))])
    more = after["relu, leaky_relu backward"] / max(after["relu"], 1e-9)
    spread = max(healthy.values()) - min(healthy.values())
    return Result(
        ["activation", "test error", "test error, planted", "active before", "active after"],
        rows,
        DEPENDS if more > 3 else REFUTED,
        f"Healthy networks differ by {spread:.1%} of the test images. After training, planted units are "
        f"active in {after['relu, leaky_relu backward']:.2%} of the samples with the leaky gradient, in "
        f"{after['relu']:.2%} with relu's own.",
        {"relu": after["relu"], "undying": after["relu, leaky_relu backward"], "spread": spread},
    )


def _trained(activation: Any, seed: int, bias: float) -> tuple[float, float, float]:
    """The test error, and how often planted units are active before and after training."""
    rng, x = np.random.default_rng(seed), digits().x
    net = network((64, 64, 64, 10), activation, rng, gain=float(fa.init.gain("relu")))
    w, b, _ = net.layers[0]
    b[:_PLANTED] = bias
    before = float((fa.dense(x, w, b)[:, :_PLANTED] > 0).mean())
    train(net, 0.05, 8, rng, momentum=0.9)
    return error(net, test=True), before, float((fa.dense(x, w, b)[:, :_PLANTED] > 0).mean())


EXPERIMENTS = (
    Experiment(
        "speed",
        "relu learns six times as fast as tanh.",
        "'several times faster', a factor of six in figure 1 (Krizhevsky, Sutskever and Hinton, 2012); "
        "Mishkin's caffenet-benchmark has top-1 .471 for relu and .401 for tanh.",
        "Digits, 64-128-128-128-10, plain gradient descent in batches of 64, fitting weights: epochs to a "
        "training error of 1 % at the best learning rate, median over seeds.",
        _speed,
    ),
    Experiment(
        "tanh-slope",
        "The derivative of tanh is 1 - x^2.",
        "Found in many tutorials.",
        "Digits, 64-64-64-10, momentum 0.9, rate 0.05, 8 epochs: test error with 1 - y^2 and with 1 - x^2.",
        _slope,
    ),
    Experiment(
        "dead-units",
        "High learning rates kill relu units.",
        "'as much as 40 % of your network can be dead if the learning rate is set too high' (cs231n).",
        "Digits, 64-w-w-10, momentum 0.9, 8 epochs: units of layer 2 that are active for no training image, "
        "and the share of those inactive in a batch of 32.",
        _batches,
    ),
    Experiment(
        "undying",
        "A relu with a leaky gradient keeps units alive and learns better.",
        "SUGAR (2025), arXiv:2505.22074: VGG-16 on CIFAR-100 from 48.7 to 64.5 %.",
        "Digits, 64-64-64-10, momentum 0.9, rate 0.05, 8 epochs, with and without biases of -8 for 48 of 64 "
        "units of layer 1: test errors, and the share of samples in which these units are active.",
        _undying,
    ),
)
