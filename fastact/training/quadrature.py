"""Expectations of functions of a normal variable, by adaptive Gauss-Legendre quadrature.

Must not depend on any activation. Gauss-Hermite rules are not used: they converge slowly where a function
has a kink.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import numpy as np

from fastact.arrays import Array

_REACH = 38.0  # the density is 0 in float64 beyond 38.6
_WIDTH = 4.0  # of the panels at first
_TOLERANCE = 2e-15  # of a panel's error, relative to the whole
_LEVELS = 60  # of halving: a jump that is not announced is then in a panel of 4/2**60
_MOST = 2048  # panels of one level
_LANDMARKS = (
    -8.0,
    -1.0,
    0.0,
    1.0,
    8.0,
)  # values of x near which an activation changes, however wide x spreads

# functions of x (n points) that are integrated: (count, n), each with the weight that the density leaves it
Integrands = Callable[[Array, Array], Array]


def expectations(integrands: Integrands, deviation: float, kinks: Iterable[float]) -> Array:
    """Integrals over z of several functions of deviation*z.

    Parameters
    ----------
    integrands : callable
        Called with z, of shape (n,), and the square root of the standard normal density there. Returns an
        array of shape (count, n), the functions times the density.
    deviation : float
        Standard deviation of x = deviation*z.
    kinks : iterable of float
        Values of x between which the functions are smooth.

    Returns
    -------
    ndarray, shape (count,)
        Infinite or NaN where a function is.

    Examples
    --------
    >>> def square(z, root):
    ...     return ((2*z*root)**2)[np.newaxis]
    >>> expectations(square, 2.0, ())
    array([4.])
    """
    edges = np.arange(-_REACH, _REACH + _WIDTH, _WIDTH).clip(-_REACH, _REACH)
    with np.errstate(all="ignore"):
        at = np.array([*kinks, *_LANDMARKS]) / deviation
    edges = np.unique([*edges, *at[np.abs(at) < _REACH]])
    low, high = edges[:-1], edges[1:]
    estimates = _panels(integrands, low, high)
    total = np.zeros(len(estimates))
    for _ in range(_LEVELS):
        middle = (low + high) / 2
        count = len(low)
        halves = _panels(integrands, np.append(low, middle), np.append(middle, high))
        with np.errstate(all="ignore"):
            finer = halves[:, :count] + halves[:, count:]
            scale = np.abs(total) + np.abs(finer).sum(axis=1)
            wrong = (np.abs(finer - estimates) > _TOLERANCE * scale[:, np.newaxis]).any(axis=0)
            total += finer[:, ~wrong].sum(axis=1)
            if not wrong.any() or 2 * wrong.sum() > _MOST:
                total += finer[:, wrong].sum(axis=1)
                return total
        low, high = np.append(low[wrong], middle[wrong]), np.append(middle[wrong], high[wrong])
        estimates = halves[:, np.append(wrong, wrong)]
    total += estimates.sum(axis=1)
    return total


@functools.cache
def _rule() -> tuple[Array, Array]:
    """Nodes and weights; numpy.polynomial is slow to import."""
    return np.polynomial.legendre.leggauss(24)


def _panels(integrands: Integrands, low: Array, high: Array) -> Array:
    """One Gauss-Legendre sum for each panel: (count, panels)."""
    nodes, weights = _rule()
    half = (high - low) / 2
    z = ((low + high) / 2)[:, np.newaxis] + half[:, np.newaxis] * nodes
    with np.errstate(all="ignore"):
        root = np.exp(-0.25 * z * z) * (2 * np.pi) ** -0.25
        values = integrands(z.ravel(), root.ravel())
        sums: Array = values.reshape(-1, *z.shape) @ weights
        return sums * half
