"""Time several callables against each other in one process, taking turns.

Each is repeated until a batch takes long enough for the clock; then all take turns, batch by batch, so
that a machine that slows down or speeds up meanwhile does so for all of them. Before each turn, the threads
of the one before have gone to sleep. CPU time, which covers all threads, is read beside wall time, so that
a thread too many cannot hide. Does not know what it times, and prints nothing.
"""

from __future__ import annotations

import gc
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

Clock = Callable[[], int]

_MINIMUM_ROUNDS = 5  # below, a median says little
_FAR_BEHIND = 3  # times the time of the third
_NAP = 1e-3  # seconds between looks whether threads still spin
_MOST_NAPS = 300  # ONNX Runtime's spin for some 200 ms
_SHORT_NS = 2_000_000  # fastact may leave its threads asleep for one call that takes less
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
        No new round begins after this much time, once there have been five.
    long_ns : int
        Where calls take at least this, whoever is several times slower than the three fastest is timed
        twice only.
    """

    rounds: int = 15
    batch_ns: int = 1_500_000
    budget_ns: int = 120_000_000
    long_ns: int = 5_000_000


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


def running_threads() -> int:
    """How many threads of this process, the caller's aside, work, spin, or wait for a CPU to do so.

    CPU clocks do not tell: in some virtual machines they count other threads' time in steps of 10 ms. Where
    the system does not tell either, 0.
    """
    own = str(threading.get_native_id())
    try:
        return sum(_state(task) == "R" for task in Path("/proc/self/task").iterdir() if task.name != own)
    except OSError:
        return 0


def _state(task: Path) -> str:
    """The letter behind the name, which stands in parentheses; of one that has ended, nothing."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def measure(
    calls: Mapping[str, Callable[[], Any]],
    plan: Plan,
    clock: Clock = time.perf_counter_ns,
    cpu_clock: Clock = time.process_time_ns,
    running: Callable[[], int] = running_threads,
) -> dict[str, Taken]:
    """What one call of each callable takes.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time, by name. What only a first call does, compiling for example, is done already.
    plan : Plan
        How long to measure.
    clock : callable
        Nanoseconds since some moment.
    cpu_clock : callable
        Nanoseconds that CPUs have worked for this process, on any thread.
    running : callable
        How many threads are at work beside the caller's.

    Returns
    -------
    dict
        Taken, by name.
    """
    everybody = {name: _Contestant(call, plan, clock, cpu_clock, running) for name, call in calls.items()}
    with _no_garbage_collection():
        for one in everybody.values():
            one.calibrate()
        again = _worth_repeating(list(everybody.values()), plan.long_ns)
        start = clock()
        for number in range(plan.rounds):
            if number >= _MINIMUM_ROUNDS and clock() - start > plan.budget_ns:
                break
            first = number % len(again)  # another one each round, so that nobody always follows the same
            for one in again[first:] + again[:first]:
                one.take_a_turn()
    return {name: one.taken() for name, one in everybody.items()}


class _Contestant:
    """One callable, and what its batches took."""

    def __init__(
        self,
        call: Callable[[], Any],
        plan: Plan,
        clock: Clock,
        cpu_clock: Clock,
        running: Callable[[], int],
    ) -> None:
        self._call = call
        self._plan = plan
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._running = running
        self._count = 1
        self._last = Taken(0, 0)  # of the calibration, at first
        self._turns: list[Taken] = []

    @property
    def nanoseconds(self) -> float:
        """Of one call in the last batch."""
        return self._last.nanoseconds

    def calibrate(self) -> None:
        """Find how many repetitions take long enough; the attempts are the warm-up."""
        _settle(self._running)
        wanted_ns = self._plan.batch_ns
        while (elapsed := self._batch()) < wanted_ns:
            wanted = int(1.2 * self._count * wanted_ns / max(elapsed, 1))
            # a first call may be far too slow or too fast
            self._count = min(max(2 * self._count, wanted), 100 * self._count)

    def try_again(self) -> float:
        """Nanoseconds of one call, in the last batch or another one: something may have held up the last."""
        before = self._last
        self._call()
        self._batch()
        self._last = min(before, self._last, key=lambda taken: taken.nanoseconds)
        return self._last.nanoseconds

    def take_a_turn(self) -> None:
        """One batch on quiet CPUs, after a call or two that fill the caches and wake the threads again.

        It may take some 10 ms until those of a runtime that wakes two on one CPU have found their places.
        """
        _settle(self._running)
        start = self._clock()
        self._call()
        if self._clock() - start < _SHORT_NS:
            self._call()
        self._batch()
        self._turns.append(self._last)

    def _batch(self) -> int:
        worked, start = self._cpu_clock(), self._clock()
        for _ in repeat(None, self._count):
            self._call()
        elapsed, worked = self._clock() - start, self._cpu_clock() - worked
        self._last = Taken(elapsed / self._count, worked / max(elapsed, 1))
        return elapsed

    def taken(self) -> Taken:
        """Medians over the turns; the calibration, if there were none."""
        turns = self._turns or [self._last]
        return Taken(
            statistics.median(one.nanoseconds for one in turns), statistics.median(one.cpus for one in turns)
        )


def _worth_repeating(everybody: Sequence[_Contestant], long_ns: int) -> list[_Contestant]:
    """Those who are not far behind in what takes long anyway."""
    limit = max(long_ns, far_behind(one.nanoseconds for one in everybody))
    return [one for one in everybody if one.nanoseconds <= limit or one.try_again() <= limit]


def far_behind(times: Iterable[float]) -> float:
    """The time beyond which a contestant is several times slower than the three fastest."""
    three = sorted(times)[:3]
    return _FAR_BEHIND * three[-1]


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


def _settle(running: Callable[[], int]) -> None:
    """Wait, within reason, for the threads of whoever was last: some spin for a while before they sleep."""
    for _ in range(_MOST_NAPS):
        if not running():
            break
        time.sleep(_NAP)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
