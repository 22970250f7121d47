"""float32 functions over the bit patterns of float32: all of them, one in so many, or a share of them.

The reference is a float64 function of the widened input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fastact.evaluation.accuracy.bits import Floats
from fastact.evaluation.accuracy.errors import Errors, float32_errors

Function = Callable[[Floats, Floats], object]  # of x and of the array to write to
PATTERNS = 1 << 32
CHUNK = 1 << 20  # elements between two steps of the progress bar
BLOCK = 1 << 16  # elements at a time: two float32 and two float64 arrays stay in a core's cache


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
    function: Function, reference: Function, some: Sequence[range], advance: Callable[[int], object]
) -> Errors:
    """The part of one thread, with arrays of its own."""
    x, got = np.empty((2, BLOCK), np.float32)
    wide, want = np.empty((2, BLOCK), np.float64)
    offsets = np.arange(BLOCK, dtype=np.uint32)
    total = Errors()
    with np.errstate(all="ignore"):
        for chunk in some:
            steps = offsets * np.uint32(chunk.step)
            for first in range(0, len(chunk), BLOCK):
                n = min(BLOCK, len(chunk) - first)
                np.add(steps[:n], np.uint32(chunk[first]), out=x[:n].view(np.uint32))
                np.copyto(wide[:n], x[:n])
                function(x[:n], got[:n])
                reference(wide[:n], want[:n])
                total += float32_errors(x[:n], got[:n], want[:n])
            advance(len(chunk))
    return total


def sweep(
    function: Function,
    reference: Function,
    some: Sequence[range],
    threads: int = 1,
    advance: Callable[[int], object] = lambda n: None,
) -> Errors:
    """Errors of a float32 function against a float64 one, at ranges of bit patterns from :func:`chunks`.

    The functions take x and the array to write to; they should use one thread each. `advance` is called from
    any thread with the number of elements that it has done.
    """
    parts = [some[i::threads] for i in range(threads)]
    if threads == 1:
        return _sweep_some(function, reference, some, advance)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda part: _sweep_some(function, reference, part, advance), parts)
        return sum(found, Errors())
