"""PyTorch's own sample inputs of its operator tests, with its results and gradients, which
tools/torch_cases.py wrote."""

from __future__ import annotations

import json
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once
CASES: list[dict[str, Any]] = json.loads((helpers.ROOT / "tests/data/torch_cases.json").read_text())["cases"]
COUNTS = {
    "softmax": 5,
    "softmin": 5,
    "log_softmax": 5,
    "logsumexp": 4,
    "glu": 20,
    "softmax_cross_entropy": 20,
    "nll": 60,
    "sigmoid_binary_cross_entropy": 25,
    "mse": 6,
    "huber": 9,
    "kl_divergence": 8,
    "poisson": 9,
}  # at least


def test_names() -> None:
    names = [case["name"] for case in CASES]
    assert set(names) == {*COUNTS}
    for name, count in COUNTS.items():
        assert names.count(name) >= count


@pytest.mark.parametrize("number", range(len(CASES)))
def test_case(number: int, dtype: type) -> None:
    """PyTorch's errors in float64, and what rounding inputs to float32 changes."""
    case = CASES[number]
    f, x = getattr(fa, case["name"]), np.array(case["x"], dtype).reshape(case["shape"])
    keywords = {
        k: tuple(v) if k == "axis" and isinstance(v, list) else v for k, v in case["keywords"].items()
    }
    if "target" in case:
        target = np.array(case["target"])
        if target.dtype.kind == "f":
            target = target.astype(dtype)
        y, grad_x = f.value_and_gradient(x, target, **keywords)
        want = case["loss"]
    else:
        shape, grad_y = case["y_shape"], np.array(case["grad_y"], dtype)
        want = np.array(case["y"]).reshape(shape)
        y, grad_x = f(x, **keywords), f.backward(grad_y.reshape(shape), x, **keywords)
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    for got, wanted, shape in ((y, want, np.shape(want)), (grad_x, case["grad_x"], x.shape)):
        assert got.dtype == dtype
        assert np.shape(got) == shape
        with np.errstate(under="ignore"):  # of what the comparison computes
            np.testing.assert_allclose(got, np.array(wanted).reshape(shape), rtol=tolerance, atol=tolerance)
