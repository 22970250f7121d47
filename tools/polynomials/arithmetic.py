"""The arithmetic of the table kernels, operation by operation, on NumPy arrays.

This module must not depend on how tables are found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Function = Callable[[Floats], Floats]  # of float64, accurate to a few ULP of it

TINY = 2.0**-100  # FA__TINY of float32 in polynomial/segments.h
WIDER = {"float32": np.float64, "float64": np.longdouble}  # holds the product of two numbers


def fma(a: Floats, b: Any, c: Any) -> Floats:
    """Return a*b + c in the dtype of a, rounded once.

    Ties that the wider type introduces are rounded twice: one result in 2^29 for float32, in 2^11 for
    float64.
    """
    found: Floats = (a.astype(WIDER[a.dtype.name]) * b + c).astype(a.dtype)
    return found


def horner(d: Floats, coefficients: Any) -> Floats:
    """Return c[0] + c[1] d + ..., as the kernel computes it."""
    p = np.broadcast_to(d.dtype.type(coefficients[-1]), d.shape)
    for c in coefficients[-2::-1]:
        p = fma(p, d, d.dtype.type(c))
    return p


def evaluate(d: Floats, value: Any, slope: Any, coefficients: Any) -> Floats:
    """Return value + d (slope + c[0] + c[1] d + ...) as the kernel computes it, in the dtype of d.

    Parameters
    ----------
    d : ndarray
        Distances from the centre.
    value, slope : scalar or ndarray
        They broadcast with d. A slope of None is not added.
    coefficients : sequence of scalar or ndarray
        c[0], c[1], ...
    """
    number = d.dtype.type
    q = fma(horner(d, coefficients), d, number(value))
    return q if slope is None else fma(d, number(slope), q)


def two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return a + b and its rounding error (D. Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def ulp32(x: Floats) -> Floats:
    """Return the spacing of float32 numbers in the binade of x."""
    _, exponent = np.frexp(np.maximum(np.abs(x), 2.0**-126))
    spacing: Floats = np.ldexp(1.0, exponent - 24)
    return spacing
