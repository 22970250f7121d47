"""Gradients of learned parameters in dense layers: summed in float64, and 0 where the derivative is."""

from __future__ import annotations

import helpers
import numpy as np
import pytest

import fastact as fa


def test_sums_are_not_rounded_to_float32_on_the_way() -> None:
    """Many terms of one sign, then as many of the other but for a few."""
    rows = 300_000
    x = np.full((rows, 1), -1, np.float32)
    grad_y = np.ones((rows, 1), np.float32)
    grad_y[0], grad_y[-1] = 2**25, -(2**25)
    prelu = fa.get("prelu", weight=np.float32([0.5]))
    _, saved = fa.dense_forward(x, np.ones((1, 1), np.float32), activation=prelu)
    found = fa.dense_backward(grad_y, x, np.ones((1, 1), np.float32), saved, need_parameters=True)[3]
    assert found["weight"] == np.float32(-(rows - 2))
    assert found["weight"].dtype == np.float32


def test_infinite_gradient_where_the_derivative_is_zero(dtype: type) -> None:
    x = np.array([[1.0], [-2.0]], dtype)
    grad_y = np.array([[np.inf], [3.0]], dtype)
    prelu = fa.get("prelu", weight=np.array([0.5]))
    _, saved = fa.dense_forward(x, np.ones((1, 1), dtype), activation=prelu)
    found = fa.dense_backward(grad_y, x, np.ones((1, 1), dtype), saved, need_parameters=True)[3]
    assert found["weight"].tolist() == [-6]


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (3, 4)], ids=str)
def test_shapes(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(3, 5))
    prelu = fa.get("prelu", weight=np.full(shape, 0.5) if shape else 0.5)
    y, saved = fa.dense_forward(x, np.ones((5, 4)), activation=prelu)
    found = fa.dense_backward(y, x, np.ones((5, 4)), saved, need_parameters=True)[3]
    assert np.shape(found["weight"]) == shape
    assert np.sum(found["weight"]) == pytest.approx(np.sum(np.minimum(saved.array, 0) * y))


def test_one_sample() -> None:
    prelu = fa.get("prelu", weight=np.full(4, 0.5))
    _, saved = fa.dense_forward(-np.ones(5), np.ones((5, 4)), activation=prelu)
    found = fa.dense_backward(np.ones(4), -np.ones(5), np.ones((5, 4)), saved, need_parameters=True)[3]
    assert found["weight"].tolist() == [-5] * 4


STATE = """
import ctypes, numpy as np, fastact as fa
libm = ctypes.CDLL("libm.so.6")
x = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32) * np.float32(1e-20)
grad = x[::-1] * np.float32(1e-18)
w, b = np.eye(3, dtype=np.float32), np.zeros(3)
def results():
    slope = np.full(3, 0.1)
    out = []
    leaky = [fa.get("leaky_relu", negative_slope=s) for s in (0.1, slope)]
    for a in (fa.get("prelu", weight=slope), *leaky):
        y, saved = fa.dense_forward(x, w, activation=a)
        got = fa.dense_backward(grad, x, w, saved, need_parameters=True)
        out += [y.tobytes(), *(g.tobytes() for g in got[:2]), *(v.tobytes() for v in got[3].values())]
    return out
before = results()
libm.fesetround({mode})
inside = results()
libm.fesetround(0)
after = results()
print(before == inside, before == after)
"""


@pytest.mark.parametrize("mode", [0x400, 0x800, 0xC00])
def test_rounding_mode_of_the_caller(mode: int) -> None:
    """Numbers prepared for C, conversions and sums are rounded to nearest, and nothing wrong is kept."""
    assert helpers.output_of(STATE.format(mode=mode)) == "True True"
