"""Measured cells, and what follows from them: speed-ups, geometric means, the content of a JSON file.

Knows cases and contestants as such. Does not know how results are shown.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

import fastact
from fastact.evaluation.speed import roofline
from fastact.evaluation.speed.cases import Case
from fastact.evaluation.speed.contestants import Contestant, Fastact
from fastact.evaluation.speed.timing import Plan, far_behind, measure

OURS = Fastact.name
_PASS = "memory alone"  # takes turns with the contestants
FASTEST = "the fastest"  # in place of an opponent's name: whoever is the fastest in each cell
_SMALL = 1_000  # elements at most, where the call itself costs as much as its work
_THREADED_FROM = 100_000  # elements; from here on whoever may use threads does so


@dataclass(frozen=True)
class Cell:
    """The times of all contestants on one case with one number of threads.

    Attributes
    ----------
    case : Case
    threads : int
    nanoseconds : dict
        Of one call, by contestant.
    scaled_from : dict
        By contestant, the smaller size that was timed in place of the case's, where that is so.
    failed : dict
        By contestant, the error that kept it from finishing.
    cpus : dict
        By contestant, how many CPUs were busy while it was timed.
    pass_ns : float, optional
        Of a pass that moves the memory that the case must move, and does nothing else; of large cases.
    """

    case: Case
    threads: int
    nanoseconds: dict[str, float]
    scaled_from: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    cpus: dict[str, float] = field(default_factory=dict)
    pass_ns: float | None = None

    def __str__(self) -> str:
        """Which cell it is, in words."""
        case = self.case
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        inputs = "" if case.inputs == "normal" else f", {case.inputs} inputs"
        return f"{case.activation} {case.direction} {case.dtype}, n = {case.n:,}{inputs}, {threads}"

    @property
    def per_element(self) -> float:
        """Nanoseconds of fastact per element."""
        return self.nanoseconds[OURS] / self.case.n

    @property
    def fastest(self) -> str | None:
        """The fastest opponent of those timed at this size; None where there is none."""
        apart = {OURS, *self.scaled_from}
        theirs = {name: ns for name, ns in self.nanoseconds.items() if name not in apart}
        return min(theirs, key=lambda name: theirs[name], default=None)

    def speed_up(self, opponent: str | None) -> float | None:
        """The time of an opponent, or of the FASTEST, over fastact's; None where there is no such time."""
        theirs = self.nanoseconds.get((self.fastest if opponent == FASTEST else opponent) or "")
        return None if theirs is None else theirs / self.nanoseconds[OURS]

    @property
    def of_roofline(self) -> float | None:
        """How much of fastact's time memory alone would have taken; None where that was not measured."""
        return None if self.pass_ns is None else self.pass_ns / self.nanoseconds[OURS]

    def busy(self) -> Iterator[tuple[str, int, float]]:
        """Who was timed on so many elements that threads would help, the threads allowed, the CPUs busy."""
        for name, cpus in self.cpus.items():
            if self.scaled_from.get(name, self.case.n) >= _THREADED_FROM:
                yield name, self.threads, cpus

    def as_json(self) -> dict[str, Any]:
        """A dict of plain values, the case's fields among the others."""
        fields = asdict(self)
        return {**fields.pop("case"), **fields}


def measure_cells(
    cases: Sequence[Case], contestants: Sequence[Contestant], threads: Sequence[int], plan: Plan
) -> Iterator[Cell]:
    """Time every case with every number of threads, one cell at a time.

    Contestants that are several times slower than the three fastest are not timed on large arrays, where they
    would take most of the time; their time per element on the case before, if that is the same but for its
    size, stands for it.

    Yields
    ------
    Cell
        In the order of `threads`, then of `cases`.
    """
    for count in threads:
        with ExitStack() as limits:
            for contestant in contestants:
                limits.enter_context(contestant.threads(count))
            limits.enter_context(fastact.num_threads(count))  # for the pass over memory
            before: Cell | None = None
            for case in cases:
                before = _measure_cell(case, contestants, count, plan, before)
                yield before


def _too_slow(before: Cell | None, case: Case) -> dict[str, int]:
    """By name, on how many elements those were timed who need not be timed on a large case."""
    if before is None or case.n < roofline.LARGE or replace(before.case, n=case.n) != case:
        return {}
    limit = far_behind(before.nanoseconds.values())
    slow = [name for name, ns in before.nanoseconds.items() if ns > limit and name != OURS]
    return {name: before.scaled_from.get(name, before.case.n) for name in slow}


def _measure_cell(
    case: Case, contestants: Sequence[Contestant], threads: int, plan: Plan, before: Cell | None
) -> Cell:
    calls, failed, scaled_from = {}, {}, _too_slow(before, case)
    with np.errstate(all="ignore"):
        for contestant in contestants:
            name, limit = contestant.name, contestant.limit
            if name in scaled_from:
                continue
            timed = case if limit is None or case.n <= limit else replace(case, n=limit)
            call = contestant.callable(timed)
            if call is None:
                continue
            try:
                call()
            except ArithmeticError as error:  # math.exp raises where arrays hold infinity
                failed[name] = f"{type(error).__name__}: {error}"
                continue
            calls[name] = call
            if timed.n != case.n:
                scaled_from[name] = timed.n
        memory = roofline.memory_pass(case)
        taken = measure({**calls, **({_PASS: memory} if memory else {})}, plan)
    pass_ns = taken.pop(_PASS).nanoseconds if memory else None
    nanoseconds = {name: one.nanoseconds for name, one in taken.items()}
    cpus = {name: one.cpus for name, one in taken.items()}
    for name, size in scaled_from.items():
        if name in taken:
            nanoseconds[name] *= case.n / size
        elif before is not None:
            nanoseconds[name] = before.nanoseconds[name] * case.n / before.case.n
    return Cell(case, threads, nanoseconds, scaled_from, failed, cpus, pass_ns)


def usual(cells: Iterable[Cell]) -> list[Cell]:
    """Those with normal inputs, which means are taken of."""
    return [cell for cell in cells if cell.case.inputs == "normal"]


def opponents(cells: Iterable[Cell]) -> list[str]:
    """Everyone timed against fastact, in order of appearance."""
    return list(dict.fromkeys(name for cell in cells for name in cell.nanoseconds if name != OURS))


def mean_speed_up(cells: Iterable[Cell], opponent: str) -> float | None:
    """Geometric mean of the speed-ups over an opponent; None where it was never timed."""
    found = [s for cell in cells if (s := cell.speed_up(opponent)) is not None]
    return statistics.geometric_mean(found) if found else None


def mean_speed_ups(cells: Sequence[Cell]) -> dict[str, dict[str, float | None]]:
    """Geometric means by direction, then by opponent; "all" has them over all directions."""
    directions = dict.fromkeys(cell.case.direction for cell in cells)
    groups = {d: [cell for cell in cells if cell.case.direction == d] for d in directions}
    groups["all"] = list(cells)
    columns = [*opponents(cells), FASTEST]
    return {name: {o: mean_speed_up(group, o) for o in columns} for name, group in groups.items()}


def slower_cells(cells: Iterable[Cell]) -> list[tuple[Cell, float]]:
    """The cells where somebody is faster than fastact, and the speed-up there; the worst first."""
    found = [
        (cell, factor) for cell in cells if (factor := cell.speed_up(FASTEST)) is not None and factor < 1
    ]
    return sorted(found, key=lambda pair: pair[1])


def call_overheads(cells: Iterable[Cell]) -> dict[tuple[str, str, str], float]:
    """Nanoseconds of a call on no elements, by activation, direction and dtype.

    The line through the times of small sizes on one thread, each weighted by its inverse, is followed to 0.
    """
    timed: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for cell in usual(cells):
        if cell.threads == 1 and cell.case.n <= _SMALL:
            key = cell.case.activation, cell.case.direction, cell.case.dtype
            timed.setdefault(key, []).append((cell.case.n, cell.nanoseconds[OURS]))
    return {key: _at_zero(points) for key, points in timed.items() if len(points) > 1}


def _at_zero(points: Sequence[tuple[int, float]]) -> float:
    n, time = np.array(points).T
    return float(np.polyfit(n, time, 1, w=1 / time)[1])
