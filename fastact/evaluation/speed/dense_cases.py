"""The dense layers and networks that are timed, forward and backward, and their arrays.

Knows sizes. Does not know who is timed, nor how.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

import fastact
from fastact.evaluation.speed.cases import Array

ACTIVATIONS = ("relu", "gelu", "tanh")
LAYERS = (  # batch, in, out
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


@dataclass(frozen=True)
class DenseCase:
    """Layers, one after the other or side by side.

    Attributes
    ----------
    rows : int
        Size of the batch.
    widths : tuple of int
        Of the input, and of each layer's output.
    side_by_side : int
        How many such networks at once, each with arrays of its own.
    activation, dtype : str
        The same for all layers.
    """

    rows: int
    widths: tuple[int, ...]
    side_by_side: int = 1
    activation: str = "gelu"
    dtype: str = "float32"

    def __str__(self) -> str:
        """The sizes, as short as can be."""
        if len(self.widths) == 2:
            one = f"{self.rows}, {self.widths[0]}, {self.widths[1]}"
            return one if self.side_by_side == 1 else f"{self.side_by_side} x ({one})"
        if len(set(self.widths)) == 1:
            return f"{self.rows}, {self.depth} layers of {self.widths[0]}"
        return f"{self.rows}, {'-'.join(map(str, self.widths))}"

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.widths) - 1

    @property
    def function(self) -> fastact.Activation:
        """The activation itself."""
        return fastact.get(self.activation)

    @property
    def operations(self) -> int:
        """Floating-point operations of the three products of each layer."""
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
        """w and b of each layer, such that values keep their size from layer to layer."""
        found = []
        for number, (i, o) in enumerate(itertools.pairwise(self.widths)):
            w = _normal((*self._stack, i, o), self.dtype, 2 + 2 * number) * np.dtype(self.dtype).type(i**-0.5)
            found.append((w, _normal((*self._stack, o), self.dtype, 3 + 2 * number)))
        return found

    @property
    def _stack(self) -> tuple[int, ...]:
        return (self.side_by_side,) if self.side_by_side > 1 else ()


@lru_cache(maxsize=16)
def _normal(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    array = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    array.flags.writeable = False
    return array


def all_cases(activations: Sequence[str] | None, dtypes: Sequence[str], quick: bool) -> Iterator[DenseCase]:
    """Single layers, then many side by side, then networks; the smaller ones only if `quick`."""
    layers = [shape for shape in LAYERS if not quick or shape[0] * shape[1] * shape[2] < 10**7]
    for dtype, activation in itertools.product(dtypes, activations or ACTIVATIONS):
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
        "layers one after the other": [(n, replace(base, widths=(128,) * (n + 1))) for n in sizes[:6]],
        "layers side by side": [
            (n, replace(base, rows=32, widths=(64, 64), side_by_side=n)) for n in sizes[:8]
        ],
    }
