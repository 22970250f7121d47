"""Optimisers, dropout and normalisation, with pytest-benchmark: see test_activations.py for its use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import fastact as fa

SIZES = (10_000, 1_000_000)
ARRAYS = np.random.default_rng(0).normal(size=(2, max(SIZES))).astype(np.float32)
pytestmark = pytest.mark.benchmark(max_time=0.03, min_time=1e-4, min_rounds=5, disable_gc=True)


def numpy_adam(p: np.ndarray, g: np.ndarray) -> Callable[[], None]:
    m, v = np.zeros_like(p), np.zeros_like(p)

    def step() -> None:
        m[...] = 0.9 * m + 0.1 * g
        v[...] = 0.999 * v + 0.001 * g * g
        p[...] -= 1e-3 * m / (np.sqrt(v) + 1e-8)

    return step


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", ["SGD", "Adam", "Lion", "NumPy's Adam"])
def test_optimizer(benchmark, name: str, n: int):
    p, g = ARRAYS[0, :n].copy(), ARRAYS[1, :n]
    if name == "NumPy's Adam":
        benchmark(numpy_adam(p, g))
    else:
        optimizer = getattr(fa.optim, name)(lr=1e-6)
        benchmark(optimizer.update, p, g)


@pytest.mark.parametrize("n", SIZES)
def test_dropout(benchmark, n: int):
    out = np.empty_like(ARRAYS[0, :n])
    benchmark(fa.dropout, ARRAYS[0, :n], 0.5, seed=0, out=out)


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "batch_norm"])
def test_norm(benchmark, name: str, direction: str):
    x, grad_y = ARRAYS[:, : 128 * 512].reshape(2, 128, 512)
    weight = np.ones(512, np.float32)
    norm = getattr(fa, name)
    if direction == "forward":
        benchmark(norm, x, weight)
    else:
        benchmark(norm.backward, grad_y, x, weight)
