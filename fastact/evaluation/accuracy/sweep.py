"""float32 functions over the bit patterns of float32: all of them, one in so many, or a share of them.

The reference is a :class:`fastact.evaluation.reference.values.Reference`, or another function of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from fastact.evaluation.accuracy.bits import Floats
from fastact.evaluation.accuracy.errors import Errors, Exact, Measured, float32_errors

Function = Callable[[Floats, Floats], object]  # of x and of the array to write to
# of x in float64 and of the arrays to write to; returns the indices of values that could not be computed
Reference = Callable[[Floats, Exact], NDArray[np.uint32]]
PATTERNS = 1 << 32
CHUNK = 1 << 20  # elements between two steps of the progress bar
BLOCK = 1 << 14  # elements at a time: two float32 and four float64 arrays stay in a core's cache


def chunks(stride: int = 1, share: tuple[int, int] = (1, 1)) -> list[range]:
    """Ranges of bit patterns, each of at most CHUNK; share (K, N) is the K-th of N interleaved shares.

    Examples
    --------
    >>> sum(map(len, chunks())) == 2**32
    True
    >>> len(chunks(share=(2, 64)))
    64
    """
    k, n = share
    everything = [
        range(first, min(first + CHUNK * stride, PATTERNS), stride)
        for first in range(0, PATTERNS, CHUNK * stride)
    ]
    return everything[k - 1 :: n]


def _sweep_some(
    function: Function, reference: Reference, some: Sequence[range], advance: Callable[[int], object]
) -> Measured:
    """The part of one thread, with arrays of its own."""
    x, got = np.empty((2, BLOCK), np.float32)
    wide, want = np.empty(BLOCK), Exact.empty(BLOCK)
    offsets = np.arange(BLOCK, dtype=np.uint32)
    total = Measured(Errors())
    with np.errstate(all="ignore"):
        for chunk in some:
            steps = offsets * np.uint32(chunk.step)
            for first in range(0, len(chunk), BLOCK):
                n = min(BLOCK, len(chunk) - first)
                np.add(steps[:n], np.uint32(chunk[first]), out=x[:n].view(np.uint32))
                np.copyto(wide[:n], x[:n])
                function(x[:n], got[:n])
                total = total.joined(compared(reference, wide[:n], got[:n], want.part(slice(n))))
            advance(len(chunk))
    return total


def compared(reference: Reference, x: Floats, got: Floats, want: Exact) -> Measured:
    """The errors at the values that the reference can compute."""
    undecided = reference(x, want)
    if undecided.size:
        known = np.ones(x.shape, bool)
        known[undecided] = False
        x, got, want = x[known], got[known], want.part(known)
    return Measured(float32_errors(x, got, want), undecided=undecided.size)


def sweep(
    function: Function,
    reference: Reference,
    some: Sequence[range],
    threads: int = 1,
    advance: Callable[[int], object] = lambda n: None,
) -> Measured:
    """Errors of a float32 function against a reference, at ranges of bit patterns from :func:`chunks`.

    The function should use one thread. `advance` is called from any thread with the number of elements that
    it has done.
    """
    parts = [some[i::threads] for i in range(threads)]
    if threads == 1:
        return _sweep_some(function, reference, some, advance)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda part: _sweep_some(function, reference, part, advance), parts)
        return reduce(Measured.joined, found)
