"""Pure Python: formulas with :mod:`math`, over lists of floats."""

from __future__ import annotations

import platform
from functools import partial
from typing import Any

from fastact.evaluation.cases import ElementwiseCase
from fastact.evaluation.expressions import expression
from fastact.evaluation.health_cases import HealthCase
from fastact.evaluation.peers import base
from fastact.evaluation.peers.health_idioms import python_health
from fastact.evaluation.peers.row_idioms import PYTHON
from fastact.evaluation.row_cases import RowCase

_MOST = 100_000  # elements of rows


class Peer(base.Peer):
    """A list comprehension, in effect."""

    name = "Python"
    limit = 1_000  # its time per element hardly depends on the size

    def elementwise(self, case: ElementwiseCase) -> base.Call:
        """The expression, mapped over lists."""
        over_lists = expression(case.function, case.direction, "python", case.dtype)
        return partial(over_lists, *(array.tolist() for array in case.arguments))

    def rows(self, case: RowCase) -> base.Call | None:
        """A loop over lists of rows; None for large arrays."""
        idiom = PYTHON.get((case.name, case.direction))
        if idiom is None or case.elements > _MOST:
            return None
        of_row, lists = idiom, [array.tolist() for array in case.arguments]

        def call() -> list[Any]:
            return [of_row(*one) for one in zip(*lists, strict=True)]

        return call

    def health(self, case: HealthCase) -> base.Call | None:
        """Loops over lists."""
        return python_health(case)

    @property
    def version(self) -> str:
        """Of the interpreter."""
        return platform.python_version()
