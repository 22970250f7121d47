"""Row-wise functions and losses as NumPy users and Python users write them.

Each is a function of the arguments of a case (:mod:`fastact.evaluation.row_cases`); losses give their mean
and its gradient. Must not depend on fastact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Row = Sequence[float]

# NumPy --------------------------------------------------------------------------------------------


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _softmax_from_output(g: Any, y: Any) -> Any:
    return y * (g - (g * y).sum(-1, keepdims=True))


def _logsumexp(x: Any, keepdims: bool = False) -> Any:
    most = x.max(-1, keepdims=True)
    total = np.log(np.exp(x - most).sum(-1, keepdims=True)) + most
    return total if keepdims else total[..., 0]


def _quiet_softmax(x: Any) -> Any:
    most = np.maximum(x.max(-1, keepdims=True), 0)
    e = np.exp(x - most)
    return e / (np.exp(-most) + e.sum(-1, keepdims=True))


def _softmax_cross_entropy(x: Any, labels: Any) -> Any:
    p, rows = _softmax(x), np.arange(len(x))
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    return loss, p / len(x)


def _nll(x: Any, labels: Any) -> Any:
    rows, grad = np.arange(len(x)), np.zeros_like(x)
    grad[rows, labels] = -1 / len(x)
    return -x[rows, labels].mean(), grad


def _binary(x: Any, t: Any) -> Any:
    loss = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    return loss.mean(), (1 / (1 + np.exp(-x)) - t) / x.size


def _mse(x: Any, t: Any) -> Any:
    d = x - t
    return (d * d).mean(), 2 / x.size * d


def _huber(x: Any, t: Any) -> Any:
    d = x - t
    a = np.abs(d)
    return np.where(a <= 1, 0.5 * d * d, a - 0.5).mean(), np.clip(d, -1, 1) / x.size


def _hinge(x: Any, t: Any) -> Any:
    margin = 1 - t * x
    return np.maximum(margin, 0).mean(), np.where(margin > 0, -t, 0) / x.size


def _kl_divergence(x: Any, t: Any) -> Any:
    return (t * (np.log(t) - x)).mean(), -t / x.size


def _poisson(x: Any, t: Any) -> Any:
    e = np.exp(x)
    return (e - t * x).mean(), (e - t) / x.size


NUMPY: dict[tuple[str, str], Callable[..., Any]] = {
    ("softmax", "forward"): _softmax,
    ("softmax", "backward"): lambda g, x: _softmax_from_output(g, _softmax(x)),
    ("softmax", "backward_from_output"): _softmax_from_output,
    ("softmin", "forward"): lambda x: _softmax(-x),
    ("softmin", "backward"): lambda g, x: -_softmax_from_output(g, _softmax(-x)),
    ("softmin", "backward_from_output"): lambda g, y: -_softmax_from_output(g, y),
    ("quiet_softmax", "forward"): _quiet_softmax,
    ("quiet_softmax", "backward"): lambda g, x: _softmax_from_output(g, _quiet_softmax(x)),
    ("quiet_softmax", "backward_from_output"): _softmax_from_output,
    ("log_softmax", "forward"): lambda x: x - _logsumexp(x, keepdims=True),
    ("log_softmax", "backward"): lambda g, x: g - _softmax(x) * g.sum(-1, keepdims=True),
    ("log_softmax", "backward_from_output"): lambda g, y: g - np.exp(y) * g.sum(-1, keepdims=True),
    ("logsumexp", "forward"): _logsumexp,
    ("logsumexp", "backward"): lambda g, x: g[:, np.newaxis] * _softmax(x),
    ("softmax_cross_entropy", "value_and_gradient"): _softmax_cross_entropy,
    ("nll", "value_and_gradient"): _nll,
    ("sigmoid_binary_cross_entropy", "value_and_gradient"): _binary,
    ("mse", "value_and_gradient"): _mse,
    ("huber", "value_and_gradient"): _huber,
    ("hinge", "value_and_gradient"): _hinge,
    ("kl_divergence", "value_and_gradient"): _kl_divergence,
    ("poisson", "value_and_gradient"): _poisson,
}

# Python: of one row, given as lists ---------------------------------------------------------------


def _python_softmax(x: Row) -> list[float]:
    most = max(x)
    e = [math.exp(v - most) for v in x]
    total = sum(e)
    return [v / total for v in e]


def _python_from_output(g: Row, y: Row) -> list[float]:
    dot = sum(a * b for a, b in zip(g, y, strict=True))
    return [b * (a - dot) for a, b in zip(g, y, strict=True)]


def _python_logsumexp(x: Row) -> float:
    most = max(x)
    return most + math.log(sum(math.exp(v - most) for v in x))


def _python_cross_entropy(x: Row, label: int) -> tuple[float, list[float]]:
    p = _python_softmax(x)
    loss = -math.log(p[label])
    p[label] -= 1
    return loss, p


def _python_binary(x: Row, t: Row) -> tuple[float, list[float]]:
    loss = sum(max(a, 0) - a * b + math.log1p(math.exp(-abs(a))) for a, b in zip(x, t, strict=True))
    return loss, [1 / (1 + math.exp(-a)) - b for a, b in zip(x, t, strict=True)]


def _python_mse(x: Row, t: Row) -> tuple[float, list[float]]:
    d = [a - b for a, b in zip(x, t, strict=True)]
    return sum(v * v for v in d), [2 * v for v in d]


def _python_poisson(x: Row, t: Row) -> tuple[float, list[float]]:
    e = [math.exp(v) for v in x]
    return sum(a - b * c for a, b, c in zip(e, t, x, strict=True)), [a - b for a, b in zip(e, t, strict=True)]


PYTHON: dict[tuple[str, str], Callable[..., Any]] = {
    ("softmax", "forward"): _python_softmax,
    ("softmax", "backward"): lambda g, x: _python_from_output(g, _python_softmax(x)),
    ("softmax", "backward_from_output"): _python_from_output,
    ("logsumexp", "forward"): _python_logsumexp,
    ("softmax_cross_entropy", "value_and_gradient"): _python_cross_entropy,
    ("sigmoid_binary_cross_entropy", "value_and_gradient"): _python_binary,
    ("mse", "value_and_gradient"): _python_mse,
    ("poisson", "value_and_gradient"): _python_poisson,
}
