"""A small dense network, trained with plain NumPy on scikit-learn's 1,797 handwritten digits.

Only its activation is exchanged: a pair of functions, forward and backward, whose trainings are timed against
each other.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastact
from fastact.evaluation.cases import Array
from fastact.evaluation.expressions import expression
from fastact.evaluation.speed.timing import Clock

LAYERS = (64, 128, 64, 10)
DTYPE = "float32"
_BATCH = 32
_RATE = 0.1
_TEST_SHARE = 5  # one digit in five is for testing
_SEED = 1797


@dataclass(frozen=True)
class Pair:
    """An activation: forward(x) and backward(grad_y, x)."""

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Digits:
    """Images as rows in 0..1, and their labels."""

    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array


@dataclass(frozen=True)
class Training:
    """The median time of an epoch in seconds, and the test accuracy."""

    seconds_per_epoch: float
    accuracy: float


def load() -> Digits:
    """scikit-learn's digits, shuffled and split in a reproducible way.

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(_SEED).permutation(len(labels))
    x, y = (images[order] / 16).astype(DTYPE), labels[order]
    test = len(labels) // _TEST_SHARE
    return Digits(x[test:], y[test:], x[:test], y[:test])


def pairs(activation: str) -> dict[str, Pair]:
    """The implementations of an activation to compare, by name."""
    function = fastact.get(activation)
    by_formula = (expression(function, direction, "numpy", DTYPE) for direction in ("forward", "backward"))
    return {"fastact": Pair(function, function.backward), "NumPy": Pair(*by_formula)}


class Network:
    """Dense layers with an activation between them; softmax and cross-entropy at the end."""

    def __init__(self, activation: Pair) -> None:
        """Draw the weights, which are the same for every pair with the same values."""
        self._activation = activation
        rng = np.random.default_rng(_SEED)
        gains = (1.0, *[_gain(activation)] * (len(LAYERS) - 2))
        self._weights = [
            rng.normal(0, gain / np.sqrt(n_in), (n_in, n_out)).astype(DTYPE)
            for gain, n_in, n_out in zip(gains, LAYERS[:-1], LAYERS[1:], strict=True)
        ]
        self._biases = [np.zeros(n, DTYPE) for n in LAYERS[1:]]

    def train_epoch(self, x: Array, y: Array, order: Array) -> None:
        """One pass of stochastic gradient descent, in the given order."""
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            self._step(x[chosen], y[chosen])

    def accuracy(self, x: Array, y: Array) -> float:
        """Share of the rows of x whose largest output is at y."""
        return float(np.mean(self._forward(x)[0][-1].argmax(axis=1) == y))

    def _forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        """The sums of each layer before its activation, and the inputs of each layer."""
        sums: list[Array] = []
        inputs = [x]
        for weights, bias in zip(self._weights, self._biases, strict=True):
            if sums:
                inputs.append(self._activation.forward(sums[-1]))
            sums.append(inputs[-1] @ weights + bias)
        return sums, inputs

    def _step(self, x: Array, y: Array) -> None:
        sums, inputs = self._forward(x)
        grad = _softmax(sums[-1])
        grad[np.arange(len(y)), y] -= 1  # the gradient of the cross-entropy
        grad /= len(y)
        for layer in reversed(range(len(self._weights))):
            grad_weights, grad_bias = inputs[layer].T @ grad, grad.sum(axis=0)
            if layer > 0:
                grad = self._activation.backward(grad @ self._weights[layer].T, sums[layer - 1])
            self._weights[layer] -= _RATE * grad_weights
            self._biases[layer] -= _RATE * grad_bias


def _softmax(x: Array) -> Array:
    powers: Array = np.exp(x - x.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _gain(activation: Pair) -> float:
    """The factor on 1/sqrt(inputs) that keeps the mean square of signals, after He et al. (2015).

    It is E[f(z)^2]^(-1/2) for standard normal z: sqrt(2) for relu. Integrated by Gauss and Hermite's rule.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    values = activation.forward(nodes.astype(DTYPE)).astype(float)
    mean_square = float(weights @ values**2) / float(weights.sum())
    return 1 / np.sqrt(mean_square) if mean_square > 0 else 1.0


def compare(
    implementations: Mapping[str, Pair],
    digits: Digits,
    epochs: int,
    progress: Callable[[], Any] = lambda: None,
    clock: Clock = time.perf_counter_ns,
) -> dict[str, Training]:
    """Train one network per implementation, from the same weights on the same batches, epoch by epoch.

    `progress` is called after each epoch of all networks; `clock` returns nanoseconds.
    """
    with np.errstate(all="ignore"):  # expressions may overflow on the way to the right result
        networks = {name: Network(pair) for name, pair in implementations.items()}
        taken: dict[str, list[int]] = {name: [] for name in networks}
        rng = np.random.default_rng(_SEED + 1)
        for epoch in range(epochs):
            order = rng.permutation(len(digits.train_y))
            names = list(networks)
            for name in names if epoch % 2 == 0 else reversed(names):  # each is first in every other epoch
                start = clock()
                networks[name].train_epoch(digits.train_x, digits.train_y, order)
                taken[name].append(clock() - start)
            progress()
        return {
            name: Training(
                statistics.median(taken[name]) * 1e-9, network.accuracy(digits.test_x, digits.test_y)
            )
            for name, network in networks.items()
        }
