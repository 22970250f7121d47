"""NumPy with SciPy: formulas as array expressions, with a new array for each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from fastact.activations.base import Activation
from fastact.evaluation.cases import Array, DenseCase, ElementwiseCase
from fastact.evaluation.expressions import expression
from fastact.evaluation.health_cases import HealthCase
from fastact.evaluation.peers import base, numpy_training
from fastact.evaluation.peers.health_idioms import numpy_health
from fastact.evaluation.peers.row_idioms import NUMPY
from fastact.evaluation.row_cases import RowCase


class Peer(base.Peer):
    """What a NumPy user writes; element-wise NumPy uses one thread."""

    name = "NumPy"
    package = "numpy"

    def elementwise(self, case: ElementwiseCase) -> base.Call:
        """The array expression, arguments bound to it."""
        return partial(expression(case.function, case.direction, "numpy", case.dtype), *case.arguments)

    def rows(self, case: RowCase) -> base.Call | None:
        """The array expressions."""
        idiom = NUMPY.get((case.name, case.direction))
        return partial(idiom, *case.arguments, **case.keywords) if idiom else None

    def health(self, case: HealthCase) -> base.Call:
        """The array expressions."""
        return numpy_health(case)

    def function(self, activation: Activation, direction: str) -> base.Function:
        """The expression in float32."""
        if direction == "f":
            forward = expression(activation, "forward", "numpy", "float32")
            return lambda x, out: np.copyto(out, forward(x))
        both = expression(activation, "value_and_derivative", "numpy", "float32")
        return lambda x, out: np.copyto(out, both(x)[1])

    def dense_threads(self, n: int) -> AbstractContextManager[Any]:
        """Threads of the BLAS."""
        return blas_threads(n)

    def dense(self) -> Mapping[str, Callable[[DenseCase], base.Call | None]]:
        """Matrix products and the activation's expressions."""
        return {self.name: _layers}

    def train(self) -> Mapping[str, base.Way]:
        """Array expressions."""
        return {self.name: base.Way(numpy_training.step)}


def blas_threads(n: int) -> AbstractContextManager[Any]:
    """A context that limits the threads of all BLAS libraries in this process."""
    return base.library_threads(n, "blas")


def _layers(case: DenseCase) -> base.Call:
    f = expression(case.function, "forward", "numpy", case.dtype)
    f_backward = expression(case.function, "backward", "numpy", case.dtype)
    x, grad_y, weights = case.x, case.grad_y, case.weights

    def forward_and_backward() -> list[tuple[Array, Array]]:
        h, kept = x, []
        for w, b in weights:
            z = h @ w + b
            kept.append((h, z))
            h = f(z)
        grad, gradients = grad_y, []
        for (w, _), (inputs, z) in zip(reversed(weights), reversed(kept), strict=True):
            delta = f_backward(grad, z)
            gradients.append((np.swapaxes(inputs, -1, -2) @ delta, delta.sum(axis=-2, keepdims=b.ndim > 1)))
            grad = delta @ np.swapaxes(w, -1, -2)
        return gradients

    return forward_and_backward
