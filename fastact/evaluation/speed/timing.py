"""Time several callables against each other in one process, interleaved.

Each callable is repeated until a batch is long enough for the clock. Then rounds of one batch each alternate,
so that a machine that slows down meanwhile does so for all callables. A batch starts when the threads of the
one before sleep. CPU time, which covers all threads, is read beside wall time and reveals threads beyond the
limit. Must not depend on what is timed.
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
_FAR_BEHIND = 3  # times the time of the third fastest
_NAP = 1e-3  # seconds between checks whether threads still spin
_MOST_NAPS = 300  # ONNX Runtime's threads spin for some 200 ms
_SHORT_NS = 2_000_000  # after a pause, fastact may run one call shorter than this on one thread
_NOISE = 0.3  # CPUs beyond the limit that a median may show within it


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int = 15  # batches of each callable, at most
    batch_ns: int = 1_500_000  # least duration of a batch
    budget_ns: int = 120_000_000  # no round starts after this much time, from the sixth on
    # calls that take longer and are far behind the three fastest are timed twice only
    long_ns: int = 5_000_000


SHORT = Plan(rounds=9, batch_ns=400_000, budget_ns=40_000_000)  # where there are many cells
QUICK = Plan(rounds=5, batch_ns=300_000, budget_ns=30_000_000)


@dataclass(frozen=True)
class Taken:
    """Times of one call: medians over the rounds."""

    nanoseconds: float  # of wall time
    cpus: float  # CPU time of the whole process over wall time: the number of busy CPUs


def running_threads() -> int:
    """How many threads of this process, except the caller's, are running or ready to run; 0 if unknown.

    CPU clocks are no substitute: in some virtual machines they count in steps of 10 ms.
    """
    own = str(threading.get_native_id())
    try:
        return sum(_state(task) == "R" for task in Path("/proc/self/task").iterdir() if task.name != own)
    except OSError:
        return 0


def _state(task: Path) -> str:
    """The letter after the name, which is in parentheses; empty if the thread has ended."""
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
    """The times of one call of each callable, by name.

    Work of a first call, such as compiling, must be done already. The clocks return nanoseconds of wall time,
    and of CPU time over all threads; `running` returns the number of running threads except the caller's.
    """
    timers = {name: _Timer(call, plan, clock, cpu_clock, running) for name, call in calls.items()}
    with _no_garbage_collection():
        for timer in timers.values():
            timer.calibrate()
        repeated = _worth_repeating(list(timers.values()), plan.long_ns)
        start = clock()
        for number in range(plan.rounds):
            if number >= _MINIMUM_ROUNDS and clock() - start > plan.budget_ns:
                break
            first = number % len(repeated)  # another order in each round
            for timer in repeated[first:] + repeated[:first]:
                timer.round()
    return {name: timer.taken() for name, timer in timers.items()}


class _Timer:
    """One callable, and the times of its batches."""

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
        self._rounds: list[Taken] = []

    @property
    def nanoseconds(self) -> float:
        """Of one call in the last batch."""
        return self._last.nanoseconds

    def calibrate(self) -> None:
        """Find how many repetitions are long enough; the attempts are the warm-up."""
        _settle(self._running)
        wanted_ns = self._plan.batch_ns
        while (elapsed := self._batch()) < wanted_ns:
            wanted = int(1.2 * self._count * wanted_ns / max(elapsed, 1))
            # a first call may be much slower or faster than the next
            self._count = min(max(2 * self._count, wanted), 100 * self._count)

    def try_again(self) -> float:
        """Nanoseconds of one call: the shorter of the last batch and another one."""
        before = self._last
        self._call()
        self._batch()
        self._last = min(before, self._last, key=lambda taken: taken.nanoseconds)
        return self._last.nanoseconds

    def round(self) -> None:
        """One batch on idle CPUs, after one or two calls that fill the caches and start the threads.

        A runtime that starts two threads on one CPU may need 10 ms until the system separates them.
        """
        _settle(self._running)
        start = self._clock()
        self._call()
        if self._clock() - start < _SHORT_NS:
            self._call()
        self._batch()
        self._rounds.append(self._last)

    def _batch(self) -> int:
        worked, start = self._cpu_clock(), self._clock()
        for _ in repeat(None, self._count):
            self._call()
        elapsed, worked = self._clock() - start, self._cpu_clock() - worked
        self._last = Taken(elapsed / self._count, worked / max(elapsed, 1))
        return elapsed

    def taken(self) -> Taken:
        """Medians over the rounds; the calibration, if there were none."""
        rounds = self._rounds or [self._last]
        nanoseconds, cpus = zip(*((one.nanoseconds, one.cpus) for one in rounds), strict=True)
        return Taken(statistics.median(nanoseconds), statistics.median(cpus))


def _worth_repeating(timers: Sequence[_Timer], long_ns: int) -> list[_Timer]:
    """All but long calls that are far behind."""
    limit = max(long_ns, far_behind(one.nanoseconds for one in timers))
    return [one for one in timers if one.nanoseconds <= limit or one.try_again() <= limit]


def far_behind(times: Iterable[float]) -> float:
    """The time beyond which a call is several times slower than the three fastest."""
    three = sorted(times)[:3]
    return _FAR_BEHIND * three[-1]


def greedy(busy: Iterable[tuple[str, int, float]]) -> list[tuple[str, int, float]]:
    """Implementations that keep more CPUs busy than allowed: name, threads allowed, median of the CPUs.

    The same, of each cell, is given; a median ignores single disturbed cells.
    """
    seen: dict[tuple[str, int], list[float]] = {}
    for name, threads, cpus in busy:
        seen.setdefault((name, threads), []).append(cpus)
    medians = ((name, threads, statistics.median(found)) for (name, threads), found in seen.items())
    return [(name, threads, cpus) for name, threads, cpus in medians if cpus > threads + _NOISE]


def _settle(running: Callable[[], int]) -> None:
    """Wait until no other thread runs: some runtimes' threads spin for a while before they sleep."""
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
