"""python -m fastact bench --dense: what is timed computes the right thing, the files hold what they promise.
Knows no timing: how fast anything is depends on the machine.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

import fastact
from fastact.__main__ import main
from fastact.evaluation.speed import dense_cases, dense_peers, dense_report, dense_results, timing
from fastact.evaluation.speed.dense_cases import DenseCase
from fastact.evaluation.speed.dense_contestants import Fastact, NumpyIdiom, NumpyProducts, ScipyProducts
from fastact.evaluation.speed.dense_results import DenseCell, measure_dense, own_contestants

SMALL = [
    DenseCase(3, (5, 4)),
    DenseCase(3, (5, 4), side_by_side=2, activation="relu"),
    DenseCase(3, (5, 4, 6), activation="tanh", dtype="float64"),
]
PLAN = timing.Plan(rounds=3, batch_ns=1000, budget_ns=1000)


def test_sizes_are_named() -> None:
    assert [str(case) for case in SMALL] == ["3, 5, 4", "2 x (3, 5, 4)", "3, 5-4-6"]
    assert [case.operations for case in SMALL] == [6 * 60, 12 * 60, 6 * 3 * 44]


def test_all_cases_are_there() -> None:
    every = list(dense_cases.all_cases(None, ("float32", "float64"), quick=False))
    assert len(every) == len(set(every)) == 2 * 3 * (9 + 3)
    assert len(list(dense_cases.all_cases(["gelu"], ("float32",), quick=True))) < 9
    assert {case.depth for case in every} == {1, 3, 30}


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_numpy_idiom_is_the_same_layer(case: DenseCase) -> None:
    """Its gradients are those of fastact."""
    h, kept = case.x, []
    for w, b in case.weights:
        y, saved = fastact.dense_forward(h, w, b, activation=case.activation)
        kept.append((h, saved))
        h = y
    grad = case.grad_y
    found = NumpyIdiom().callable(case)()
    for (w, _), (inputs, saved), gradients in zip(reversed(case.weights), reversed(kept), found, strict=True):
        grad, *own = fastact.dense_backward(grad, inputs, w, saved, activation=case.activation)
        for got, want in zip(gradients, own, strict=True):
            assert np.allclose(got, want, rtol=1e-4, atol=1e-5)


def test_products_are_those_of_the_layers() -> None:
    """All bare products run, on arrays of the sizes of the layers."""
    for contestant in (NumpyProducts(), ScipyProducts()):
        for case in SMALL:
            call = contestant.callable(case)
            if contestant.name == ScipyProducts.name and case.side_by_side > 1:
                assert call is None
            else:
                call()


def test_scipy_products_write_into_the_arrays_they_are_given() -> None:
    """A call that copied would be slower than it need be."""
    case = DenseCase(64, (32, 48))
    call = ScipyProducts().callable(case)
    call()
    turned = dict(zip(call.__code__.co_freevars, call.__closure__, strict=True))["turned"].cell_contents
    x, y, dx, dw, w = turned[0]
    assert np.allclose(y, w @ x, rtol=1e-4, atol=1e-4)
    assert np.allclose(dx, w.T @ y, rtol=1e-4, atol=1e-3)
    assert np.allclose(dw, y @ x.T, rtol=1e-4, atol=1e-2)


def test_cells() -> None:
    cells = list(measure_dense(SMALL, own_contestants(), [1], PLAN))
    assert [cell.case for cell in cells] == SMALL
    for cell in cells:
        assert cell.nanoseconds[Fastact.name] > 0
        assert cell.of_products > 0
        assert cell.gigaflops > 0
        assert cell.peak_bytes[NumpyIdiom.name] > 0
    table = dense_report.table([replace(cells[0], nanoseconds={"fastact": 2e3, "NumPy": 5e3}), *cells[1:]])
    assert table.row_count == 3


def test_a_first_call_that_compiles_is_not_measured(monkeypatch) -> None:
    class Compiles:
        name = "compiles"

        def __init__(self) -> None:
            self.calls = 0

        def threads(self, n: int) -> nullcontext[None]:
            return nullcontext()

        def callable(self, case: DenseCase):
            def call() -> None:
                self.calls += 1

            return call

    one, seen = Compiles(), []
    monkeypatch.setattr(
        dense_results, "measure", lambda calls, plan: seen.append(one.calls) or measured(calls, plan)
    )
    measured = timing.measure
    list(measure_dense(SMALL[:1], [Fastact(), one], [1], PLAN))
    assert seen == [1]


@pytest.mark.filterwarnings("ignore")  # those of the peers are theirs
def test_peers_that_are_installed_take_the_cases() -> None:
    found, absent = dense_peers.installed()
    assert len(found) + len(absent) == 4
    for peer in found:
        for case in SMALL:
            call = peer.callable(case)
            if call is not None:
                call()


def test_command(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(dense_cases, "all_cases", lambda *_: iter(SMALL))
    monkeypatch.setattr(dense_cases, "growth", lambda _: {n: [(1, SMALL[0]), (2, SMALL[1])] for n in "abcd"})
    monkeypatch.setattr(timing, "QUICK", PLAN)
    files = tmp_path / "dense.json", tmp_path / "dense.png"
    options = ["--json", str(files[0]), "--plot", str(files[1]), "--threads", "1"]
    assert main(["bench", "--dense", "--quick", *options]) == 0
    printed = capsys.readouterr().out
    assert "2 x (3, 5, 4)" in printed
    assert "of products" in printed
    content = json.loads(files[0].read_text())
    assert [cell["activation"] for cell in content["dense"]] == ["gelu", "relu", "tanh"]
    assert 10_000 < files[1].stat().st_size < 100_000
    assert all(cell["cpus"].keys() == cell["nanoseconds"].keys() for cell in content["dense"])


def test_command_writes_a_section_and_compares(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(dense_cases, "all_cases", lambda *_: iter(SMALL))
    monkeypatch.setattr(timing, "QUICK", PLAN)
    old, path = tmp_path / "old.json", tmp_path / "made.md"
    path.write_text("# Mine\n")
    options = ["bench", "--dense", "--quick", "--threads", "1"]
    monkeypatch.setattr(dense_cases, "growth", lambda _: {n: [(1, SMALL[0]), (2, SMALL[1])] for n in "abcd"})
    (tmp_path / "made").mkdir()
    drawn = ["--plot", str(tmp_path / "made/growth.png")]
    assert main([*options, *drawn, "--json", str(old), "--markdown", str(path)]) == 0
    written = path.read_text()
    assert written.startswith("# Mine\n")
    assert "## Dense layers" in written
    assert "| 2 x (3, 5, 4) | relu | float32 |" in written
    assert "](made/growth.png)" in written
    assert main([*options, "--compare", str(old)]) == 0
    assert "geometric mean over 3 cells" in capsys.readouterr().out


def test_a_thread_too_many_shows_where_there_is_work_for_it() -> None:
    large = DenseCell(DenseCase(1024, (256, 256)), 1, {"a": 1.0}, {}, {"a": 1.9})
    assert list(large.busy()) == [("a", 1, 1.9)]
    assert list(replace(large, case=SMALL[0]).busy()) == []
