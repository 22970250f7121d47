"""Make piece_tables_double.h: float64 kernels of smooth rows as tables of polynomials, piece by piece.

    cd fastact/csrc && FASTACT_ISA=avx2 python piece_tables_double.py [NAME ...] > tables

and tables become piece_tables_double.h. On AVX2 the kernels asked for the signs of zeros are no tables.

As piece_tables.py, whose words and lists it uses, but with exact values from flint instead of float64
kernels; for AVX-512 alone, where two registers hold the 16 entries of a look-up. A table is good enough if
its error is below the bound even where all that rounding loses adds up. Does not know how a piece is fitted
(piece_double.py), how pieces make a kernel (piecewise.py), nor what lies beyond them (tails.py).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flint import arb
from piece import Floats, Piece
from piece_double import Fit, candidates, loss
from piece_tables import (
    DIRECTIONS,
    TYPICAL,
    WORDS,
    calls_a_function,
    lists,
    shared,
    text_of,
    worth_a_table,
    write,
)
from piece_target import Target, line_of
from piecewise import ENTRIES, Cut, Table, cuts, equal_cuts
from tails import Tail, Tails
from tails import search as search_tails

import fastact
from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.bits import ordered, unordered
from fastact.evaluation.accuracy.double import near_roots
from fastact.evaluation.accuracy.errors import errors_in_ulp, ulp64
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.truth import decided, truth

MARGIN = 0.01  # ULP that the worst case must stay below the bound, as only some numbers are tried
DEGREES = range(3, 22)
LOOK_UP, OTHER = 0.05, 0.15  # nanoseconds: a look-up with its multiply-add, and all else
OUTSIDE = 15.0  # nanoseconds for an input beyond the cover, which holds up others too
TOO_SLOW = 1.8  # nanoseconds at which a table does not pay
COVERS = (3.0, 4.5, 5.0, 5.5, 6.0, 7.0)
PROBES, BESIDE = 1500, 24  # numbers to try in a piece, and at each end
HEAD = """\
/* Coefficients of the float64 kernels of smooth rows, 16 entries in two registers, in the order of pieces.h.
 * Made by piece_tables_double.py: do not edit. */
// clang-format off
"""


class Source:
    """The exact table function of a target, with what has been computed of it.

    Parameters
    ----------
    target : Target
        What a kernel is to compute.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.text = target.subject.text
        self._f = compile_formula(self.text, target.subject.arguments, "flint")
        self._parameters = [arb(p) for p in target.subject.activation.parameters.values()]
        self._fits: dict[tuple[float, float], Fit] = {}
        self._candidates: dict[tuple[float, float, int], list[Piece]] = {}
        self.hopeless: set[tuple[float, float, bool, bool]] = (
            set()
        )  # no degree makes these pieces good enough
        roots = [min((r, math.nextafter(r, math.inf)), key=self._size) for r in target.roots.tolist()]
        self.roots = [0.0, *roots] if self(0.0) == 0 else roots  # the float64 numbers next to them

    def __call__(self, u: float) -> Any:
        """q(u), a ball without a radius."""
        value = decided(self._f, arb(u if self.target.right else -u), self._parameters)
        if value is None:
            raise ArithmeticError(f"{self.text} is not known next to {u!r}")
        return arb(0) if value.contains(0) else value.mid()

    def _size(self, u: float) -> float:
        return abs(float(self(u)))

    def candidates(self, lo: float, hi: float, degree: int) -> list[Piece]:
        """Ways to write a piece; found once."""
        key = lo, hi, degree
        if key not in self._candidates:
            if key[:2] not in self._fits:
                self._fits[key[:2]] = Fit(self, key[:2])
            self._candidates[key] = candidates(self, self._fits[key[:2]], degree, self.roots)
        return self._candidates[key]

    def probes(self, cut: Cut, slot: int, lo: float, hi: float) -> Floats:
        """Numbers of a piece, not next to a root, where other things count."""
        x = probes(cut, slot, lo, hi)
        return x[~near_roots(x, self.target.roots if self.target.right else -self.target.roots)]


def probes(cut: Cut, slot: int, lo: float, hi: float) -> Floats:
    """Numbers x, of both signs unless pieces have one, all over a piece and next to its ends."""
    t = (1 - np.cos(np.linspace(0, np.pi, PROBES) + 1e-3 * slot)) / 2
    u = lo + (hi - lo) * t
    for end in (lo, hi):
        if end:
            u = np.concatenate([u, unordered(ordered(np.array([end])) + np.arange(-BESIDE, BESIDE))])
        else:
            tiny = np.geomspace(1e-323, hi - lo, PROBES // 2)
            u = np.concatenate([u, np.copysign(tiny, lo + hi)])
    u = u[np.abs(u) < cut.cover]
    x = u if cut.signed else np.concatenate([u, -u])
    return x[cut.slots(x) == slot]


def worst(table: Table, piece: Piece, x: Floats) -> float:
    """The largest error that a piece may have, in ULP of f, if all that rounding loses adds up."""
    lost, q = loss(piece, x if table.cut.signed else np.abs(x))
    y = np.abs(table(x))
    if table.form == "RELU":
        added = np.signbit(x) == table.right  # to x; elsewhere to 0
        lost += 0 if table.exact_sum else np.where(added, ulp64(q) / 2, 0)
    if table.form == "REFLECTED":
        lost += np.where(np.signbit(x) == table.right, ulp64(q) / 2, 0)
    return float(np.max(lost / ulp64(y), initial=0.0)) + 0.5


def fit(source: Source, cut: Cut, degree: int, sloped: bool, exact_sum: bool) -> tuple[Table, float] | None:
    """A table and its largest error, or None if some piece is too bad."""
    target = source.target
    limit = target.subject.bound("float64") - MARGIN
    table = Table(
        cut, target.form, target.right, exact_sum, {}, dtype="float64", line=line_of(target, "float64")
    )
    if any((lo, hi, sloped, exact_sum) in source.hopeless for _, lo, hi in cut.pieces()):
        return None
    for slot, lo, hi in sorted(cut.pieces(), key=lambda p: -abs(p[1])):  # outermost first: those fail first
        tried = []
        for piece in source.candidates(lo, hi, degree):
            if piece.slope and not sloped:
                continue
            if piece.value == 0 and any(piece.coefficients) and target.form in ("SIGNED", "LEFT", "RELU"):
                piece = replace(piece, value=-0.0)  # so that zeros come out with their signs
            alone = replace(table, pieces=dict.fromkeys(range(ENTRIES), piece))
            x = source.probes(cut, slot, lo, hi)
            tried.append(replace(piece, error=worst(alone, piece, x)))
        if not tried:
            return None
        table.pieces[slot] = min(tried, key=lambda piece: piece.error)
        if table.pieces[slot].error > limit:
            source.hopeless.add((lo, hi, sloped, exact_sum))
            return None
    return (table, max(piece.error for piece in table.pieces.values())) if sound(source, table) else None


def sound(source: Source, table: Table) -> bool:
    """Whether a table gives what it should at some numbers of each piece, and zeros with their signs."""
    subject = source.target.subject
    zeros = np.array([0.0, -0.0])
    got, want = table(zeros), subject(zeros)
    if not (np.array_equal(got, want) and np.array_equal(np.signbit(got), np.signbit(want))):
        return False
    x = np.concatenate([source.probes(table.cut, *piece) for piece in table.cut.pieces()])
    got, want = table(x), subject(x)
    if np.any((got == 0) & (np.signbit(got) != np.signbit(want))):
        return False
    errors = errors_in_ulp(got, truth(source.text, subject.activation.parameters, x))
    return bool(errors.max() <= subject.bound("float64"))


def plans(target: Target) -> Iterator[tuple[float, int, Cut, bool, bool]]:
    """What to try, with its price in nanoseconds per element on typical inputs."""
    for cut in [*cuts(target.form, 4), *equal_cuts(target.form, 4, COVERS)]:
        outside = math.erfc(cut.cover / TYPICAL / math.sqrt(2))
        for sloped, exact_sum in ((False, False), (True, False), (False, True)):
            for degree in DEGREES:
                price = LOOK_UP * (degree + 2 + sloped + 2 * exact_sum) + OTHER + OUTSIDE * outside
                if price < TOO_SLOW and (target.form == "RELU" or not exact_sum):
                    yield price, degree, cut, sloped, exact_sum


def search(target: Target) -> tuple[Table, float] | None:
    """The cheapest table that is good enough, and its error."""
    source = Source(target)
    for _, degree, cut, sloped, exact_sum in sorted(plans(target), key=lambda plan: plan[:2]):
        found = fit(source, cut, degree, sloped, exact_sum)
        if found is not None:
            return found
    return None


def write_tails(name: str, direction: str, tails: Tails, cover: float) -> str:
    """The line for the list: tails begin at a cover.

    A side that has none repeats the other one, so that nothing need be chosen by sign.
    """

    def numbers(*values: float) -> str:
        return ", ".join(text_of(value, "float64") for value in values) or "0"

    def side(tail: Tail) -> str:
        lines = numbers(tail.base, tail.line, tail.low)
        return f"{{{tail.sign}, {lines}, {{{numbers(*tail.a)}}}, {{{numbers(*tail.b)}}}}}"

    any_side = next(iter(tails.sides.values()))
    sides = [tails.sides.get(s, replace(any_side, sign=0)) for s in (-1, 1)]
    terms = [max(len(c) for c in cs) for cs in ([t.a for t in sides], [t.b for t in sides])]
    facts = [*terms, int(math.frexp(tails.rate)[0] == 0.5), numbers(tails.rate)]
    both = f"{{{', '.join(map(str, facts))}, {{{', '.join(map(side, sides))}}}}}"
    places = numbers(cover, tails.reach)
    return f"M({name}, {WORDS[direction]}, {places}, {sides[0].sign}, {sides[1].sign}, {both})"


@dataclass(frozen=True)
class Made:
    """The lines for the lists and the array of a kernel."""

    line: str
    array: str
    tail_line: str


def made(name: str, direction: str) -> Made | None:
    """The table of f or f' of a row, if there is a good one, and its tails."""
    target = Target.of(name, direction, "float64")
    found = search(target)
    told = f"{found[1]:.3f} ULP at worst, {found[0].degree} coefficients" if found else "none"
    tails = search_tails(target, found[0].cut.cover) if found else None
    beyond = f"{len(tails.sides)} at rate {tails.rate:g}" if tails else "none"
    print(f"{name} {direction}: {told}; tails: {beyond}", file=sys.stderr, flush=True)
    if not found:
        return None
    line, array = write(name, direction, target, found[0], "far" if tails else "scalar")
    return Made(line, array, write_tails(name, direction, tails, found[0].cut.cover) if tails else "")


def main(names: list[str]) -> None:
    """Print the header."""
    wanted = [
        (name, direction)
        for name in names or fastact.names()
        for direction in DIRECTIONS
        if worth_a_table(name) and calls_a_function(Subject(fastact.get(name), direction).text)
    ]
    with ProcessPoolExecutor() as workers:
        found = dict(zip(wanted, workers.map(made, *zip(*wanted, strict=True)), strict=True))
    kernels = {key: written for key, written in found.items() if written}
    arrays: dict[str, str] = {}
    print(HEAD)
    for kernel in kernels.values():
        print(shared(kernel.array, arrays))
    tail_lines = [kernel.tail_line for kernel in kernels.values() if kernel.tail_line]
    lists({key: kernel.line for key, kernel in kernels.items()}, tail_lines)


if __name__ == "__main__":
    main(sys.argv[1:])
