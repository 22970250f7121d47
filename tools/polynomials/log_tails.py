"""Tails of float32 tables: segments of log2 |q|, where q decays or grows like an exponential.

A polynomial with few terms cannot approximate such a q over a segment, but it can approximate its logarithm.
This module simulates ``fa__power_of_two`` of ``segments.h`` operation by operation and fits segments for it.
It must not depend on how the line is partitioned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from coefficients import EXP2_DEGREE, EXP2_REACH, exp2_rest, interpolate

from .arithmetic import Floats, Function, fma, horner, ulp32
from .fit import fit_coefficients
from .segments import Segment, Table

EXP2 = [float(c) for c in interpolate(exp2_rest, -EXP2_REACH, EXP2_REACH, EXP2_DEGREE)]
LN2 = np.float32(np.log(2))
LARGEST = np.finfo(np.float32).max
CLOSE = 0.1 * 2.0**-24  # error of a logarithm; the rest of the bound is for roundings that the probes miss
CANDIDATES = 4000  # for the centre
SPREAD = 0.02  # of the width of a segment: their distance from its middle


def power_of_two(d: Floats, value: Floats, slope: Floats, coefficients: list[Floats]) -> Floats:
    """Return 2^(value + d (slope + c[0] + c[1] d + ...)) as ``fa__power_of_two`` computes it."""
    product = d * slope
    low = fma(horner(d, coefficients), d, fma(d, slope, -product))
    whole = np.rint((value + product) + low)
    r = ((value - whole) + product) + low
    rest = (r * r) * horner(r, EXP2)
    most = fma(r, LN2, np.float32(1))
    mantissa = most + (fma(r, LN2, np.float32(1) - most) + rest)
    with np.errstate(under="ignore", over="ignore"):
        found: Floats = np.ldexp(mantissa.astype(np.float64), whole.astype(int)).astype(np.float32)
    return found


@dataclass(frozen=True)
class LogTail(Table):
    """A table of log2 |q| for |x| >= the start of its partition.

    Attributes
    ----------
    signs : tuple of int
        The signs of q for negative and for other x; 0 where there are no segments.
    """

    signs: tuple[int, int] = (1, 1)

    def table_function(self, x: Floats, d: Floats, row: list[Floats]) -> Floats:
        """Return q from value, slope and coefficients."""
        value, slope, *coefficients = row
        size = power_of_two(d, value, slope, coefficients)
        with np.errstate(invalid="ignore"):  # on a side without segments
            return np.where(np.signbit(x), *self.signs).astype(x.dtype) * size


def _centre(log: Function, lo: float, hi: float) -> float:
    """Return a float32 number near the middle whose logarithm is close to a float32 number."""
    offsets = np.linspace(-SPREAD, SPREAD, CANDIDATES) * (hi - lo)
    near = np.unique((lo + (hi - lo) / 2 + offsets).astype(np.float32)).astype(np.float64)
    exact = log(near)
    return float(near[np.argmin(np.abs(exact - exact.astype(np.float32)))])


def fit_log_segment(q: Function, lo: float, hi: float, degree: int) -> Segment | None:
    """Return the segment of log2 |q| between two numbers.

    There is none if q has a zero or if the polynomial cannot approximate its logarithm.

    Parameters
    ----------
    q : callable
        The table function in float64.
    lo, hi : float
        Ends of the segment.
    degree : int
        The number of coefficients.
    """

    def log(u: Floats) -> Floats:
        found: Floats = np.log2(np.abs(q(u)))
        return found

    u = np.linspace(lo, hi, 3001)
    want = q(u)
    if not (np.all(want > 0) or np.all(want < 0)):
        return None
    centre = _centre(log, lo, hi)
    value = float(np.float32(log(np.array([centre]))[0]))
    h = 2.0**-10 * (hi - lo)
    slope = float(np.float32(np.diff(log(np.array([centre - h, centre + h])))[0] / (2 * h)))
    coefficients = fit_coefficients(log, (lo, hi), centre, value, slope, degree, None, relative=False)
    polynomial = value + (u - centre) * (slope + np.polyval(coefficients[::-1], u - centre))
    if not np.max(np.abs(polynomial - log(u))) < CLOSE:
        return None
    u = u.astype(np.float32)
    want = np.abs(q(u.astype(np.float64)))
    row = [np.float32(c) for c in coefficients]
    got = power_of_two(u - np.float32(centre), np.float32(value), np.float32(slope), row)
    got, want = got[want < LARGEST], want[want < LARGEST]
    return Segment(
        centre, value, slope, coefficients, float(np.max(np.abs(got - want) / ulp32(want), initial=0.0))
    )
