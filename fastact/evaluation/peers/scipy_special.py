"""SciPy as a contestant: the few activations that ``scipy.special`` has as such.

Knows SciPy's names. Does not know how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from scipy import special

from fastact.evaluation.speed.cases import Case

_FUNCTIONS = {"sigmoid": special.expit, "log_sigmoid": special.log_expit}


class Peer:
    """SciPy's ufuncs, forward only."""

    name = "SciPy"
    limit = None

    def threads(self, n: int) -> AbstractContextManager[None]:
        """Nothing to limit: SciPy's ufuncs run on one thread."""
        return nullcontext()

    def callable(self, case: Case) -> Callable[[], Any] | None:
        """The ufunc with its arrays."""
        if case.activation not in _FUNCTIONS or case.direction != "forward":
            return None
        return partial(_FUNCTIONS[case.activation], case.x, case.rooms[0])
