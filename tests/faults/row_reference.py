"""Row-wise functions, losses and norms in NumPy, in float64, with the rows along the last axis.

Shares no code and no constant with the package. Does not know how fastact is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def total(x: Array) -> Array:
    return x.sum(axis=-1, keepdims=True)


def largest(x: Array) -> Array:
    return x.max(axis=-1, keepdims=True, initial=-np.inf)


# Values of rows -------------------------------------------------------------------------------------


def softmax(x: Array, t: float = 1.0) -> Array:
    e = np.exp((x - largest(x)) / t)
    return e / total(e)


def quiet_softmax(x: Array, t: float) -> Array:
    most = np.maximum(largest(x), 0)
    e = np.exp((x - most) / t)
    return e / (np.exp(-most / t) + total(e))


def log_softmax(x: Array, t: float) -> Array:
    z = (x - largest(x)) / t
    return z - np.log(total(np.exp(z)))


def logsumexp(x: Array, t: float) -> Array:
    return (largest(x) + np.log(total(np.exp(x - largest(x)))))[..., 0]


def sparsemax(x: Array, t: float) -> Array:
    """By sorting, as the paper has it."""
    z = x - largest(x)
    ordered = -np.sort(-z, axis=-1)
    k = np.arange(1, x.shape[-1] + 1)
    sums = np.cumsum(ordered, axis=-1)
    size = np.sum(1 + k * ordered > sums, axis=-1, keepdims=True)
    threshold = (np.take_along_axis(sums, np.maximum(size - 1, 0), -1) - 1) / np.maximum(size, 1)
    return np.maximum(z - threshold, 0)


def entmax15(x: Array, t: float) -> Array:
    """By bisection of the threshold, which lies between -1 and 0."""
    z = (x - largest(x)) / 2
    low, high = np.full_like(largest(z), -1.0), np.zeros_like(largest(z))
    for _ in range(60):
        middle = (low + high) / 2
        above = total(np.maximum(z - middle, 0) ** 2) >= 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(z - low, 0) ** 2


def hardmax(x: Array, t: float) -> Array:
    first = np.cumsum(x == largest(x), axis=-1) == 1
    return np.where(first & (x == largest(x)), 1.0, 0.0)


VALUES: dict[str, Callable[[Array, float], Array]] = {
    "softmax": softmax,
    "softmin": lambda x, t: softmax(-x, t),
    "quiet_softmax": quiet_softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "sparsemax": sparsemax,
    "entmax15": entmax15,
    "hardmax": hardmax,
}


def value(name: str, x: Array, t: float) -> Array:
    """The function of each row; NaN in rows with a NaN."""
    if x.size == 0 and name != "logsumexp":
        return x
    with np.errstate(all="ignore"):
        found = VALUES[name](x, t)
        nan = np.isnan(x).any(axis=-1)
    return np.where(nan if found.ndim < x.ndim else nan[..., np.newaxis], np.nan, found)


# Gradients of rows, from the result y -----------------------------------------------------------------


def _by_probabilities(g: Array, y: Array, t: float) -> Array:
    return y * (g - total(g * y)) / t


def _by_support(g: Array, y: Array, t: float) -> Array:
    support = y > 0
    return np.where(support, g - total(np.where(support, g, 0)) / total(support), 0)


def _by_roots(g: Array, y: Array, t: float) -> Array:
    return np.sqrt(y) * (g - total(g * np.sqrt(y)) / total(np.sqrt(y)))


GRADIENTS: dict[str, Callable[[Array, Array, float], Array]] = {
    "softmax": _by_probabilities,
    "softmin": lambda g, y, t: -_by_probabilities(g, y, t),
    "quiet_softmax": _by_probabilities,
    "log_softmax": lambda g, y, t: (g - np.exp(y) * total(g)) / t,
    "sparsemax": _by_support,
    "entmax15": _by_roots,
    "hardmax": lambda g, y, t: np.zeros_like(y),
}


def gradient_from_output(name: str, g: Array, y: Array, t: float) -> Array:
    with np.errstate(all="ignore"):
        return GRADIENTS[name](g, y, t)


def gradient(name: str, g: Array, x: Array, t: float) -> Array:
    if name == "logsumexp":
        with np.errstate(all="ignore"):
            return g[..., np.newaxis] * softmax(x)
    return gradient_from_output(name, g, value(name, x, t), t)


# Losses of elements -----------------------------------------------------------------------------------


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0, -x))


def _huber(x: Array, t: Array, delta: Any) -> Array:
    d = np.abs(x - t)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


LOSSES: dict[str, Callable[..., tuple[Array, Array]]] = {  # the loss, and its derivative by x
    "sigmoid_binary_cross_entropy": lambda x, t, p: (
        t * p * softplus(-x) + (1 - t) * softplus(x),
        (1 - t) * sigmoid(x) - t * p * sigmoid(-x),
    ),
    "mse": lambda x, t, p: ((x - t) ** 2, 2 * (x - t)),
    "huber": lambda x, t, p: (_huber(x, t, p), np.clip(x - t, -p, p)),
    "hinge": lambda x, t, p: (np.maximum(0, 1 - t * x), np.where(t * x < 1, -t, 0 * x)),
    "kl_divergence": lambda x, t, p: (np.where(t > 0, t * (np.log(t) - x), 0 * t), -t + 0 * x),
    "poisson": lambda x, t, p: (np.exp(x) - t * x, np.exp(x) - t),
}


# Losses of labels -------------------------------------------------------------------------------------


def one_hot(labels: Array, n: int) -> Array:
    return np.where(np.arange(n) == labels[..., np.newaxis], 1.0, 0.0)


def cross_entropy(x: Array, q: Array) -> tuple[Array, Array]:
    """Of each row, for weights q of its classes, and the derivative by x."""
    log_p = log_softmax(x, 1.0)
    return -np.sum(q * log_p, axis=-1), np.exp(log_p) * total(q) - q


def likelihood(x: Array, q: Array) -> tuple[Array, Array]:
    return -np.sum(q * x, axis=-1), -q


# Norms --------------------------------------------------------------------------------------------------


def norm(x: Array, weight: Any, bias: Any, eps: float, centred: bool) -> Array:
    """Layer norm, or RMS norm unless centred."""
    if x.size == 0:
        return x
    mean = x.mean(axis=-1, keepdims=True) if centred else 0.0
    scale = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    return (x - mean) / scale * (1.0 if weight is None else weight) + (0.0 if bias is None else bias)


def norm_gradients(g: Array, x: Array, weight: Any, eps: float, centred: bool) -> tuple[Array, Array, Array]:
    """dx, and the terms of the gradients of weight and bias."""
    if x.size == 0:
        return x, x, x
    normal = norm(x, None, None, eps, centred)
    mean = x.mean(axis=-1, keepdims=True) if centred else 0.0
    scale = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    d = g * (1.0 if weight is None else weight)
    dx = d - normal * (d * normal).mean(axis=-1, keepdims=True)
    if centred:
        dx = dx - d.mean(axis=-1, keepdims=True)
    return dx / scale, g * normal, g
