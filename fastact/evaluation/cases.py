"""The timed cases: one call of an activation, or one pass through dense layers, with the arrays of each.

Follows from the compiled table. Must not depend on the implementations, nor on how time is measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

import fastact
from fastact.evaluation.expressions import ARGUMENTS
from fastact.evaluation.health_cases import HealthCase
from fastact.evaluation.row_cases import RowCase
from fastact.evaluation.train_cases import TrainCase

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

DTYPES = ("float32", "float64")

# Element-wise --------------------------------------------------------------------------------------

DIRECTIONS = tuple(ARGUMENTS)
SIZES = (10, 1_000, 100_000)
LARGE_SIZES = (1_000_000, 20_000_000)  # of the usual activations only: the last one with peers only
INPUTS = ("normal", "uniform", "bits")
USUAL = (  # the activations that most networks use, as README lists them
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "gelu",
    "gelu_tanh",
    "mish",
    "hard_swish",
    "softsign",
    "log_sigmoid",
)

_SCALE = 2.0  # standard deviation of the inputs: both the bend and the flat parts of an activation
_TAIL = 30.0  # uniform inputs lie between this and its negative
_TAIL_DIRECTIONS = ("forward", "backward")  # inputs other than normal ones: for these directions,
_TAIL_SIZE = 100_000  # and at the size next to this
_SEED = 20_240_229
_THREADED_ELEMENTS = 100_000  # from here on every implementation that can use threads does so


@dataclass(frozen=True)
class ElementwiseCase:
    """One call of an activation."""

    activation: str  # one of fastact.names()
    direction: str  # one of DIRECTIONS
    dtype: str
    n: int  # number of elements
    # one of INPUTS: normal with standard deviation 2, uniform in -30..30, finite random bits
    inputs: str = "normal"

    def __str__(self) -> str:
        """Short enough for the name of a test."""
        usual = f"{self.activation}-{self.direction}-{self.dtype}-{self.n}"
        return usual if self.inputs == "normal" else f"{usual}-{self.inputs}"

    @property
    def title(self) -> str:
        """The case in words."""
        inputs = "" if self.inputs == "normal" else f", {self.inputs} inputs"
        return f"{self.activation} {self.direction} {self.dtype}, n = {self.n:,}{inputs}"

    @property
    def group(self) -> str:
        """What the cases of one line of the summary have in common."""
        return f"n = {self.n:,}" if self.inputs == "normal" else f"{self.inputs} inputs, n = {self.n:,}"

    @property
    def usual(self) -> bool:
        """Whether means include the case."""
        return self.inputs == "normal"

    @property
    def threaded(self) -> bool:
        """Whether the work is large enough for several threads."""
        return self.n >= _THREADED_ELEMENTS

    @property
    def function(self) -> fastact.Activation:
        """The activation, with its default parameters."""
        return fastact.get(self.activation)

    @property
    def x(self) -> Array:
        """The inputs: read-only, the same for every activation."""
        return _inputs(self.inputs, self.dtype, self.n, _SCALE, 0)

    @property
    def grad_y(self) -> Array:
        """Gradient with respect to the output: standard normal, read-only."""
        return _inputs("normal", self.dtype, self.n, 1.0, 1)

    @property
    def y(self) -> Array:
        """The activation's output for `x`, read-only."""
        return _output_of(self)

    @property
    def argument_names(self) -> tuple[str, ...]:
        """Names of the arrays that the direction takes."""
        return ARGUMENTS[self.direction]

    @property
    def arguments(self) -> tuple[Array, ...]:
        """The arrays of these names."""
        return tuple(getattr(self, name) for name in self.argument_names)

    @property
    def results(self) -> tuple[Array, ...]:
        """One or two arrays for results. All implementations share them: their address affects the speed."""
        return tuple(_result(self.dtype, self.n, number) for number in range(self._result_count))

    @property
    def _result_count(self) -> int:
        return 2 if self.direction == "value_and_derivative" else 1

    @property
    def arrays_moved(self) -> int:
        """How many arrays a call must read or write."""
        return len(self.argument_names) + self._result_count

    @property
    def nbytes(self) -> int:
        """Their size."""
        return self.arrays_moved * self.n * np.dtype(self.dtype).itemsize


@lru_cache(maxsize=64)  # all of a run
def _inputs(kind: str, dtype: str, n: int, scale: float, stream: int) -> Array:
    random = np.random.default_rng((_SEED, stream))
    if kind == "bits":
        values = _of_random_bits(random, dtype, n)
    elif kind == "uniform":
        values = random.uniform(-_TAIL, _TAIL, n).astype(dtype)
    else:
        values = random.normal(0.0, scale, n).astype(dtype)
    values.setflags(write=False)
    return values


@lru_cache(maxsize=1)  # the implementations of a case follow each other
def _output_of(case: ElementwiseCase) -> Array:
    y: Array = case.function(case.x)
    y.setflags(write=False)
    return y


@lru_cache(maxsize=64)
def _result(dtype: str, n: int, number: int) -> Array:
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
    nothing = np.empty(0)
    try:
        fastact.get(activation).backward_from_output(nothing, nothing)
    except TypeError:
        return tuple(d for d in DIRECTIONS if d != "backward_from_output")
    return DIRECTIONS


def default_cases(
    activations: Sequence[str] | None, dtypes: Sequence[str], peers: bool
) -> Iterator[ElementwiseCase]:
    """The cases of a run: all activations (or some); the usual ones (or some) at large sizes, too.

    With peers, these also have inputs in the tails, and sizes that go to memory.
    """
    yield from elementwise_cases(activations, SIZES, dtypes)
    named = activations or USUAL
    yield from elementwise_cases(named, LARGE_SIZES if peers else LARGE_SIZES[:1], dtypes)
    if peers:
        yield from elementwise_cases(named, [_TAIL_SIZE], dtypes, INPUTS[1:])


def elementwise_cases(
    activations: Iterable[str] | None = None,
    sizes: Iterable[int] = SIZES,
    dtypes: Iterable[str] = DTYPES,
    inputs: Iterable[str] = INPUTS[:1],
) -> Iterator[ElementwiseCase]:
    """Every case of some activations (default: all), sizes, dtypes and inputs.

    Inputs other than normal ones reveal slow paths: forward and backward, at one size.

    Raises
    ------
    ValueError
        For an activation that does not exist.
    """
    sizes, dtypes, inputs = tuple(sizes), tuple(dtypes), tuple(inputs)
    tail_size = min(sizes, key=lambda n: abs(n - _TAIL_SIZE))
    for name in fastact.names() if activations is None else activations:
        for direction, dtype, kind in itertools.product(directions(name), dtypes, inputs):
            if kind == "normal":
                yield from (ElementwiseCase(name, direction, dtype, n) for n in sizes)
            elif direction in _TAIL_DIRECTIONS:
                yield ElementwiseCase(name, direction, dtype, tail_size, kind)


# Dense layers --------------------------------------------------------------------------------------

DENSE_ACTIVATIONS = ("relu", "gelu", "tanh")
_LAYERS = (  # batch, in, out
    (1, 64, 64),
    (4, 100, 100),
    (32, 64, 64),
    (64, 256, 256),
    (128, 784, 512),
    (256, 1024, 1024),
    (1024, 1024, 1024),
    (4096, 512, 512),
    (8192, 128, 128),
)
_THREADED_OPERATIONS = 10**7


@dataclass(frozen=True)
class DenseCase:
    """One forward and one backward pass through dense layers: a network, or a stack of equal layers."""

    rows: int  # size of the batch
    widths: tuple[int, ...]  # of the input, and of each layer's output
    side_by_side: int = 1  # size of the leading axis of a stack; 1 for none
    activation: str = "gelu"
    dtype: str = "float32"

    def __str__(self) -> str:
        """The sizes."""
        if len(self.widths) == 2:
            one = f"{self.rows}, {self.widths[0]}, {self.widths[1]}"
            return one if self.side_by_side == 1 else f"{self.side_by_side} x ({one})"
        if len(set(self.widths)) == 1:
            return f"{self.rows}, {self.depth} layers of {self.widths[0]}"
        return f"{self.rows}, {'-'.join(map(str, self.widths))}"

    @property
    def title(self) -> str:
        """The case in words."""
        return f"{self} {self.activation} {self.dtype}"

    @property
    def group(self) -> str:
        """What the cases of one line of the summary have in common."""
        return str(self)

    @property
    def usual(self) -> bool:
        """Whether means include the case."""
        return True

    @property
    def threaded(self) -> bool:
        """Whether the work is large enough for several threads."""
        return self.operations >= _THREADED_OPERATIONS

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.widths) - 1

    @property
    def function(self) -> fastact.Activation:
        """The activation."""
        return fastact.get(self.activation)

    @property
    def operations(self) -> int:
        """Floating-point operations of the three matrix products of each layer."""
        sizes = itertools.pairwise(self.widths)
        return 6 * self.side_by_side * self.rows * sum(i * o for i, o in sizes)

    @property
    def x(self) -> Array:
        """The batch: standard normal, read-only."""
        return _normal((*self._stack, self.rows, self.widths[0]), self.dtype, 0)

    @property
    def grad_y(self) -> Array:
        """Gradient with respect to the result."""
        return _normal((*self._stack, self.rows, self.widths[-1]), self.dtype, 1)

    @property
    def weights(self) -> list[tuple[Array, Array]]:
        """w and b of each layer. Weights are scaled to keep the size of values from layer to layer."""
        found = []
        for number, (i, o) in enumerate(itertools.pairwise(self.widths)):
            w = _normal((*self._stack, i, o), self.dtype, 2 + 2 * number) * np.dtype(self.dtype).type(i**-0.5)
            lead = (*self._stack, 1) if self._stack else ()  # b broadcasts to x @ w
            found.append((w, _normal((*lead, o), self.dtype, 3 + 2 * number)))
        return found

    @property
    def _stack(self) -> tuple[int, ...]:
        return (self.side_by_side,) if self.side_by_side > 1 else ()


@lru_cache(maxsize=16)
def _normal(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    array = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    array.setflags(write=False)
    return array


def dense_cases(activations: Sequence[str] | None, dtypes: Sequence[str], quick: bool) -> Iterator[DenseCase]:
    """Single layers, stacks of layers, networks; only the small ones if `quick`."""
    layers = [shape for shape in _LAYERS if not quick or shape[0] * shape[1] * shape[2] < 10**7]
    for dtype, activation in itertools.product(dtypes, activations or DENSE_ACTIVATIONS):
        for rows, i, o in layers:
            yield DenseCase(rows, (i, o), 1, activation, dtype)
        yield DenseCase(32, (64, 64), 64, activation, dtype)
        if not quick:
            yield DenseCase(128, (784, 512, 512, 10), 1, activation, dtype)
            yield DenseCase(64, (128,) * 31, 1, activation, dtype)


def growth(activation: str) -> dict[str, list[tuple[int, DenseCase]]]:
    """Cases in which one size grows by factors of two, by the name of that size."""
    base = DenseCase(64, (128, 128), 1, activation)
    sizes = [2**n for n in range(10)]
    return {
        "rows of the batch": [(n, replace(base, rows=n)) for n in (*sizes, 1024, 2048, 4096)],
        "width": [(4 * n, replace(base, widths=(4 * n, 4 * n))) for n in sizes[1:9]],
        "layers of a network": [(n, replace(base, widths=(128,) * (n + 1))) for n in sizes[:6]],
        "layers of a stack": [
            (n, replace(base, rows=32, widths=(64, 64), side_by_side=n)) for n in sizes[:8]
        ],
    }


Case: TypeAlias = ElementwiseCase | DenseCase | RowCase | TrainCase | HealthCase
