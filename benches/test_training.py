"""One step of training, 64-128-10 at batch 32, gelu and softmax: fastact, NumPy, and the bare products.

To run and compare, see test_activations.py.
"""

from collections.abc import Callable

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 64)).astype(np.float32)
LABELS = RNG.integers(0, 10, 32)


def network(optimizer: fa.optim.SGD | fa.optim.Adam) -> Callable[[], object]:
    net = fa.Network.create([64, 128, 10], "gelu", output="softmax")
    net.optimizer = optimizer
    return lambda: net.step(X, LABELS)


def numpy_step() -> Callable[[], object]:
    """The same rule with NumPy's products and fastact's gelu."""
    net = fa.Network.create([64, 128, 10], "gelu", output="softmax")
    (w1, b1, _), (w2, b2, _) = net.layers
    rows = np.arange(32)

    def step() -> None:
        z = X @ w1 + b1
        h, d = fa.gelu.value_and_derivative(z)
        logits = h @ w2 + b2
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[rows, LABELS] -= 1
        p /= 32
        back = (p @ w2.T) * d
        w2[...] -= 1e-3 * (h.T @ p)
        b2[...] -= 1e-3 * p.sum(axis=0)
        w1[...] -= 1e-3 * (X.T @ back)
        b1[...] -= 1e-3 * back.sum(axis=0)

    return step


def products() -> Callable[[], object]:
    """The five products of a step, in existing arrays."""
    w1, w2, h, g = (
        RNG.normal(size=s).astype(np.float32) for s in ((64, 128), (128, 10), (32, 128), (32, 10))
    )
    outs = [np.empty(s, np.float32) for s in ((32, 128), (32, 10), (32, 128), (128, 10), (64, 128))]
    pairs = [(X, w1), (h, w2), (g, w2.T), (h.T, g), (X.T, h)]

    def multiply() -> None:
        for (a, b), out in zip(pairs, outs, strict=True):
            np.matmul(a, b, out=out)

    return multiply


CASES = {
    "fastact SGD": lambda: network(fa.optim.SGD(lr=1e-3)),
    "fastact Adam": lambda: network(fa.optim.Adam(lr=1e-3)),
    "NumPy SGD": numpy_step,
    "bare products": products,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.benchmark(group="step", min_rounds=200, disable_gc=True)
def test_step(benchmark, name: str):
    benchmark(CASES[name]())
