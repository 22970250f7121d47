"""Fit the segments of float32 tables to float64 values.

The centre is a float32 number whose q lies within some 2^-10 ULP of another float32 number (S. Gal's accurate
tables), so that `value` is nearly exact and the last addition dominates the error. Near a zero of q nothing
may be added: the zero is the centre, and `slope` takes most of q/d, which makes the rounding errors of the
rest small.

This module must not depend on how segments make a table. For float64 see ``fit_exact``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .arithmetic import TINY, Floats, Function, evaluate, ulp32
from .segments import Segment

NODES = 120  # Chebyshev points of a fit
ROUNDS = 20  # of reweighting (C. Lawson), which turns a least-squares fit into a minimax fit
MARGIN = 1e-4  # of its width that a segment extends beyond its ends: scale |x| + offset is rounded
PROBES = 3000  # inputs at which candidates are compared


def _probes(lo: float, hi: float, least: float) -> Floats:
    """Return float32 numbers in a segment, denser towards its ends; next to 0 down to `least`."""
    t = (1 - np.cos(np.linspace(0, np.pi, PROBES))) / 2
    inside = (lo + (hi - lo) * t).astype(np.float32)
    tiny = np.geomspace(least, abs(hi - lo), PROBES // 4)
    if lo == 0 or hi == 0:
        inside = np.concatenate([inside, np.copysign(tiny, hi or lo).astype(np.float32)])
    return np.unique(inside[np.abs(inside) >= np.float32(least)])


def fit_coefficients(
    q: Function,
    ends: tuple[float, float],
    centre: float,
    value: float,
    slope: float,
    degree: int,
    first: float | None,
    relative: bool = True,
) -> tuple[float, ...]:
    """Return c[0] ... c[degree-1], each rounded to float32 before the following ones are fitted.

    Parameters
    ----------
    q : callable
        The table function in float64.
    ends : tuple of float
        Of the segment.
    centre, value, slope : float
        As in :class:`Segment`.
    degree : int
        The number of coefficients.
    first : float, optional
        c[0], if it is not to be fitted.
    relative : bool, optional
        Whether the largest relative error is minimised, not the largest absolute one.
    """
    lo, hi = ends
    t = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    margin = MARGIN * (hi - lo)
    low, high = (0.0 if lo == 0 else lo - margin), (0.0 if hi == 0 else hi + margin)
    u = (low + high) / 2 + t * (high - low) / 2
    u = u[np.abs(u - centre) > 1e-6 * (hi - lo)]
    if relative:
        u = u[q(u) != 0]  # a root may lie in the margin
    d, exact = u - centre, q(u)
    weight = np.abs(d / exact) if relative else np.abs(d)
    rest = (exact - value) / d - slope
    scale = np.abs(d).max()
    powers = np.vander(d / scale, degree, increasing=True)
    lawson = np.ones_like(d)
    found: list[float] = []
    for k in range(degree):
        if k == 0 and first is not None:
            c = first
        else:
            for _ in range(ROUNDS if k == (first is not None) else 3):
                w = np.sqrt(lawson) * weight
                solution = np.linalg.lstsq(powers[:, k:] * w[:, None], rest * w, rcond=None)[0]
                left = np.abs((rest - powers[:, k:] @ solution) * weight)
                lawson = lawson * (left / max(left.max(), 1e-300) + 1e-3)
                lawson /= lawson.sum()
            c = float(np.float32(solution[0] / scale**k))
        found.append(c)
        rest = rest - c * d**k
    return tuple(found)


def _accurate_centre(q: Function, near: float, width: float) -> float:
    """Return a float32 number near the given one at which q is within about 2^-10 ULP of a float32 number."""
    start = float(np.float32(near))
    step = float(np.spacing(np.float32(abs(start))))
    count = int(min(4000, max(8, 0.02 * width / step)))
    offsets = np.arange(-count, count + 1) * step * max(1, int(0.02 * width / step / count))
    candidates = (start + offsets).astype(np.float32).astype(np.float64)
    exact = q(candidates)
    off = np.abs(exact - exact.astype(np.float32)) / ulp32(exact)
    return float(candidates[np.argmin(off + 1e-4 * np.abs(offsets) / max(offsets[-1], step))])


def _balanced_slopes(ratio: Floats, at_centre: float) -> Iterator[float]:
    """Yield slopes of few bits that leave little of q/d to be rounded."""
    least, most = np.abs(ratio).min(), np.abs(ratio).max()
    middle = np.sign(np.median(ratio)) * 2 * least * most / (least + most)  # least |ratio/B - 1|
    unit = 2.0 ** (np.floor(np.log2(abs(at_centre))) - 7)
    for wanted in (at_centre, middle, (at_centre + middle) / 2, at_centre * 15 / 16, at_centre * 7 / 8):
        yield float(np.round(wanted / unit) * unit)


def candidates(
    q: Function, exact: Function, lo: float, hi: float, degree: int, roots: Floats
) -> Iterator[tuple[float, float, float, tuple[float, ...]]]:
    """Yield ways to write a segment: centre, value, slope, coefficients.

    Parameters
    ----------
    q, exact : callable
        The table function in float64, and correctly rounded to float64 (slow).
    lo, hi : float
        Ends of the segment.
    degree : int
        The number of coefficients.
    roots : ndarray
        Roots of q other than 0.
    """
    u = np.linspace(lo, hi, 401)[1:-1]
    values, width = q(u), hi - lo
    if not np.all(np.isfinite(values) & (values != 0)):
        return
    if (lo == 0 or hi == 0) and float(q(np.zeros(1))[0]) == 0:
        at_zero = _derivative_at_0(exact, lo + hi)
        if not 2.0**-10 < abs(at_zero) < 2.0**10:
            return
        for slope in _balanced_slopes(values / u, at_zero):
            first = float(np.float32(at_zero - slope))
            if first * slope <= 0:  # < 0 loses the sign of -0.0; with 0, products of tiny d underflow
                continue
            yield 0.0, 0.0, slope, fit_coefficients(q, (lo, hi), 0.0, 0.0, slope, degree, first)
        return
    c = _accurate_centre(q, _best_centre(q, values, lo, hi), width)
    value = float(np.float32(q(np.array([c]))[0]))
    if np.all(np.abs(values - value) < ulp32(values)):  # constant
        yield c, value, 0.0, (0.0,) * degree
        return
    yield c, value, 0.0, fit_coefficients(q, (lo, hi), c, value, 0.0, degree, None)
    for root in roots[(roots > lo - 1.3 * width) & (roots < hi + 1.3 * width)]:
        c = float(np.float32(root))
        value = float(np.float32(exact(np.array([c]))[0]))
        h = 2.0**-12 * max(abs(c), 2.0**-10)
        derivative = float(np.diff(q(np.array([c - h, c + h])))[0] / (2 * h))
        for slope in (float(np.float32(derivative)), *_balanced_slopes(values / (u - root), derivative)):
            yield c, value, slope, fit_coefficients(q, (lo, hi), c, value, slope, degree, None)


def _best_centre(q: Function, values: Floats, lo: float, hi: float) -> float:
    """Return the place from which q changes least, relatively, over the segment.

    If q changes by a fraction c, the error is about (1 + c)/2 ULP.
    """
    places = lo + np.linspace(0.12, 0.88, 77) * (hi - lo)
    changes = np.abs(values - q(places)[:, None]) / np.abs(values)
    return float(places[np.argmin(changes.max(axis=1))])


def _derivative_at_0(exact: Function, side: float) -> float:
    """Return q'(0) of a q with q(0) = 0, on the side of the given number, to some 30 bits."""
    near = np.array([side * 2.0**-40])
    return float(np.round(exact(near)[0] / near[0] * 2**30) / 2**30)


def fit_segment(
    q: Function, exact: Function, ends: tuple[float, float], degree: int, roots: Floats
) -> Segment | None:
    """Return the candidate with the smallest error at some inputs.

    There is none at a zero of higher order.

    Parameters
    ----------
    q, exact, degree, roots
        As for :func:`candidates`.
    ends : tuple of float
        Of the segment.
    """
    least = 1e-44
    if 0 in ends and float(q(np.zeros(1))[0]) == 0 and _derivative_at_0(exact, sum(ends)) * 4096 % 1:
        least = TINY  # q'(0) has many bits: products with subnormal numbers are rounded once more
    u = _probes(*ends, least)
    want = q(u.astype(np.float64))
    found = None
    for centre, value, slope, coefficients in candidates(q, exact, *ends, degree, roots):
        got = evaluate(u - np.float32(centre), value, slope, coefficients)
        error = float(np.max(np.abs(got - want) / ulp32(want)))
        if found is None or error < found.error:
            found = Segment(centre, value, slope, coefficients, error)
    return found
