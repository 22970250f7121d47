"""The timed cases of rows: one call of a row-wise function, or one loss with its gradient, and its arrays.

Follows from the compiled tables. Must not depend on the implementations, nor on how time is measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

import fastact
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.gated import GATED
from fastact.rowwise.losses import LOSSES
from fastact.rowwise.resizing import RESIZING

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

OF_LABELS = ("softmax_cross_entropy", "nll")
NAMES = (*FUNCTIONS, *RESIZING, "gumbel_softmax", *GATED, *OF_LABELS, *LOSSES)
SHAPES = ((32, 10), (64, 1000), (4096, 512), (128, 50257))
_SCALE = 2.0  # standard deviation of x
_THREADED_ELEMENTS = 100_000


def directions(name: str) -> tuple[str, ...]:
    """What a function is timed for."""
    if name in OF_LABELS or name in LOSSES:
        return ("value_and_gradient",)
    if name in GATED or name in ("logsumexp", "maxout"):
        return ("forward", "backward")
    return ("forward", "backward", "backward_from_output")


def pieces_of(n: int) -> int:
    """How many elements of a row maxout takes at a time: the fewest that divide it."""
    return next(k for k in range(2, n + 1) if n % k == 0) if n > 1 else 1


@dataclass(frozen=True)
class RowCase:
    """One call on rows x n elements, on pairs of as many, or on as many elements and their targets."""

    name: str  # one of NAMES
    direction: str
    dtype: str
    rows: int
    n: int

    def __str__(self) -> str:
        """Short enough for the name of a test."""
        return f"{self.name}-{self.direction}-{self.dtype}-{self.rows}x{self.n}"

    @property
    def activation(self) -> str:
        """The name, as other cases call it."""
        return self.name

    @property
    def title(self) -> str:
        """The case in words."""
        return f"{self.name} {self.direction} {self.dtype}, {self.group}"

    @property
    def group(self) -> str:
        """What the cases of one line of the summary have in common."""
        return f"{self.rows} x {self.n}"

    @property
    def usual(self) -> bool:
        """Whether means include the case."""
        return True

    @property
    def elements(self) -> int:
        """Of x, or of each half of x."""
        return self.rows * self.n

    @property
    def threaded(self) -> bool:
        """Whether the work is large enough for several threads."""
        return self.elements >= _THREADED_ELEMENTS

    @property
    def function(self) -> Any:
        """fastact's."""
        return getattr(fastact, self.name)

    @property
    def arguments(self) -> tuple[Array, ...]:
        """Inputs, read-only: x; grad_y and x or y; x and the target."""
        x = _normal(self._shape_of_x, self.dtype, 0)
        if self.direction == "forward":
            return (x,)
        if self.direction == "value_and_gradient":
            return x, _target(self.name, self.rows, self.n, self.dtype)
        y = self.function(x, **replace(self, direction="forward").keywords)
        return _normal(y.shape, self.dtype, 1), (y if self.direction == "backward_from_output" else x)

    @property
    def keywords(self) -> dict[str, Any]:
        """Arguments by name, read-only: the pieces of maxout, the noise of gumbel_softmax."""
        if self.name == "maxout":
            return {"pieces": pieces_of(self.n)}
        if self.name == "gumbel_softmax" and self.direction != "backward_from_output":
            return {"noise": noise_of(self.rows, self.n)}
        return {}

    @property
    def result(self) -> Array:
        """An array to write to: the result, or the gradient of a loss."""
        if self.direction != "forward":
            return np.empty(self._shape_of_x, self.dtype)
        if self.name == "logsumexp":
            return np.empty(self.rows, self.dtype)
        lengths = {"maxout": self.n // pieces_of(self.n), "crelu": 2 * self.n}
        return np.empty((self.rows, lengths.get(self.name, self.n)), self.dtype)

    @property
    def _shape_of_x(self) -> tuple[int, int]:
        return self.rows, 2 * self.n if self.name in GATED else self.n


@lru_cache(maxsize=4)
def _normal(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    array = (_SCALE * np.random.default_rng(seed).normal(size=shape)).astype(dtype)
    array.setflags(write=False)
    return array


@lru_cache(maxsize=2)
def noise_of(rows: int, n: int) -> Array:
    """Of the standard Gumbel distribution."""
    noise = np.random.default_rng(3).gumbel(size=(rows, n))
    noise.setflags(write=False)
    return noise


@lru_cache(maxsize=2)
def _target(name: str, rows: int, n: int, dtype: str) -> Array:
    """Labels, signs, counts, probabilities, or real numbers."""
    rng = np.random.default_rng(2)
    if name in OF_LABELS:
        target: Array = rng.integers(0, n, rows)
    elif name == "hinge":
        target = rng.choice([-1.0, 1.0], (rows, n)).astype(dtype)
    elif name == "poisson":
        target = rng.poisson(3, (rows, n)).astype(dtype)
    else:
        target = rng.uniform(0.01, 1, (rows, n)).astype(dtype)
    target.setflags(write=False)
    return target


def row_cases(
    names: Sequence[str] | None, dtypes: Sequence[str], shapes: Sequence[tuple[int, int]] = SHAPES
) -> Iterator[RowCase]:
    """Every direction of the functions and losses, for all shapes."""
    for name, dtype in itertools.product(names or NAMES, dtypes):
        for direction, (rows, n) in itertools.product(directions(name), shapes):
            yield RowCase(name, direction, dtype, rows, n)
