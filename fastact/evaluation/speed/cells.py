"""Measured cells, and what follows from them: speed-ups, geometric means, the cells where fastact is behind.

Must not depend on how results are shown.
"""

from __future__ import annotations

import statistics
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from fastact.evaluation.cases import Case, DenseCase, ElementwiseCase
from fastact.evaluation.speed import holding, implementations
from fastact.evaluation.speed.implementations import BASELINES, OURS, Implementation
from fastact.evaluation.speed.timing import Plan, far_behind, measure

FASTEST = "the fastest"  # in place of a name: the fastest other implementation of each cell
_SMALL = 1_000  # elements at most, where the call itself costs as much as its work
_TRACED = (OURS, "NumPy")  # implementations whose memory Python's allocators count


@dataclass(frozen=True)
class Cell:
    """The times of all implementations for one case and number of threads."""

    case: Case
    threads: int
    nanoseconds: dict[str, float]  # of one call, by implementation
    # by implementation, the smaller size that was timed in place of the case's
    scaled_from: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # by implementation, the error that it raised
    cpus: dict[str, float] = field(default_factory=dict)  # by implementation, how many CPUs were busy
    # of dense cases: the most memory that a call allocates at a time, results aside
    peak_bytes: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """The cell in words."""
        return f"{self.case.title}, {counted_threads(self.threads)}"

    @property
    def ours(self) -> float:
        """Nanoseconds of fastact."""
        return self.nanoseconds[OURS]

    @property
    def fastest(self) -> str | None:
        """The fastest other implementation timed at this size; None where there is none."""
        return self.fastest_without(None)

    def fastest_without(self, left_out: str | None) -> str | None:
        """The same among all but one."""
        apart = {OURS, *BASELINES, *self.scaled_from, left_out}
        theirs = {name: ns for name, ns in self.nanoseconds.items() if name not in apart}
        return min(theirs, key=lambda name: theirs[name], default=None)

    def speed_up(self, name: str | None) -> float | None:
        """The time of an implementation, or of the FASTEST, over fastact's; None where it was not timed."""
        theirs = self.nanoseconds.get((self.fastest if name == FASTEST else name) or "")
        return None if theirs is None else theirs / self.ours

    @property
    def baseline(self) -> float | None:
        """Nanoseconds of the work that cannot be avoided: memory traffic, or bare matrix products."""
        return min((ns for name, ns in self.nanoseconds.items() if name in BASELINES), default=None)

    @property
    def over_baseline(self) -> float | None:
        """fastact's time over the baseline's."""
        return None if self.baseline is None else self.ours / self.baseline

    def busy(self) -> Iterator[tuple[str, int, float]]:
        """Implementations timed on work that is worth several threads: name, threads allowed, CPUs busy."""
        for name, cpus in self.cpus.items():
            case = self.case
            if name in self.scaled_from and isinstance(case, ElementwiseCase):
                case = replace(case, n=self.scaled_from[name])
            if case.threaded:
                yield name, self.threads, cpus

    def as_json(self) -> dict[str, Any]:
        """Plain values, the case's fields among the others."""
        fields = asdict(self)
        return {**fields.pop("case"), **fields}


def counted_threads(count: int) -> str:
    """The number of threads in words."""
    return "1 thread" if count == 1 else f"{count} threads"


# Measuring -----------------------------------------------------------------------------------------


def measure_cells(
    cases: Iterable[Case], listed: Sequence[Implementation], threads: Sequence[int], plan: Plan
) -> Iterator[Cell]:
    """Time every case with every number of threads, one cell at a time.

    Implementations that are several times slower than the three fastest are not timed on large arrays. Their
    time per element on the case before, if that differs in size only, is scaled. Cells come in the order of
    `threads`, then of `cases`.
    """
    cases = list(cases)
    for count in threads:
        with ExitStack() as limits:
            limits.enter_context(holding.pinned() if count == 1 else nullcontext())
            for one in listed:
                limits.enter_context(one.threads(count))
            before: Cell | None = None
            for case in cases:
                before = _measure_cell(case, listed, count, plan, before)
                yield before


def _too_slow(before: Cell | None, case: Case) -> dict[str, int]:
    """The implementations to leave out of a large case, with the size that was timed instead."""
    if before is None or not isinstance(case, ElementwiseCase) or case.n < implementations.LARGE:
        return {}
    if not isinstance(before.case, ElementwiseCase) or replace(before.case, n=case.n) != case:
        return {}
    timed = {name: ns for name, ns in before.nanoseconds.items() if name not in BASELINES}
    limit = far_behind(timed.values())
    slow = [name for name, ns in timed.items() if ns > limit and name != OURS]
    return {name: before.scaled_from.get(name, before.case.n) for name in slow}


def _measure_cell(
    case: Case, listed: Sequence[Implementation], threads: int, plan: Plan, before: Cell | None
) -> Cell:
    calls, failed, scaled_from = {}, {}, _too_slow(before, case)
    skipped = set(scaled_from)
    with np.errstate(all="ignore"):
        for one in listed:
            if one.name in skipped:
                continue
            timed = case
            if one.limit is not None and isinstance(case, ElementwiseCase) and case.n > one.limit:
                timed, scaled_from[one.name] = replace(case, n=one.limit), one.limit
            try:
                call = one.call(timed)
                if call is not None:
                    call()  # functions are compiled now
                    calls[one.name] = call
            except Exception as error:  # such as math.exp's, where arrays hold infinity
                if one.name == OURS:
                    raise
                failed[one.name] = f"{type(error).__name__}: {error}"
        dense = isinstance(case, DenseCase)
        peak_bytes = {name: _peak(calls[name]) for name in _TRACED if dense and name in calls}
        taken = measure(calls, plan)
    nanoseconds = {name: one.nanoseconds for name, one in taken.items()}
    cpus = {name: one.cpus for name, one in taken.items()}
    for one in listed:
        if one.name in taken:
            nanoseconds[one.name] /= one.steps
    for name in list(scaled_from):
        if name in taken:
            nanoseconds[name] *= _elements(case) / scaled_from[name]
        elif name in skipped and before is not None:
            nanoseconds[name] = before.nanoseconds[name] * _elements(case) / _elements(before.case)
        else:  # it failed, or has no such function
            del scaled_from[name]
    return Cell(case, threads, nanoseconds, scaled_from, failed, cpus, peak_bytes)


def _elements(case: Case) -> int:
    return case.n if isinstance(case, ElementwiseCase) else 1


def _peak(call: Callable[[], Any]) -> int:
    """The most bytes that Python's allocators hand out at a time during a second call."""
    call()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


# Results -------------------------------------------------------------------------------------------


def usual(cells: Iterable[Cell]) -> list[Cell]:
    """The cells that means include: those with normal inputs."""
    return [cell for cell in cells if cell.case.usual]


def others(cells: Iterable[Cell]) -> list[str]:
    """All implementations but fastact and the baselines, in order of appearance."""
    apart = (OURS, *BASELINES)
    return list(dict.fromkeys(name for cell in cells for name in cell.nanoseconds if name not in apart))


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Of the values that are there; None if there are none."""
    found = [value for value in values if value is not None]
    return statistics.geometric_mean(found) if found else None


def mean_speed_up(cells: Iterable[Cell], name: str) -> float | None:
    """Geometric mean of the speed-ups over an implementation; None where it was never timed."""
    return geometric_mean(cell.speed_up(name) for cell in cells)


def mean_without(cells: Iterable[Cell], left_out: str) -> float | None:
    """Geometric mean of the speed-ups over the fastest of all others but one."""
    return geometric_mean(
        cell.speed_up(name) for cell in cells if (name := cell.fastest_without(left_out)) is not None
    )


def mean_speed_ups(cells: Sequence[Cell]) -> dict[str, dict[str, float | None]]:
    """Geometric means by direction (of dense cases, by dtype) and implementation, and those of all cells."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(getattr(cell.case, "direction", cell.case.dtype), []).append(cell)
    columns = [*others(cells), FASTEST]
    chosen = {**groups, "all": list(cells)}
    return {group: {name: mean_speed_up(of, name) for name in columns} for group, of in chosen.items()}


def slower_cells(cells: Iterable[Cell]) -> list[tuple[Cell, float]]:
    """The cells where another implementation is faster, with the speed-up over it; the worst first."""
    found = [(cell, ratio) for cell in cells if (ratio := cell.speed_up(FASTEST)) is not None and ratio < 1]
    return sorted(found, key=lambda pair: pair[1])


def call_overheads(cells: Iterable[Cell]) -> dict[tuple[str, str, str], float]:
    """Nanoseconds of a call on no elements, by activation, direction and dtype.

    They are extrapolated from the times of small sizes on one thread: by a straight line, each time weighted
    by its inverse.
    """
    timed: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for cell in usual(cells):
        case = cell.case
        if isinstance(case, ElementwiseCase) and cell.threads == 1 and case.n <= _SMALL:
            key = case.activation, case.direction, case.dtype
            timed.setdefault(key, []).append((case.n, cell.ours))
    return {key: _at_zero(points) for key, points in timed.items() if len(points) > 1}


def _at_zero(points: Sequence[tuple[int, float]]) -> float:
    n, time = np.array(points).T
    return float(np.polyfit(n, time, 1, w=1 / time)[1])
