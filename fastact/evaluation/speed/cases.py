"""The one list of timed cases: activation x direction x dtype x size x inputs, and the arrays each works on.

Follows from the compiled table. Does not know who is timed on a case, nor how.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np

import fastact
from fastact.evaluation.speed.idiom import ARGUMENTS

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

DIRECTIONS = tuple(ARGUMENTS)
DTYPES = ("float32", "float64")
SIZES = (10, 1_000, 100_000, 1_000_000)
ALL_SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 20_000_000)  # with peers
INPUTS = ("normal", "uniform", "bits")

_SCALE = 2.0  # standard deviation of the inputs: both the bend and the flat parts of an activation
_TAIL = 30.0  # uniform inputs lie between this and its negative
_TAIL_DIRECTIONS = ("forward", "backward")  # other inputs than normal ones: for these,
_TAIL_SIZE = 100_000  # and, of the sizes, for the one next to this
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
    inputs : str
        One of :data:`INPUTS`: normal with mean 0 and scale 2, uniform in -30..30, or finite numbers of random
        bits, most of them far from 1.
    """

    activation: str
    direction: str
    dtype: str
    n: int
    inputs: str = "normal"

    def __str__(self) -> str:
        """Short enough for the name of a test."""
        usual = f"{self.activation}-{self.direction}-{self.dtype}-{self.n}"
        return usual if self.inputs == "normal" else f"{usual}-{self.inputs}"

    @property
    def function(self) -> fastact.Activation:
        """The activation itself, with its default parameters."""
        return fastact.get(self.activation)

    @property
    def x(self) -> Array:
        """The inputs. The same for every activation, and read-only."""
        return _array(self.inputs, self.dtype, self.n, _SCALE, 0)

    @property
    def grad_y(self) -> Array:
        """Gradient with respect to the output: standard normal, read-only."""
        return _array("normal", self.dtype, self.n, 1.0, 1)

    @property
    def y(self) -> Array:
        """The activation's output for `x`, read-only."""
        return _output_of(self)

    @property
    def argument_names(self) -> tuple[str, ...]:
        """What the direction takes: x, grad_y and x, or grad_y and y."""
        return {"backward": ("grad_y", "x"), "backward_from_output": ("grad_y", "y")}.get(
            self.direction, ("x",)
        )

    @property
    def arguments(self) -> tuple[Array, ...]:
        """The arrays of these names."""
        return tuple(getattr(self, name) for name in self.argument_names)

    @property
    def results(self) -> int:
        """How many arrays the direction gives."""
        return 2 if self.direction == "value_and_derivative" else 1

    @property
    def rooms(self) -> tuple[Array, ...]:
        """Where contestants write results: the same memory for all, whose place makes it fast or slow."""
        return tuple(_room(self.dtype, self.n, number) for number in range(self.results))


@lru_cache(maxsize=64)  # all of a run
def _array(inputs: str, dtype: str, n: int, scale: float, stream: int) -> Array:
    random = np.random.default_rng((_SEED, stream))
    if inputs == "bits":
        values = _of_random_bits(random, dtype, n)
    elif inputs == "uniform":
        values = random.uniform(-_TAIL, _TAIL, n).astype(dtype)
    else:
        values = random.normal(0.0, scale, n).astype(dtype)
    values.setflags(write=False)
    return values


@lru_cache(maxsize=1)  # contestants of a case follow each other
def _output_of(case: Case) -> Array:
    y: Array = case.function(case.x)
    y.setflags(write=False)
    return y


@lru_cache(maxsize=64)
def _room(dtype: str, n: int, number: int) -> Array:
    return np.empty(n, dtype)


def _of_random_bits(random: np.random.Generator, dtype: str, n: int) -> Array:
    """Every finite number as likely as any other."""
    values = np.full(n, np.nan, dtype)
    while (wanted := ~np.isfinite(values)).any():
        values[wanted] = np.frombuffer(random.bytes(int(wanted.sum()) * values.itemsize), dtype)
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
    inputs: Iterable[str] = INPUTS[:1],
) -> Iterator[Case]:
    """Every case of some activations (default: all), sizes, dtypes and inputs.

    Inputs other than normal are there to show slow paths: forward and backward, at one size.

    Raises
    ------
    ValueError
        For an activation that does not exist.
    """
    sizes, dtypes, inputs = tuple(sizes), tuple(dtypes), tuple(inputs)
    tail_size = min(sizes, key=lambda n: abs(n - _TAIL_SIZE))
    for name in fastact.names() if activations is None else activations:
        for direction, dtype, kind in product(directions(name), dtypes, inputs):
            if kind == "normal":
                yield from (Case(name, direction, dtype, n) for n in sizes)
            elif direction in _TAIL_DIRECTIONS:
                yield Case(name, direction, dtype, tail_size, kind)
