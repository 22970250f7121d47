"""Copies of a network against JAX's vmap(value_and_grad) in float64 (tools/jax_fixture.py)."""

from __future__ import annotations

import json
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

GIVEN = json.loads((helpers.ROOT / "tests/data/jax_copies.json").read_text())
K, ROWS, WIDTHS = GIVEN["copies"], GIVEN["rows"], GIVEN["widths"]
CASES = GIVEN["cases"]


def waves(shape: tuple[int, ...], phase: float) -> np.ndarray:
    return np.sin(1.7 * np.arange(np.prod(shape)) + phase).reshape(shape)


def named(case: dict[str, Any]) -> str:
    return "-".join([case["activation"], case["output"], *(n for n in ("norm", "of_each") if case[n])])


@pytest.mark.parametrize("case", CASES, ids=map(named, CASES))
def test_steps_of_copies_are_those_of_vmap(case: dict[str, Any]) -> None:
    norm = "batch" if case["norm"] else None
    options: dict[str, Any] = {"output": case["output"], "norm": norm, "dtype": "float64"}
    nets = fa.Network.create(WIDTHS, case["activation"], copies=K, **options)
    for layer, i, o in zip(nets.layers, WIDTHS[:-1], WIDTHS[1:], strict=True):
        layer.w, layer.b = waves((K, i, o), i), waves((K, 1, o), 9 + o)
    of_norms = np.zeros(nets.parameters.shape[1], bool)  # which the fixture leaves out
    used = 0
    for layer in nets.layers:
        used += layer.w[0].size + layer.b[0].size
        if layer.norm is not None:
            of_norms[used : used + 2 * layer.w.shape[2]] = True
            used += 2 * layer.w.shape[2]
    lead = (K, ROWS) if case["of_each"] else (ROWS,)
    x, target = waves((*lead, WIDTHS[0]), 0.5), waves((*lead, WIDTHS[-1]), 2.5)
    if case["output"] == "softmax":
        target = np.arange(np.prod(lead)).reshape(lead) ** 2 % WIDTHS[-1]

    def without_norms(gradients: np.ndarray) -> None:
        gradients[:, of_norms] = 0

    nets.optimizer = fa.optim.SGD(lr=GIVEN["lr"])
    for number in range(GIVEN["steps"]):
        losses = nets.step(x, target, reduce=without_norms)
        assert np.allclose(losses, case["losses"][number], rtol=1e-12, atol=0)
        if number == 0:
            found, wanted = nets.gradients[:, ~of_norms], np.array(case["gradients"])
            assert np.abs(found - wanted).max() < 1e-13
            assert np.abs(wanted).max() > 0.01
    assert np.abs(nets.parameters[:, ~of_norms] - case["end"]).max() < 1e-12
