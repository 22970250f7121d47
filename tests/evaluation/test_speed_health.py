"""python -m fastact bench --health: all implementations count and look up the same, and files are complete.
No test depends on how fast anything is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastact.__main__ import main
from fastact.evaluation import health_cases, peers
from fastact.evaluation.health_cases import COUNTING, LOOK_UP, STATISTICS, HealthCase
from fastact.evaluation.peers import base
from fastact.evaluation.speed import sections
from fastact.evaluation.speed.cells import Cell
from fastact.evaluation.speed.implementations import health_implementations

pytestmark = pytest.mark.once

SMALL = [
    HealthCase(STATISTICS, "tanh", "float64", 40, 7),
    HealthCase(STATISTICS, "relu", "float32", 40, 7),
    HealthCase(COUNTING, "gelu", "float64", 40, 7, 5),
    HealthCase(LOOK_UP, "sigmoid", "uint8", 1, 500),
]
NAMES = (
    "active",
    "saturated",
    "zeros",
    "non_finite",
    "mean",
    "mean_magnitude",
    "second_moment",
    "min",
    "max",
)


def results(case: HealthCase) -> dict[str, Any]:
    """What the call of each implementation returns."""
    found, _ = peers.installed(peers.ALWAYS)
    calls = {one.name: one.call(case) for one in health_implementations(found)}
    return {name: call() for name, call in calls.items() if call is not None}


def close(found: Any, statistics: Any) -> None:
    for name, values in zip(NAMES, found, strict=True):
        expected = getattr(statistics, name)
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("case", SMALL[:2], ids=str)
def test_statistics_are_the_same(case: HealthCase) -> None:
    found = results(case)
    assert set(found) == {"fastact", "reading", "value and derivative", "NumPy", "Python"}
    close(found["NumPy"], found["fastact"])
    close(zip(*found["Python"], strict=True), found["fastact"])
    np.testing.assert_array_equal(found["value and derivative"][1], case.function.derivative(case.z))


def test_forward_passes_are_the_same() -> None:
    found = results(SMALL[2])
    assert set(found) == {"fastact", "forward", "NumPy"}
    z, y, statistics = found["fastact"]
    close(found["NumPy"], statistics)
    np.testing.assert_allclose(found["forward"][0], y, rtol=1e-12)
    assert z.shape == (40, 7)


def test_look_ups_are_the_same() -> None:
    case = SMALL[3]
    found = results(case)
    assert set(found) == {"fastact", "copy", "NumPy", "Python"}
    np.testing.assert_array_equal(found["NumPy"], case.table[case.bytes])
    np.testing.assert_array_equal(found["fastact"], found["NumPy"])
    assert found["Python"] == found["NumPy"].tobytes()


def test_cases_say_what_they_are() -> None:
    found = list(health_cases.health_cases(False))
    assert len(set(found)) == len(found) == 15
    assert set(health_cases.health_cases(True)) < set(found)
    assert [case.group for case in SMALL] == ["40 x 7", "40 x 7", "40 x 5 x 7", "500"]
    assert str(SMALL[2]) == "forward, counting, 40 x 5 x 7"
    assert [case.threaded for case in found[-3:]] == [False, True, True]


def test_large_cases_have_no_loops() -> None:
    large = HealthCase(STATISTICS, "relu", "float32", 2000, 500)
    (python,) = (peer for peer in peers.installed(["Python"])[0] if peer.name == "Python")
    assert python.health(large) is None
    assert base.Peer().health(large) is None


def test_tables() -> None:
    times = {"fastact": 3e4, "reading": 1e4, "value and derivative": 2e4, "NumPy": 6e4, "Python": 1.5e4}
    text = " ".join(sections.health_tables([Cell(SMALL[0], 1, times)]).split())
    assert (
        "| fastact.health | tanh | float64 | 40 x 7 | 30.0 | 3.00 | 1.50 | - | - | 2.00 | **0.50** |" in text
    )
    assert "### Health, 1 thread" in text


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich", reason="the progress bar is rich's")
    monkeypatch.setattr(health_cases, "health_cases", lambda quick: SMALL[1:2])
    file, document = tmp_path / "run.json", tmp_path / "results.md"
    options = ["--health", "--quick", "--threads", "1", "--json", str(file), "--markdown", str(document)]
    assert main(["bench", *options]) == 0
    (measured,) = json.loads(file.read_text())["health"]
    assert set(measured["nanoseconds"]) == {"fastact", "reading", "value and derivative", "NumPy", "Python"}
    assert "fastact.health" in capsys.readouterr().out
    assert "## Health and look-ups" in document.read_text()
    assert "## Summary: health and look-ups" in document.read_text()
    assert main(["bench", "--health", "--quick", "--threads", "1", "--compare", str(file)]) == 0
    assert "over 1 cells" in capsys.readouterr().out
