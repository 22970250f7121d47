"""Experiments on variants of relu, trained on digits: caps, leaks, powers, several in one layer."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastact as fa
from fastact.evaluation.experiments.digits import digits, error, train
from fastact.evaluation.experiments.experiment import (
    CONFIRMED,
    DEPENDS,
    REFUTED,
    Experiment,
    Result,
    network,
    spread,
)


def _trained(
    activation: Any, seed: int, *, gain: float, epochs: int = 8, rate: float = 0.05, width: int = 64
) -> fa.Network:
    """64-width-width-10, trained with momentum."""
    rng = np.random.default_rng(seed)
    net = network((64, width, width, 10), activation, rng, gain=gain)
    train(net, rate, epochs, rng, momentum=0.9)
    return net


# Why 6 ----------------------------------------------------------------------------------------------


def _error_with_bits(net: fa.Network, bits: int) -> float:
    """The test error with hidden outputs in unsigned fixed point, with integer bits for the largest one."""
    data = digits()
    seen, tested = data.x, data.test_x
    for w, b, activation in net.layers[:-1]:
        seen, tested = (fa.dense(h, w, b, activation=activation) for h in (seen, tested))
        whole = min(fa.fixed_point_bits(seen), bits)
        seen, tested = (fa.fixed_point(h, whole, bits - whole, signed=False) for h in (seen, tested))
    w, b, _ = net.layers[-1]
    return float((fa.dense(tested, w, b).argmax(1) != data.test_labels).mean())


def _six(quick: bool) -> Result:
    caps = (2.0, 6.0, None) if quick else (1.0, 2.0, 4.0, 6.0, 8.0, None)
    rows, errors = [], {}
    for cap in caps:
        activation = fa.relu if cap is None else fa.clipped_relu.bind(max_value=cap)
        nets = [_trained(activation, seed, gain=2**0.5) for seed in range(1 if quick else 3)]
        found = [[_error_with_bits(net, bits) for net in nets] for bits in (8, 6, 4, 3)]
        found.insert(0, [error(net, test=True) for net in nets])
        errors[cap] = [float(np.mean(each)) for each in found]
        rows.append(["none" if cap is None else cap, *map(spread, found)])
    at_eight = max(found[1] - found[0] for found in errors.values())
    without, six = errors[None], errors[6.0]
    return Result(
        ["cap", "test error", "8 bits", "6 bits", "4 bits", "3 bits"],
        rows,
        DEPENDS,
        f"With 8 bits the error grows by at most {at_eight:.1%}, with or without a cap. With 3 bits it is "
        f"{six[-1]:.1%} with a cap of 6 and {without[-1]:.1%} without one.",
        {"lost_at_8_bits": at_eight, "six_at_3_bits": six[-1], "none_at_3_bits": without[-1]},
    )


# Leaks and overfitting ------------------------------------------------------------------------------


def _overfitting(quick: bool) -> Result:
    rows, gaps = [], {}
    for name in ("relu", "leaky_relu"):
        gain = float(fa.init.gain(name))
        nets = [
            _trained(name, seed, gain=gain, epochs=10 if quick else 30, width=128)
            for seed in range(2 if quick else 5)
        ]
        training = [error(net, test=False) for net in nets]
        tested = [error(net, test=True) for net in nets]
        gaps[name] = float(np.mean(tested) - np.mean(training))
        rows.append([name, spread(training), spread(tested)])
    difference = gaps["leaky_relu"] - gaps["relu"]
    return Result(
        ["activation", "training error", "test error"],
        rows,
        CONFIRMED if difference > 0.01 else REFUTED,
        f"The gap between both errors is {gaps['relu']:.1%} with relu and {gaps['leaky_relu']:.1%} with "
        "leaky_relu; one test image is 0.28 %.",
        {"difference": difference},
    )


# Powers ---------------------------------------------------------------------------------------------


def _powers(quick: bool) -> Result:
    rates = (2e-4, 2e-2) if quick else (2e-5, 2e-4, 2e-3, 2e-2)
    rows, errors = [], {}
    for name in ("identity", "relu", "relu_squared"):
        gain = float(fa.init.gain(name))
        found = {
            rate: [_trained(name, seed, gain=gain, rate=rate) for seed in range(1 if quick else 5)]
            for rate in rates
        }
        rate = min(rates, key=lambda r: float(np.mean([error(net, test=False) for net in found[r]])))
        tested = [error(net, test=True) for net in found[rate]]
        errors[name] = float(np.mean(tested))
        rows.append([name, rate, spread(tested)])
    gained = errors["relu"] - errors["relu_squared"]
    return Result(
        ["activation", "best rate", "test error"],
        rows,
        CONFIRMED if gained > 0.005 else REFUTED if gained < -0.005 else DEPENDS,
        f"Layers without a non-linearity leave {errors['identity']:.1%} of the test images wrong, relu "
        f"{errors['relu']:.1%}, its square {errors['relu_squared']:.1%}: pixels that lie far out make its "
        "training unstable at all but small rates.",
        errors,
    )


# Several in one layer -------------------------------------------------------------------------------


def _several(quick: bool) -> Result:
    kinds = ("relu", "tanh", "gelu", "sin")
    rows, errors = [], {}
    for name in (*kinds, "all four"):
        activation: Any = (
            fa.mixed([kind for kind in kinds for _ in range(16)]) if name == "all four" else name
        )
        gain = float(np.mean(fa.init.gain(activation)))
        nets = [_trained(activation, seed, gain=gain) for seed in range(1 if quick else 5)]
        found = [error(net, test=True) for net in nets]
        errors[name] = float(np.mean(found))
        rows.append([name, spread(found)])
    best = min(errors[kind] for kind in kinds)
    return Result(
        ["activation", "test error"],
        rows,
        CONFIRMED if errors["all four"] < best else REFUTED,
        f"All four in each layer: {errors['all four']:.1%}; the best one alone: {best:.1%}.",
        {"several": errors["all four"], "best": best, "worst": max(errors[kind] for kind in kinds)},
    )


_PROTOCOL = "Digits, 64-64-64-10, momentum 0.9, rate 0.05, 8 epochs, mean of seeds"
EXPERIMENTS = (
    Experiment(
        "six",
        "relu6 has 6 because three integer bits are enough then, so that low precision costs nothing.",
        "Krizhevsky (2010) took 6 for another reason: six replicated Bernoulli units. The fixed-point reason "
        "is that of MobileNetV2 (Sandler et al., 2018): 'robustness when used with low-precision "
        "computation'.",
        f"{_PROTOCOL}, relu with a cap; test errors with hidden outputs in unsigned fixed point, with "
        "integer bits for the largest output on training images.",
        _six,
    ),
    Experiment(
        "overfitting",
        "leaky_relu overfits more than relu, whose zeros regularise.",
        "Xu et al. (2015), arXiv:1505.00853: on CIFAR-100 very leaky relu has the lower test error.",
        "Digits, 64-128-128-10, momentum 0.9, rate 0.05, 30 epochs: training and test errors.",
        _overfitting,
    ),
    Experiment(
        "powers",
        "The square of relu is better than relu.",
        "So et al. (2021), Primer, arXiv:2109.08668, for transformers.",
        "Digits, 64-64-64-10, momentum 0.9, 8 epochs: test errors of identity, relu and its square, each at "
        "the rate of its least training error.",
        _powers,
    ),
    Experiment(
        "several",
        "Several activations in one layer are better than one.",
        "Found in many papers on mixed and learned activations; Manessi and Rozza (2018), arXiv:1801.09403.",
        f"{_PROTOCOL}: test errors of four activations, and of layers with 16 units of each.",
        _several,
    ),
)
