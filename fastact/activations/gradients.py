"""Gradients of learned parameters: products grad_y * df/dparameter, summed to the parameter's shape.

Products and sums are float64, and sums of float64 data are compensated. Their order depends on shapes only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastact import ufuncs
from fastact.activations.containers import dtype_of, is_foreign

if TYPE_CHECKING:  # importing numpy.typing takes longer than all of this module
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_BLOCK = 8192  # elements that stay in the cache


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
    total, compensated = None, narrow.itemsize > 4
    with np.errstate(all="ignore"):
        if type(grad_y) is type(slope) is np.ndarray:
            total = _sum_of_products(grad_y, slope, shape, compensated)
        if total is None or not np.isfinite(total).all():
            # grad_y * d, but 0 where d is 0, is the backward pass of x**2 at d/2: its derivative there is d
            half = np.multiply(slope, 0.5, dtype=np.float64)
            terms = ufuncs.square_backward(grad_y, half, dtype=np.float64)
            total = _sum_to_shape(terms, shape, compensated)
        return total.astype(narrow if dtype is None else dtype)[()]


def _summed_axes(extents: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of terms with these extents along which a parameter of this shape is broadcast."""
    lead = len(extents) - len(shape)
    stretched = (lead + i for i, n in enumerate(shape) if n == 1 and extents[lead + i] != 1)
    return (*range(lead), *stretched)


def _sum_of_products(
    grad_y: NDArray[Any], slope: NDArray[Any], shape: tuple[int, ...], compensated: bool
) -> Floats:
    """As `_sum_axes` of the products, but without an array for them where memory order allows it."""
    axes = _summed_axes(np.broadcast_shapes(grad_y.shape, slope.shape), shape)
    width = math.prod(shape)
    leading = axes == tuple(range(slope.ndim - len(shape))) and grad_y.shape == slope.shape
    if not (leading and width and grad_y.flags.c_contiguous and slope.flags.c_contiguous):
        return _sum_axes(np.multiply(grad_y, slope, dtype=np.float64), axes, shape, compensated)
    g, s = grad_y.reshape(-1, width), slope.reshape(-1, width)
    products = np.empty((min(_height(width), len(g)), width))

    def block(start: int, stop: int) -> Floats:
        out = products[: stop - start]
        np.multiply(g[start:stop], s[start:stop], out=out, dtype=np.float64)
        return out

    return _sum_rows(block, len(g), width, compensated).reshape(shape)


def _sum_to_shape(terms: Any, shape: tuple[int, ...], compensated: bool) -> Any:
    if isinstance(terms, np.ma.MaskedArray):
        terms = terms.filled(0)  # masked elements do not count
    axes = _summed_axes(np.shape(terms), shape)
    if is_foreign(terms):
        return terms.sum(axis=axes, keepdims=True).reshape(shape)
    return _sum_axes(np.asarray(terms), axes, shape, compensated)


def _sum_axes(terms: Floats, axes: tuple[int, ...], shape: tuple[int, ...], compensated: bool) -> Floats:
    kept = tuple(axis for axis in range(terms.ndim) if axis not in axes)
    width = math.prod(shape)
    if width == 0:
        return np.zeros(shape)
    matrix = terms.transpose(axes + kept).reshape(-1, width)
    return _sum_rows(lambda start, stop: matrix[start:stop], len(matrix), width, compensated).reshape(shape)


def _height(width: int) -> int:
    return max(1, _BLOCK // width)


def _sum_rows(block: Callable[[int, int], Floats], count: int, width: int, compensated: bool) -> Floats:
    """The sum of the rows of a matrix, of which `block` returns those from start to stop."""
    height = min(_height(width), max(1, count))
    spans = [(start, min(start + height, count)) for start in range(0, count, height)]
    if not compensated:
        total = np.zeros(width)
        for start, stop in spans:
            total += block(start, stop).sum(axis=0)
        return total
    total, low, s, t = np.zeros((4, height, width))
    for start, stop in spans:
        n = stop - start
        _add(total[:n], low[:n], block(start, stop), s[:n], t[:n])
    return _fold(total, low)


def _fold(total: Floats, low: Floats) -> Floats:
    """The sum of all rows of total and of low, total's errors being added to low."""
    while len(total) > 1:
        half = (len(total) + 1) // 2
        rest = len(total) - half
        low[:rest] += low[half:]
        _add(total[:rest], low[:rest], total[half:], np.empty_like(total[half:]), np.empty_like(total[half:]))
        total, low = total[:half], low[:half]
    total[0] += np.where(np.isfinite(low[0]), low[0], 0)  # of an infinite sum low is NaN
    summed: Floats = total[0]
    return summed


def _add(total: Floats, low: Floats, terms: Floats, s: Floats, t: Floats) -> None:
    """total += terms, and low += the rounding error, exact by Knuth's two-sum; s and t are scratch.

    s = total + terms, t = s - total, error = (total - (s - t)) + (terms - t)
    """
    np.add(total, terms, out=s)
    np.subtract(s, total, out=t)
    low += terms - t
    np.subtract(s, t, out=t)
    np.subtract(total, t, out=t)
    low += t
    total[...] = s
