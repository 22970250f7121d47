"""float64 kernels against the exact values of their formulas, at sampled points.

Near a root of f' (or of f) its value is next to nothing while the terms of its sum are not: within 2^-20 of
one, an error above the bound is measured in ULP of the largest term instead (products multiplied out, see
``terms.py``), and the number of points where that was needed is told. Does not know the kernels' insides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.bits import Floats
from fastact.evaluation.accuracy.errors import SMALLEST_NORMAL, Errors, errors_in_ulp, gather, ulp64
from fastact.evaluation.accuracy.points import roots, sample
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.sweep import Function
from fastact.evaluation.accuracy.terms import largest_term
from fastact.evaluation.accuracy.truth import Oracle, truth

NEAR_ROOT = 2.0**-20
SLICE = 4096  # points to a job


@dataclass(frozen=True)
class Job:
    """Some points at which to measure; small enough to be sent to another process.

    Attributes
    ----------
    subject : Subject
        What is measured.
    points, roots : ndarray of float64
        Where, and where what is measured has roots.
    oracle : {"flint", "mpmath"}, optional
        Who tells the truth.
    """

    subject: Subject
    points: Floats
    roots: Floats
    oracle: Oracle | None = None


def jobs(subject: Subject, points: int, oracle: Oracle | None = None) -> Iterator[Job]:
    """The sampled points of a subject, in slices."""
    found = {direction: roots(Subject(subject.activation, direction)) for direction in ("f", "f'")}
    chosen = sample(points, np.concatenate([np.array(subject.activation.kinks), found["f'"]]))
    own = found[subject.direction]
    for first in range(0, chosen.size, SLICE):
        yield Job(subject, chosen[first : first + SLICE], own, oracle)


def near_roots(points: Floats, found: Floats) -> NDArray[np.bool_]:
    """Which points are within 2^-20, relatively, of one of the roots."""
    near = np.zeros(points.shape, bool)
    for root in found[np.abs(found) >= SMALLEST_NORMAL]:  # nothing lies that near to zero
        near |= np.abs(points - root) <= NEAR_ROOT * abs(root)
    return near


def term_ratio(subject: Subject, points: Floats, floor: Floats) -> Floats:
    """ULP of the largest term of the formula's sum, in ULP of its value: at least 1."""
    size = compile_formula(largest_term(subject.text), subject.arguments, "numpy")
    with np.errstate(all="ignore"):
        largest = np.broadcast_to(size(points, *subject.activation.parameters.values()), points.shape)
    return np.maximum(ulp64(largest) / ulp64(floor), 1.0)


def measure(job: Job, kernel: Function | None = None) -> tuple[Errors, int]:
    """The errors of a job, and at how many points they were measured in ULP of the largest term.

    Parameters
    ----------
    job : Job
        Where to look.
    kernel : callable, optional
        What is measured, if not fastact's own kernel: a function of x and of the array to write to.
    """
    subject, points = job.subject, job.points
    got = np.empty_like(points)
    (kernel or subject)(points, got)
    want = truth(subject.text, subject.activation.parameters, points, job.oracle)
    errors = errors_in_ulp(got, want)
    eased = near_roots(points, job.roots) & (errors > subject.bound("float64"))
    where = np.flatnonzero(eased)
    errors[where] /= term_ratio(subject, points[where], want.floor[where])
    return gather(points, got, want, errors), where.size
