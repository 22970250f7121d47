"""Fit the segments of float64 tables to exact values, and bound their rounding errors.

Float64 itself is not exact enough to fit float64 coefficients. Values are balls of flint; least squares are
solved by their normal equations, with enough bits for their condition.

This module must not depend on how segments make a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx

from fastact.evaluation.accuracy.errors import ulp64

from .arithmetic import Floats, two_sum
from .fit import MARGIN
from .segments import Segment

Ball = Any
Exact = Callable[[Any], Ball]  # q at a float64 number or an exact ball

NODES = 48  # Chebyshev points of a fit
BITS = 500  # of the normal equations
ENOUGH = 2.0**-56  # relative error that a polynomial may have before its coefficients are rounded
SLOPE_BITS = 8  # of a slope
SPARE = 4  # bits of a coefficient in addition to those that its contribution to q needs
CENTRES = 96  # candidates; at one of them q is within about 1/200 ULP of a float64 number
ROOT_REACH = 0.5  # of the width of a segment: how far outside a root may lie to be tried as its centre


class Fit:
    """q on a segment, to be fitted from any centre with any number of coefficients.

    Parameters
    ----------
    q : callable
        The exact table function.
    ends : tuple of float
        Of the segment.
    """

    def __init__(self, q: Exact, ends: tuple[float, float]) -> None:
        lo, hi = ends
        margin = MARGIN * (hi - lo)
        low, high = (0.0 if lo == 0 else lo - margin), (0.0 if hi == 0 else hi + margin)
        t = np.cos(np.pi * (np.arange(2 * NODES - 1) + 1) / (2 * NODES))  # nodes, and probes between them
        self.u = ((low + high) / 2 + t * (high - low) / 2).tolist()
        self.exact = [q(u) for u in self.u]
        self.size = np.array([abs(float(v)) for v in self.exact])
        self.ends = ends

    def _columns(self, centre: float, value: float, degree: int, which: slice) -> tuple[arb_mat, arb_mat]:
        """Return d^(j+1)/|q| for all j < degree, and (q - value)/|q|, for relative errors."""
        rows, right = [], []
        for u, v in zip(self.u[which], self.exact[which], strict=True):
            d, size = arb(u) - centre, abs(v.mid())
            powers = [d / size]
            for _ in range(degree - 1):
                powers.append((powers[-1] * d).mid())
            rows.append(powers)
            right.append([((v - value) / size).mid()])
        return arb_mat(rows), arb_mat(right)

    def segment(self, centre: float, value: float, sloped: bool, degree: int) -> Segment | None:
        """Return a segment, each coefficient rounded before the following ones are fitted.

        There is none if the polynomial cannot approximate q. The error of the segment is the relative error
        of the polynomial alone.
        """
        with ctx.workprec(BITS):
            columns, right = self._columns(centre, value, degree, slice(0, None, 2))
            between, wanted = self._columns(centre, value, degree, slice(1, None, 2))
            transposed = columns.transpose()
            normal, target = transposed * columns, transposed * right
            solution = _solve(normal, target, 0)
            missed = between * arb_mat([[c] for c in solution]) - wanted
            if max(abs(float(m)) for m in missed.entries()) > ENOUGH:
                return None
            reach = max(abs(centre - end) for end in self.ends)
            least, found = float(self.size.min()), []
            # the slope is smaller than q/d: c[0] must have its sign, or the sign of -0.0 is lost
            slope = _short(float(solution[0]) * (1 - 2.0**-SLOPE_BITS), SLOPE_BITS) if sloped else 0.0
            for k in range(degree):
                total = slope if k == 0 else 0.0
                c = _rounded(float(solution[0] - total), least / reach ** (k + 1))
                found.append(c)
                if k + 1 < degree:
                    target = arb_mat(
                        [[target[i, 0] - normal[i, k] * (arb(c) + total)] for i in range(degree)]
                    )
                    solution = _solve(normal, target, k + 1)
            exactly = [arb(found[0]) + slope, *map(arb, found[1:])]
            missed = between * arb_mat([[c] for c in exactly]) - wanted
            error = max(abs(float(m)) for m in missed.entries())
        return Segment(centre, value, slope, tuple(found), error)

    def best_centre(self) -> float:
        """Return the place from which q changes least, relatively, over the segment."""
        values = np.array([float(v) for v in self.exact])
        changes = np.abs(values - values[:, None]) / np.abs(values)
        return float(self.u[int(np.argmin(changes.max(axis=1)))])

    def constant(self) -> bool:
        """Return whether q is constant."""
        return all(v == self.exact[0] for v in self.exact)


def _solve(normal: arb_mat, target: arb_mat, first: int) -> list[Ball]:
    """Return the solution for the unknowns from `first` on."""
    n = normal.nrows()
    part = arb_mat([[normal[i, j].mid() for j in range(first, n)] for i in range(first, n)])
    return list(part.solve(arb_mat([[target[i, 0].mid()] for i in range(first, n)])).entries())


def _short(c: float, bits: int) -> float:
    """Return c rounded to so many bits."""
    exponent = math.frexp(c)[1] - bits
    return math.ldexp(round(math.ldexp(c, -exponent)), exponent)


def _rounded(c: float, scale: float) -> float:
    """Return c rounded to as many bits as its contribution to a q of the given scale needs."""
    if abs(c) < 2.0**-70 * scale:
        return 0.0
    return _short(c, min(53, math.frexp(abs(c) / scale)[1] + 53 + SPARE))


def error_bound(segment: Segment, u: Floats) -> tuple[Floats, Floats]:
    """Return a bound of the error before the last rounding, and q.

    The bound adds the error of the polynomial and the largest errors of all roundings but the last.
    """
    d, inexact = two_sum(u, -np.float64(segment.centre))
    size = np.abs(d)
    *others, rest = segment.coefficients
    lost, p = np.zeros_like(d), np.full_like(d, rest)
    for c in others[::-1]:
        p = p * d + c
        lost = lost * size + ulp64(p) / 2
    lost = lost * size + np.abs((p + segment.slope) * inexact)
    q = p * d + segment.value
    if segment.slope:
        lost += ulp64(q) / 2
        q += segment.slope * d
    return lost + segment.error * np.abs(q), q


def accurate_centre(q: Exact, near: float, width: float) -> float:
    """Return a number near the given one at which q is close to a float64 number (S. Gal)."""
    unit = 2.0 ** (math.frexp(width)[1] - 16)

    def off(c: float) -> float:
        v = q(c)
        return abs(float((v - float(v)) / v))

    start = round(near / unit) * unit
    return min((start + j * unit for j in range(-CENTRES // 2, CENTRES // 2)), key=off)


def candidates(q: Exact, fit: Fit, degree: int, roots: list[float]) -> list[Segment]:
    """Return ways to write a segment.

    Parameters
    ----------
    q : callable
        The exact table function.
    fit : Fit
        The same on the segment.
    degree : int
        The number of coefficients.
    roots : list of float
        Float64 numbers nearest to the roots of q, including 0 if it is one.
    """
    lo, hi = fit.ends
    if fit.constant():
        return [Segment((lo + hi) / 2, float(fit.exact[0]), 0.0, (0.0,) * degree, 0.0)]
    if not fit.size.all():
        return []
    reach = ROOT_REACH * (hi - lo)
    centres = [root for root in roots if lo - reach <= root <= hi + reach]
    if not any(lo <= root <= hi for root in centres):
        centres.append(accurate_centre(q, fit.best_centre(), hi - lo))
    found = []
    for centre in centres:
        value = float(q(centre))
        for sloped in (False, True) if centre in roots else (False,):
            segment = fit.segment(centre, value, sloped, degree)
            if segment is not None:
                found.append(segment)
    return found
