"""The timed cases of training: one step of a network, of several at once, or of an optimiser alone.

Must not depend on the implementations, nor on how time is measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

import fastact

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LEARNING_RATE = 1e-3
_THREADED_OPERATIONS = 10**7
_THREADED_PARAMETERS = 10**6


@dataclass(frozen=True)
class TrainCase:
    """One step on one batch, or of an optimiser alone where there are no widths."""

    widths: tuple[int, ...]  # of the input, and of each layer's output
    rows: int  # of the batch; for an optimiser alone, the number of parameters
    activation: str
    optimizer: str  # "SGD" or "Adam"
    copies: int = 1  # networks that take the step at once, on the same batch
    dtype: str = "float32"
    dropout: float = 0.0  # after each hidden layer; this and the norm are timed of fastact alone
    norm: str = ""  # before each activation

    def __str__(self) -> str:
        """The sizes."""
        if not self.widths:
            return f"{self.rows:,} parameters"
        one = f"{'-'.join(map(str, self.widths))}, {self.activation}, batch {self.rows:,}"
        one += f", dropout {self.dropout}" if self.dropout else ""
        one += f", {self.norm} norm" if self.norm else ""
        return one if self.copies == 1 else f"{self.copies:,} x ({one})"

    @property
    def title(self) -> str:
        """The case in words."""
        return f"{self} {self.optimizer}"

    @property
    def group(self) -> str:
        """What the cases of one line of the summary have in common."""
        return str(self)

    @property
    def usual(self) -> bool:
        """Whether means include the case."""
        return self.plain == self

    @property
    def plain(self) -> TrainCase:
        """The same without norm and dropout."""
        return replace(self, dropout=0.0, norm="")

    @property
    def threaded(self) -> bool:
        """Whether the work is large enough for several threads."""
        if not self.widths:
            return self.rows >= _THREADED_PARAMETERS
        operations = 6 * sum(i * o for i, o in itertools.pairwise(self.widths))
        return self.copies * self.rows * operations >= _THREADED_OPERATIONS

    @property
    def function(self) -> fastact.Activation:
        """What is applied between the layers."""
        return fastact.get(self.activation)

    @property
    def output(self) -> str:
        """``"softmax"`` with its cross-entropy for ten classes, else ``"identity"`` with the mean square."""
        return "softmax" if self.widths[-1] == 10 else "identity"

    @property
    def x(self) -> Array:
        """The batch."""
        return self._normal(0, (self.rows, self.widths[0]))

    @property
    def target(self) -> Array:
        """Labels, or values."""
        if self.output == "softmax":
            return np.random.default_rng(1).integers(0, 10, self.rows)
        return self._normal(1, (self.rows, self.widths[-1]))

    @property
    def weights(self) -> list[tuple[Array, Array]]:
        """w and b of each layer, with a leading axis for several networks."""
        lead = () if self.copies == 1 else (self.copies,)
        found = []
        for number, (i, o) in enumerate(itertools.pairwise(self.widths)):
            w = self._normal(2 + number, (*lead, i, o)) * np.dtype(self.dtype).type(i**-0.5)
            found.append((w, np.zeros((*lead, 1, o) if lead else (o,), self.dtype)))
        return found

    @property
    def states(self) -> tuple[Array, Array]:
        """Of an optimiser alone: parameters and gradients."""
        return self._normal(0, (self.rows,)), self._normal(1, (self.rows,))

    def _normal(self, seed: int, shape: tuple[int, ...]) -> Array:
        return np.random.default_rng(seed).standard_normal(shape, np.float32).astype(self.dtype)


def train_cases(quick: bool) -> Iterator[TrainCase]:
    """Steps of one network, of several at once, and of Adam alone; only the small ones if `quick`."""
    small = (64, 128, 10)
    yield from (TrainCase(small, 32, "gelu", optimizer) for optimizer in ("SGD", "Adam"))
    yield TrainCase(small, 32, "gelu", "SGD", 8)
    yield TrainCase((), 10_000, "identity", "Adam")
    if quick:
        return
    yield TrainCase(small, 32, "gelu", "SGD", dropout=0.2)
    yield from (TrainCase(small, 32, "gelu", "SGD", norm=norm) for norm in ("batch", "layer", "rms"))
    yield TrainCase(small, 32, "gelu", "SGD", 64)
    yield TrainCase((16, 16, 1), 1, "tanh", "SGD", 1000)
    yield TrainCase((4, 32, 16, 4), 10_000, "tanh", "Adam")
    yield from (TrainCase((784, 512, 512, 10), 128, "gelu", optimizer) for optimizer in ("SGD", "Adam"))
    yield TrainCase((), 10_000_000, "identity", "Adam")
