"""Make piece_tables_double.h: float64 kernels of smooth rows as tables of polynomials, piece by piece.

    cd fastact/csrc && python piece_tables_double.py [NAME ...] > tables && mv tables piece_tables_double.h

As piece_tables.py, whose words and lists it uses, but with exact values from flint instead of float64
kernels; for AVX-512 alone, where two registers hold the 16 entries of a look-up. Simulations try some
thousand numbers of each piece. Does not know how a piece is fitted (piece_double.py), nor how pieces make a
kernel (piecewise.py).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb
from piece import Floats
from piece_double import Fit, candidates
from piece_tables import DIRECTIONS, TYPICAL, Target, lists, worth_a_table, write
from piecewise import ENTRIES, Cut, Table, cuts

import fastact
from fastact.formula import compile_formula
from fastact.measure.bits import ordered, unordered
from fastact.measure.double import near_roots
from fastact.measure.errors import errors_in_ulp
from fastact.measure.truth import Truth, decided, truth

MARGIN = 0.1  # ULP that a simulation must stay below the bound
DEGREES = range(3, 22)
LOOK_UP, OTHER = 0.05, 0.15  # nanoseconds: a look-up with its multiply-add, and all else
OUTSIDE = 15.0  # nanoseconds for an input beyond the cover, which holds up others too
TOO_SLOW = 1.8  # nanoseconds at which a table does not pay
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
        self._truths: dict[tuple[Cut, int], tuple[Floats, Truth]] = {}
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

    def on(self, lo: float, hi: float) -> Fit:
        """The function on a piece."""
        if (lo, hi) not in self._fits:
            self._fits[lo, hi] = Fit(self, (lo, hi))
        return self._fits[lo, hi]

    def at_probes(self, cut: Cut, slot: int, lo: float, hi: float) -> tuple[Floats, Truth]:
        """Numbers of a piece, not next to a root, where other things count; and the truth there."""
        if (cut, slot) not in self._truths:
            x = probes(cut, slot, lo, hi)
            x = x[~near_roots(x, self.target.roots if self.target.right else -self.target.roots)]
            want = truth(self.text, self.target.subject.activation.parameters, x)
            self._truths[cut, slot] = x, want
        return self._truths[cut, slot]


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


def fit(source: Source, cut: Cut, degree: int, exact_sum: bool) -> tuple[Table, float] | None:
    """A table and its largest error, or None if some piece is too bad."""
    target = source.target
    limit = target.subject.bound("float64") - MARGIN
    table = Table(cut, target.form, target.right, exact_sum, {}, dtype="float64")
    worst = 0.0
    for slot, lo, hi in sorted(cut.pieces(), key=lambda p: -abs(p[1])):  # outermost first: those fail first
        tried = []
        for piece in candidates(source, source.on(lo, hi), degree, source.roots):
            if piece.value == 0 and target.form in ("SIGNED", "RELU"):
                piece = replace(piece, value=-0.0)  # so that zeros come out with their signs
            alone = replace(table, pieces=dict.fromkeys(range(ENTRIES), piece))
            x, want = source.at_probes(cut, slot, lo, hi)
            found = float(np.max(errors_in_ulp(alone(x), want), initial=0.0))
            tried.append(replace(piece, error=found))
        if not tried:
            return None
        table.pieces[slot] = min(tried, key=lambda piece: piece.error)
        worst = max(worst, table.pieces[slot].error)
        if worst > limit:
            return None
    zeros = np.array([0.0, -0.0])
    got, want = table(zeros), target.subject(zeros)
    same = np.array_equal(got, want) and np.array_equal(np.signbit(got), np.signbit(want))
    return (table, worst) if same else None


def plans(target: Target) -> Iterator[tuple[float, int, Cut, bool]]:
    """What to try, with its price in nanoseconds per element on typical inputs."""
    for cut in cuts(target.form, 4):
        outside = math.erfc(cut.cover / TYPICAL / math.sqrt(2))
        for exact_sum in (False, True) if target.form == "RELU" else (False,):
            for degree in DEGREES:
                price = LOOK_UP * (degree + 2 + 2 * exact_sum) + OTHER + OUTSIDE * outside
                if price < TOO_SLOW:
                    yield price, degree, cut, exact_sum


def search(target: Target) -> tuple[Table, float] | None:
    """The cheapest table that is good enough, and its error."""
    source = Source(target)
    for _, degree, cut, exact_sum in sorted(plans(target), key=lambda plan: plan[:2]):
        found = fit(source, cut, degree, exact_sum)
        if found is not None:
            return found
    return None


def made(name: str, direction: str) -> tuple[str, str] | None:
    """The line and the array of a kernel, if there is a good one."""
    target = Target.of(name, direction, "float64")
    found = search(target)
    told = f"{found[1]:.3f} ULP simulated, {found[0].degree}" if found else "none"
    print(f"{name} {direction}: {told}", file=sys.stderr, flush=True)
    return write(name, direction, target, found[0]) if found else None


def main(names: list[str]) -> None:
    """Print the header."""
    wanted = [(name, d) for name in names or fastact.names() if worth_a_table(name) for d in DIRECTIONS]
    with ProcessPoolExecutor() as workers:
        found = dict(zip(wanted, workers.map(made, *zip(*wanted, strict=True)), strict=True))
    print(HEAD)
    for written in found.values():
        if written:
            print(written[1])
    lists({key: written[0] for key, written in found.items() if written})


if __name__ == "__main__":
    main(sys.argv[1:])
