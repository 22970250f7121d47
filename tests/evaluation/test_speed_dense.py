"""python -m fastact bench --dense: all implementations compute the same layers, and the files are complete.
No test depends on how fast anything is.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

import fastact
from fastact.__main__ import main
from fastact.evaluation import cases, peers
from fastact.evaluation.cases import DenseCase
from fastact.evaluation.peers import c
from fastact.evaluation.speed import cells, libxsmm, sections, timing
from fastact.evaluation.speed.cells import Cell
from fastact.evaluation.speed.implementations import Implementation, dense_implementations, scipy_products

pytestmark = pytest.mark.once

SMALL = [
    DenseCase(3, (5, 4)),
    DenseCase(3, (5, 4), side_by_side=2, activation="relu"),
    DenseCase(3, (5, 4, 6), activation="tanh", dtype="float64"),
]
OURS, *PRODUCTS, NUMPY = dense_implementations(peers.installed(["NumPy"])[0])
PLAN = timing.Plan(rounds=3, batch_ns=1000, budget_ns=1000)


def test_sizes_are_named() -> None:
    assert [str(case) for case in SMALL] == ["3, 5, 4", "2 x (3, 5, 4)", "3, 5-4-6"]
    assert [case.operations for case in SMALL] == [6 * 60, 12 * 60, 6 * 3 * 44]


def test_all_cases_are_there() -> None:
    every = list(cases.dense_cases(None, ("float32", "float64"), quick=False))
    assert len(every) == len(set(every)) == 2 * 3 * (9 + 3)
    assert len(list(cases.dense_cases(["gelu"], ("float32",), quick=True))) < 9
    assert {case.depth for case in every} == {1, 3, 30}


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_numpy_is_the_same_layer(case: DenseCase) -> None:
    """Its gradients are those of fastact."""
    h, kept = case.x, []
    for w, b in case.weights:
        y, saved = fastact.dense_forward(h, w, b, activation=case.activation)
        kept.append((h, saved))
        h = y
    grad = case.grad_y
    found = NUMPY.call(case)()
    for (w, _), (inputs, saved), gradients in zip(reversed(case.weights), reversed(kept), found, strict=True):
        grad, *own = fastact.dense_backward(grad, inputs, w, saved, activation=case.activation)
        for got, want in zip(gradients, own, strict=True):
            assert np.allclose(got, want, rtol=1e-4, atol=1e-5)


def test_products_are_those_of_the_layers() -> None:
    """All bare products run, on arrays of the sizes of the layers."""
    for products in PRODUCTS:
        for case in SMALL:
            call = products.call(case)
            if call is None:  # libxsmm need not be installed
                assert products.name == "products, libxsmm" or case.side_by_side > 1
            else:
                call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 5, 4), (70, 300, 130)])
def test_products_of_libxsmm_are_those_of_numpy(shape, dtype) -> None:
    rows, i, o = shape
    generator = np.random.default_rng(0)
    x, w = generator.normal(size=(rows, i)).astype(dtype), generator.normal(size=(i, o)).astype(dtype)
    y, dx, dw = np.empty((rows, o), dtype), np.empty_like(x), np.empty_like(w)
    call = libxsmm.products(x, y, dx, dw, w)
    if call is None:
        pytest.skip("needs gcc and libxsmm (Debian: apt install libxsmm-dev)")
    call()
    np.testing.assert_allclose(y, x @ w, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(dx, y @ w.T, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(dw, x.T @ y, rtol=1e-4, atol=1e-2)


def test_libxsmm_that_is_not_found_has_no_products(monkeypatch) -> None:
    def missing(*arguments):
        raise FileNotFoundError

    libxsmm._library.cache_clear()
    monkeypatch.setattr(c, "compiler", missing)
    assert libxsmm.products(*[np.zeros((2, 2))] * 5) is None
    libxsmm._library.cache_clear()


def test_scipy_products_write_into_the_arrays_they_are_given() -> None:
    """A call that copied would be slower than it need be."""
    case = DenseCase(64, (32, 48))
    call = scipy_products(case)
    call()
    arrays = dict(zip(call.__code__.co_freevars, call.__closure__, strict=True))["transposed"].cell_contents
    x, y, dx, dw, w = arrays[0]
    assert np.allclose(y, w @ x, rtol=1e-4, atol=1e-4)
    assert np.allclose(dx, w.T @ y, rtol=1e-4, atol=1e-3)
    assert np.allclose(dw, y @ x.T, rtol=1e-4, atol=1e-2)


def test_cells() -> None:
    found = list(cells.measure_cells(SMALL, [OURS, *PRODUCTS, NUMPY], [1], PLAN))
    assert [cell.case for cell in found] == SMALL
    for cell in found:
        assert cell.nanoseconds["fastact"] > 0
        assert cell.over_baseline > 0
        assert cell.fastest == "NumPy"
        assert cell.peak_bytes["NumPy"] > 0
    text = sections.dense_tables([replace(found[0], nanoseconds={"fastact": 2e3, "NumPy": 5e3}), *found[1:]])
    assert text.count("| 3, 5, 4 ") == 1
    assert " 2.50 |" in text


def test_a_first_call_that_compiles_is_not_measured(monkeypatch) -> None:
    calls, seen = [], []
    compiles = Implementation("compiles", lambda case: lambda: calls.append(case), nullcontext)
    monkeypatch.setattr(
        cells, "measure", lambda timed, plan: seen.append(len(calls)) or timing.measure(timed, plan)
    )
    list(cells.measure_cells(SMALL[:1], [OURS, compiles], [1], PLAN))
    assert seen == [1]


@pytest.mark.filterwarnings("ignore")  # the libraries' own
def test_peers_that_are_installed_take_the_cases() -> None:
    found, _ = peers.installed()
    for implementation in dense_implementations(found):
        for case in SMALL:
            call = implementation.call(case)
            if call is not None:
                call()


def test_command(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(cases, "dense_cases", lambda *_: iter(SMALL))
    monkeypatch.setattr(cases, "growth", lambda _: {n: [(1, SMALL[0]), (2, SMALL[1])] for n in "abcd"})
    monkeypatch.setattr(timing, "QUICK", PLAN)
    files = tmp_path / "dense.json", tmp_path / "dense.png"
    options = ["--json", str(files[0]), "--plot", str(files[1]), "--threads", "1", "--all"]
    assert main(["bench", "--dense", "--quick", *options]) == 0
    printed = capsys.readouterr().out
    assert "2 x (3, 5, 4)" in printed
    assert "of products" in printed
    content = json.loads(files[0].read_text())
    assert [cell["activation"] for cell in content["dense"]] == ["gelu", "relu", "tanh"]
    assert 10_000 < files[1].stat().st_size < 100_000
    assert all(cell["cpus"].keys() == cell["nanoseconds"].keys() for cell in content["dense"])


def test_command_writes_a_section_and_compares(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(cases, "dense_cases", lambda *_: iter(SMALL))
    monkeypatch.setattr(timing, "QUICK", PLAN)
    old, path = tmp_path / "old.json", tmp_path / "made.md"
    path.write_text("# Mine\n")
    options = ["bench", "--dense", "--quick", "--threads", "1"]
    monkeypatch.setattr(cases, "growth", lambda _: {n: [(1, SMALL[0]), (2, SMALL[1])] for n in "abcd"})
    (tmp_path / "made").mkdir()
    drawn = ["--plot", str(tmp_path / "made/growth.png")]
    assert main([*options, *drawn, "--json", str(old), "--markdown", str(path)]) == 0
    written = path.read_text()
    assert written.startswith("# Mine\n")
    assert "## Dense layers" in written
    assert "| 2 x (3, 5, 4)  | relu       | float32 |" in written
    assert written.index("## Summary: dense layers") < written.index("## Dense layers")
    assert "](made/growth.png)" in written
    assert main([*options, "--compare", str(old)]) == 0
    assert "geometric mean of the speed-up over 3 cells" in capsys.readouterr().out


def test_a_thread_beyond_the_limit_shows_in_large_cases() -> None:
    large = Cell(DenseCase(1024, (256, 256)), 1, {"a": 1.0}, cpus={"a": 1.9})
    assert list(large.busy()) == [("a", 1, 1.9)]
    assert list(replace(large, case=SMALL[0]).busy()) == []
