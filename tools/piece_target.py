"""What a kernel of pieces is to compute, where that comes to an end, and how far off a table is.

Knows the rows, by their float64 kernels and in exact arithmetic. Does not know how tables are found or
written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from piece import TINY, Floats, fma, ulp32
from piecewise import Table, form_of

import fastact
from fastact.evaluation.accuracy.bits import ordered, unordered
from fastact.evaluation.accuracy.points import roots
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.truth import truth

THRICE_ROUNDED = 0.06  # ULP added in pieces with a slope: the worst case of three roundings is rarer
LINE_SEEN_AT = 2.0**64  # a power of two, so that a quotient is the slope


@dataclass(frozen=True)
class Target:
    """What a kernel is to compute.

    Attributes
    ----------
    subject : Subject
        f or f' of a row, with parameters as float32 holds them.
    form : str
        As form_of tells it.
    right : bool
        Whether q(u) = f(u), not f(-u).
    roots : ndarray
        Of q, other than 0.
    """

    subject: Subject
    form: str
    right: bool
    roots: Floats

    @classmethod
    def of(cls, name: str, direction: str, dtype: str = "float32") -> Target:
        """f or f' of a row, with its default parameters as the dtype holds them."""
        subject = Subject(fastact.get(name), direction).rounded(dtype)
        form, right = form_of(subject)
        found = roots(subject)
        found = found[np.abs(found) > 1e-30]
        return cls(subject, form, right, found if right else -found)

    def q(self, u: Floats) -> Floats:
        """The table function, by the float64 kernel."""
        return self.subject(u if self.right else -u)

    def exact(self, u: Floats) -> Floats:
        """The same, correctly rounded."""
        x = u if self.right else -u
        return truth(self.subject.text, self.subject.activation.parameters, x).near()

    def error(self, table: Table) -> float:
        """The largest error of a table in a simulation, in ULP, allowing for what that misses; infinite if it
        loses the sign of a zero."""
        zeros = np.array([0.0, -0.0])
        if not table.cut.start and np.any(np.signbit(table(zeros)) != np.signbit(self.subject(zeros))):
            return math.inf
        dense = [np.linspace(lo, hi, 100_001) for _, lo, hi in table.cut.pieces()]
        x = np.concatenate([*dense, np.geomspace(TINY, table.cut.cover, 500_000)]).astype(np.float32)
        x = np.unique(np.concatenate([x, -x]))
        ends = {end for _, *ends in table.cut.pieces() for end in ends}
        near = [neighbours(e, 200) for e in ends | {-e for e in ends}]  # |x| + offset may round past an end
        near += [neighbours(r, 20_000) for r in self.roots]
        x = np.concatenate([x, *near, *self._crossings(x)])
        x = x[(np.abs(x) < table.cut.cover) & (np.abs(x) >= max(TINY, table.cut.start)) & table.has(x)]
        want = self.subject(x.astype(np.float64))
        errors = np.abs(table(x) - want) / ulp32(want)
        errors[np.abs(want) > np.finfo(np.float32).max] = 0
        if not table.cut.start:
            errors += THRICE_ROUNDED * table.sloped_at(x)
        return float(np.max(errors))

    def _crossings(self, x: Floats) -> Iterator[NDArray[np.float32]]:
        """Where |f| passes a power of two: just below, a ULP is half as large, so errors are twice."""
        _, exponent = np.frexp(self.subject(x.astype(np.float64)))
        for i in np.flatnonzero(np.diff(exponent)):
            yield neighbours(
                float(x[i]), min(int(ordered(x[i + 1 : i + 2])[0] - ordered(x[i : i + 1])[0]), 2000)
            )

    def tiny_error(self, table: Table) -> float:
        """The same next to zero, where products are subnormal."""
        bits = np.linspace(1, np.float32(TINY).view(np.uint32), 400_000).astype(np.uint32)
        x = np.concatenate([bits.view(np.float32), np.arange(1, 1 << 17, dtype=np.uint32).view(np.float32)])
        x = np.concatenate([x, -x])
        want = self.subject(x.astype(np.float64))
        return float(np.max(np.abs(table(x) - want) / ulp32(want)))


def neighbours(x: float, count: int) -> NDArray[np.float32]:
    """So many float32 numbers on either side."""
    found: NDArray[np.float32] = unordered(
        ordered(np.array([x], np.float32)) + np.arange(-count, count + 1), np.float32
    )
    return found


@dataclass(frozen=True)
class End:
    """From some place on the rounded f is one number, or (slope + rest) x if the slope is not 0."""

    place: float = math.nan
    slope: float = 0.0
    rest: float = 0.0
    number: float = 0.0

    def __call__(self, x: Floats) -> Floats:
        """What the kernel gives."""
        number = x.dtype.type
        found: Floats = np.full_like(x, self.number)
        if self.slope and self.rest:
            found = fma(x, number(self.slope), x * number(self.rest))
        elif self.slope:
            found = x * number(self.slope)
        return found


def end(target: Target, sign: int, cover: float, dtype: str) -> End:
    """Where f comes to its end on one side; NaN if nowhere."""
    first, last = ordered(np.array([cover, np.finfo(dtype).max], dtype))
    places = np.unique(
        np.concatenate([np.arange(first, first + 2000), np.linspace(first, last, 200_000).astype(int)])
    )
    x = sign * unordered(places, dtype)
    found = End()
    with np.errstate(over="ignore", invalid="ignore"):
        y = target.subject(x.astype(np.float64)).astype(dtype)
        slope = float(target.subject(np.array([sign * LINE_SEEN_AT]))[0]) / (sign * LINE_SEEN_AT)
        nearest = float(np.dtype(dtype).type(slope))
        if abs(nearest) > abs(slope):  # the rest has the slope's sign, so that infinities do not meet
            nearest = float(np.nextafter(np.dtype(dtype).type(nearest), np.dtype(dtype).type(0)))
        for ending in (End(number=float(y[-1])), End(slope=nearest, rest=slope - nearest)):
            got = ending(x)
            same = (got == y) & (np.signbit(got) == np.signbit(y))
            since = int(np.flatnonzero(~same)[-1]) + 1 if not same.all() else 0
            if since >= same.size - 1 or (ending.slope and abs(x[since]) > LINE_SEEN_AT):
                continue
            # everything from the next probed place on; between probes f may still change
            place = float(x[since + 1])
            if not abs(found.place) <= abs(place):
                found = replace(ending, place=place)
    return found


def line_of(target: Target, dtype: str) -> End | None:
    """What a kernel of the form LEFT gives for x > 0."""
    return end(target, 1, 1.0, dtype) if target.form == "LEFT" else None
