"""One piece of a kernel: the short polynomial that stands for a function between two numbers.

On the piece, q(u) = value + d*(slope + c[0] + c[1] d + ... ), d = u - centre, all in the dtype of the kernel.
Knows what such a sum gives, operation by operation; for float32, how to choose the centre and coefficients,
and what their rounding costs (for float64 see piece_double.py). Does not know which pieces make a kernel.

The centre is a float32 number whose q lies within some 2^-10 ULP of another one (S. Gal's accurate tables):
`value` is then as good as exact, and the last addition dominates the error. Next to a zero of q nothing may
be added: the zero itself is the centre, and `slope` takes most of q/d, so that the rounding of the rest is
small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Function = Callable[[Floats], Floats]  # of float64, accurate to a few ULP of it

WIDER = {"float32": np.float64, "float64": np.longdouble}  # what holds a product of two
NODES = 120  # Chebyshev points of a fit
ROUNDS = 20  # of reweighting (C. Lawson), which turns least squares into least maximum
MARGIN = 1e-4  # of its width that a piece reaches beyond its ends: u + offset is rounded
TINY = 2.0**-100  # as FA__TINY in pieces.h
PROBES = 3000  # inputs on which rivals are compared


@dataclass(frozen=True)
class Piece:
    """Coefficients, all numbers of the kernel's dtype.

    Attributes
    ----------
    centre, value, slope : float
        As in the formula above; a slope of 0 costs nothing in the kernel if no piece has one.
    coefficients : tuple of float
        c[0], c[1], ...
    error : float
        The largest error on the probes, in ULP of q.
    """

    centre: float
    value: float
    slope: float
    coefficients: tuple[float, ...]
    error: float


def fma(a: Floats, b: Any, c: Any) -> Floats:
    """a*b + c in the dtype of a, rounded once, but for ties that the wider type makes: one in 2^29 for
    float32, in 2^11 for float64."""
    found: Floats = (a.astype(WIDER[a.dtype.name]) * b + c).astype(a.dtype)
    return found


def horner(d: Floats, coefficients: Any) -> Floats:
    """c[0] + c[1] d + ..., as the kernel computes it."""
    p = np.broadcast_to(d.dtype.type(coefficients[-1]), d.shape)
    for c in coefficients[-2::-1]:
        p = fma(p, d, d.dtype.type(c))
    return p


def evaluate(d: Floats, value: Any, slope: Any, coefficients: Any) -> Floats:
    """q, operation by operation, in the dtype of d; numbers or arrays that broadcast. No slope is None."""
    number = d.dtype.type
    q = fma(horner(d, coefficients), d, number(value))
    return q if slope is None else fma(d, number(slope), q)


def two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b and its rounding error (D. Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def ulp32(x: Floats) -> Floats:
    """Spacing of float32 numbers in the binade of x."""
    _, exponent = np.frexp(np.maximum(np.abs(x), 2.0**-126))
    spacing: Floats = np.ldexp(1.0, exponent - 24)
    return spacing


def _probes(lo: float, hi: float, least: float) -> Floats:
    """float32 numbers all over a piece, more of them towards its ends; next to 0 down to `least`."""
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
    """c[0] ... c[degree-1], each rounded to float32 before the following are fitted; c[0] may be given.

    Errors count relative to q, or as they are.
    """
    lo, hi = ends
    t = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    margin = MARGIN * (hi - lo)
    low, high = (0.0 if lo == 0 else lo - margin), (0.0 if hi == 0 else hi + margin)
    u = (low + high) / 2 + t * (high - low) / 2
    u = u[np.abs(u - centre) > 1e-6 * (hi - lo)]
    if relative:
        u = u[q(u) != 0]  # as it may be beside the piece
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
    """A float32 number near the given one at which q is within about 2^-10 ULP of a float32 number."""
    start = float(np.float32(near))
    step = float(np.spacing(np.float32(abs(start))))
    count = int(min(4000, max(8, 0.02 * width / step)))
    offsets = np.arange(-count, count + 1) * step * max(1, int(0.02 * width / step / count))
    candidates = (start + offsets).astype(np.float32).astype(np.float64)
    exact = q(candidates)
    off = np.abs(exact - exact.astype(np.float32)) / ulp32(exact)
    return float(candidates[np.argmin(off + 1e-4 * np.abs(offsets) / max(offsets[-1], step))])


def _balanced_slopes(ratio: Floats, at_centre: float) -> Iterator[float]:
    """Slopes of few bits that leave little of q/d to be rounded."""
    least, most = np.abs(ratio).min(), np.abs(ratio).max()
    middle = np.sign(np.median(ratio)) * 2 * least * most / (least + most)  # least |ratio/B - 1|
    unit = 2.0 ** (np.floor(np.log2(abs(at_centre))) - 7)
    for wanted in (at_centre, middle, (at_centre + middle) / 2, at_centre * 15 / 16, at_centre * 7 / 8):
        yield float(np.round(wanted / unit) * unit)


def candidates(
    q: Function, exact: Function, lo: float, hi: float, degree: int, roots: Floats
) -> Iterator[tuple[float, float, float, tuple[float, ...]]]:
    """Ways to write a piece: centre, value, slope, coefficients.

    Parameters
    ----------
    q, exact : callable
        The function in float64, and with as many bits as it takes (rounded to float64; slow).
    lo, hi : float
        Ends of the piece.
    degree : int
        Number of coefficients.
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
            if first * slope <= 0:  # < 0 would lose the sign of -0.0; with 0, products of tiny d underflow
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
    """The place from which q changes least, relatively, over the piece: the error is about 1/2 + that/2."""
    places = lo + np.linspace(0.12, 0.88, 77) * (hi - lo)
    changes = np.abs(values - q(places)[:, None]) / np.abs(values)
    return float(places[np.argmin(changes.max(axis=1))])


def _derivative_at_0(exact: Function, side: float) -> float:
    """q'(0) of a q with q(0) = 0, on the side of the given number; to some 30 bits."""
    near = np.array([side * 2.0**-40])
    return float(np.round(exact(near)[0] / near[0] * 2**30) / 2**30)


def best(q: Function, exact: Function, ends: tuple[float, float], degree: int, roots: Floats) -> Piece | None:
    """The way with the smallest error on probes; None where there is none, as at a zero of higher order.

    Parameters
    ----------
    q, exact, degree, roots
        As for :func:`candidates`.
    ends : tuple of float
        Of the piece.
    """
    least = 1e-44
    if 0 in ends and float(q(np.zeros(1))[0]) == 0 and _derivative_at_0(exact, sum(ends)) * 4096 % 1:
        least = TINY  # q'(0) is no short number: products with subnormal numbers are rounded once more
    u = _probes(*ends, least)
    want = q(u.astype(np.float64))
    found = None
    for centre, value, slope, coefficients in candidates(q, exact, *ends, degree, roots):
        got = evaluate(u - np.float32(centre), value, slope, coefficients)
        error = float(np.max(np.abs(got - want) / ulp32(want)))
        if found is None or error < found.error:
            found = Piece(centre, value, slope, coefficients, error)
    return found
