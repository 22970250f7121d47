"""python -m fastact bench --train: all implementations take the same steps, and the files are complete.
No test depends on how fast anything is.
"""

import json

import numpy as np
import pytest

from fastact.__main__ import main
from fastact.evaluation import peers, train_cases
from fastact.evaluation.peers import base
from fastact.evaluation.speed import cells, sections, timing
from fastact.evaluation.speed.cells import Cell
from fastact.evaluation.speed.implementations import Implementation, products_of_step, train_implementations
from fastact.evaluation.train_cases import TrainCase

pytestmark = pytest.mark.once

EVERY = (*peers.MODULES, *peers.TRAINING_ONLY)
SMALL = [
    TrainCase((5, 7, 10), 6, "gelu", "SGD", dtype="float64"),
    TrainCase((5, 7, 8, 10), 6, "tanh", "Adam", dtype="float64"),
    TrainCase((5, 7, 3), 6, "tanh", "Adam", dtype="float64"),
    TrainCase((5, 7, 10), 6, "gelu", "Adam", 3, dtype="float64"),
    TrainCase((5, 7, 1), 1, "relu", "SGD", 4, dtype="float64"),
]


def ours(case, steps):
    """The parameters after some steps of fastact."""
    step = train_implementations([])[0].call(case)
    network = step.func.__self__
    for _ in range(steps):
        step()
    return [(layer.w, layer.b) for layer in network.layers]


def close(found, wanted):
    for (w, b), (want_w, want_b) in zip(found, wanted, strict=True):
        for one, want in ((w, want_w), (b, want_b)):
            one = one.detach().numpy() if hasattr(one, "detach") else np.asarray(one)
            np.testing.assert_allclose(one, want, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", SMALL, ids=str)
@pytest.mark.parametrize("name", ["NumPy", "PyTorch", "JAX"])
def test_steps_are_the_same(name, case):
    found, absent = peers.installed([name])
    if absent:
        pytest.skip(f"needs {absent[name]}")
    for way in found[0].train().values():
        step = way.call(case)
        got = step() if way.steps > 1 else [step() for _ in range(3)][-1]
        close(got, ours(case, way.steps if way.steps > 1 else 3))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["NumPy", "PyTorch", "JAX", "C, libmvec"])
def test_updates_alone_are_the_same(name):
    found, absent = peers.installed([name])
    if absent:
        pytest.skip(f"needs {absent[name]}")
    case = TrainCase((), 37, "identity", "Adam", dtype="float64")
    p, g = case.states
    update = train_implementations([])[0].call(case)
    want = update.args[0]
    for _ in range(2):
        update()
    assert not np.array_equal(want, p)
    step = next(iter(found[0].train().values())).call(case)
    got = [step() for _ in range(2)][-1]
    if name == "C, libmvec":  # a loop without the correction of bias
        m, v, want = 0 * p, 0 * p, p.copy()
        for _ in range(2):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            want -= 1e-3 * m / (np.sqrt(v) + 1e-8)
        got = got[0]
    np.testing.assert_allclose(got.detach() if hasattr(got, "detach") else got, want, rtol=1e-7)


def test_scikit_learn_has_classifiers_only():
    found, absent = peers.installed(["scikit-learn"])
    if absent:
        pytest.skip(f"needs {absent['scikit-learn']}")
    way = found[0].train()["scikit-learn"]
    network = way.call(SMALL[1])()
    assert [w.shape for w in network.coefs_] == [(5, 7), (7, 8), (8, 10)]
    assert (network.solver, network.activation, network.t_) == ("adam", "tanh", 6)
    assert all(way.call(case) is None for case in (*SMALL[2:], TrainCase((), 9, "identity", "Adam")))


def test_the_products_of_a_step():
    seen = []

    call = products_of_step(SMALL[1])
    assert call() is None
    pairs = call.__closure__[0].cell_contents
    for a, b, out in pairs:
        seen.append((a.shape, b.shape))
        np.testing.assert_allclose(out, a @ b)
    assert seen == [
        ((6, 5), (5, 7)),
        ((5, 6), (6, 7)),
        ((6, 7), (7, 8)),
        ((7, 6), (6, 8)),
        ((6, 8), (8, 7)),
        ((6, 8), (8, 10)),
        ((8, 6), (6, 10)),
        ((6, 10), (10, 8)),
    ]
    assert products_of_step(TrainCase((), 9, "identity", "Adam")) is None


def test_cases_say_what_they_are():
    found = list(train_cases.train_cases(False))
    assert len(set(found)) == len(found) == 14
    assert set(train_cases.train_cases(True)) < set(found)
    assert [str(found[0]), str(found[3])] == ["64-128-10, gelu, batch 32", "10,000 parameters"]
    assert str(found[2]) == "8 x (64-128-10, gelu, batch 32)"
    assert [case.threaded for case in found[:4]] == [False, False, True, False]
    assert found[-1].threaded
    special = [case for case in found if not case.usual]
    assert [str(case).partition("batch 32, ")[2] for case in special] == [
        "dropout 0.2",
        "batch norm",
        "layer norm",
        "rms norm",
    ]
    assert {case.plain for case in special} == {found[0]}
    assert {case.output for case in found if case.widths} == {"softmax", "identity"}


def test_the_time_of_many_steps_is_divided():
    plan = timing.Plan(rounds=1, batch_ns=1, budget_ns=0)
    one, many = (
        Implementation(name, lambda case: lambda: None, train_implementations([])[0].threads, steps=steps)
        for name, steps in (("fastact", 1), ("scan", 10))
    )
    case = TrainCase((), 9, "identity", "Adam")
    original, taken = cells.measure, {"fastact": timing.Taken(5.0, 1), "scan": timing.Taken(70.0, 1)}
    cells.measure = lambda calls, plan: taken
    try:
        (found,) = cells.measure_cells([case], [one, many], [1], plan)
    finally:
        cells.measure = original
    assert found.nanoseconds == {"fastact": 5.0, "scan": 7.0}


def test_tables():
    times = {"fastact": 2e4, "products, NumPy": 1e4, "NumPy": 5e4, "JAX scan": 1e4}
    text = sections.train_tables([Cell(SMALL[0], 1, times)])
    words = " ".join(text.replace("-", "").split())
    assert "| 5710, gelu, batch 6 | SGD | 20.0 | 2.00 | 2.50 | **0.50** |" in words
    assert "### Steps, 1 thread" in text


def test_the_table_beside_plain_steps():
    plain, adam = (TrainCase((5, 7, 10), 6, "gelu", optimizer) for optimizer in ("SGD", "Adam"))
    dropped = TrainCase((5, 7, 10), 6, "gelu", "SGD", dropout=0.5)
    times = [(plain, 2e4), (adam, 3e4), (dropped, 2.2e4), (TrainCase((), 9, "identity", "Adam"), 1e3)]
    found = sections.train_tables([Cell(case, 1, {"fastact": ns, "NumPy": 1e5}) for case, ns in times])
    words = " ".join(found.partition("### Over the step with SGD, without norm and dropout")[2].split())
    assert words.endswith(
        "| 5-7-10, gelu, batch 6 | Adam | 1 | 1.50 | | 5-7-10, gelu, batch 6, dropout 0.5 | SGD | 1 | 1.10 |"
    )


def test_steps_with_norms_and_dropout_are_those_of_networks():
    listed = train_implementations(peers.installed(["NumPy"])[0])
    case = TrainCase((5, 7, 10), 6, "gelu", "SGD", dropout=0.5, norm="batch")
    assert [one.name for one in listed if one.call(case) is None] == ["NumPy"]
    network = listed[0].call(case).func.__self__
    assert (network.layers[0].norm.kind, network._rates) == ("batch", (0.5, 0.0))


def test_command(tmp_path, monkeypatch, capsys):
    pytest.importorskip("rich", reason="the progress bar is rich's")
    monkeypatch.setattr(train_cases, "train_cases", lambda quick: SMALL[:1])
    file, document = tmp_path / "run.json", tmp_path / "results.md"
    options = ["--train", "--quick", "--threads", "1", "--json", str(file), "--markdown", str(document)]
    assert main(["bench", *options]) == 0
    (measured,) = json.loads(file.read_text())["train"]
    assert set(measured["nanoseconds"]) == {"fastact", "products, NumPy", "NumPy"}
    assert "5-7-10, gelu, batch 6" in capsys.readouterr().out
    assert "## Training" in document.read_text()
    assert "## Summary: training" in document.read_text()
    assert main(["bench", "--train", "--quick", "--threads", "1", "--compare", str(file)]) == 0
    assert "over 1 cells" in capsys.readouterr().out


def test_peers_have_no_way_unless_they_say_so():
    assert base.Peer().train() == {}
