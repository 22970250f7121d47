"""One piece of a float64 kernel: its centre and coefficients, fitted to exact values.

Does for float64 what piece.py does for float32, where float64 is exact enough to fit with. Here all is done
in balls of flint, and least squares by their normal equations, with so many bits that their bad condition
does not matter. Knows how much rounding can cost at worst. Does not know which pieces make a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from piece import MARGIN, Floats, Piece, two_sum

from fastact.evaluation.accuracy.errors import ulp64

Ball = Any
Exact = Callable[[Any], Ball]  # q at a float64 number, or at an exact ball

NODES = 48  # Chebyshev points of a fit
BITS = 500  # of normal equations
ENOUGH = 2.0**-56  # of q: what a polynomial may miss before its coefficients are rounded
SLOPE_BITS = 8  # of a slope
SPARE = 4  # bits that a coefficient has beyond what its contribution to q needs
CENTRES = 96  # among so many one is found at which q is within about 1/200 ULP of a float64 number
ROOT_REACH = 0.5  # of a piece's width: how far outside a root may lie to be tried as the centre


class Fit:
    """q on a piece, ready to be fitted from any centre to any degree.

    Parameters
    ----------
    q : callable
        Exact.
    ends : tuple of float
        Of the piece.
    """

    def __init__(self, q: Exact, ends: tuple[float, float]) -> None:
        lo, hi = ends
        margin = MARGIN * (hi - lo)
        low, high = (0.0 if lo == 0 else lo - margin), (0.0 if hi == 0 else hi + margin)
        t = np.cos(np.pi * (np.arange(2 * NODES - 1) + 1) / (2 * NODES))  # odd ones are between the others
        self.u = ((low + high) / 2 + t * (high - low) / 2).tolist()
        self.exact = [q(u) for u in self.u]
        self.size = np.array([abs(float(v)) for v in self.exact])
        self.ends = ends

    def _columns(self, centre: float, value: float, degree: int, which: slice) -> tuple[arb_mat, arb_mat]:
        """d^(j+1)/|q| for all j < degree, and (q - value)/|q|: errors count relative to q."""
        rows, right = [], []
        for u, v in zip(self.u[which], self.exact[which], strict=True):
            d, size = arb(u) - centre, abs(v.mid())
            powers = [d / size]
            for _ in range(degree - 1):
                powers.append((powers[-1] * d).mid())
            rows.append(powers)
            right.append([((v - value) / size).mid()])
        return arb_mat(rows), arb_mat(right)

    def piece(self, centre: float, value: float, sloped: bool, degree: int) -> Piece | None:
        """Each coefficient is rounded before the following are fitted; None where they miss q.

        The error of the piece is only what the polynomial misses, relative to q.
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
            # less than what it is part of: the rest must have its sign, or that of -0.0 is lost
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
        return Piece(centre, value, slope, tuple(found), error)

    def best_centre(self) -> float:
        """The place from which q changes least, relatively, over the piece."""
        values = np.array([float(v) for v in self.exact])
        changes = np.abs(values - values[:, None]) / np.abs(values)
        return float(self.u[int(np.argmin(changes.max(axis=1)))])

    def constant(self) -> bool:
        """Whether q is one number."""
        return all(v == self.exact[0] for v in self.exact)


def _solve(normal: arb_mat, target: arb_mat, first: int) -> list[Ball]:
    """The solution for unknowns from `first` on."""
    n = normal.nrows()
    part = arb_mat([[normal[i, j].mid() for j in range(first, n)] for i in range(first, n)])
    return list(part.solve(arb_mat([[target[i, 0].mid()] for i in range(first, n)])).entries())


def _short(c: float, bits: int) -> float:
    """c to so many bits."""
    exponent = math.frexp(c)[1] - bits
    return math.ldexp(round(math.ldexp(c, -exponent)), exponent)


def _rounded(c: float, scale: float) -> float:
    """c to as many bits as its contribution to a q of the given scale needs."""
    if abs(c) < 2.0**-70 * scale:
        return 0.0
    return _short(c, min(53, math.frexp(abs(c) / scale)[1] + 53 + SPARE))


def loss(piece: Piece, u: Floats) -> tuple[Floats, Floats]:
    """What the polynomial misses and roundings before the last can add up to, at worst; and q itself."""
    d, inexact = two_sum(u, -np.float64(piece.centre))
    size = np.abs(d)
    *others, rest = piece.coefficients
    lost, p = np.zeros_like(d), np.full_like(d, rest)
    for c in others[::-1]:
        p = p * d + c
        lost = lost * size + ulp64(p) / 2
    lost = lost * size + np.abs((p + piece.slope) * inexact)
    q = p * d + piece.value
    if piece.slope:
        lost += ulp64(q) / 2
        q += piece.slope * d
    return lost + piece.error * np.abs(q), q


def accurate_centre(q: Exact, near: float, width: float) -> float:
    """A number near the given one at which q is next to a float64 number (S. Gal's accurate tables)."""
    unit = 2.0 ** (math.frexp(width)[1] - 16)

    def off(c: float) -> float:
        v = q(c)
        return abs(float((v - float(v)) / v))

    start = round(near / unit) * unit
    return min((start + j * unit for j in range(-CENTRES // 2, CENTRES // 2)), key=off)


def candidates(q: Exact, fit: Fit, degree: int, roots: list[float]) -> list[Piece]:
    """Ways to write a piece, with what they miss.

    Parameters
    ----------
    q : callable
        Exact.
    fit : Fit
        The same, on the piece.
    degree : int
        Number of coefficients.
    roots : list of float
        Float64 numbers next to roots of q, 0 among them if it is one.
    """
    lo, hi = fit.ends
    if fit.constant():
        return [Piece((lo + hi) / 2, float(fit.exact[0]), 0.0, (0.0,) * degree, 0.0)]
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
            piece = fit.piece(centre, value, sloped, degree)
            if piece is not None:
                found.append(piece)
    return found
