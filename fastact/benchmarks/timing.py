"""Time several callables against each other in one process, taking turns.

Each is repeated until a batch takes long enough for the clock; then all take turns, batch by batch, so
that a machine that slows down or speeds up meanwhile does so for all of them. Does not know what it times,
and prints nothing.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any

Clock = Callable[[], int]

_MINIMUM_ROUNDS = 3  # below, a median is not one


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


def measure(
    calls: Mapping[str, Callable[[], Any]], plan: Plan, clock: Clock = time.perf_counter_ns
) -> dict[str, float]:
    """The median time of one call, in nanoseconds, of each callable.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time, by name.
    plan : Plan
        How long to measure.
    clock : callable
        Nanoseconds since some moment.

    Returns
    -------
    dict
        Medians over the rounds, by name.
    """
    names = list(calls)
    taken: dict[str, list[float]] = {name: [] for name in names}
    with _no_garbage_collection():
        start = clock()
        counts = {name: _calibrate(calls[name], plan.batch_ns, clock) for name in names}
        for number in range(plan.rounds):
            if number >= _MINIMUM_ROUNDS and clock() - start > plan.budget_ns:
                break
            first = number % len(names)  # another one each round, so that nobody always follows the same
            for name in names[first:] + names[:first]:
                calls[name]()  # not measured: fills the caches and wakes the threads again
                taken[name].append(_batch(calls[name], counts[name], clock) / counts[name])
    return {name: statistics.median(times) for name, times in taken.items()}


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
