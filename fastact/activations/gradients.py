"""Gradients of learned parameters: products grad_y * df/dparameter, summed to the parameter's shape.

Products and sums are float64. Sums of float64 data are compensated, in an order that depends on shapes only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import ufuncs
from fastact.activations.containers import dtype_of, is_foreign

Floats = NDArray[np.float64]
_BLOCK = 8192  # elements that stay in the cache during a compensated sum


def gradient(grad_y: Any, slope: Any, shape: tuple[int, ...], dtype: Any = None) -> Any:
    """The sum of grad_y * slope over the axes along which a parameter of this shape is broadcast.

    Parameters
    ----------
    grad_y : array_like
        The gradient with respect to the output.
    slope : array_like
        df/dparameter. Where it is 0 the product is 0, even for an infinite grad_y.
    shape : tuple of int
        That of the parameter.
    dtype : dtype, optional
        Of the result; by default that of ``grad_y * slope``.
    """
    found = (dtype_of(grad_y), dtype_of(slope))
    narrow = np.result_type(*(d(1) if isinstance(d, type) else d for d in found))  # a Python number is weak
    with np.errstate(all="ignore"):
        # grad_y * d, but 0 where d is 0, is the backward pass of x**2 at d/2: its derivative there is d
        terms = ufuncs.square_backward(grad_y, np.multiply(slope, 0.5, dtype=np.float64), dtype=np.float64)
        total = _sum_to_shape(terms, shape, compensated=narrow.itemsize > 4)
        return total.astype(narrow if dtype is None else dtype)[()]


def _sum_to_shape(terms: Any, shape: tuple[int, ...], compensated: bool) -> Any:
    if isinstance(terms, np.ma.MaskedArray):
        terms = terms.filled(0)  # masked elements do not count
    lead = np.ndim(terms) - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and terms.shape[lead + i] != 1]
    axes = (*range(lead), *stretched)
    if is_foreign(terms) or not compensated:
        return terms.sum(axis=axes, keepdims=True).reshape(shape)
    kept = tuple(axis for axis in range(terms.ndim) if axis not in axes)
    width = int(np.prod([terms.shape[axis] for axis in kept]))
    columns = np.asarray(terms).transpose(axes + kept).reshape(-1 if width else 0, max(width, 1))
    return compensated_sum(columns)[:width].reshape(shape) if width else np.zeros(shape)


def compensated_sum(terms: Floats) -> Floats:
    """The sum over the first axis of a matrix, with the rounding errors of all additions added to it.

    Examples
    --------
    >>> import numpy as np
    >>> compensated_sum(np.array([[1e16], [1.0], [-1e16]]))
    array([1.])
    """
    height = max(1, _BLOCK // terms.shape[1])
    total, low = np.zeros((2, min(height, max(1, len(terms))), terms.shape[1]))
    for start in range(0, len(terms), height):
        block = terms[start : start + height]
        _add(total[: len(block)], low[: len(block)], block)
    while len(total) > 1:
        half = (len(total) + 1) // 2
        rest = len(total) - half
        low[:rest] += low[half:]
        _add(total[:rest], low[:rest], total[half:])
        total, low = total[:half], low[:half]
    total[0] += np.where(np.isfinite(low[0]), low[0], 0)  # of an infinite sum low is NaN
    summed: Floats = total[0]
    return summed


def _add(total: Floats, low: Floats, terms: Floats) -> None:
    """total += terms; the rounding error, exact by Knuth's two-sum, goes to low."""
    s = total + terms
    t = s - total
    low += (total - (s - t)) + (terms - t)
    total[...] = s
