"""float64 kernels compared with the exact values of their formulas, at sampled points.

Near a root of f' (or of f) the terms of the sum cancel. So within 2^-20 of a root, an error above the bound
is measured in ULP of the largest term (products multiplied out, see ``terms.py``), and counted. The exact
values check the reference of float32, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.bits import Floats
from fastact.evaluation.accuracy.errors import SMALLEST_NORMAL, Measured, errors_in_ulp, gather, ulp64
from fastact.evaluation.accuracy.points import roots, sample
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.sweep import Function
from fastact.evaluation.accuracy.terms import largest_term
from fastact.evaluation.accuracy.truth import Oracle, truth_where_decided
from fastact.evaluation.reference.values import Reference

NEAR_ROOT = 2.0**-20
SLICE = 4096  # points of a job


@dataclass(frozen=True)
class Job:
    """Some points of a subject: what is sent to another process."""

    subject: Subject
    points: Floats
    roots: Floats  # of what is measured
    oracle: Oracle | None = None


def jobs(subject: Subject, points: int, oracle: Oracle | None = None) -> Iterator[Job]:
    """The sampled points of a subject, in slices."""
    found = {direction: roots(Subject(subject.activation, direction)) for direction in ("f", "f'")}
    chosen = sample(points, np.concatenate([np.array(subject.activation.kinks), found["f'"]]))
    own = found[subject.direction]
    for first in range(0, chosen.size, SLICE):
        yield Job(subject, chosen[first : first + SLICE], own, oracle)


def near_roots(points: Floats, found: Floats) -> NDArray[np.bool_]:
    """Which points are within a relative distance of 2^-20 of a root."""
    near = np.zeros(points.shape, bool)
    for root in found[np.abs(found) >= SMALLEST_NORMAL]:  # no float64 is that near to zero
        near |= np.abs(points - root) <= NEAR_ROOT * abs(root)
    return near


def term_ratio(subject: Subject, points: Floats, floor: Floats) -> Floats:
    """The ULP of the largest term of the formula's sum over the ULP of its value: at least 1."""
    size = compile_formula(largest_term(subject.text), subject.arguments, "numpy")
    with np.errstate(all="ignore"):
        largest = np.broadcast_to(size(points, *subject.activation.parameters.values()), points.shape)
    return np.maximum(ulp64(largest) / ulp64(floor), 1.0)


def measure(job: Job, kernel: Function | None = None) -> Measured:
    """The errors of a job; `kernel` replaces fastact's."""
    subject = job.subject
    want, decided = truth_where_decided(subject.text, subject.activation.parameters, job.points, job.oracle)
    points = job.points[decided]
    contradicted = Reference(subject.text, subject.activation.parameters, job.oracle).contradicts(
        points, want
    )
    if contradicted.size:
        raise ArithmeticError(f"the reference of float32 is wrong at x = {float(contradicted[0]).hex()}")
    got = np.empty_like(points)
    (kernel or subject)(points, got)
    errors = errors_in_ulp(got, want)
    where = np.flatnonzero(near_roots(points, job.roots) & (errors > subject.bound("float64")))
    errors[where] /= term_ratio(subject, points[where], want.floor[where])
    return Measured(gather(points, got, want, errors), where.size, job.points.size - points.size)
