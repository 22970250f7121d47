"""Results of Thinc for softmax, maxout and losses, which tools/thinc_rows.py wrote, many for inputs of
Thinc's own tests. They are of float32."""

from __future__ import annotations

import json
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once
CASES: list[dict[str, Any]] = json.loads((helpers.ROOT / "tests/data/thinc_rows.json").read_text())["cases"]
LOSSES = ("softmax_cross_entropy", "mse")


def computed(case: dict[str, Any], dtype: type) -> np.ndarray:
    inputs = [np.array(value) for value in case["inputs"]]
    inputs = [a.astype(dtype) if a.dtype.kind == "f" else a for a in inputs]
    name, *method = case["name"].split(".")
    f = getattr(fa, name)
    if name in LOSSES:
        return f.value_and_gradient(*inputs, **case["keywords"])[1]
    return (getattr(f, method[0]) if method else f)(*inputs, **case["keywords"])


def test_functions() -> None:
    found = {case["name"] for case in CASES}
    assert found == {"softmax", "softmax.backward", "maxout", "maxout.backward", *LOSSES}


@pytest.mark.parametrize("number", range(len(CASES)))
def test_case(number: int, dtype: type) -> None:
    """To what Thinc's own errors are; its tests allow 1e-6."""
    case = CASES[number]
    got = computed(case, dtype)
    assert got.dtype == dtype
    np.testing.assert_allclose(case["factor"] * got, case["result"], rtol=2e-6, atol=1e-6)
