"""Row-wise functions and losses as NumPy users and Python users write them.

Each is a function of the arguments of a case (:mod:`fastact.evaluation.row_cases`); losses give their mean
and its gradient. Must not depend on fastact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special

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


def _sparsemax(x: Any) -> Any:
    z = -np.sort(-x, -1)
    sums, k = np.cumsum(z, -1), np.arange(1, x.shape[-1] + 1)
    count = (1 + k * z > sums).sum(-1, keepdims=True)
    return np.maximum(x - (np.take_along_axis(sums, count - 1, -1) - 1) / count, 0)


def _sparsemax_from_output(g: Any, y: Any) -> Any:
    support = y > 0
    return np.where(support, g - (g * support).sum(-1, keepdims=True) / support.sum(-1, keepdims=True), 0)


def _entmax15(x: Any) -> Any:
    z = (x - x.max(-1, keepdims=True)) / 2
    falling, k = -np.sort(-z, -1), np.arange(1, x.shape[-1] + 1)
    mean = np.cumsum(falling, -1) / k
    spread = np.cumsum(falling**2, -1) - k * mean**2
    threshold = mean - np.sqrt(np.maximum((1 - spread) / k, 0))
    count = (threshold <= falling).sum(-1, keepdims=True)
    return np.maximum(z - np.take_along_axis(threshold, count - 1, -1), 0) ** 2


def _entmax15_from_output(g: Any, y: Any) -> Any:
    s = np.sqrt(y)
    return s * (g - (g * s).sum(-1, keepdims=True) / s.sum(-1, keepdims=True))


def _hardmax(x: Any) -> Any:
    y = np.zeros_like(x)
    np.put_along_axis(y, x.argmax(-1)[..., np.newaxis], 1, -1)
    return y


def _maxout(x: Any, pieces: int) -> Any:
    return x.reshape(*x.shape[:-1], -1, pieces).max(-1)


def _maxout_backward(g: Any, x: Any, pieces: int) -> Any:
    parts = x.reshape(*x.shape[:-1], -1, pieces)
    is_most = parts == parts.max(-1, keepdims=True)
    return (is_most * (g / is_most.sum(-1))[..., np.newaxis]).astype(x.dtype).reshape(x.shape)


def _crelu(x: Any) -> Any:
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], -1)


def _crelu_backward(g: Any, x: Any) -> Any:
    first, behind = np.split(g, 2, -1)
    return np.where(x > 0, first, np.where(x < 0, -behind, 0))


def _crelu_from_output(g: Any, y: Any) -> Any:
    first, behind = np.split(y, 2, -1)
    return _crelu_backward(g, first - behind)


def _gumbel_softmax(x: Any, noise: Any) -> Any:
    return _softmax(x + noise).astype(x.dtype)


def _gumbel_softmax_backward(g: Any, x: Any, noise: Any) -> Any:
    return _softmax_from_output(g, _softmax(x + noise)).astype(x.dtype)


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


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _gelu(x: Any) -> tuple[Any, Any]:
    """The value and the derivative; NumPy has no error function, SciPy does."""
    half = 0.5 * (1 + special.erf(x * x.dtype.type(0.5**0.5)))
    return x * half, half + x * np.exp(-0.5 * x * x) * x.dtype.type((2 * np.pi) ** -0.5)


def _gelu_tanh(x: Any) -> tuple[Any, Any]:
    c = x.dtype.type((2 / np.pi) ** 0.5)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)


def _silu(x: Any) -> tuple[Any, Any]:
    s = _sigmoid(x)
    return x * s, s * (1 + x * (1 - s))


def _sigmoid_pair(x: Any) -> tuple[Any, Any]:
    s = _sigmoid(x)
    return s, s * (1 - s)


_GATES: dict[str, Callable[[Any], tuple[Any, Any]]] = {  # value and derivative of what is applied to the gate
    "glu": _sigmoid_pair,
    "swiglu": _silu,
    "geglu": _gelu,
    "geglu_tanh": _gelu_tanh,
    "reglu": lambda x: (np.maximum(x, 0), (x > 0).astype(x.dtype)),
    "bilinear": lambda x: (x, np.ones_like(x)),
}


def _gated(name: str) -> Callable[[Any], Any]:
    def forward(x: Any) -> Any:
        a, b = np.split(x, 2, -1)
        return a * _sigmoid(b) if name == "glu" else _GATES[name](a)[0] * b

    return forward


def _gated_backward(name: str) -> Callable[[Any, Any], Any]:
    def backward(g: Any, x: Any) -> Any:
        a, b = np.split(x, 2, -1)
        gate, other = (b, a) if name == "glu" else (a, b)
        value, slope = _GATES[name](gate)
        parts = g * other * slope, g * value
        return np.concatenate(parts[::-1] if name == "glu" else parts, -1)

    return backward


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
    ("sparsemax", "forward"): _sparsemax,
    ("sparsemax", "backward"): lambda g, x: _sparsemax_from_output(g, _sparsemax(x)),
    ("sparsemax", "backward_from_output"): _sparsemax_from_output,
    ("entmax15", "forward"): _entmax15,
    ("entmax15", "backward"): lambda g, x: _entmax15_from_output(g, _entmax15(x)),
    ("entmax15", "backward_from_output"): _entmax15_from_output,
    ("hardmax", "forward"): _hardmax,
    ("hardmax", "backward"): lambda g, x: np.zeros_like(x),
    ("hardmax", "backward_from_output"): lambda g, y: np.zeros_like(y),
    ("maxout", "forward"): _maxout,
    ("maxout", "backward"): _maxout_backward,
    ("crelu", "forward"): _crelu,
    ("crelu", "backward"): _crelu_backward,
    ("crelu", "backward_from_output"): _crelu_from_output,
    ("gumbel_softmax", "forward"): _gumbel_softmax,
    ("gumbel_softmax", "backward"): _gumbel_softmax_backward,
    ("gumbel_softmax", "backward_from_output"): _softmax_from_output,
    **{(name, "forward"): _gated(name) for name in _GATES},
    **{(name, "backward"): _gated_backward(name) for name in _GATES},
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
