"""What the campaign compares with: every activation's formula in NumPy, its derivatives by complex steps.

f(x + ih) = f(x) + ih f'(x) for a small h, so that one formula gives the value, the derivative and the
derivatives by parameters. Shares no code and no constant with the package. Knows formulas; does not know how
fastact is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

H = 1e-30
where, exp, expm1, log1p, sqrt, sin, tanh = (
    np.where,
    np.exp,
    np.expm1,
    np.log1p,
    np.sqrt,
    np.sin,
    np.tanh,
)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + exp(-x))


def softplus(x: Any) -> Any:
    return where(x.real > 0, x + log1p(exp(-x)), log1p(exp(x)))


def size(x: Any) -> Any:
    """abs(x), 0 at 0, where its derivative is 0 too."""
    return where(x.real > 0, x, where(x.real < 0, -x, 0 * x.real))


def least(a: Any, b: Any) -> Any:
    """min(a, b); its derivative at a = b is that of b."""
    return where(np.real(a) < np.real(b), a, b)


def most(a: Any, b: Any) -> Any:
    return where(np.real(a) > np.real(b), a, b)


def between(x: Any, low: Any, high: Any) -> Any:
    return least(most(x, low), high)


def negative(x: Any) -> Any:
    """x where it is negative, else 0."""
    return where(x.real < 0, x, 0 * x.real)


def nonpositive(x: Any) -> Any:
    """x where it is at most 0, else 0."""
    return where(x.real <= 0, x, 0 * x.real)


def mean_of_lines(x: Any) -> Any:
    return sqrt(1 + x * x)


FORMULAS: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "relu": lambda x: most(x, 0),
    "relu6": lambda x: between(x, 0, 6),
    "clipped_relu": lambda x, max_value: between(x, 0, max_value),
    "leaky_relu": lambda x, negative_slope: where(x.real > 0, x, negative_slope * x),
    "prelu": lambda x, weight: where(x.real > 0, x, weight * x),
    "rrelu": lambda x, slope: where(x.real >= 0, x, slope * x),
    "threshold": lambda x, threshold, value: where(x.real > threshold, x, value),
    "thresholded_relu": lambda x, alpha: where(x.real > alpha, x, 0),
    "hard_sigmoid": lambda x, slope, offset: between(slope * x + offset, 0, 1),
    "hard_tanh": lambda x, min_value, max_value: between(x, min_value, max_value),
    "clipped_linear": lambda x, slope, offset, min_value, max_value: between(
        slope * x + offset, min_value, max_value
    ),
    "soft_shrink": lambda x, lambd: where(x.real > lambd, x - lambd, where(x.real < -lambd, x + lambd, 0)),
    "hard_shrink": lambda x, lambd: where(size(x).real > lambd, x, 0),
    "abs": size,
    "sign": lambda x: np.sign(x.real),
    "step": lambda x: where(x.real > 0, 1.0, 0.0),
    "hard_swish": lambda x: where(x.real <= -3, 0, where(x.real >= 3, x, x * (x + 3) / 6)),
    "hard_mish": lambda x: where(x.real <= -2, 0, where(x.real >= 0, x, x * (x + 2) / 2)),
    "square": lambda x: x * x,
    "relu_squared": lambda x: most(x, 0) * most(x, 0),
    "star_relu": lambda x, scale, offset: scale * most(x, 0) ** 2 + offset,
    "sparse_plus": lambda x: where(x.real <= -1, 0, where(x.real >= 1, x, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: between((x + 1) / 2, 0, 1),
    "sqnl": lambda x: where(size(x).real >= 2, np.sign(x.real), x - x * where(x.real > 0, x, -x) / 4),
    "elu": lambda x, alpha: where(x.real > 0, x, alpha * expm1(nonpositive(x))),
    "selu": lambda x: (
        1.05070098735548049342 * where(x.real > 0, x, 1.67326324235437728482 * expm1(nonpositive(x)))
    ),
    "celu": lambda x, alpha: where(x.real > 0, x, alpha * expm1(nonpositive(x) / alpha)),
    "exp": exp,
    "gaussian": lambda x: exp(-x * x),
    "sigmoid": sigmoid,
    "log_sigmoid": lambda x: -softplus(-x),
    "tanh": tanh,
    "scaled_tanh": lambda x, a, b: b * tanh(a * x),
    "tanh_shrink": lambda x: x - tanh(x),
    "softplus": lambda x, beta: softplus(beta * x) / beta,
    "softclip": lambda x, alpha: (softplus(alpha * x) - softplus(alpha * (x - 1))) / alpha,
    "laplace": lambda x, mu, sigma: special.erfc(-(x - mu) / sigma / sqrt(2)) / 2,
    "xielu": lambda x, alpha_p, alpha_n, beta: (
        where(x.real > 0, alpha_p * x * x, alpha_n * (expm1(nonpositive(x)) - x)) + beta * x
    ),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x, beta: x * sigmoid(beta * x),
    "quick_gelu": lambda x: x * sigmoid(1.702 * x),
    "gelu": lambda x: x * special.erfc(-x / sqrt(2)) / 2,
    "gelu_tanh": lambda x: x / 2 * (1 + tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "mish": lambda x: x * tanh(softplus(x)),
    "bsilu": lambda x, alpha: (x + alpha) * sigmoid(x) - alpha / 2,
    "lisht": lambda x: x * tanh(x),
    "telu": lambda x: x * tanh(least(exp(x), 300)),
    "serf": lambda x: x * special.erf(softplus(x)),
    "smish": lambda x: x * tanh(log1p(sigmoid(x))),
    "logish": lambda x: x * log1p(sigmoid(x)),
    "elish": lambda x: where(x.real >= 0, x, expm1(negative(x))) * sigmoid(x),
    "hard_elish": lambda x: where(x.real >= 0, x, expm1(negative(x))) * between((x + 1) / 2, 0, 1),
    "softsign": lambda x: where(x.real >= 0, x / (1 + x), x / (1 - x)),
    "squareplus": lambda x, b: (x + sqrt(x * x + b)) / 2,
    "isru": lambda x, alpha: x / sqrt(1 + alpha * x * x),
    "isrlu": lambda x, alpha: where(x.real >= 0, x, x / sqrt(1 + alpha * x * x)),
    "dish": lambda x: x / 2 * (1 + x / mean_of_lines(x)),
    "bent_identity": lambda x: x + (mean_of_lines(x) - 1) / 2,
    "arctan": np.arctan,
    "sin": sin,
    "snake": lambda x, alpha: x + sin(alpha * x) ** 2 / alpha,
}


Parameters = Mapping[str, Any]


def _wide(array: Any) -> np.ndarray:
    return np.asarray(array, np.float64)


def _complex_step(name: str, x: Any, parameters: Parameters, along: str | None) -> np.ndarray:
    """f for along=None, f' for "x", otherwise df/dparameter; NaN where any operand is."""
    operands = {"x": _wide(x), **{key: _wide(value) for key, value in parameters.items()}}
    steps = {key: a + (1j * H if key == along else 0j) for key, a in operands.items()}
    plain = {key: a if key == "x" or key == along else a.real for key, a in steps.items()}
    with np.errstate(all="ignore"):
        found = FORMULAS[name](plain.pop("x"), **plain)
        result = np.imag(found) / H if along else np.real(found)
        unknown = sum(np.isnan(a) for a in operands.values())
        shape = np.broadcast_shapes(*(a.shape for a in operands.values()))
    return np.where(np.broadcast_to(unknown, shape) > 0, np.nan, result)


def value(name: str, x: Any, parameters: Parameters) -> np.ndarray:
    return _complex_step(name, x, parameters, None)


def slope(name: str, x: Any, parameters: Parameters) -> np.ndarray:
    return _complex_step(name, x, parameters, "x")


def slope_by(name: str, parameter: str, x: Any, parameters: Parameters) -> np.ndarray:
    return _complex_step(name, x, parameters, parameter)


def times(grad_y: Any, slopes: Any) -> np.ndarray:
    """grad_y f', but 0 where f' is 0."""
    with np.errstate(all="ignore"):
        return np.where(np.asarray(slopes) == 0, 0.0, _wide(grad_y) * slopes)


def sum_to(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum over the axes along which this shape was broadcast."""
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
    return array.sum(axis=stretched, keepdims=True)
