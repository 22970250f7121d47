"""Experiments on networks that are trained on digits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
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
    spread,
)

# relu against tanh -----------------------------------------------------------------------------------


def _epochs_to(net: fa.Network, rate: float, rng: np.random.Generator, most: int) -> tuple[float, float]:
    """Epochs to a training error of 1 %, or infinity; and the least seconds of one, on its one thread."""
    velocity, seconds = np.zeros_like(net.parameters), []
    for epoch in range(1, most + 1):
        start = time.thread_time()
        train_epoch(net, rate, rng, velocity)
        seconds.append(time.thread_time() - start)
        if error(net, test=False) <= 0.01:
            return epoch, min(seconds)
    return float("inf"), min(seconds)


def _epochs(found: float) -> str:
    return f"{found:g}" if np.isfinite(found) else f"more than {_MOST}"


_MOST = 25


def _fastest(make: Callable[[np.random.Generator], fa.Network], rates: Sequence[float], seeds: int) -> Any:
    """The best of the rates, the epochs to 1 % by seed, their median, and the least seconds of an epoch."""
    found = {}
    for rate in rates:
        generators = [np.random.default_rng(seed) for seed in range(seeds)]
        found[rate] = [_epochs_to(make(rng), rate, rng, _MOST) for rng in generators]
    least = min(seconds for each in found.values() for _, seconds in each)
    rate = min(rates, key=lambda r: float(np.median([epochs for epochs, _ in found[r]])))
    epochs = [epochs for epochs, _ in found[rate]]
    return rate, epochs, float(np.median(epochs)), least


def _speed(quick: bool) -> Result:
    rates = (0.3,) if quick else (0.03, 0.1, 0.3, 1.0, 3.0)
    rows, best, seconds = [], {}, {}
    for name in ("relu", "tanh") if quick else ("relu", "leaky_relu", "gelu", "elu", "tanh", "sigmoid"):
        rate, epochs, best[name], seconds[name] = _fastest(
            partial(network, (64, 128, 128, 128, 10), name), rates, 1 if quick else 3
        )
        by_seed = ", ".join(map(_epochs, epochs))
        rows.append([name, rate, _epochs(best[name]), by_seed, 1e3 * seconds[name]])
    factor, slower = best["tanh"] / best["relu"], seconds["tanh"] / seconds["relu"]
    return Result(
        ["activation", "best rate", "epochs, median", "epochs by seed", "milliseconds per epoch"],
        rows,
        REFUTED if factor < 3 else CONFIRMED,
        f"With weights that fit the activation, tanh takes {factor:.2g} times the epochs of relu, each of "
        f"which takes {slower:.2g} times as long.",
        {"factor": factor, "time_factor": slower},
    )


# Batch norm before or after the non-linearity ---------------------------------------------------------


def _normed(name: str, place: str, rng: np.random.Generator) -> fa.Network:
    norm = None if place == "none" else "batch"
    return network((64, *(128,) * 6, 10), name, rng, norm=norm, norm_after=place == "after")


def _batch_norm(quick: bool) -> Result:
    rates = (0.1,) if quick else (0.1, 0.3, 1.0)
    seeds, rows, errors = 1 if quick else 3, [], {}
    for name in ("relu",) if quick else ("relu", "sigmoid", "tanh"):
        for place in ("none", "before", "after"):
            make = partial(_normed, name, place)
            rate, epochs, _, _ = _fastest(make, rates, seeds)
            found = []
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                net = make(rng)
                train(net, rate, 4 if quick else 10, rng)
                found.append(error(net, test=True))
            errors[name, place] = float(np.mean(found))
            rows.append([name, place, rate, ", ".join(map(_epochs, epochs)), spread(found)])
    worse = errors["relu", "after"] - errors["relu", "before"]
    return Result(
        ["activation", "batch norm", "best rate", "epochs by seed", "test error"],
        rows,
        CONFIRMED if worse > 0.01 else REFUTED if worse < -0.01 else DEPENDS,
        f"With relu, the test error is {errors['relu', 'before']:.1%} with batch norm before it, "
        f"{errors['relu', 'after']:.1%} with batch norm after it and {errors['relu', 'none']:.1%} without "
        "one; one test image is 0.28 %.",
        {place: errors["relu", place] for place in ("none", "before", "after")},
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
        rows.append([name, spread(found)])
    right, wrong = errors["1 - y^2"], errors["1 - x^2"]
    return Result(
        ["slope", "test error"],
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
            rows.append([rate, width, spread(dead), spread(in_batch)])
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


_PLANTED = 62  # of the 64 units of layer 1


def _undying(quick: bool) -> Result:
    kinds: dict[str, Any] = {
        "relu": fa.relu,
        "leaky_relu(0.1)": fa.leaky_relu.bind(negative_slope=0.1),
        "relu, leaky_relu backward": fa.surrogate("relu", "leaky_relu").bind(backward_negative_slope=0.1),
    }
    rows, healthy, sick = [], {}, {}
    for name, activation in kinds.items():
        seeds = range(2 if quick else 5)
        plain = [_trained(activation, seed, 0.0)[0] for seed in seeds]
        errors, *inactive = zip(*(_trained(activation, seed, -8.0) for seed in seeds), strict=True)
        healthy[name], sick[name] = float(np.mean(plain)), float(np.mean(errors))
        rows.append([name, spread(plain), spread(errors), *map(spread, inactive)])
    apart = max(healthy.values()) - min(healthy.values())
    relu, leaky, undying = sick.values()
    return Result(
        ["activation", "test error", "test error, planted", "inactive before", "inactive after"],
        rows,
        DEPENDS if undying < relu - 0.02 else REFUTED,
        f"Healthy networks differ by {apart:.1%} of the test images. Where units are planted dead, the error "
        f"is {relu:.1%} with relu, {undying:.1%} with its leaky gradient and {leaky:.1%} with leaky_relu.",
        {"relu": relu, "undying": undying, "leaky": leaky, "spread": apart},
    )


def _trained(activation: Any, seed: int, bias: float) -> tuple[float, float, float]:
    """The test error, and the share of planted units above 0 for no image before and after training."""
    rng, x = np.random.default_rng(seed), digits().x
    net = network((64, 64, 64, 10), activation, rng, gain=float(fa.init.gain("relu")))
    w, b, _ = net.layers[0]
    b[:_PLANTED] = bias

    def inactive() -> float:
        return float((fa.dense(x, w, b)[:, :_PLANTED] <= 0).all(0).mean())

    before = inactive()
    train(net, 0.05, 8, rng, momentum=0.9)
    return error(net, test=True), before, inactive()


EXPERIMENTS = (
    Experiment(
        "speed",
        "relu learns six times as fast as tanh.",
        "'several times faster', a factor of six in figure 1 (Krizhevsky, Sutskever and Hinton, 2012); "
        "Mishkin's caffenet-benchmark has top-1 .471 for relu and .401 for tanh.",
        "Digits, 64-128-128-128-10, plain gradient descent in batches of 64, fitting weights: epochs to a "
        "training error of 1 % at the best learning rate, and the time of an epoch.",
        _speed,
    ),
    Experiment(
        "batch-norm",
        "Batch norm belongs before the non-linearity.",
        "Ioffe and Szegedy (2015) put it there. Mishkin's caffenet-benchmark has top-1 .478 before and .499 "
        "after relu for CaffeNet, .607 before and .596 after for GoogLeNet.",
        "Digits, 64-128-128-128-128-128-128-10, plain gradient descent in batches of 64: epochs to a "
        "training error of 1 % at the best learning rate, and the test error after 10 epochs.",
        _batch_norm,
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
        "Digits, 64-64-64-10, momentum 0.9, rate 0.05, 8 epochs, with and without biases of -8 for 62 of 64 "
        "units of layer 1: test errors, and the share of these units that are above 0 for no image.",
        _undying,
    ),
)
