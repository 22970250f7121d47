"""One run of measurements, distributed over threads and processes.

Must not depend on the command line, nor on the form of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from rich.progress import Progress

from fastact import num_threads
from fastact.activations.base import Activation
from fastact.evaluation.accuracy import double
from fastact.evaluation.accuracy.bits import Floats
from fastact.evaluation.accuracy.errors import Errors, Measured
from fastact.evaluation.accuracy.results import OURS, Key, Result
from fastact.evaluation.accuracy.subjects import DIRECTIONS, Subject, label
from fastact.evaluation.accuracy.sweep import Function, sweep
from fastact.evaluation.accuracy.truth import Oracle
from fastact.evaluation.peers.base import Peer
from fastact.evaluation.reference.values import Reference

Override = Callable[[Subject], Function]
WORTH_PROCESSES = 100_000  # points in float64 that take longer than starting processes does


def numbers_only(function: Function) -> Function:
    """The same function, with NaN at NaN.

    The derivatives of several peers are numbers there, an infinite error that hides all others.
    """

    def call(x: Floats, out: Floats) -> None:
        function(x, out)
        out[np.isnan(x)] = np.nan

    return call


@dataclass
class Run:
    """What to measure, apart from the activations."""

    float32_chunks: Sequence[range]  # bit patterns for fastact, from sweep.chunks
    peer_chunks: Sequence[range] = ()  # bit patterns for peers
    points: int = 0  # of float64, per direction; 0 for none
    peers: Sequence[Peer] = ()
    jobs: int = 1  # threads of a sweep, or processes that compute exact values
    oracle: Oracle | None = None
    override: Override | None = None  # given a subject, the function to measure in place of fastact's kernel
    known: Mapping[Key, Result] = field(default_factory=dict)  # results that need not be measured again
    progress: Progress = field(default_factory=lambda: Progress(disable=True))
    failures: list[str] = field(default_factory=list)  # measurements that raised an error, and the error

    def measure(self, activations: Sequence[Activation]) -> Iterator[Result]:
        """Results, one by one. A measurement that fails does not affect the others."""
        subjects = [Subject(a, direction) for a in activations for direction in DIRECTIONS]
        per_subject = 1 + (self.points > 0) + len(self.peers)
        task = self.progress.add_task("all", total=len(subjects) * per_subject)
        with ExitStack() as stack:
            pool: Executor | None = None
            if self.jobs > 1 and self.override is None and self.points * len(subjects) > WORTH_PROCESSES:
                # spawned, because this process has threads by now
                pool = stack.enter_context(ProcessPoolExecutor(self.jobs, get_context("spawn")))
            for peer in self.peers:
                stack.enter_context(peer.sequential())
            for subject in subjects:
                for key, measure in self._measurements(subject, pool):
                    result = self._known(key, subject) or self._attempt(key, subject, measure)
                    self.progress.advance(task)
                    if result is not None:
                        yield result

    def _measurements(
        self, subject: Subject, pool: Executor | None
    ) -> Iterator[tuple[Key, Callable[[], Measured | None]]]:
        """What to measure of a subject, by key: float64 first."""
        name = label(subject.activation), subject.direction
        if self.points:
            yield (*name, "float64", OURS), partial(self._float64, subject, pool)
        yield (*name, "float32", OURS), partial(self._float32, subject)
        for peer in self.peers:
            by = f"{peer.name} {peer.version}"
            yield (*name, "float32", by), partial(self._peer, subject, peer, by)

    def _known(self, key: Key, subject: Subject) -> Result | None:
        """A known result, held to the bound of today."""
        result = self.known.get(key)
        return replace(result, bound=subject.bound(key[2])) if result and result.enforced else result

    def _attempt(self, key: Key, subject: Subject, measure: Callable[[], Measured | None]) -> Result | None:
        """The result of a measurement; None for a peer without such a function, and after an error."""
        name, direction, dtype, by = key
        try:
            found = measure()
        except Exception as error:  # other results are kept
            self.failures.append(f"{name} {direction} {dtype} {by}: {type(error).__name__}: {error}")
            return None
        bound = subject.bound(dtype) if by == OURS else None
        return Result(*key, found.errors, bound, found.near_root, found.undecided) if found else None

    def _float32(self, subject: Subject) -> Measured:
        """A sweep of fastact's kernel."""
        rounded = subject.rounded("float32")
        function = self.override(rounded) if self.override else rounded
        return self._sweep(rounded, function, self.float32_chunks, OURS)

    def _peer(self, subject: Subject, peer: Peer, by: str) -> Measured | None:
        """A sweep of a peer's function; None where the peer has none."""
        rounded = subject.rounded("float32")
        function = peer.function(rounded.activation, subject.direction)
        return self._sweep(rounded, numbers_only(function), self.peer_chunks, by) if function else None

    def _sweep(self, rounded: Subject, function: Function, chunks: Sequence[range], by: str) -> Measured:
        title = f"{label(rounded.activation)} {rounded.direction} float32 {by}"
        reference = Reference(rounded.text, rounded.activation.parameters, self.oracle)
        task = self.progress.add_task(title, total=sum(map(len, chunks)))
        with num_threads(1):
            found = sweep(function, reference, chunks, self.jobs, lambda n: self.progress.advance(task, n))
        self.progress.remove_task(task)
        return found

    def _float64(self, subject: Subject, pool: Executor | None) -> Measured:
        """fastact's kernel against exact values, in slices that processes share."""
        work = list(double.jobs(subject, self.points, self.oracle))
        title = f"{label(subject.activation)} {subject.direction} float64 {OURS}"
        task = self.progress.add_task(title, total=sum(job.points.size for job in work))
        kernel = self.override(subject) if self.override else None
        found = pool.map(double.measure, work) if pool else (double.measure(job, kernel) for job in work)
        total = Measured(Errors())
        for job, measured in zip(work, found, strict=True):
            total = total.joined(measured)
            self.progress.advance(task, job.points.size)
        self.progress.remove_task(task)
        if not total.errors.points:
            raise ArithmeticError("the exact value could not be computed at any point")
        return total
