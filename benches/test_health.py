"""fastact.health beside what NumPy users write, and beside value_and_derivative, with pytest-benchmark.

How to compare two runs is said in test_activations.py.
"""

import numpy as np
import pytest

import fastact as fa

SHAPES = [(128, 512), (2000, 512)]


def numpy_health(z: np.ndarray, activation: fa.Activation) -> tuple[np.ndarray, ...]:
    y, slope = activation(z), activation.derivative(z)
    return (
        (slope != 0).sum(0),
        (y == 0).sum(0),
        y.mean(0, dtype=np.float64),
        np.square(y, dtype=np.float64).mean(0),
        y.min(0),
        y.max(0),
        (~np.isfinite(y)).sum(0),
    )


CALLS = {
    "fastact": fa.health,
    "NumPy": numpy_health,
    "value_and_derivative": lambda z, activation: activation.value_and_derivative(z),
    "reading": lambda z, activation: z.sum(),
}


@pytest.mark.parametrize("by", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["relu", "gelu"])
@pytest.mark.benchmark(max_time=0.05, min_time=1e-4, min_rounds=5, disable_gc=True)
def test_case(benchmark, name: str, shape: tuple[int, int], dtype: str, by: str):
    z = np.random.default_rng(0).normal(size=shape).astype(dtype)
    benchmark.group = f"health of {name} {shape} {dtype}"
    benchmark(CALLS[by], z, fa.get(name))
