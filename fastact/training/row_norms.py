"""``fastact.layer_norm`` and ``fastact.rms_norm``. The arithmetic is in C.

Must not depend on layers or networks.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from fastact import _training
from fastact.arrays import Array
from fastact.rowwise.entry import Named
from fastact.rowwise.rows import as_plain, is_ready
from fastact.training.norms import (
    Gradients,
    check_shape,
    checked_eps,
    plain,
    prepared,
    ready,
    rounded,
    rounded_if,
    stored,
    zeros_like,
)


class LayerNorm(Named):
    """Each row with mean 0 and variance 1, times weight plus bias.

        y = (x - mean)/sqrt(variance + eps)*weight + bias

    Parameters
    ----------
    x : array_like
        Real numbers.
    weight, bias : array_like, optional
        Of the shape of the last axes of x, over which mean and variance are taken. Without both, that is the
        last axis.
    eps : float
        Added to the variance, which is the biased one.
    out : ndarray, optional
        Where to store the result; may be x.

    Returns
    -------
    ndarray
        Of the shape of x; computed in float64 and rounded once. NaN in rows with NaN or infinite elements, or
        with elements whose squares overflow in float64.

    References
    ----------
    Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> x = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 8.0]])
    >>> fa.layer_norm(x, np.ones(3), np.zeros(3)).round(3)
    array([[-1.225,  0.   ,  1.225],
           [-0.707, -0.707,  1.414]])
    >>> dx, dweight, dbias = fa.layer_norm.backward(np.ones_like(x), x, np.ones(3), np.zeros(3))
    >>> dbias
    array([2., 2., 2.])
    """

    def __call__(  # noqa: D102 - the class says it
        self, x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5, out: Array | None = None
    ) -> Array:
        return _forward_rows(_training.LAYER_NORM, "fastact.layer_norm", x, weight, bias, eps, out)

    def backward(
        self, grad_y: Any, x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
    ) -> Gradients:
        """The gradients with respect to x, weight and bias.

        Parameters
        ----------
        grad_y : array_like
            The gradient with respect to y.
        x, weight, bias, eps
            As in the forward pass. Only the shape of bias matters.

        Returns
        -------
        dx, dweight, dbias : ndarray
            None for a weight or bias that is None.
        """
        function = "fastact.layer_norm.backward"
        return _backward_rows(_training.LAYER_NORM, function, grad_y, x, weight, bias, eps)


class RMSNorm(Named):
    """Each row divided by the root of its mean square, times weight.

        y = x/sqrt(mean(x**2) + eps)*weight

    Parameters
    ----------
    x : array_like
        Real numbers.
    weight : array_like, optional
        Of the shape of the last axes of x, over which the mean is taken; without it, that is the last axis.
    eps : float, optional
        Added to the mean square; by default the machine epsilon of the result's dtype, as in PyTorch.
    out : ndarray, optional
        Where to store the result; may be x.

    Returns
    -------
    ndarray
        As for :data:`layer_norm`.

    References
    ----------
    Zhang and Sennrich (2019), Root mean square layer normalization, arXiv:1910.07467.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> fa.rms_norm(np.array([3.0, 4.0])).round(3)
    array([0.849, 1.131])
    >>> dx, dweight = fa.rms_norm.backward(np.ones(2), np.array([3.0, 4.0]), np.ones(2))
    >>> dweight.round(3)
    array([0.849, 1.131])
    """

    def __call__(  # noqa: D102 - the class says it
        self, x: Any, weight: Any = None, *, eps: float | None = None, out: Array | None = None
    ) -> Array:
        return _forward_rows(_training.RMS_NORM, "fastact.rms_norm", x, weight, None, eps, out)

    def backward(
        self, grad_y: Any, x: Any, weight: Any = None, *, eps: float | None = None
    ) -> tuple[Array, Array | None]:
        """The gradients with respect to x and weight; arguments as in the forward pass.

        Returns
        -------
        dx, dweight : ndarray
            None for a weight that is None.
        """
        function = "fastact.rms_norm.backward"
        return _backward_rows(_training.RMS_NORM, function, grad_y, x, weight, None, eps)[:2]


# Rows ---------------------------------------------------------------------------------------------


def _row_length(function: str, arrays: dict[str, Array]) -> int:
    """The number of elements over which means are taken: the last axes, as many as weight or bias has."""
    x = arrays["x"]
    given = [(name, arrays[name]) for name in ("weight", "bias") if name in arrays]
    axes = given[0][1].ndim if given else 1
    if x.ndim == 0 or axes == 0 or axes > x.ndim:
        listed = ", ".join(f"{name} {a.shape}" for name, a in [("x", x), *given])
        raise ValueError(f"{function}: shapes are {listed}; expected those of the last axes of x")
    for name, array in given:
        check_shape(function, name, array, x.shape[-axes:])
    return prod(x.shape[-axes:])


def _row_eps(function: str, eps: float | None, dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).eps) if eps is None else checked_eps(function, eps)


def _forward_rows(
    kind: int, function: str, x: Any, weight: Any, bias: Any, eps: float | None, out: Array | None
) -> Array:
    if kind == _training.LAYER_NORM and eps is None:
        raise TypeError(f"{function}: eps is None; expected a number")
    arrays = plain(function, weight=weight, bias=bias) | {"x": as_plain(function, "x", x)}
    n = _row_length(function, arrays)
    operands = prepared(function, out, arrays)
    found = _row_eps(function, eps, operands.dtype)
    result = np.empty(operands.x.shape, operands.dtype) if out is None else out
    work = result if is_ready(result, operands.x.dtype) else np.empty_like(operands.x)
    if work.size:
        _training.norm(kind, operands.x, operands.weight, operands.bias, work, None, n, found)
    return stored(work, result)


def _backward_rows(
    kind: int, function: str, grad_y: Any, x: Any, weight: Any, bias: Any, eps: float | None
) -> Gradients:
    if kind == _training.LAYER_NORM and eps is None:
        raise TypeError(f"{function}: eps is None; expected a number")
    arrays = plain(function, weight=weight, bias=bias) | {"x": as_plain(function, "x", x)}
    n = _row_length(function, arrays)
    grad = as_plain(function, "grad_y", grad_y)
    check_shape(function, "grad_y", grad, arrays["x"].shape)
    operands = prepared(function, None, arrays)
    computing = operands.x.dtype
    found = _row_eps(function, eps, operands.dtype)
    dx = np.empty_like(operands.x)
    dweight, dbias = zeros_like(operands.weight), zeros_like(operands.bias)
    if dx.size:
        statistics = np.empty(3 * (dx.size // n))
        grad = ready(grad, computing)
        of_weight = operands.weight
        _training.norm_backward(kind, grad, operands.x, of_weight, dx, dweight, dbias, statistics, n, found)
    dtype = operands.dtype
    return rounded(dx, dtype), rounded_if(dweight, dtype), rounded_if(dbias, dtype)


layer_norm = LayerNorm("layer_norm")
rms_norm = RMSNorm("rms_norm")
