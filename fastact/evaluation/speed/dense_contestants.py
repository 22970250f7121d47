"""Who is timed on dense layers: fastact; the bare matrix products, which no layer can do without; NumPy.

Each makes a callable that does one forward and one backward pass. Does not know how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from scipy.linalg import blas

import fastact
from fastact.evaluation.speed.cases import Array
from fastact.evaluation.speed.dense_cases import DenseCase
from fastact.evaluation.speed.idiom import idiom

Call = Callable[[], Any]


class DenseContestant(Protocol):
    """What the measuring needs of a contestant."""

    @property
    def name(self) -> str:
        """Its name in tables and files."""

    def threads(self, n: int) -> AbstractContextManager[Any]:
        """Within it, the contestant computes with at most n threads."""

    def callable(self, case: DenseCase) -> Call | None:
        """One forward and one backward pass; None if it cannot."""


class Fastact:
    """dense_forward and dense_backward, or DenseStack; results go to arrays that exist already."""

    name = "fastact"

    def threads(self, n: int) -> AbstractContextManager[None]:
        """fastact's own limit."""
        return fastact.num_threads(n)

    def callable(self, case: DenseCase) -> Call:
        """A network of one layer is a layer."""
        x, grad_y, activation = case.x, case.grad_y, case.function
        if case.depth > 1:
            network = fastact.DenseStack([(w, b, activation) for w, b in case.weights])
            return lambda: (network.forward(x), network.backward(grad_y))
        ((w, b),) = case.weights
        into = fastact.dense_forward(x, w, b, activation)
        outs = fastact.dense_backward(grad_y, x, w, into[1], activation)

        def both() -> None:
            _, saved = fastact.dense_forward(x, w, b, activation, out=into)
            fastact.dense_backward(grad_y, x, w, saved, activation, out=outs)

        return both


class _Blas:
    """Whoever calls a BLAS, which has threads of its own."""

    def threads(self, n: int) -> AbstractContextManager[Any]:
        """Those of all BLAS libraries in this process."""
        from threadpoolctl import threadpool_limits

        limits: AbstractContextManager[Any] = threadpool_limits(n, user_api="blas")
        return limits


class NumpyProducts(_Blas):
    """The three products of each layer by NumPy's BLAS, and nothing else."""

    name = "products, NumPy"

    def callable(self, case: DenseCase) -> Call:
        """Results go to arrays that exist already."""
        made = [(*_arrays(case, number), w) for number, (w, _) in enumerate(case.weights)]

        def products() -> None:
            for x, y, dx, dw, w in made:
                np.matmul(x, w, out=y)
                np.matmul(y, np.swapaxes(w, -1, -2), out=dx)
                np.matmul(np.swapaxes(x, -1, -2), y, out=dw)

        return products


class ScipyProducts(_Blas):
    """The same by SciPy's BLAS, called as directly as Python can; it knows no stacks."""

    name = "products, SciPy"

    def callable(self, case: DenseCase) -> Call | None:
        """All is transposed, since that BLAS stores columns."""
        if case.side_by_side > 1:
            return None
        gemm = blas.sgemm if case.dtype == "float32" else blas.dgemm
        made = [(*_arrays(case, number), w) for number, (w, _) in enumerate(case.weights)]
        turned = [tuple(a.T for a in arrays) for arrays in made]

        def products() -> None:
            for x, y, dx, dw, w in turned:
                gemm(1.0, w, x, 0.0, y, 0, 0, 1)
                gemm(1.0, w, y, 0.0, dx, 1, 0, 1)
                gemm(1.0, y, x, 0.0, dw, 0, 1, 1)

        return products


def _arrays(case: DenseCase, number: int) -> tuple[Array, Array, Array, Array]:
    """x, y, dx and dw of a layer, as far as their sizes matter."""
    i, o = case.widths[number], case.widths[number + 1]
    lead = case.x.shape[:-1]
    x = np.resize(case.x, (*lead, i))
    return x, np.empty((*lead, o), x.dtype), np.empty_like(x), np.empty((*lead[:-1], i, o), x.dtype)


class NumpyIdiom(_Blas):
    """A layer as a NumPy user writes it."""

    name = "NumPy"

    def callable(self, case: DenseCase) -> Call:
        """Products, and the activation's formulas as array expressions."""
        f = idiom(case.function, "forward", "numpy", case.dtype)
        chain = idiom(case.function, "backward", "numpy", case.dtype)
        x, grad_y, weights = case.x, case.grad_y, case.weights

        def both() -> list[tuple[Array, Array]]:
            h, kept = x, []
            for w, b in weights:
                z = h @ w + b[..., None, :]
                kept.append((h, z))
                h = f(z)
            grad, gradients = grad_y, []
            for (w, _), (inputs, z) in zip(reversed(weights), reversed(kept), strict=True):
                delta = chain(grad, z)
                gradients.append((np.swapaxes(inputs, -1, -2) @ delta, delta.sum(axis=-2)))
                grad = delta @ np.swapaxes(w, -1, -2)
            return gradients

        return both
