"""softmax, softmax_cross_entropy and swiglu, by fastact and as NumPy users write them, with pytest-benchmark.

How to compare two runs is said in test_activations.py.
"""

import numpy as np
import pytest

import fastact as fa

SHAPES = [(32, 10), (64, 1000), (4096, 512)]


def numpy_softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def numpy_cross_entropy(x: np.ndarray, labels: np.ndarray) -> tuple[np.floating, np.ndarray]:
    p = numpy_softmax(x)
    rows = np.arange(len(x))
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    return loss, p / len(x)


def numpy_swiglu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """y, and both gradients for a gradient of 1."""
    a, b = np.split(x, 2, -1)
    s = 1 / (1 + np.exp(-a))
    return a * s * b, np.concatenate([b * s * (1 + a * (1 - s)), a * s], -1)


def swiglu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = fa.swiglu(x)
    return y, fa.swiglu.backward(np.ones_like(y), x)


CALLS = {
    "softmax": (lambda x, labels: fa.softmax(x), lambda x, labels: numpy_softmax(x)),
    "softmax_cross_entropy": (fa.softmax_cross_entropy.value_and_gradient, numpy_cross_entropy),
    "swiglu and its gradients": (lambda x, labels: swiglu(x), lambda x, labels: numpy_swiglu(x)),
}


@pytest.mark.parametrize("by", ["fastact", "NumPy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.benchmark(max_time=0.03, min_time=1e-4, min_rounds=5, disable_gc=True)
def test_case(benchmark, name: str, shape: tuple[int, int], dtype: str, by: str):
    x = np.random.default_rng(0).normal(0, 2, shape).astype(dtype)
    labels = np.arange(shape[0]) % shape[1]
    benchmark.group = f"{name} {shape} {dtype}"
    benchmark(CALLS[name][by == "NumPy"], x, labels)
