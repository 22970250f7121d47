"""The time that memory alone takes: a pass over as many arrays as a case reads and writes, past the caches.

Knows how many those are. Does not know what is computed on them, nor how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from fastact import _core
from fastact.benchmarks.cases import Array, Case

LARGE = 10_000_000  # elements; fewer may stay in a cache from one call to the next
_LINE = 64


def arrays_moved(case: Case) -> int:
    """How many arrays a call must read and write.

    Examples
    --------
    >>> arrays_moved(Case("gelu", "backward", "float32", 10))
    3
    """
    return len(case.argument_names) + case.results


def memory_pass(case: Case) -> Callable[[], Any] | None:
    """A call that moves what the case must move, and does nothing else; None for a small case."""
    if case.n < LARGE:
        return None
    a, b, y, d = _arrays(-(-case.n * np.dtype(case.dtype).itemsize // _LINE) * _LINE)
    second = b if len(case.argument_names) == 2 else None
    return partial(_core.move_memory, a, second, y, d if case.results == 2 else None)


@lru_cache(maxsize=2)  # one for each dtype
def _arrays(size: int) -> tuple[Array, ...]:
    """Four arrays of so many bytes that begin at cache lines, each page of them written to."""
    found = []
    for _ in range(4):
        room = np.ones(size + _LINE, np.int8)
        start = -room.ctypes.data % _LINE
        found.append(room[start : start + size])
    return tuple(found)
