"""Networks by their layers one by one.

Must not depend on any activation.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import fastact as fa


def network(
    widths: list[int], activations: list[Any], dtype: type, seed: int = 0
) -> list[tuple[Any, Any, Any]]:
    generator = np.random.default_rng(seed)
    layers = []
    for number, (i, o) in enumerate(pairwise(widths)):
        w = (generator.normal(size=(i, o)) / i**0.5).astype(dtype)
        b = generator.normal(size=o).astype(dtype) if number % 3 != 1 else None
        layers.append((w, b, activations[number % len(activations)]))
    return layers


def one_by_one(layers: list[tuple[Any, Any, Any]], x: np.ndarray, grad: np.ndarray) -> tuple[Any, ...]:
    kept, h = [], x
    for w, b, activation in layers:
        y, saved = fa.dense_forward(h, w, b, activation=activation)
        kept.append((h, saved))
        h = y
    dw, db = [], []
    for (w, _, _), (inputs, saved) in zip(reversed(layers), reversed(kept), strict=True):
        grad, one_dw, one_db = fa.dense_backward(grad, inputs, w, saved)
        dw.insert(0, one_dw)
        db.insert(0, one_db)
    return h, grad, dw, db


def assert_same(net: fa.Network, layers: list[Any], x: np.ndarray, grad: np.ndarray) -> None:
    y, dx, dw, db = one_by_one(layers, x, grad)
    got_y, saved = net.forward(x)
    assert np.array_equal(got_y, y, equal_nan=True)
    assert np.array_equal(net.predict(x), y, equal_nan=True)
    got_dx, got_dw, got_db = net.backward(grad, saved)
    for got, want in zip((got_dx, *got_dw, *got_db), (dx, *dw, *db), strict=True):
        assert (got is None and want is None) or np.array_equal(got, want, equal_nan=True)


class Cube:
    """An activation from elsewhere: it can be called, and has a derivative."""

    def __repr__(self) -> str:
        return "Cube()"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x**3

    def derivative(self, x: np.ndarray) -> np.ndarray:
        return 3 * x**2
