"""The timed cases of health: statistics of units, a forward pass that counts, look-ups in tables of bytes.

Must not depend on the implementations, nor on how time is measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

import fastact
from fastact.health.saturation import Saturation, saturation_of

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

STATISTICS, COUNTING, LOOK_UP = "fastact.health", "forward, counting", "quantized.apply"
_SHAPES = ((128, 512), (2000, 500))
_ACTIVATIONS = ("relu", "gelu")
_BYTES = (1_000, 300_000, 10_000_000)
_THREADED_ELEMENTS = 100_000


@dataclass(frozen=True)
class HealthCase:
    """One call on rows x n elements; a forward pass has inputs, too."""

    task: str  # STATISTICS, COUNTING or LOOK_UP
    activation: str
    dtype: str
    rows: int
    n: int  # units, or bytes of a row
    inputs: int = 0  # of a layer

    @property
    def group(self) -> str:
        """The sizes: what the cases of one line of the summary have in common."""
        sizes = (self.rows, self.inputs, self.n) if self.inputs else (self.rows, self.n)
        return " x ".join(f"{size:,}" for size in sizes if size != 1) or "1"

    def __str__(self) -> str:
        """The task and the sizes."""
        return f"{self.task}, {self.group}"

    @property
    def title(self) -> str:
        """The case in words."""
        return f"{self.task} {self.activation} {self.dtype}, {self.group}"

    @property
    def usual(self) -> bool:
        """Whether means include the case."""
        return True

    @property
    def threaded(self) -> bool:
        """Whether the work is large enough for several threads."""
        return self.rows * self.n * max(self.inputs, 1) >= _THREADED_ELEMENTS

    @property
    def function(self) -> fastact.Activation:
        """The activation."""
        return fastact.get(self.activation)

    @property
    def z(self) -> Array:
        """What an activation reads."""
        return _normal((self.rows, self.n), self.dtype, 0)

    @property
    def layer(self) -> tuple[Array, Array, Array]:
        """x, w and b."""
        x = _normal((self.rows, self.inputs), self.dtype, 0)
        w = _normal((self.inputs, self.n), self.dtype, 1)
        return x, w * w.dtype.type(self.inputs**-0.5), np.zeros(self.n, self.dtype)

    @property
    def limits(self) -> Saturation:
        """Where the activation saturates."""
        return saturation_of(self.function, self.n)

    @property
    def bytes(self) -> Array:
        """What is looked up."""
        return np.random.default_rng(0).integers(0, 256, (self.rows, self.n), dtype=np.uint8)

    @property
    def table(self) -> Array:
        """Where it is looked up."""
        return fastact.quantized.table(self.activation, 0.05, 128, 1 / 256, 0)


@lru_cache(maxsize=4)
def _normal(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    array = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    array.setflags(write=False)
    return array


def health_cases(quick: bool) -> Iterator[HealthCase]:
    """All tasks; on one size and in float32 if `quick`."""
    dtypes = ("float32",) if quick else ("float32", "float64")
    shapes = _SHAPES[:1] if quick else _SHAPES
    for dtype, name, (rows, n) in itertools.product(dtypes, _ACTIVATIONS, shapes):
        yield HealthCase(STATISTICS, name, dtype, rows, n)
    for dtype, name in itertools.product(dtypes, _ACTIVATIONS):
        yield HealthCase(COUNTING, name, dtype, 128, 512, 784)
    for n in _BYTES[1:2] if quick else _BYTES:
        yield HealthCase(LOOK_UP, "sigmoid", "uint8", 1, n)
