"""Memory of inference: nothing as large as the batch stays, or is needed, beside the result."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from network_cases import network

import fastact as fa

ROWS = 20_000


def peak_and_rest(call: Callable[[], np.ndarray]) -> tuple[int, int]:
    """Bytes beside the result: the most during a second call, and what both calls leave."""
    tracemalloc.start()
    call()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    y = call()
    rest, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before - y.nbytes, rest - y.nbytes


@pytest.mark.once
def test_prediction_of_a_network() -> None:
    net = fa.Network(network([8, 256, 256, 3], ["gelu", "relu", None], np.float32))
    x = np.ones((ROWS, 8), np.float32)
    hidden = ROWS * 256 * 4
    peak, rest = peak_and_rest(lambda: net.predict(x))
    assert peak < hidden / 2
    assert rest < hidden / 2


@pytest.mark.once
@pytest.mark.parametrize("stack", [(), (4,)], ids=str)
def test_layers(stack: tuple[int, ...]) -> None:
    x = np.ones((*stack, ROWS, 8), np.float32)
    w = np.ones((*stack, 8, 64), np.float32)
    peak, rest = peak_and_rest(lambda: fa.dense(x, w, activation="tanh"))
    assert peak < x.nbytes
    assert rest < x.nbytes


@pytest.mark.parametrize("rows", [2047, 2048, 3072, 5000])
def test_prediction_has_the_bits_of_the_forward_pass(rows: int, dtype: type) -> None:
    """Rows are taken some at a time; sums are long enough to be divided."""
    net = fa.Network(network([600, 300, 2], ["tanh", None], dtype))
    generator = np.random.default_rng(2)
    x = generator.normal(size=(rows, 600)).astype(dtype)
    want = net.forward(x)[0]
    assert net.predict(x).tobytes() == want.tobytes()
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    assert net.predict(backwards).tobytes() == net.forward(backwards)[0].tobytes()
