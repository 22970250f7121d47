"""The one list of timed cases: activation x direction x dtype x size, and the arrays each works on.

Follows from the compiled table. Does not know who is timed on a case, nor how.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

import fastact

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

DIRECTIONS = ("forward", "backward", "backward_from_output", "value_and_derivative")
DTYPES = ("float32", "float64")
SIZES = (10, 1_000, 100_000, 1_000_000)

_SCALE = 2.0  # standard deviation of the inputs: both the bend and the flat parts of an activation
_SEED = 20_240_229


@dataclass(frozen=True)
class Case:
    """One thing to time.

    Attributes
    ----------
    activation, direction, dtype : str
        One each of ``fastact.names()``, :data:`DIRECTIONS` and :data:`DTYPES`.
    n : int
        Number of elements.
    """

    activation: str
    direction: str
    dtype: str
    n: int

    def __str__(self) -> str:
        """Short enough for the name of a test."""
        return f"{self.activation}-{self.direction}-{self.dtype}-{self.n}"

    @property
    def function(self) -> fastact.Activation:
        """The activation itself, with its default parameters."""
        return fastact.get(self.activation)

    @property
    def x(self) -> Array:
        """Inputs: normal with mean 0 and scale 2. The same for every activation, and read-only."""
        return _normal(self.dtype, self.n, _SCALE, 0)

    @property
    def grad_y(self) -> Array:
        """Gradient with respect to the output: standard normal, read-only."""
        return _normal(self.dtype, self.n, 1.0, 1)

    @property
    def y(self) -> Array:
        """The activation's output for `x`, read-only."""
        y: Array = self.function(self.x)
        y.setflags(write=False)
        return y

    @property
    def arguments(self) -> tuple[Array, ...]:
        """What the direction takes: (x), (grad_y, x) or (grad_y, y)."""
        if self.direction == "backward":
            return self.grad_y, self.x
        if self.direction == "backward_from_output":
            return self.grad_y, self.y
        return (self.x,)


@lru_cache(maxsize=16)
def _normal(dtype: str, n: int, scale: float, stream: int) -> Array:
    values = np.random.default_rng((_SEED, stream)).normal(0.0, scale, n).astype(dtype)
    values.setflags(write=False)
    return values


def directions(activation: str) -> tuple[str, ...]:
    """The directions that an activation has with its default parameters.

    Examples
    --------
    >>> directions("gelu")
    ('forward', 'backward', 'value_and_derivative')
    """
    return tuple(d for d in DIRECTIONS if d != "backward_from_output" or _output_suffices(activation))


def _output_suffices(activation: str) -> bool:
    try:
        fastact.get(activation).check_from_output({})
    except TypeError:
        return False
    return True


def all_cases(
    activations: Iterable[str] | None = None,
    sizes: Iterable[int] = SIZES,
    dtypes: Iterable[str] = DTYPES,
) -> Iterator[Case]:
    """Every case of some activations (default: all), sizes and dtypes.

    Raises
    ------
    ValueError
        For an activation that does not exist.
    """
    sizes, dtypes = tuple(sizes), tuple(dtypes)
    for name in fastact.names() if activations is None else activations:
        for direction in directions(name):
            for dtype in dtypes:
                for n in sizes:
                    yield Case(name, direction, dtype, n)
