"""Who is timed: fastact, the NumPy/SciPy idiom, and pure Python. Each makes a callable out of a case.

The last two are made from the row's own formula texts, so there is no second list of activations. Does
not know how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol

import fastact
from fastact.evaluation.speed.cases import Case
from fastact.evaluation.speed.idiom import idiom

Call = Callable[[], Any]


class Contestant(Protocol):
    """What the measuring needs of a contestant."""

    @property
    def name(self) -> str:
        """Its name in tables and files."""

    @property
    def limit(self) -> int | None:
        """Largest size worth timing; beyond, its time per element at this size stands for the others."""

    def threads(self, n: int) -> AbstractContextManager[None]:
        """Within it, the contestant computes with at most n threads."""

    def callable(self, case: Case) -> Call | None:
        """What does the work of a case, its result preallocated where possible; None if it cannot."""


class Fastact:
    """fastact, with outputs preallocated."""

    name = "fastact"
    limit = None

    def threads(self, n: int) -> AbstractContextManager[None]:
        """fastact's own limit."""
        return fastact.num_threads(n)

    def callable(self, case: Case) -> Call:
        """The method of the activation, arguments and result bound to it."""
        function = case.function
        method: Any = function if case.direction == "forward" else getattr(function, case.direction)
        out = case.rooms if case.direction == "value_and_derivative" else case.rooms[0]
        return partial(method, *case.arguments, out)


class NumpyIdiom:
    """The formula as a NumPy user writes it: array expressions, with a new array for each step."""

    name = "NumPy"
    limit = None

    def threads(self, n: int) -> AbstractContextManager[None]:
        """Nothing to limit: element-wise NumPy and SciPy run on one thread."""
        return nullcontext()

    def callable(self, case: Case) -> Call:
        """The array expression, arguments bound to it."""
        return partial(idiom(case.function, case.direction, "numpy", case.dtype), *case.arguments)


class PurePython:
    """The formula as one writes it with :mod:`math`, over lists of floats."""

    name = "Python"
    limit = 1_000  # its time per element hardly depends on the size

    def threads(self, n: int) -> AbstractContextManager[None]:
        """Nothing to limit: it runs on one thread."""
        return nullcontext()

    def callable(self, case: Case) -> Call:
        """The list comprehension, arguments bound to it."""
        over_lists = idiom(case.function, case.direction, "python", case.dtype)
        return partial(over_lists, *(array.tolist() for array in case.arguments))
