"""SciPy: the activations that ``scipy.special`` has as ufuncs, forward only."""

from __future__ import annotations

from functools import partial

from scipy import special

from fastact.activations.base import Activation
from fastact.evaluation.cases import ElementwiseCase
from fastact.evaluation.peers import base

_FUNCTIONS = {"sigmoid": special.expit, "log_sigmoid": special.log_expit}


class Peer(base.Peer):
    """SciPy's ufuncs; they use one thread."""

    name = "SciPy"
    package = "scipy"

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """The ufunc with its arrays."""
        ufunc = _FUNCTIONS.get(case.function.name)
        if ufunc is None or case.direction != "forward":
            return None
        return partial(ufunc, case.x, case.results[0])

    def function(self, activation: Activation, direction: str) -> base.Function | None:
        """The ufunc itself."""
        return _FUNCTIONS.get(activation.name) if direction == "f" else None
