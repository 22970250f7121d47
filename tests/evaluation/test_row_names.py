"""Benchmark, accuracy measurement and digests include every row-wise function and loss of the package."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import fastact as fa
from fastact.evaluation import row_cases

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
# by where their classes are defined, not by the tables that the commands loop over
PUBLIC = {name for name in dir(fa) if type(getattr(fa, name)).__module__.startswith("fastact.rowwise.")}


def test_public_names_are_found() -> None:
    assert {"softmax", "maxout", "crelu", "gumbel_softmax", "swiglu", "nll", "mse"} <= PUBLIC
    assert len(PUBLIC) >= 25


def test_commands_loop_over_all() -> None:
    """Both commands take row_cases.NAMES; their own tests compare what they write with it."""
    assert set(row_cases.NAMES) == PUBLIC
    timed = {case.name for case in row_cases.row_cases(None, ("float32",))}
    assert timed == PUBLIC


def test_each_direction_is_timed() -> None:
    for name in PUBLIC:
        function, found = getattr(fa, name), row_cases.directions(name)
        for method in ("backward", "value_and_gradient"):
            assert (method in found) == hasattr(function, method)
        assert ("forward" in found) != ("value_and_gradient" in found)


def test_benchmarks_have_all() -> None:
    """benches/test_rowwise.py, a case for each."""
    pytest.importorskip("pytest_benchmark", reason="the module is for pytest-benchmark")
    spec = importlib.util.spec_from_file_location("fa_benches_rowwise", ROOT / "benches/test_rowwise.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (cases,) = (mark for mark in module.test_case.pytestmark if mark.args[:1] == ("case",))
    assert {case.name for case in cases.args[1]} == PUBLIC


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_digests_have_all(dtype: str) -> None:
    for isa, digests in json.loads((ROOT / "tests/data/digests.json").read_text()).items():
        assert {name for name in PUBLIC if f"{name} {dtype}" not in digests} == set(), isa
