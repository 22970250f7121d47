"""Time several callables against each other in one process, taking turns.

Each is repeated until a batch takes long enough for the clock; then all take turns, batch by batch, so
that a machine that slows down or speeds up meanwhile does so for all of them. Before each turn, the threads
of the one before have gone to sleep. CPU time, which covers all
threads, is read beside wall time, so that a thread too many cannot hide. Does not know what it times, and
prints nothing.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any

Clock = Callable[[], int]

_MINIMUM_ROUNDS = 3  # below, a median is not one
_WAIT_NS = 200_000  # as long as that, a CPU must be idle before the next one's turn
_MOST_WAITS = 250
_NOISE = 0.3  # CPUs beyond the allowed ones that a median may show without a thread too many


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes
    ----------
    rounds : int
        Batches of each callable, at most.
    batch_ns : int
        Least duration of one batch.
    budget_ns : int
        No new round begins after this much time, once there have been three.
    """

    rounds: int = 15
    batch_ns: int = 1_500_000
    budget_ns: int = 200_000_000


QUICK = Plan(rounds=5, batch_ns=300_000, budget_ns=30_000_000)


@dataclass(frozen=True)
class Taken:
    """What one call takes; medians over the rounds.

    Attributes
    ----------
    nanoseconds : float
        Of wall time.
    cpus : float
        CPU time of the whole process over wall time: how many CPUs were busy.
    """

    nanoseconds: float
    cpus: float


def measure(
    calls: Mapping[str, Callable[[], Any]],
    plan: Plan,
    clock: Clock = time.perf_counter_ns,
    cpu_clock: Clock = time.process_time_ns,
) -> dict[str, Taken]:
    """What one call of each callable takes.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time, by name.
    plan : Plan
        How long to measure.
    clock : callable
        Nanoseconds since some moment.
    cpu_clock : callable
        Nanoseconds that CPUs have worked for this process, on any thread.

    Returns
    -------
    dict
        Taken, by name.
    """
    names = list(calls)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with _no_garbage_collection():
        start = clock()
        counts = {name: _calibrate(calls[name], plan.batch_ns, clock) for name in names}
        for number in range(plan.rounds):
            if number >= _MINIMUM_ROUNDS and clock() - start > plan.budget_ns:
                break
            first = number % len(names)  # another one each round, so that nobody always follows the same
            for name in names[first:] + names[:first]:
                _settle(cpu_clock)
                calls[name]()  # not measured: fills the caches and wakes the threads again
                worked = cpu_clock()
                elapsed = _batch(calls[name], counts[name], clock)
                taken[name].append((elapsed / counts[name], (cpu_clock() - worked) / max(elapsed, 1)))
    return {name: Taken(*map(statistics.median, zip(*pairs, strict=True))) for name, pairs in taken.items()}


def greedy(busy: Iterable[tuple[str, int, float]]) -> list[tuple[str, int, float]]:
    """Who kept more CPUs busy than allowed: name, threads allowed, CPUs.

    Parameters
    ----------
    busy : iterable of (str, int, float)
        Name, threads allowed and CPUs busy, from many cells.

    Returns
    -------
    list
        The same, with the median of the CPUs, so that one disturbed cell accuses nobody.
    """
    seen: dict[tuple[str, int], list[float]] = {}
    for name, threads, cpus in busy:
        seen.setdefault((name, threads), []).append(cpus)
    medians = ((name, threads, statistics.median(found)) for (name, threads), found in seen.items())
    return [(name, threads, cpus) for name, threads, cpus in medians if cpus > threads + _NOISE]


def _settle(cpu_clock: Clock) -> None:
    """Wait, within reason, for the threads of whoever was last: some spin for a while before they sleep."""
    for _ in range(_MOST_WAITS):
        before = cpu_clock()
        time.sleep(_WAIT_NS / 1e9)
        if cpu_clock() - before < _WAIT_NS / 2:
            break


def _calibrate(call: Callable[[], Any], batch_ns: int, clock: Clock) -> int:
    """How many repetitions take at least batch_ns; the attempts are the warm-up."""
    count = 1
    while (elapsed := _batch(call, count, clock)) < batch_ns:
        wanted = 1.2 * count * batch_ns / max(elapsed, 1)
        count = min(max(2 * count, int(wanted)), 100 * count)  # a first call may be far too slow or too fast
    return count


def _batch(call: Callable[[], Any], count: int, clock: Clock) -> int:
    start = clock()
    for _ in repeat(None, count):
        call()
    return clock() - start


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
