"""Exponential tails of float64 tables, where f approaches a line or a constant.

    f(x) = base + line x + sign e (A(e) + u B(e)),  e = exp(-rate u),  u = |x|

A and B are short polynomials fitted to exact values. This module must not depend on how tables are found or
written.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, product, zip_longest
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx

from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.errors import ulp64

from .arithmetic import Floats
from .target import End, Target, end_of

Ball = Any

BITS = 4000  # of exact values: f minus its line cancels as many bits as e has leading zeros
ENOUGH = 2.0**-57  # relative error of the polynomials
NODES, OUTER = 40, 12  # points of a fit where e matters, and further out
TERMS = 8  # coefficients that A and B may have
MARGIN = 0.01  # ULP that the worst case must stay below the bound
PROBES = 20_000
UNIT = 2.0**-53  # the largest relative error of one rounding
EXPONENTIAL_ERROR = 0.35  # of the e of the kernel, in units
SMALL_ERROR = 4.0  # of the terms after the first ones, in units
NEGLIGIBLE = 2.0**-40  # times the largest coefficient: a first coefficient that small is 0
NEAR_END = 1.01  # times the cover: an end so near leaves no room for a tail


@dataclass(frozen=True)
class Tail:
    """The tail of one side.

    Attributes
    ----------
    sign : int
        1 or -1.
    base, line : float
        f approaches base + line x.
    low : float
        The rounding error of a[0].
    a, b : tuple of float
        Coefficients of A and B.
    """

    sign: int
    base: float
    line: float
    low: float
    a: tuple[float, ...]
    b: tuple[float, ...]


@dataclass(frozen=True)
class Tails:
    """The sides that have a tail, by sign; their rate, and the |x| up to which they were verified."""

    rate: float
    sides: dict[int, Tail]
    reach: float


def rates(target: Target) -> Iterator[float]:
    """Yield 1, the numbers of the formula and of its parameters, and twice each."""
    subject = target.subject
    named = [
        float(node.value)
        for node in ast.walk(ast.parse(subject.text, mode="eval"))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    ]
    parameters = [float(value) for value in subject.activation.parameters.values()]
    found = [1.0, *(abs(n) for n in [*parameters, *named] if n)]
    yield from dict.fromkeys(float(k * n) for n in found for k in (1, 2))


class Side:
    """f minus its line, beyond a cover on one side, in exact arithmetic."""

    def __init__(self, target: Target, side: int, cover: float, ending: End) -> None:
        subject = target.subject
        f = compile_formula(subject.text, subject.arguments, "flint")
        parameters = [arb(p) for p in subject.activation.parameters.values()]
        self.line = float(ending.slope)
        self.base = 0.0 if self.line else float(ending.number)
        self.side, self.last = side, abs(ending.place)
        t = (1 - np.cos(np.pi * (np.arange(2 * NODES) + 0.5) / (2 * NODES))) / 2
        near = cover - np.log(1 - t * (1 - 2.0**-24))  # e takes all values from its largest down
        self.u = [*near.tolist(), *np.geomspace(cover + 18, max(self.last, cover + 19), OUTER).tolist()]
        with ctx.workprec(BITS):
            self.rest = [
                f(arb(side * u), *parameters) - self.base - arb(self.line) * side * u for u in self.u
            ]

    def scaled(self, rate: float) -> list[Ball]:
        """Return A + u B at each u, for this rate."""
        with ctx.workprec(BITS):
            return [(rest * (arb(rate) * u).exp()).mid() for rest, u in zip(self.rest, self.u, strict=True)]


def _basis(u: float, rate: float, first: tuple[int, int], count: tuple[int, int]) -> list[Ball]:
    """Return e^i of A, then u e^i of B, from the first to the count-th of each."""
    e = (-arb(rate) * u).exp()
    powers = [arb(1)]
    for _ in range(TERMS):
        powers.append((powers[-1] * e).mid())
    return [*powers[first[0] : count[0]], *(u * p for p in powers[first[1] : count[1]])]


def _least_squares(rows: list[list[Ball]], wanted: list[Ball], sizes: list[Ball]) -> list[Ball]:
    matrix = arb_mat([[(c / s).mid() for c in row] for row, s in zip(rows, sizes, strict=True)])
    right = arb_mat([[(w / s).mid()] for w, s in zip(wanted, sizes, strict=True)])
    turned = matrix.transpose()
    normal, target = turned * matrix, turned * right
    mid = arb_mat([[normal[i, j].mid() for j in range(normal.ncols())] for i in range(normal.nrows())])
    return list(mid.solve(arb_mat([[target[i, 0].mid()] for i in range(normal.nrows())])).entries())


def _double(value: Ball) -> float:
    return float(value.mid())


def fit(side: Side, rate: float, count: tuple[int, int], with_low: bool) -> Tail:
    """Return the tail with so many coefficients of A and B that has the least relative errors."""
    with ctx.workprec(BITS):
        wanted = side.scaled(rate)
        sizes = [abs(w) for w in wanted]
        every = slice(0, None, 2)
        rows = [_basis(u, rate, (0, 0), count) for u in side.u]
        solution = _least_squares(rows[every], wanted[every], sizes[every])
        first = (min(1, count[0]), min(1, count[1]))
        a, b = _leading(solution, count)
        low = _double(solution[0] - a[0]) if a and with_low else 0.0
        rest = [w - sum(a) - low - sum(b) * arb(u) for w, u in zip(wanted, side.u, strict=True)]
        rows = [_basis(u, rate, first, count) for u in side.u]
        if rows[0]:
            found = [_double(c) for c in _least_squares(rows[every], rest[every], sizes[every])]
            a += found[: count[0] - first[0]]
            b += found[count[0] - first[0] :]
    leading = next((c for pair in zip_longest(a, b, fillvalue=0.0) for c in pair if c), 1.0)
    sign = -1 if leading < 0 else 1
    return Tail(sign, side.base, side.line, sign * low, *(tuple(sign * c for c in cs) for cs in (a, b)))


def _leading(solution: list[Ball], count: tuple[int, int]) -> tuple[list[float], list[float]]:
    """Return the first coefficients of A and of B, with negligible ones set to 0."""
    parts = [[_double(c) for c in solution[: count[0]]], [_double(c) for c in solution[count[0] :]]]
    largest = max(abs(c) for part in parts for c in part)
    a, b = ([c if abs(c) > NEGLIGIBLE * largest else 0.0 for c in part[:1]] for part in parts)
    return a, b


def polynomial_error(side: Side, rate: float, tail: Tail) -> float:
    """Return the largest error of the polynomials, relative to f."""
    with ctx.workprec(BITS):
        coefficients = [arb(tail.sign * c) for c in (*tail.a, *tail.b)]
        errors = []
        for u, wanted, rest in zip(side.u, side.scaled(rate), side.rest, strict=True):
            terms = _basis(u, rate, (0, 0), (len(tail.a), len(tail.b)))
            got = sum((c * t for c, t in zip(coefficients, terms, strict=True)), arb(tail.sign * tail.low))
            y = rest + side.base + arb(side.line) * side.side * u
            errors.append(float(abs((got - wanted) * (-arb(rate) * u).exp() / y)))
    return max(errors)


def error_bound(tail: Tail, rate: float, side: int, u: Floats) -> float:
    """Return a bound of the error in ULP of f: the sum of the largest errors of all roundings."""
    e = np.exp(-rate * u)
    after_first = [np.polyval([*c[:0:-1], 0.0], e) for c in (tail.a, tail.b)]
    small = after_first[0] + u * after_first[1] + tail.low
    a0, b0 = (c[0] if c else 0.0 for c in (tail.a, tail.b))
    large = a0 + b0 * u
    exact = not (a0 and b0) and math.frexp(b0)[0] in (0.0, 0.5, -0.5)
    w = np.abs(large + small)
    lost = UNIT * (EXPONENTIAL_ERROR * w + SMALL_ERROR * np.abs(small)) + (0 if exact else ulp64(large) / 2)
    size, lost = w * e, lost * e
    y = tail.base + tail.line * side * u + tail.sign * (large + small) * e
    if tail.base or tail.line:
        lost += ulp64(size) / 2 + ulp64(tail.line * u) / 2 * (abs(tail.line) != 1 or tail.base != 0)
    return float(np.max(lost / ulp64(y))) + 0.5


def counts() -> list[tuple[int, int]]:
    """Return the numbers of coefficients that A and B may have, cheapest first."""
    found = [(n, 0) for n in range(1, TERMS + 1)] + [(0, n) for n in range(1, TERMS + 1)]
    found += [(n, m) for n in range(1, TERMS + 1) for m in (n - 1, n, n + 1) if 0 < m <= TERMS]
    return sorted(found, key=lambda count: (sum(count), -count[0]))


def keeps_bound(tail: Tail, rate: float, target: Target, where: Side) -> bool:
    """Return whether a tail keeps the bound of the activation."""
    if not polynomial_error(where, rate, tail) < ENOUGH:
        return False
    limit = target.subject.bound("float64") - MARGIN
    return bool(error_bound(tail, rate, where.side, np.linspace(where.u[0], where.last, PROBES)) < limit)


def cheapest(side: Side, rate: float, target: Target, found: Iterable[Tail]) -> Tail | None:
    """Return the tail with the fewest coefficients that keeps the bound, if any does.

    The tail of the other side is tried first, with the line and either sign of this side.
    """
    if not polynomial_error(side, rate, fit(side, rate, (TERMS, TERMS), True)) < ENOUGH:
        return None
    shared = (
        replace(tail, sign=sign, base=side.base, line=side.line)
        for tail in found
        for sign in (tail.sign, -tail.sign)
    )
    fitted = (fit(side, rate, *way) for way in product(counts(), (False, True)))
    return next((tail for tail in chain(shared, fitted) if keeps_bound(tail, rate, target, side)), None)


def search(target: Target, cover: float) -> Tails | None:
    """Return the tails of both sides beyond a cover, or None if neither side has one."""
    endings = {side: end_of(target, side, cover, "float64") for side in (-1, 1)}
    sides = [
        Side(target, side, cover, ending)
        for side, ending in endings.items()
        if abs(ending.place) > NEAR_END * cover and not ending.rest and math.isfinite(ending.number)
    ]
    sides.sort(key=lambda side: -side.last)
    for rate in rates(target) if sides else ():
        found: dict[int, Tail] = {}
        for side in sides:
            tail = cheapest(side, rate, target, list(found.values()))
            if tail is not None:
                found[side.side] = tail
        if found:
            return Tails(rate, found, sides[0].last)
    return None
