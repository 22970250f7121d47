"""Dense layers timed, and what follows from it: the share of the bare products, the memory that was needed.

Knows cases and contestants as such. Does not know how results are shown.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fastact.evaluation.speed.dense_cases import DenseCase
from fastact.evaluation.speed.dense_contestants import (
    DenseContestant,
    Fastact,
    NumpyIdiom,
    NumpyProducts,
    ScipyProducts,
)
from fastact.evaluation.speed.timing import Plan, measure

OURS = Fastact.name
_THREADED_FROM = 10**7  # operations; from here on whoever may use threads does so
PRODUCTS = (NumpyProducts.name, ScipyProducts.name)
_TRACED = (Fastact.name, NumpyIdiom.name)  # those whose memory Python knows of


@dataclass(frozen=True)
class DenseCell:
    """Times of one forward and one backward pass.

    Attributes
    ----------
    case : DenseCase
    threads : int
    nanoseconds : dict
        By contestant.
    peak_bytes : dict
        What one forward and one backward pass allocate at most at one time beside their arguments and, for
        fastact, the results, which exist already; by contestant.
    cpus : dict
        How many CPUs were busy while a contestant was timed.
    """

    case: DenseCase
    threads: int
    nanoseconds: dict[str, float]
    peak_bytes: dict[str, int]
    cpus: dict[str, float] = field(default_factory=dict)

    @property
    def of_products(self) -> float | None:
        """fastact's time over that of the faster bare products."""
        products = [self.nanoseconds[name] for name in PRODUCTS if name in self.nanoseconds]
        return self.nanoseconds[OURS] / min(products) if products else None

    @property
    def gigaflops(self) -> float:
        """Operations of the products over the time of all."""
        return self.case.operations / self.nanoseconds[OURS]

    def speed_up(self, name: str) -> float | None:
        """A contestant's time over fastact's."""
        theirs = self.nanoseconds.get(name)
        return None if theirs is None else theirs / self.nanoseconds[OURS]

    def busy(self) -> Iterator[tuple[str, int, float]]:
        """Who was timed on so much work that threads would help, the threads allowed, the CPUs busy."""
        if self.case.operations >= _THREADED_FROM:
            for name, cpus in self.cpus.items():
                yield name, self.threads, cpus

    def as_json(self) -> dict[str, Any]:
        """A dict of plain values, the case's fields among the others."""
        fields = asdict(self)
        return {**fields.pop("case"), **fields, "of_products": self.of_products}


def own_contestants() -> list[DenseContestant]:
    """Those that are always there."""
    return [Fastact(), NumpyProducts(), ScipyProducts(), NumpyIdiom()]


def measure_dense(
    cases: Iterable[DenseCase], contestants: Sequence[DenseContestant], threads: Iterable[int], plan: Plan
) -> Iterator[DenseCell]:
    """Time every case with every number of threads, all contestants taking turns.

    Yields
    ------
    DenseCell
        In the order of `threads`, then of `cases`.
    """
    listed = list(cases)
    for count in threads:
        with ExitStack() as limits:
            for contestant in contestants:
                limits.enter_context(contestant.threads(count))
            for case in listed:
                with np.errstate(all="ignore"):
                    calls = {c.name: call for c in contestants if (call := c.callable(case)) is not None}
                    for call in calls.values():
                        call()  # whoever compiles does so now
                    memory = {name: _peak(calls[name]) for name in _TRACED if name in calls}
                    taken = measure(calls, plan)
                    nanoseconds = {name: one.nanoseconds for name, one in taken.items()}
                    cpus = {name: one.cpus for name, one in taken.items()}
                    yield DenseCell(case, count, nanoseconds, memory, cpus)


def _peak(call: Any) -> int:
    """Most bytes that Python's allocators had given out at one time of a second call."""
    call()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
