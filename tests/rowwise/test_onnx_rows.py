"""ONNX's own test cases of softmax, its relatives and their losses, with ONNX's tolerances, which
tools/onnx_rows.py took from its package. Gradients have no cases there."""

from __future__ import annotations

import base64
import json
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once
CASES: list[dict[str, Any]] = json.loads((helpers.ROOT / "tests/data/onnx_rows.json").read_text())["cases"]
ROWS = {"Softmax": fa.softmax, "LogSoftmax": fa.log_softmax, "Hardmax": fa.hardmax}
LOSSES: dict[str, Any] = {
    "SoftmaxCrossEntropyLoss": fa.softmax_cross_entropy,
    "NegativeLogLikelihoodLoss": fa.nll,
}


def decoded(array: dict[str, Any]) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(array["bytes"]), array["dtype"])
    return flat.reshape(array["shape"])


def computed(case: dict[str, Any]) -> list[Any]:
    """The outputs of a case; a second one is the logarithm of the probabilities."""
    operator, options = case["operator"], case["attributes"]
    x, *others = (decoded(a) for a in case["inputs"])
    if operator in ROWS:
        return [ROWS[operator](x, axis=options.get("axis", -1))]
    if operator == "ReduceLogSumExp":
        axes = tuple(others[0].tolist()) or None
        return [fa.logsumexp(x, axis=axes, keepdims=options.get("keepdims", 1))]
    if operator == "SwiGLU":
        return [fa.swiglu(x, others[0], alpha=options.get("alpha", 1.0))]
    labels, *weight = others
    if weight:
        options = {**options, "weight": weight[0]}
    return [LOSSES[operator](x, labels, axis=1, **options), fa.log_softmax(x, axis=1)]


def test_operators() -> None:
    found = {case["operator"] for case in CASES}
    assert found == {*ROWS, *LOSSES, "ReduceLogSumExp", "SwiGLU"}
    assert len(CASES) >= 79


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['operator']} {case['name']}")
def test_case(case: dict[str, Any]) -> None:
    found, wanted = computed(case), [decoded(a) for a in case["outputs"]]
    assert len(found) >= len(wanted) >= 1
    for got, want in zip(found, wanted, strict=False):
        assert got.dtype == want.dtype
        assert np.shape(got) == want.shape
        np.testing.assert_allclose(got, want, rtol=case["rtol"], atol=case["atol"])
