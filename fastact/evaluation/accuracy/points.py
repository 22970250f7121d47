"""Points at which float64 kernels are measured: all through bit space, and where errors are likely.

The roots of a derivative are where its kernel changes sign. Infinities and NaN are left to tests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastact.evaluation.accuracy.bits import LARGEST, Floats, around, binade_edges, ordered, steps, unordered

NEAR, FAR = 2.0**-40, 2.0**11  # between these sizes most activations bend
MOST_ROOTS = 64  # a sine has infinitely many


def _random(n: int, rng: np.random.Generator) -> Floats:
    """Half of them any finite bit pattern, half of a size between NEAR and FAR."""
    anything = rng.integers(-(2**63), 2**63, n - n // 2, dtype=np.int64).view(np.float64)
    sizes = np.exp2(rng.uniform(np.log2(NEAR), np.log2(FAR), n // 2))
    return np.concatenate([anything[np.isfinite(anything)], sizes * rng.choice([-1.0, 1.0], n // 2)])


def _band(n: int) -> Floats:
    positive = steps(NEAR, FAR, n - n // 2)
    return np.concatenate([positive, -positive[: n // 2]])


def sample(n: int, around_what: Floats, seed: int = 0) -> Floats:
    """About n finite float64 points in ascending order, and the neighbourhoods of given ones.

    A quarter each: steps through all of bit space, steps through the sizes where activations bend, random
    bit patterns, binade edges with their neighbours (all of them, if n is large enough). Neighbourhoods of
    given points are added.
    """
    rng = np.random.default_rng(seed)
    edges = binade_edges()
    share = n // 4
    chosen = [
        np.array([0.0, 5e-324, -5e-324, LARGEST, -LARGEST]),
        rng.choice(edges, share, replace=False) if share < edges.size else edges,
        steps(-LARGEST, LARGEST, share),
        _band(share),
        around(around_what),
    ]
    rest = n - sum(part.size for part in chosen[1:-1])
    return np.unique(np.concatenate([*chosen, _random(max(rest, share), rng)]))


def roots(function: Callable[[Floats], Floats]) -> Floats:
    """Where a float64 function changes sign, by scanning and bisecting: the number to the left of each.

    At most MOST_ROOTS, the smallest in size.
    """
    grid = np.unique(np.concatenate([steps(-LARGEST, LARGEST, 1 << 14), np.linspace(-20, 20, 1 << 14)]))
    signs = np.sign(function(grid))
    found = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    found = found[np.argsort(np.abs(grid[found]), kind="stable")][:MOST_ROOTS]
    low, high, sign = ordered(grid[found]), ordered(grid[found + 1]), signs[found]
    while np.any(high - low > 1):
        middle = low + (high - low) // 2
        left = np.sign(function(unordered(middle))) == sign
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return np.sort(unordered(low))
