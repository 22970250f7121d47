"""Errors in ULP: their maximum, mean and counts.

The ULP is the spacing of numbers in the binade of the exact value, at least the smallest subnormal. NaN,
zeros and signs can be wrong whatever the size of the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastact.evaluation import _measure
from fastact.evaluation.accuracy.bits import LARGEST, Floats
from fastact.evaluation.accuracy.truth import Truth

SMALLEST_NORMAL = 2.0**-1022


@dataclass(frozen=True)
class Errors:
    """The errors over some points."""

    points: int = 0  # how many
    max_ulp: float = 0.0
    sum_ulp: float = 0.0  # without infinite errors, which are wrong_nan
    over_one: int = 0  # errors above 1 ULP
    wrong_nan: int = 0  # NaN for a number, or the reverse
    lost: int = 0  # zeros where the exact value is at least the smallest subnormal
    wrong_sign: int = 0  # results with the wrong sign
    worst: tuple[float, float, float] | None = None  # (x, got, want) of the largest error above 0

    def __add__(self, other: Errors) -> Errors:
        """The errors over both sets of points."""
        larger = self if self.max_ulp >= other.max_ulp else other
        return Errors(
            self.points + other.points,
            larger.max_ulp,
            self.sum_ulp + other.sum_ulp,
            self.over_one + other.over_one,
            self.wrong_nan + other.wrong_nan,
            self.lost + other.lost,
            self.wrong_sign + other.wrong_sign,
            larger.worst,
        )

    @property
    def mean_ulp(self) -> float:
        """The mean of the finite errors."""
        return self.sum_ulp / max(self.points - self.wrong_nan, 1)

    def within(self, bound: float) -> bool:
        """Whether the largest error is within a bound, and no NaN, zero or sign is wrong."""
        return self.max_ulp <= bound and not (self.wrong_nan or self.lost or self.wrong_sign)


class Measured(NamedTuple):
    """The errors of one measurement, or of a part of it."""

    errors: Errors
    near_root: int = 0  # points near a root, measured in ULP of the largest term
    undecided: int = 0  # points left out, since their exact values could not be computed

    def joined(self, other: Measured) -> Measured:
        """Those of both."""
        counts = self.near_root + other.near_root, self.undecided + other.undecided
        return Measured(self.errors + other.errors, *counts)


class Exact(NamedTuple):
    """Exact values of float32 results, as arrays: each is within err of hi + lo, or NaN."""

    hi: Floats
    lo: Floats
    err: Floats

    @classmethod
    def empty(cls, n: int) -> Exact:
        """Arrays for n values."""
        return cls(*np.empty((3, n)))

    def part(self, which: slice | NDArray[np.bool_]) -> Exact:
        """Some of the values."""
        return Exact(*(each[which] for each in self))


def float32_errors(x: Floats, got: Floats, want: Exact) -> Errors:
    """Errors of float32 results, with those of the exact values added; computed in C, without the GIL."""
    found = _measure.count_errors(got, *want)
    i = found["worst"]
    return Errors(
        found["count"],
        found["max_ulp"],
        found["sum_ulp"],
        found["over_one"],
        found["wrong_nan"],
        found["lost"],
        found["wrong_sign"],
        (float(x[i]), float(got[i]), float(want.hi[i])) if found["max_ulp"] > 0 else None,
    )


def ulp64(x: Floats) -> Floats:
    """Spacing of float64 numbers in the binade of finite x.

    Examples
    --------
    >>> ulp64(np.array([0.0, -1.0, 1.5])).tolist()
    [5e-324, 2.220446049250313e-16, 2.220446049250313e-16]
    """
    _, exponent = np.frexp(np.maximum(np.abs(x), SMALLEST_NORMAL))
    spacing: Floats = np.ldexp(1.0, exponent - 53)
    return spacing


def errors_in_ulp(got: Floats, want: Truth) -> Floats:
    """The error of each float64 result; infinite for NaN against a number.

    An infinite result counts as 2^1024, the next number above the largest.
    """
    unit = np.copysign(ulp64(want.floor), want.floor)
    largest = np.copysign(LARGEST, got)
    with np.errstate(all="ignore"):
        finite, beyond = np.where(
            np.isinf(got), (largest, np.copysign(ulp64(largest), got)), (got, np.zeros_like(got))
        )
        # quotients by a power of two, so that differences do not overflow
        found = np.abs(finite / unit - want.floor / unit + beyond / unit - want.fraction)
    both = np.isnan(got) & np.isnan(want.floor)
    found = np.where(np.isnan(found), np.where(both, 0.0, np.inf), found)
    return found


def gather(x: Floats, got: Floats, want: Truth, errors: Floats) -> Errors:
    """Maximum, sum and counts of the float64 errors of :func:`errors_in_ulp`."""
    if not x.size:
        return Errors()
    i = int(np.argmax(errors))
    nan = np.isnan(got) != np.isnan(want.floor)
    present = (want.floor != 0) | (want.fraction > 0)
    opposite = (np.signbit(got) != np.signbit(want.floor)) & (got != 0) & present & ~nan
    return Errors(
        x.size,
        float(errors[i]),
        float(errors[~nan].sum()),
        int(np.count_nonzero(errors > 1)),
        int(np.count_nonzero(nan)),
        int(np.count_nonzero((got == 0) & (want.floor != 0))),
        int(np.count_nonzero(opposite)),
        (float(x[i]), float(got[i]), float(want.near()[i])) if errors[i] > 0 else None,
    )
