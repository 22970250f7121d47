"""Losses and gradients that PyTorch gave, which tools/torch_losses.py wrote to a file."""

from __future__ import annotations

import json
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once

CASES = json.loads((helpers.ROOT / "tests/data/torch_losses.json").read_text())["cases"]


def test_every_loss_is_compared() -> None:
    """hinge has no equal in PyTorch."""
    assert {case["name"] for case in CASES} == {
        "sigmoid_binary_cross_entropy",
        "mse",
        "huber",
        "kl_divergence",
        "poisson",
        "nll",
        "softmax_cross_entropy",
    }


@pytest.mark.parametrize("number", range(len(CASES)))
def test_case(number: int, dtype: type) -> None:
    """Those of float64, also in float32."""
    case: dict[str, Any] = CASES[number]
    x, target = np.array(case["x"], dtype), np.array(case["target"])
    if target.dtype.kind == "f":
        target = target.astype(dtype)
    loss, gradient = getattr(fa, case["name"]).value_and_gradient(x, target, **case["keywords"])
    tolerance = 3e-6 if dtype is np.float32 else 1e-13
    for got, want in ((loss, case["loss"]), (gradient, case["gradient"])):
        assert got.dtype == dtype
        assert np.shape(got) == np.shape(want)
        assert np.allclose(got, want, rtol=tolerance, atol=tolerance)
