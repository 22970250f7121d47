"""python -m fastact accuracy --rows: all are within their bounds, and a wrong function is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastact.__main__ import main
from fastact.evaluation import peers
from fastact.evaluation.accuracy import rows
from fastact.evaluation.row_cases import NAMES

pytestmark = pytest.mark.once


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "accuracy.md"
    assert main(["accuracy", "--rows", "2", "--markdown", str(document)]) == 0
    for text in (capsys.readouterr().out, document.read_text()):
        assert all(f"| {name} " in text for name in NAMES)
    assert "## Rows and losses" in document.read_text()


def test_names_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accuracy", "--rows", "2", "softmaxx"]) == 2
    assert "unknown function 'softmaxx'" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_wrong_functions_exceed_their_bounds(name: str) -> None:
    """By 4e-7 in float32; NaN is an infinite error."""

    def little_wrong(name: str, direction: str, arguments: tuple[np.ndarray, ...]) -> Any:
        found = rows._ours(name, direction, arguments)
        factor = arguments[0].dtype.type(1 + 4e-7)
        return tuple(a * factor for a in found) if isinstance(found, tuple) else found * factor

    def not_a_number(name: str, direction: str, arguments: tuple[np.ndarray, ...]) -> Any:
        found = rows._ours(name, direction, arguments)
        return tuple(a * np.nan for a in found) if isinstance(found, tuple) else found * np.nan

    wrong = list(rows.measure([name], 3, ours=little_wrong))
    assert any(not one.ok for one in wrong if one.dtype == "float32")
    assert all(not one.ok for one in wrong if one.dtype == "float64" and one.result == "f")
    assert all(one.ulp == np.inf for one in rows.measure([name], 1, ours=not_a_number))


def test_numpy_is_measured_beside() -> None:
    found = list(rows.measure(["softmax", "mse", "nll"], 2, peers.installed(["NumPy"])[0]))
    assert {one.by for one in found} == {"fastact", "NumPy"}
    assert all(one.ok and np.isfinite(one.ulp) for one in found)
