"""Arguments for dense layers, and what NumPy computes from them in float64.

Must not depend on any activation, nor on how fastact computes a layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import fastact as fa


@dataclass
class Layer:
    """Inputs of one call; b may be None."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray | None
    grad_y: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        return self.x, self.w, self.b


def layer(
    rows: int, inputs: int, outputs: int, dtype: type, stack: tuple[int, ...] = (), seed: int = 0
) -> Layer:
    """Random arrays of about unit size."""
    generator = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return generator.normal(size=(*stack, *shape)).astype(dtype)

    w = normal(inputs, outputs) / dtype(max(1, inputs) ** 0.5)
    b = normal(1, outputs) if stack else normal(outputs)
    return Layer(normal(rows, inputs), w, b, normal(rows, outputs))


def on_a_grid(rows: int, inputs: int, outputs: int, dtype: type, seed: int = 0) -> Layer:
    """Small multiples of 1/8, for which x w + b has no rounding errors, and often lies on a kink."""
    generator = np.random.default_rng(seed)

    def eighths(most: int, *shape: int) -> np.ndarray:
        return (generator.integers(-most, most + 1, shape) / 8).astype(dtype)

    return Layer(
        eighths(8, rows, inputs), eighths(8, inputs, outputs), eighths(16, outputs), eighths(9, rows, outputs)
    )


def wide(array: Any) -> np.ndarray:
    return np.asarray(array, np.float64)


def pre_activation(case: Layer) -> np.ndarray:
    """x w + b in float64."""
    z = wide(case.x) @ wide(case.w)
    return z if case.b is None else z + wide(case.b)


def gradients(case: Layer, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx, dw, db in float64 from delta, summed to the shapes of x, w, b."""
    turn = -1, -2
    dx = delta @ np.swapaxes(wide(case.w), *turn)
    dw = np.swapaxes(wide(case.x), *turn) @ delta
    shapes = case.x.shape, case.w.shape, None if case.b is None else case.b.shape
    return tuple(summed(a, shape) for a, shape in zip((dx, dw, delta), shapes, strict=True))


def summed(array: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray | None:
    """The sum over the axes along which this shape was broadcast."""
    if shape is None:
        return None
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
    return array.sum(axis=stretched, keepdims=True)


def assert_close(got: Any, want: Any, terms: int, largest: float = 1.0) -> None:
    """Equal as far as a sum of so many products, each of about this size, can be."""
    assert got.shape == want.shape
    if got.size:
        bound = 4 * np.finfo(got.dtype).eps * largest * (terms + 8) ** 0.5 * 4
        assert np.max(np.abs(wide(got) - want)) <= bound * max(1.0, np.max(np.abs(want)))


def forward_and_backward(case: Layer, activation: Any, **keywords: Any) -> tuple[Any, ...]:
    """y, dx, dw, db and saved."""
    y, saved = fa.dense_forward(*case.arrays, activation=activation, **keywords)
    dx, dw, db = fa.dense_backward(case.grad_y, case.x, case.w, saved)
    return y, dx, dw, db, saved
