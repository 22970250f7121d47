"""The rules that others have published, written down from their descriptions, against fastact's findings.

AUTOTRAINER (Zhang et al., ICSE 2021): gradient_issue in utils/monitor.py of shiningrain/AUTOTRAINER.
SageMaker Debugger: "List of Debugger built-in rules" in the Amazon SageMaker developer guide. Its rules
are services, so that there is no code to run; the numbers are the defaults of their parameters.

Every rule reads what NumPy computes from the weights, and no counter of fastact's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once

# What a rule reads: of each layer the inputs of its activation, its outputs, and the gradients of w and b
Trace = list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: 1 / (2 + np.exp(-z) + np.exp(z))),
    "sin": (np.sin, np.cos),
    "identity": (lambda z: z, np.ones_like),
}


@np.errstate(under="ignore")
def trace(net: fa.Network, x: np.ndarray, labels: np.ndarray) -> Trace:
    """Forward and backward passes of the mean cross-entropy, in NumPy."""
    h, passed = x, []
    for w, b, activation in net.layers:
        z = h @ w + b
        passed.append((h, z, activation.name))
        h = FUNCTIONS[activation.name][0](z)
    p = np.exp(h - h.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(x)), labels] -= 1
    gradient, found = p / len(x), []
    for (read, z, name), (w, _, _) in zip(reversed(passed), reversed(net.layers), strict=True):
        value, slope = FUNCTIONS[name]
        delta = gradient * slope(z)
        found.append((z, value(z), read.T @ delta, delta.sum(0)))
        gradient = delta @ w.T
    return found[::-1]


# The rules ------------------------------------------------------------------------------------------


def autotrainer(layers: Trace) -> set[str]:
    """beta_1 = 1e-3, beta_2 = 1e-4, beta_3 = 70, gamma = 0.7."""
    norms = [np.linalg.norm(dw) for _, _, dw, _ in layers]
    every = [gradient for _, _, dw, db in layers for gradient in (dw, db)]
    if any(not np.isfinite(gradient).all() for gradient in every):
        return {"non-finite"}
    ratio, found = norms[0] / norms[-1], set()
    if ratio < 1e-3 and norms[0] < 1e-4:
        found.add("vanishing")
    if ratio > 70:
        found.add("exploding")
    if sum((g == 0).sum() for g in every) / sum(g.size for g in every) >= 0.7:
        found.add("stalled")
    return found


def dead_relu(y: np.ndarray) -> bool:
    """A unit is dead that is active in less than 1 % of samples; more than 50 % of a layer's units are."""
    return bool(((y > 0).mean(0) * 100 < 1).mean() * 100 > 50)


def saturated_activation(z: np.ndarray, low: float, high: float) -> bool:
    """Likewise, where active is an input between two limits."""
    return bool((((z > low) & (z < high)).mean(0) * 100 < 1).mean() * 100 > 50)


def vanishing_gradient(dw: np.ndarray) -> bool:
    return bool(np.abs(dw).mean() < 1e-7)


def poor_weight_initialization(layers: Trace) -> bool:
    """The ratio of variances of activations' inputs exceeds 10."""
    variances = [z.var() for z, *_ in layers[:-1]]
    return bool(max(variances) / min(variances) > 10)


# Fixtures -------------------------------------------------------------------------------------------


def circles(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """AUTOTRAINER's Circle case: two noisy circles of radius 1 and 0.8, scaled to [-1, 1]."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, n)
    angle, radius = rng.uniform(0, 2 * np.pi, n), np.where(labels, 0.8, 1.0)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(0, 0.1, (n, 2))
    return 2 * (x - x.min(0)) / (x.max(0) - x.min(0)) - 1, labels


def blobs(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Its Blob case: normal clouds around three centres; 16 features, standardised."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, n)
    x = rng.normal(0, 3, (3, 16))[labels] + rng.normal(0, 2, (n, 16))
    return (x - x.mean(0)) / x.std(0), labels


def network(
    activation: str, x: np.ndarray, *, depth: int = 3, width: int = 48, scale: float = 1.0, bias: Any = 0.0
) -> fa.Network:
    net = fa.Network.create(
        [x.shape[1], *[width] * depth, 3], activation, output="softmax", dtype="float64", seed=4
    )
    for layer in net.layers[:-1]:
        layer.w *= scale
        layer.b += bias
    return net


def share(units: float, value: float) -> np.ndarray:
    """Biases of which a share has this value."""
    return np.where(np.arange(48) < units * 48, value, 0.0)


GRADIENTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "healthy relu": ({"activation": "relu"}, set()),
    "healthy tanh": ({"activation": "tanh"}, set()),
    "ten layers of sigmoid": ({"activation": "sigmoid", "depth": 10, "scale": 0.3}, {"vanishing"}),
    "thirty layers of sigmoid": ({"activation": "sigmoid", "depth": 30, "scale": 0.3}, {"vanishing"}),
    "large weights": ({"activation": "relu", "depth": 6, "scale": 4.0}, set()),
    "small weights": ({"activation": "relu", "depth": 6, "scale": 0.1}, set()),
    "dying relu": ({"activation": "relu", "depth": 2, "bias": share(0.95, -100.0)}, {"stalled"}),
    "exploding sin": ({"activation": "sin", "depth": 9, "scale": 4.0}, {"exploding"}),
}


@pytest.mark.parametrize("data", [circles, blobs])
@pytest.mark.parametrize("case", GRADIENTS)
def test_autotrainer(case: str, data: Callable[[], tuple[np.ndarray, np.ndarray]]) -> None:
    (given, expected), (x, labels) = GRADIENTS[case], data()
    net = network(x=x, **given)
    rules = autotrainer(trace(net, x, labels))
    found = {f.kind for f in net.diagnose(x, labels).findings}
    assert found & {"vanishing", "exploding", "stalled", "non-finite"} == rules
    assert expected <= rules, rules


@pytest.mark.parametrize("units", [0.0, 0.3, 0.45, 0.55, 0.9])
def test_dead_relu_of_sagemaker(units: float) -> None:
    x, labels = blobs()
    net = network("relu", x, bias=share(units, -100.0))
    report = net.diagnose(x, labels)
    for layer, (_, y, _, _) in zip(report.layers[:-1], trace(net, x, labels), strict=False):
        severe = any(
            f.kind == "dead" and f.severity == "error" for f in report.findings if f.layer == layer.number
        )
        assert severe == dead_relu(y) == (units > 0.5)


@pytest.mark.parametrize("units", [0.0, 0.3, 0.45, 0.6, 0.9])
@pytest.mark.parametrize(("name", "low", "high"), [("tanh", -9.4999, 9.4999), ("sigmoid", -23, 16.99999)])
def test_saturated_activation_of_sagemaker(name: str, low: float, high: float, units: float) -> None:
    x, labels = blobs()
    net = network(name, x, depth=1, bias=share(units, 100.0))
    (z, *_), report = trace(net, x, labels)[0], net.diagnose(x, labels)
    found = any(f.kind == "saturated" for f in report.findings)
    assert found == saturated_activation(z, low, high) == (units > 0.5)


@pytest.mark.parametrize(("depth", "vanishes"), [(2, False), (30, True)])
def test_vanishing_gradient_of_sagemaker(depth: int, vanishes: bool) -> None:
    x, labels = blobs()
    net = network("sigmoid", x, depth=depth, scale=0.3)
    found = any(f.kind == "vanishing" for f in net.diagnose(x, labels).findings)
    assert found == vanishing_gradient(trace(net, x, labels)[0][2]) == vanishes


@pytest.mark.parametrize(("scale", "poor"), [(1.0, False), (6.0, True), (0.1, True)])
def test_poor_weight_initialization_of_sagemaker(scale: float, poor: bool) -> None:
    x, labels = blobs()
    net = network("relu", x, depth=4, scale=scale)
    found = any(f.kind == "variance" for f in net.diagnose(x, labels).findings)
    assert found == poor_weight_initialization(trace(net, x, labels)) == poor


@pytest.mark.parametrize(("rate", "fires"), [(1e-10, True), (0.01, False), (1e4, True)])
def test_weight_update_ratio_of_sagemaker(rate: float, fires: bool) -> None:
    """Updates over weights beyond 1e-8 or 10. Fastact's limits are narrower, so that it finds these too."""
    x, labels = blobs()
    net = network("relu", x)
    ratios = [
        rate * np.linalg.norm(dw) / np.linalg.norm(w)
        for (w, _, _), (_, _, dw, _) in zip(net.layers, trace(net, x, labels), strict=True)
    ]
    theirs = any(ratio < 1e-8 or ratio > 10 for ratio in ratios)
    found = any(f.kind.startswith("update") for f in net.diagnose(x, labels, learning_rate=rate).findings)
    assert theirs == found == fires


def test_exploding_tensor_of_sagemaker() -> None:
    """Infinite or NaN."""
    x, labels = blobs()
    for broken in (False, True):
        net = network("relu", x)
        if broken:
            net.layers[1].w[3, 4] = np.inf
        with np.errstate(all="ignore"):
            theirs = any(not np.isfinite(z).all() for z, *_ in trace(net, x, labels))
            found = any(f.kind == "non-finite" for f in net.diagnose(x, labels).findings)
        assert found == theirs == broken
