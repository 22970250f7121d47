"""Results of PyTorch for row-wise functions and gated pairs, which tools/peer_cases.py wrote."""

from __future__ import annotations

import json
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once
CASES = json.loads((helpers.ROOT / "tests/data/peer_cases.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name']} {case['keywords']}")
def test_case(case: dict[str, Any], dtype: type) -> None:
    """To what rounding x to float32, or PyTorch's own errors, change."""
    keywords = {key: tuple(v) if isinstance(v, list) else v for key, v in case["keywords"].items()}
    f, tolerance = getattr(fa, case["name"]), 1e-14 if dtype is np.float64 else 2e-6
    x, g = np.array(case["x"], dtype), np.array(case["g"], dtype)
    y, grad_x = np.array(case["y"]), np.array(case["grad_x"])
    assert np.allclose(f(x, **keywords), y, rtol=tolerance, atol=tolerance)
    assert np.allclose(f.backward(g, x, **keywords), grad_x, rtol=tolerance, atol=tolerance)
