"""Search for the float64 tables of an activation.

Float64 has tables on AVX-512 only, where a look-up has 16 slots. Segments are fitted to exact values. A table
is kept if its error stays below the bound of the activation even when the largest errors of all roundings add
up.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb

from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.bits import ordered, unordered
from fastact.evaluation.accuracy.double import near_roots
from fastact.evaluation.accuracy.errors import errors_in_ulp, ulp64
from fastact.evaluation.accuracy.truth import decided, truth

from .arithmetic import Floats
from .exponential_tails import Tail, Tails
from .exponential_tails import search as search_tails
from .files import Block, Kernel, braced, number
from .fit_exact import Fit, candidates, error_bound
from .float32 import TYPICAL, table_block
from .segments import Partition, Segment, Table, dyadic_partitions, equal_partitions
from .target import SUBJECTS, Target, calls_a_function, line_of

MARGIN = (
    0.01  # ULP that the error bound must stay below that of the activation, as only some inputs are tried
)
DEGREES = range(3, 22)
BITS = 4  # of the index of a segment
LOOK_UP, OTHER = 0.05, 0.15  # nanoseconds: a look-up with its multiply-add, and everything else
OUTSIDE = 15.0  # nanoseconds for an input outside the table, which delays others too
TOO_SLOW = 1.8  # nanoseconds at which a table does not pay
COVERS = (3.0, 4.5, 5.0, 5.5, 6.0, 7.0)
PROBES, BESIDE = 1500, 24  # inputs tried in a segment, and at each of its ends


class Source:
    """The exact table function of a target, with the segments that have been fitted.

    Parameters
    ----------
    target : Target
        What a table is to compute.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.text = target.subject.text
        self._f = compile_formula(self.text, target.subject.arguments, "flint")
        self._parameters = [arb(p) for p in target.subject.activation.parameters.values()]
        self._fits: dict[tuple[float, float], Fit] = {}
        self._candidates: dict[tuple[float, float, int], list[Segment]] = {}
        # segments that no degree makes accurate enough
        self.hopeless: set[tuple[float, float, bool, bool]] = set()
        roots = [min((r, math.nextafter(r, math.inf)), key=self._size) for r in target.roots.tolist()]
        self.roots = [0.0, *roots] if self(0.0) == 0 else roots  # the nearest float64 numbers

    def __call__(self, u: float) -> Any:
        """Return q(u) as a ball without a radius."""
        value = decided(self._f, arb(u if self.target.right else -u), self._parameters)
        if value is None:
            raise ArithmeticError(f"{self.text} cannot be decided next to {u!r}")
        return arb(0) if value.contains(0) else value.mid()

    def _size(self, u: float) -> float:
        return abs(float(self(u)))

    def candidates(self, lo: float, hi: float, degree: int) -> list[Segment]:
        """Return ways to write a segment; each is fitted once."""
        key = lo, hi, degree
        if key not in self._candidates:
            if key[:2] not in self._fits:
                self._fits[key[:2]] = Fit(self, key[:2])
            self._candidates[key] = candidates(self, self._fits[key[:2]], degree, self.roots)
        return self._candidates[key]

    def probes(self, partition: Partition, slot: int, lo: float, hi: float) -> Floats:
        """Return inputs in a segment, except next to a root, where errors are measured differently."""
        x = probes(partition, slot, lo, hi)
        return x[~near_roots(x, self.target.roots if self.target.right else -self.target.roots)]


def probes(partition: Partition, slot: int, lo: float, hi: float) -> Floats:
    """Return inputs in a segment and next to its ends, of both signs if the sides share it."""
    t = (1 - np.cos(np.linspace(0, np.pi, PROBES) + 1e-3 * slot)) / 2
    u = lo + (hi - lo) * t
    for end in (lo, hi):
        if end:
            u = np.concatenate([u, unordered(ordered(np.array([end])) + np.arange(-BESIDE, BESIDE))])
        else:
            tiny = np.geomspace(1e-323, hi - lo, PROBES // 2)
            u = np.concatenate([u, np.copysign(tiny, lo + hi)])
    u = u[np.abs(u) < partition.cover]
    x = u if partition.signed else np.concatenate([u, -u])
    return x[partition.slots(x) == slot]


def worst_error(table: Table, segment: Segment, x: Floats) -> float:
    """Return a bound of the error of a segment in ULP of f: the largest errors of all roundings, added."""
    lost, q = error_bound(segment, x if table.partition.signed else np.abs(x))
    y = np.abs(table(x))
    if table.form == "RELU":
        added = np.signbit(x) == table.right  # to x; elsewhere to 0
        lost += 0 if table.exact_sum else np.where(added, ulp64(q) / 2, 0)
    if table.form == "REFLECTED":
        lost += np.where(np.signbit(x) == table.right, ulp64(q) / 2, 0)
    return float(np.max(lost / ulp64(y), initial=0.0)) + 0.5


# Tables -------------------------------------------------------------------------------------------


def best_segment(
    source: Source, table: Table, slot: int, lo: float, hi: float, degree: int, sloped: bool
) -> Segment | None:
    """Return the candidate with the smallest error bound, if there is any."""
    tried = []
    for segment in source.candidates(lo, hi, degree):
        if segment.slope and not sloped:
            continue
        if segment.value == 0 and any(segment.coefficients) and table.form in ("SIGNED", "LEFT", "RELU"):
            segment = replace(segment, value=-0.0)  # for the signs of zeros
        alone = replace(table, segments=dict.fromkeys(range(1 << BITS), segment))
        x = source.probes(table.partition, slot, lo, hi)
        tried.append(replace(segment, error=worst_error(alone, segment, x)))
    return min(tried, key=lambda segment: segment.error, default=None)


def fit(
    source: Source, partition: Partition, degree: int, sloped: bool, exact_sum: bool
) -> tuple[Table, float] | None:
    """Return a table and its largest error, or None if the error of some segment is above the limit."""
    target = source.target
    limit = target.subject.bound("float64") - MARGIN
    line = line_of(target, "float64")
    table = Table(partition, target.form, target.right, exact_sum, {}, dtype="float64", line=line)
    if any((lo, hi, sloped, exact_sum) in source.hopeless for _, lo, hi in partition.intervals()):
        return None
    # the outermost segments fail first
    for slot, lo, hi in sorted(partition.intervals(), key=lambda p: -abs(p[1])):
        segment = best_segment(source, table, slot, lo, hi, degree, sloped)
        if segment is None:
            return None
        table.segments[slot] = segment
        if segment.error > limit:
            source.hopeless.add((lo, hi, sloped, exact_sum))
            return None
    if not is_accurate(source, table):
        return None
    return table, max(segment.error for segment in table.segments.values())


def is_accurate(source: Source, table: Table) -> bool:
    """Return whether a table keeps the bound at some inputs of each segment, and the signs of zeros."""
    subject = source.target.subject
    zeros = np.array([0.0, -0.0])
    got, want = table(zeros), subject(zeros)
    if not (np.array_equal(got, want) and np.array_equal(np.signbit(got), np.signbit(want))):
        return False
    x = np.concatenate(
        [source.probes(table.partition, *interval) for interval in table.partition.intervals()]
    )
    got, want = table(x), subject(x)
    if np.any((got == 0) & (np.signbit(got) != np.signbit(want))):
        return False
    errors = errors_in_ulp(got, truth(source.text, subject.activation.parameters, x))
    return bool(errors.max() <= subject.bound("float64"))


def plans(target: Target) -> Iterator[tuple[float, int, Partition, bool, bool]]:
    """Yield what to try, with an estimate of nanoseconds per element on typical inputs."""
    partitions = [*dyadic_partitions(target.form, BITS), *equal_partitions(target.form, BITS, COVERS)]
    for partition in partitions:
        outside = math.erfc(partition.cover / TYPICAL / math.sqrt(2))
        for sloped, exact_sum in ((False, False), (True, False), (False, True)):
            for degree in DEGREES:
                price = LOOK_UP * (degree + 2 + sloped + 2 * exact_sum) + OTHER + OUTSIDE * outside
                if price < TOO_SLOW and (target.form == "RELU" or not exact_sum):
                    yield price, degree, partition, sloped, exact_sum


def search(target: Target) -> tuple[Table, float] | None:
    """Return the cheapest table within the bound, and its error."""
    source = Source(target)
    for _, degree, partition, sloped, exact_sum in sorted(plans(target), key=lambda plan: plan[:2]):
        found = fit(source, partition, degree, sloped, exact_sum)
        if found is not None:
            return found
    return None


# C ------------------------------------------------------------------------------------------------


def tail_block(tails: Tails, cover: float) -> Block:
    """Return tails that begin at a cover in C.

    A side without a tail repeats the other one, so that its members are constants.
    """

    def numbers(values: tuple[float, ...]) -> str:
        return braced([number(value, "float64") for value in values] or [0])

    def side(tail: Tail) -> str:
        lines = [number(value, "float64") for value in (tail.base, tail.line, tail.low)]
        return braced([tail.sign, *lines, numbers(tail.a), numbers(tail.b)])

    any_side = next(iter(tails.sides.values()))
    sides = [tails.sides.get(s, replace(any_side, sign=0)) for s in (-1, 1)]
    terms = [max(len(c) for c in cs) for cs in ([t.a for t in sides], [t.b for t in sides])]
    exact_product = int(math.frexp(tails.rate)[0] == 0.5)
    facts = [*terms, exact_product, number(tails.rate, "float64"), braced([side(tail) for tail in sides])]
    members = {
        "from": number(cover, "float64"),
        "cover": number(tails.reach, "float64"),
        "sign": braced([tail.sign for tail in sides]),
        "exponentials": braced(facts),
    }
    return Block(members)


def kernel(name: str, direction: str) -> Kernel | None:
    """Return the table of f or f' with its tails, or None if no table pays.

    Parameters
    ----------
    name : str
        The activation.
    direction : {"forward", "derivative"}
    """
    target = Target.of(name, SUBJECTS[direction], "float64")
    if not calls_a_function(target.subject.text):
        return None
    found = search(target)
    what = f"{found[1]:.3f} ULP at worst, {found[0].degree} coefficients" if found else "none"
    tails = search_tails(target, found[0].partition.cover) if found else None
    sides = f"{len(tails.sides)} at rate {tails.rate:g}" if tails else "none"
    print(f"{name} {direction} float64: table: {what}; tails: {sides}", file=sys.stderr, flush=True)
    if not found:
        return None
    tail = tail_block(tails, found[0].partition.cover) if tails else None
    return Kernel(table_block(target, found[0]), tail)
