"""numba: the table's formulas in compiled loops, which write to existing arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numba

import fastact
from fastact.activations.formula import compile_formula
from fastact.evaluation.cases import USUAL, ElementwiseCase
from fastact.evaluation.expressions import texts
from fastact.evaluation.peers import base

_PARALLEL_FROM = 50_000  # elements; below, starting threads costs more than they save


class Peer(base.Peer):
    """Loops under ``numba.njit``, with ``prange`` where threads may help."""

    name = "numba"
    package = "numba"

    def __init__(self) -> None:
        """Start numba's threads: that resets OpenMP's number of threads for every user of the runtime."""
        numba.get_num_threads()

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """numba's number of threads."""
        before = numba.get_num_threads()
        numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))
        try:
            yield
        finally:
            numba.set_num_threads(before)

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """The loop with its arrays. Others than the usual activations would take minutes to compile."""
        if case.activation not in USUAL:
            return None
        parallel = numba.get_num_threads() > 1 and case.n >= _PARALLEL_FROM
        loop = _loop(case.activation, case.direction, parallel)
        return partial(loop, *case.arguments, *case.results)


@cache
def _helper(name: str) -> Any:
    """A function of formulas that numba lacks."""
    return numba.njit(compile_formula(name, (), "python")())


@cache
def _loop(activation: str, direction: str, parallel: bool) -> Callable[..., Any]:
    """The compiled loop for one activation and direction."""
    found, arguments = texts(fastact.get(activation), direction)
    helpers = {name: _helper(name) for name in ("where", "sign", "Phi", "phi", "sigmoid", "softplus")}
    elements = [numba.njit(compile_formula(text, arguments, "python", **helpers)) for text in found]
    loop = _LOOPS[len(arguments), len(elements)](*elements)
    compiled: Callable[..., Any] = numba.njit(loop, parallel=parallel)
    return compiled


def _one_to_one(f: Any) -> Callable[..., Any]:
    def loop(x: Any, out: Any) -> Any:
        for i in numba.prange(x.size):
            out[i] = f(x[i])
        return out

    return loop


def _two_to_one(f: Any) -> Callable[..., Any]:
    def loop(grad_y: Any, x: Any, out: Any) -> Any:
        for i in numba.prange(x.size):
            out[i] = f(grad_y[i], x[i])
        return out

    return loop


def _one_to_two(f: Any, d: Any) -> Callable[..., Any]:
    def loop(x: Any, y: Any, derivative: Any) -> Any:
        for i in numba.prange(x.size):
            y[i] = f(x[i])
            derivative[i] = d(x[i])
        return y, derivative

    return loop


_LOOPS: dict[tuple[int, int], Callable[..., Any]] = {  # by the numbers of arguments and results
    (1, 1): _one_to_one,
    (2, 1): _two_to_one,
    (1, 2): _one_to_two,
}
