"""numba as a contestant: the row's formula texts in a compiled loop over arrays that exist already.

Made from the table; does not know any activation, nor how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numba

import fastact
from fastact.evaluation.speed.cases import Case
from fastact.evaluation.speed.idiom import texts
from fastact.activations.formula import compile_formula

_PARALLEL_FROM = 50_000  # elements; below, starting threads costs more than they save


class Peer:
    """Loops under ``numba.njit``, with ``prange`` where threads may help."""

    name = "numba"
    limit = None

    def __init__(self) -> None:
        """Start its threads now: that sets OpenMP's number of threads back, for all who share the runtime."""
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

    def callable(self, case: Case) -> Callable[[], Any]:
        """The loop with its arrays."""
        parallel = numba.get_num_threads() > 1 and case.n >= _PARALLEL_FROM
        loop = _loop(case.activation, case.direction, parallel)
        return partial(loop, *case.arguments, *case.rooms)


@cache
def _helper(name: str) -> Any:
    """A function that formulas may use and numba lacks."""
    return numba.njit(compile_formula(name, (), "python")())


@cache
def _loop(activation: str, direction: str, parallel: bool) -> Callable[..., Any]:
    """The compiled loop for one row and direction."""
    found, arguments = texts(fastact.get(activation), direction)
    helpers = {name: _helper(name) for name in ("where", "sign", "Phi", "phi", "sigmoid", "softplus")}
    elements = [numba.njit(compile_formula(text, arguments, "python", **helpers)) for text in found]
    loop: Callable[..., Any] = numba.njit(
        _SHAPES[len(arguments), len(elements)](*elements), parallel=parallel
    )
    return loop


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


_SHAPES: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 1): _one_to_one,
    (2, 1): _two_to_one,
    (1, 2): _one_to_two,
}
