"""The time that memory alone takes: a pass over as many arrays as a case reads and writes, past the caches.

Knows how many those are. Does not know what is computed on them, nor how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastact.evaluation import _measure
from fastact.evaluation.speed.cases import Array, Case

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
    a, b, *_ = (*map(_whole_lines, case.arguments), None)
    y, d, *_ = (*map(_whole_lines, case.rooms), None)
    return partial(_measure.move_memory, a, b, y, d)


def _whole_lines(array: Array) -> Array:
    """The bytes of an array but a few: as many lines as it has wherever it begins."""
    start = -array.ctypes.data % _LINE
    size = (array.nbytes - _LINE) // _LINE * _LINE
    whole: Array = array.view(np.int8)[start : start + size]
    return whole
