"""python -m fastact bench --rows: all implementations compute the same, and the files are complete.
No test depends on how fast anything is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastact.__main__ import main
from fastact.evaluation import peers, row_cases
from fastact.evaluation.row_cases import RowCase
from fastact.evaluation.speed.implementations import row_implementations

pytestmark = pytest.mark.once

SMALL = list(row_cases.row_cases(None, ("float64",), [(5, 7)]))
OURS, *OTHERS = row_implementations(peers.installed(["NumPy", "Python"])[0])


def summed(case: RowCase, name: str, result: Any) -> Any:
    """Python's losses are those of rows, not their mean."""
    if name != "Python" or case.direction != "value_and_gradient":
        return result
    divisor = case.rows if case.name in row_cases.OF_LABELS else case.elements
    losses, gradients = zip(*result, strict=True)
    return sum(losses) / divisor, np.array(gradients) / divisor


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_idioms_are_the_same_functions(case: RowCase) -> None:
    want = OURS.call(case)()
    timed = 0
    for one in OTHERS:
        call = one.call(case)
        if call is None:
            continue
        timed += 1
        got = summed(case, one.name, call())
        for a, b in zip(*((got, want) if isinstance(want, tuple) else ((got,), (want,))), strict=True):
            assert np.allclose(a, b, rtol=1e-12)
    assert timed >= 1


def test_gated_pairs_are_timed_forward_and_backward() -> None:
    for name in ("glu", "swiglu", "geglu", "geglu_tanh", "reglu", "bilinear"):
        found = [case for case in SMALL if case.name == name]
        assert [case.direction for case in found] == ["forward", "backward"]
        assert [case.arguments[-1].shape for case in found] == [(5, 14)] * 2
        assert [case.result.shape for case in found] == [(5, 7), (5, 14)]
        assert OTHERS[0].call(found[0]) is not None


def test_python_is_not_timed_on_large_arrays() -> None:
    large = RowCase("softmax", "forward", "float32", 4096, 512)
    assert [one.name for one in OTHERS if one.call(large) is not None] == ["NumPy"]
    assert large.threaded
    assert not SMALL[0].threaded


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich", reason="the progress bar is rich's")
    monkeypatch.setattr(row_cases, "SHAPES", ((3, 4), (2, 5)))
    file, document = tmp_path / "run.json", tmp_path / "results.md"
    options = ["--rows", "--quick", "--threads", "1", "--json", str(file), "--markdown", str(document)]
    assert main(["bench", *options]) == 0
    measured = json.loads(file.read_text())["rows"]
    assert {one["name"] for one in measured} == set(row_cases.NAMES)
    assert all({"fastact", "NumPy"} <= set(one["nanoseconds"]) for one in measured)
    for text in (capsys.readouterr().out, document.read_text()):
        assert "sigmoid_binary_cross_entropy" in text
        assert "3 x 4" in text
    assert "## Rows and losses" in document.read_text()
    again = ["bench", "--rows", "--quick", "--threads", "1", "--compare", str(file)]
    assert main(again) == 0
    assert f"{len(measured)} cells" in capsys.readouterr().out
