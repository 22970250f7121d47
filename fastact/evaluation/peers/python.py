"""Pure Python: formulas with :mod:`math`, over lists of floats."""

from __future__ import annotations

import platform
from functools import partial

from fastact.evaluation.cases import ElementwiseCase
from fastact.evaluation.expressions import expression
from fastact.evaluation.peers import base


class Peer(base.Peer):
    """A list comprehension, in effect."""

    name = "Python"
    limit = 1_000  # its time per element hardly depends on the size

    def elementwise(self, case: ElementwiseCase) -> base.Call:
        """The expression, mapped over lists."""
        over_lists = expression(case.function, case.direction, "python", case.dtype)
        return partial(over_lists, *(array.tolist() for array in case.arguments))

    @property
    def version(self) -> str:
        """Of the interpreter."""
        return platform.python_version()
