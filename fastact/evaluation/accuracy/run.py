"""One run of measurements: which inputs, by whom, on how many threads and processes.

Knows how the work is shared out and how progress is told. Does not know the command line, nor what becomes
of the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context

from rich.progress import Progress

from fastact import num_threads
from fastact.activations.base import Activation
from fastact.evaluation.accuracy import double
from fastact.evaluation.accuracy.errors import Errors
from fastact.evaluation.accuracy.peers import Peer, numbers_only
from fastact.evaluation.accuracy.results import OURS, Key, Result
from fastact.evaluation.accuracy.subjects import DIRECTIONS, Subject, label
from fastact.evaluation.accuracy.sweep import Function, sweep
from fastact.evaluation.accuracy.truth import Oracle

Override = Callable[[Subject], Function]
WORTH_PROCESSES = 100_000  # points in float64 that take longer than starting processes does


@dataclass
class Run:
    """What to measure, apart from the activations.

    Attributes
    ----------
    float32_chunks, peer_chunks : sequence of range
        Bit patterns for fastact and for the peers, as :func:`fastact.evaluation.accuracy.sweep.chunks` makes them.
    points : int
        Of float64, per direction; 0 for none.
    peers : sequence of Peer
        Other libraries to measure.
    jobs : int
        Threads of a sweep, or processes that compute exact values.
    oracle : {"flint", "mpmath"}, optional
        Who computes exact values.
    override : callable, optional
        Given a subject, what to measure in place of fastact's own kernels.
    known : mapping
        Results that need not be measured again, by their keys.
    progress : rich.progress.Progress
        Where to tell how far it is.
    """

    float32_chunks: Sequence[range]
    peer_chunks: Sequence[range] = ()
    points: int = 0
    peers: Sequence[Peer] = ()
    jobs: int = 1
    oracle: Oracle | None = None
    override: Override | None = None
    known: Mapping[Key, Result] = field(default_factory=dict)
    progress: Progress = field(default_factory=lambda: Progress(disable=True))

    def measure(self, activations: Sequence[Activation]) -> Iterator[Result]:
        """Results, one by one, as they are found."""
        subjects = [Subject(a, direction) for a in activations for direction in DIRECTIONS]
        per_subject = 1 + (self.points > 0) + len(self.peers)
        task = self.progress.add_task("all", total=len(subjects) * per_subject)
        apart = self.jobs > 1 and self.override is None and self.points * len(subjects) > WORTH_PROCESSES
        # spawned, because this process has threads by now
        with ProcessPoolExecutor(self.jobs, get_context("spawn")) if apart else nullcontext() as pool:
            for subject in subjects:
                name = label(subject.activation)
                if self.points:
                    key = (name, subject.direction, "float64", OURS)
                    yield self.known.get(key) or self._float64(subject, pool)
                    self.progress.advance(task)
                for peer in (None, *self.peers):
                    key = (name, subject.direction, "float32", peer.name if peer else OURS)
                    found = self.known.get(key) or self._float32(subject, peer)
                    self.progress.advance(task)
                    if found is not None:
                        yield found

    def _float32(self, subject: Subject, peer: Peer | None) -> Result | None:
        """A sweep of fastact's kernel or of a peer's function; None where the peer has none."""
        rounded = subject.rounded("float32")
        if peer is None:
            function, chunks, by = (
                self.override(rounded) if self.override else rounded,
                self.float32_chunks,
                OURS,
            )
        else:
            theirs = peer.function(rounded)
            if theirs is None:
                return None
            function, chunks, by = numbers_only(theirs), self.peer_chunks, peer.name
        name = label(subject.activation)
        task = self.progress.add_task(f"{name} {subject.direction} float32 {by}", total=sum(map(len, chunks)))
        with num_threads(1):
            found = sweep(function, rounded, chunks, self.jobs, lambda n: self.progress.advance(task, n))
        self.progress.remove_task(task)
        return Result(
            name, subject.direction, "float32", by, found, None if peer else subject.bound("float32")
        )

    def _float64(self, subject: Subject, pool: Executor | None) -> Result:
        """fastact's kernel against exact values, in slices that processes share."""
        work = list(double.jobs(subject, self.points, self.oracle))
        name = label(subject.activation)
        total = sum(job.points.size for job in work)
        task = self.progress.add_task(f"{name} {subject.direction} float64 {OURS}", total=total)
        kernel = self.override(subject) if self.override else None
        found = pool.map(double.measure, work) if pool else (double.measure(job, kernel) for job in work)
        errors, eased = Errors(), 0
        for job, (more, near_root) in zip(work, found, strict=True):
            errors, eased = errors + more, eased + near_root
            self.progress.advance(task, job.points.size)
        self.progress.remove_task(task)
        return Result(name, subject.direction, "float64", OURS, errors, subject.bound("float64"), eased)
