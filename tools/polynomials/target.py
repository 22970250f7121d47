"""What a table is to compute: f or f' of an activation, its symmetry, its roots and its ends.

Activations are known by their float64 kernels and by the exact values of their formulas. This module must not
depend on how tables are found or written.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import fastact
from fastact.evaluation.accuracy.bits import ordered, unordered
from fastact.evaluation.accuracy.points import roots
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.truth import truth

from .arithmetic import TINY, Floats, fma, ulp32
from .segments import Table, form_of

SUBJECTS = {"forward": "f", "derivative": "f'"}  # directions as the accuracy of activations names them
THRICE_ROUNDED = 0.06  # ULP added in segments with a slope: the worst case of three roundings is rarer
LINE_SEEN_AT = 2.0**64  # a power of two, so that f divided by it is the slope


@dataclass(frozen=True)
class Target:
    """What a table is to compute.

    Attributes
    ----------
    subject : Subject
        f or f' of an activation, its parameters rounded to the dtype.
    form : str
        As :func:`form_of` returns it.
    right : bool
        Whether q(u) = f(u), not f(-u).
    roots : ndarray
        The roots of q other than 0.
    """

    subject: Subject
    form: str
    right: bool
    roots: Floats

    @classmethod
    def of(cls, name: str, direction: str, dtype: str = "float32") -> Target:
        """Return the target of an activation at its default parameters, rounded to the dtype."""
        subject = Subject(fastact.get(name), direction).rounded(dtype)
        form, right = form_of(subject)
        found = roots(subject)
        found = found[np.abs(found) > 1e-30]
        return cls(subject, form, right, found if right else -found)

    def q(self, u: Floats) -> Floats:
        """Return the table function as the float64 kernel computes it."""
        return self.subject(u if self.right else -u)

    def exact(self, u: Floats) -> Floats:
        """Return the table function correctly rounded."""
        x = u if self.right else -u
        return truth(self.subject.text, self.subject.activation.parameters, x).near()

    def error(self, table: Table) -> float:
        """Return the largest error of a table in a simulation, in ULP.

        It includes an allowance for inputs that are not simulated, and is infinite if the sign of a zero is
        wrong.
        """
        zeros = np.array([0.0, -0.0])
        if not table.partition.start and np.any(np.signbit(table(zeros)) != np.signbit(self.subject(zeros))):
            return math.inf
        dense = [np.linspace(lo, hi, 100_001) for _, lo, hi in table.partition.intervals()]
        x = np.concatenate([*dense, np.geomspace(TINY, table.partition.cover, 500_000)]).astype(np.float32)
        x = np.unique(np.concatenate([x, -x]))
        ends = {end for _, *ends in table.partition.intervals() for end in ends}
        near = [neighbours(e, 200) for e in ends | {-e for e in ends}]  # |x| + offset may round past an end
        near += [neighbours(r, 20_000) for r in self.roots]
        x = np.concatenate([x, *near, *self._crossings(x)])
        x = x[
            (np.abs(x) < table.partition.cover)
            & (np.abs(x) >= max(TINY, table.partition.start))
            & table.has(x)
        ]
        want = self.subject(x.astype(np.float64))
        errors = np.abs(table(x) - want) / ulp32(want)
        errors[np.abs(want) > np.finfo(np.float32).max] = 0
        if not table.partition.start:
            errors += THRICE_ROUNDED * table.sloped_at(x)
        return float(np.max(errors))

    def _crossings(self, x: Floats) -> Iterator[NDArray[np.float32]]:
        """Yield numbers where |f| crosses a power of two: below it a ULP is half as large."""
        _, exponent = np.frexp(self.subject(x.astype(np.float64)))
        for i in np.flatnonzero(np.diff(exponent)):
            yield neighbours(
                float(x[i]), min(int(ordered(x[i + 1 : i + 2])[0] - ordered(x[i : i + 1])[0]), 2000)
            )

    def tiny_error(self, table: Table) -> float:
        """Return the largest error next to zero, where products are subnormal, in ULP."""
        bits = np.linspace(1, np.float32(TINY).view(np.uint32), 400_000).astype(np.uint32)
        x = np.concatenate([bits.view(np.float32), np.arange(1, 1 << 17, dtype=np.uint32).view(np.float32)])
        x = np.concatenate([x, -x])
        want = self.subject(x.astype(np.float64))
        return float(np.max(np.abs(table(x) - want) / ulp32(want)))


def neighbours(x: float, count: int) -> NDArray[np.float32]:
    """Return x and so many float32 numbers on either side."""
    found: NDArray[np.float32] = unordered(
        ordered(np.array([x], np.float32)) + np.arange(-count, count + 1), np.float32
    )
    return found


@dataclass(frozen=True)
class End:
    """f rounded, from `place` on: (slope + rest) x, or the constant `number` if the slope is 0."""

    place: float = math.nan
    slope: float = 0.0
    rest: float = 0.0
    number: float = 0.0

    def __call__(self, x: Floats) -> Floats:
        """Return what the kernel computes."""
        number = x.dtype.type
        found: Floats = np.full_like(x, self.number)
        if self.slope and self.rest:
            found = fma(x, number(self.slope), x * number(self.rest))
        elif self.slope:
            found = x * number(self.slope)
        return found


def end_of(target: Target, sign: int, cover: float, dtype: str) -> End:
    """Return the end of f on one side; its place is NaN if f has none."""
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
        if abs(nearest) > abs(
            slope
        ):  # the rest has the sign of the slope, so that no difference of infinities occurs
            nearest = float(np.nextafter(np.dtype(dtype).type(nearest), np.dtype(dtype).type(0)))
        for ending in (End(number=float(y[-1])), End(slope=nearest, rest=slope - nearest)):
            got = ending(x)
            same = (got == y) & (np.signbit(got) == np.signbit(y))
            since = int(np.flatnonzero(~same)[-1]) + 1 if not same.all() else 0
            if since >= same.size - 1 or (ending.slope and abs(x[since]) > LINE_SEEN_AT):
                continue
            # between this probe and the next f may still change
            place = float(x[since + 1])
            if not abs(found.place) <= abs(place):
                found = replace(ending, place=place)
    return found


def line_of(target: Target, dtype: str) -> End | None:
    """Return what a table of the form LEFT computes for x > 0."""
    return end_of(target, 1, 1.0, dtype) if target.form == "LEFT" else None


# Whether a table can pay -------------------------------------------------------------------------


def worth_a_table(name: str) -> bool:
    """Return whether f' calls a function, or f calls one and f' divides by an expression in x.

    Lines, parabolas and a single division are cheaper to compute than to look up.
    """
    activation = fastact.get(name)
    divides = any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "x" in ast.dump(node.right)
        for node in ast.walk(ast.parse(activation.derivative_formula, mode="eval"))
    )
    return calls_a_function(activation.derivative_formula) or (
        divides and calls_a_function(activation.formula)
    )


def calls_a_function(text: str) -> bool:
    """Return whether a formula calls a function for which a machine has no instruction."""
    cheap = {"where", "min", "max", "abs", "sign"}
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in cheap
        for node in ast.walk(ast.parse(text, mode="eval"))
    )
