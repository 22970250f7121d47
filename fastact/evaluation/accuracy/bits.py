"""Floating-point numbers as consecutive integers: steps, neighbours and binade edges in bit space."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Integers = NDArray[np.int64]
LARGEST = float(np.finfo(np.float64).max)


def ordered(x: Floats) -> Integers:
    """Integers in the order of the numbers, with neighbours one apart; both zeros are 0.

    Examples
    --------
    >>> ordered(np.array([-5e-324, -0.0, 0.0, 5e-324]))
    array([-1,  0,  0,  1])
    """
    pattern = x.view(f"i{x.dtype.itemsize}").astype(np.int64)
    return np.where(pattern < 0, np.iinfo(f"i{x.dtype.itemsize}").min - pattern, pattern)


def unordered(k: Integers, dtype: Any = np.float64) -> Floats:
    """The inverse of :func:`ordered`."""
    kind = np.dtype(dtype)
    pattern = np.where(k < 0, np.iinfo(f"i{kind.itemsize}").min - k, k)
    return pattern.astype(f"i{kind.itemsize}").view(kind)


def steps(low: float, high: float, n: int) -> Floats:
    """n float64 numbers from low to high, evenly spaced in bit space."""
    first, last = (int(ordered(np.array([end]))[0]) for end in (low, high))
    stride = (last - first) // max(n - 1, 1)
    # the products wrap modulo 2^64, and the sums are in range again
    return unordered(np.int64(first) + np.arange(n, dtype=np.int64) * np.int64(stride))


def around(centres: Floats) -> Floats:
    """The float64 centres and the numbers 1, 2, 4, ..., 2^51 steps from them."""
    distance = 2 ** np.arange(52, dtype=np.int64)
    offsets = np.concatenate([-distance[::-1], [0], distance])
    top = int(ordered(np.array([LARGEST]))[0])
    found = (ordered(centres)[:, None] + offsets).ravel()
    return unordered(np.clip(found, -top, top))


def binade_edges() -> Floats:
    """Every power of two of float64, of both signs, between its two neighbours."""
    powers = np.ldexp(1.0, np.arange(-1074, 1024))
    k = ordered(np.concatenate([-powers[::-1], powers]))
    return unordered((k[:, None] + np.array([-1, 0, 1])).ravel())
