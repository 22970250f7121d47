"""What a peer provides: its calls for timed cases, and its functions for measuring accuracy.

Must not depend on a peer's library, nor on how time or errors are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from typing import Any, ClassVar, NamedTuple

import numpy as np

import fastact
from fastact.activations.base import Activation
from fastact.evaluation.cases import Array, DenseCase, ElementwiseCase
from fastact.evaluation.health_cases import HealthCase
from fastact.evaluation.row_cases import RowCase
from fastact.evaluation.train_cases import TrainCase

Call = Callable[[], Any]  # does the work of a case
Function = Callable[[Array, Array], object]  # of x and of the array to write to


class Way(NamedTuple):
    """A way to take steps of training."""

    call: Callable[[TrainCase], Call | None]
    steps: int = 1  # of one call


class UnavailableError(Exception):
    """The library of a peer cannot be used here; the message says what is needed."""


class Peer:
    """Another implementation of activations. Subclasses override what their library has."""

    name: ClassVar[str]  # in tables and files
    package: ClassVar[str]  # the distribution that has its version
    can_be_held: ClassVar[bool] = True  # to an instruction set, by variables of the environment
    limit: ClassVar[int | None] = None  # largest size worth timing; larger ones are scaled from it

    def threads(self, n: int) -> AbstractContextManager[Any]:
        """A context in which the peer uses at most n threads. Default: it only ever uses one."""
        return nullcontext()

    def sequential(self) -> AbstractContextManager[Any]:
        """A context in which several threads call the peer's functions at once."""
        return self.threads(1)

    def elementwise(self, case: ElementwiseCase) -> Call | None:
        """A call with its arguments and, where possible, results bound; None where the library has none."""
        return None

    def rows(self, case: RowCase) -> Call | None:
        """The same for a call on rows."""
        return None

    def health(self, case: HealthCase) -> Call | None:
        """The same for statistics of units, a forward pass that counts, and look-ups."""
        return None

    def function(self, activation: Activation, direction: str) -> Function | None:
        """The float32 function that computes ``"f"`` or ``"f'"``; None where the library has none."""
        return None

    def dense(self) -> Mapping[str, Callable[[DenseCase], Call | None]]:
        """Ways to run dense layers forward and backward, by the name of each."""
        return {}

    def train(self) -> Mapping[str, Way]:
        """Ways to take a step of training, by the name of each."""
        return {}

    def dense_threads(self, n: int) -> AbstractContextManager[Any]:
        """As :meth:`threads`, for dense layers and training."""
        return self.threads(n)

    @property
    def version(self) -> str:
        """Of the library."""
        return metadata.version(self.package)


def passes_all(activation: Activation, passed: Collection[str]) -> bool:
    """Whether all parameters are passed on to the library, or have their default values.

    Values are compared in float32, to which accuracy measurements round them.
    """
    defaults = fastact.get(activation.name).parameters
    return all(
        name in passed or np.float32(value) == np.float32(defaults[name])
        for name, value in activation.parameters.items()
    )


def library_threads(n: int, kind: str) -> AbstractContextManager[Any]:
    """A context that limits the threads of all libraries of a kind, ``"blas"`` or ``"openmp"``."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(n, user_api=kind)
    return limits
