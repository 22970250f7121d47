"""The values of formulas to 2^-20 ULP of float32: double-double, and balls where that does not suffice.

Must not depend on the kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from fastact.evaluation.accuracy.bits import Floats
from fastact.evaluation.accuracy.errors import Exact, ulp64
from fastact.evaluation.accuracy.truth import Oracle, Truth, truth, truth_where_decided
from fastact.evaluation.reference.program import compile_text

Indices = NDArray[np.uint32]
BALL_ERR = 2.0**-78  # relative error of the values of `truth`
TINIEST = 5e-324
OVERFLOW = 2.0**129  # numbers beyond it are all the same to float32
_ORACLE = Lock()  # flint and mpmath keep the working precision in a global variable
# where a function of elementary functions, other than a periodic one, shows its limit
FAR = np.ldexp([1.0, 1.3, 1.7, 1.1, 1.6, 1.9, 1.5], [300, 400, 500, 600, 700, 800, 1000])


class Reference:
    """A formula in ``x`` and its parameters, as a function of float64 arrays.

    Parameters
    ----------
    text : str
        The formula, as the table writes it.
    parameters : mapping
        The values of its parameters, as the kernel receives them.
    oracle : {"flint", "mpmath"}, optional
        What computes the values that double-double does not decide.

    Raises
    ------
    UnsupportedError
        For a formula with a function that the reference does not know.
    """

    def __init__(self, text: str, parameters: Mapping[str, float], oracle: Oracle | None = None) -> None:
        self._text, self._parameters, self._oracle = text, dict(parameters), oracle
        self._program = compile_text(text, self._parameters, oracle)
        self._limit = cache(self._find_limit)

    def __call__(self, x: Floats, out: Exact) -> Indices:
        """Write the values at x to `out`; returns the indices of those that could not be computed.

        At infinities these are the limits, NaN where there is none.
        """
        left = self.undecided(x, out)
        if not left.size:
            return left
        with _ORACLE, np.errstate(all="ignore"):
            return self._settle(x, out, left)

    def undecided(self, x: Floats, out: Exact) -> Indices:
        """Write the double-double values alone; returns the indices of those that are left to the oracle."""
        indices = np.empty(x.shape, np.uint32)
        count = self._program.evaluate(x, *out, indices)
        return indices[:count]

    def contradicts(self, x: Floats, want: Truth) -> Floats:
        """Those of the points x at which a double-double value is not within its error of the exact value."""
        out = Exact.empty(x.size)
        known = np.ones(x.shape, bool)
        known[self.undecided(x, out)] = False
        hi, lo = _as_pair(want)
        both_large = np.minimum(out.hi * np.sign(hi), np.abs(hi)) > OVERFLOW
        with np.errstate(all="ignore"):
            distance = np.abs((out.hi - hi) + (out.lo - lo))
            right = both_large | (distance <= out.err + np.abs(hi) * BALL_ERR + TINIEST)
        found: Floats = x[known & ~right]
        return found

    def _settle(self, x: Floats, out: Exact, left: Indices) -> Indices:
        infinite = np.isinf(x[left])
        for i in left[infinite]:
            out.hi[i], out.lo[i] = self._limit(float(np.sign(x[i])))
            out.err[i] = 0
        finite = left[~infinite]
        found, decided = truth_where_decided(self._text, self._parameters, x[finite], self._oracle)
        settled = finite[decided]
        out.hi[settled], out.lo[settled] = _as_pair(found)
        out.err[settled] = np.abs(found.floor) * BALL_ERR
        return finite[~decided]

    def _find_limit(self, sign: float) -> tuple[float, float]:
        found = truth(self._text, self._parameters, sign * FAR, self._oracle)
        values = found.floor
        sizes = np.abs(values)
        if np.ptp(values) <= 2.0**-60 * sizes[-1]:
            hi, lo = _as_pair(found)
            return float(hi[-1]), float(lo[-1])
        if np.all(np.diff(sizes) <= 0):
            return 0.0, 0.0
        if np.all(np.diff(sizes) >= 0) and np.all(np.sign(values) == np.sign(values[-1])):
            return float(np.copysign(np.inf, values[-1])), 0.0
        return np.nan, 0.0


def _as_pair(found: Truth) -> tuple[Floats, Floats]:
    """The values as sums, of which the first number is the nearest one; infinite beyond the largest."""
    with np.errstate(all="ignore"):
        rest = np.copysign(found.fraction * ulp64(found.floor), found.floor)
        hi = found.floor + rest
        return hi, np.where(np.isinf(hi), 0.0, rest - (hi - found.floor))
