"""python -m fastact bench and info: networks learn, files are complete, bad options and missing packages are
explained. No test depends on how fast anything is.
"""

import argparse
import builtins
import json
import sys
from contextlib import contextmanager
from itertools import count

import numpy as np
import pytest
import scipy

import fastact
from fastact.__main__ import main
from fastact.commands import bench
from fastact.evaluation import cases, files, peers
from fastact.evaluation.peers import base
from fastact.evaluation.speed import cells, digits, layouts, timing

pytestmark = pytest.mark.once

# Digits --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
    return digits.load()


@pytest.mark.parametrize("activation", ["gelu", "relu", "tanh"])
def test_both_networks_learn_to_read_digits(data, activation):
    ticks = count(step=1000)
    trained = digits.compare(digits.pairs(activation), data, 6, clock=lambda: next(ticks))
    ours, theirs = trained["fastact"], trained["NumPy"]
    assert ours.accuracy > 0.9
    assert theirs.accuracy > 0.9
    assert abs(ours.accuracy - theirs.accuracy) <= 0.03
    assert ours.seconds_per_epoch == pytest.approx(1e-6)


def test_a_wrong_backward_does_not_learn(data):
    right = digits.pairs("relu")["fastact"]
    wrong = digits.Pair(right.forward, lambda grad_y, x: -right.backward(grad_y, x))
    trained = digits.compare({"right": right, "wrong": wrong}, data, 3)
    assert trained["wrong"].accuracy < trained["right"].accuracy - 0.05


def test_digits_are_split_without_overlap(data):
    assert len(data.train_y) + len(data.test_y) == 1797
    assert set(data.test_y) == set(range(10))
    assert 0 <= data.train_x.min() < data.train_x.max() == 1


def test_gain_is_that_of_he_for_relu():
    assert digits._gain(digits.pairs("relu")["fastact"]) == pytest.approx(np.sqrt(2), rel=1e-6)


# Commands ------------------------------------------------------------------------------------------


@pytest.fixture
def quick(tmp_path, capsys):
    """A quick run on two activations: its output, its JSON file and its picture."""
    pytest.importorskip("rich", reason="the progress bar is rich's")
    file, picture = tmp_path / "run.json", tmp_path / "run.png"
    options = ["--activations", "gelu", "relu", "--sizes", "100", "5000", "--threads", "1", "all"]
    assert main(["bench", "--quick", *options, "--json", str(file), "--plot", str(picture)]) == 0
    return capsys.readouterr().out, json.loads(file.read_text()), picture.read_bytes()


def test_bench_reports_what_it_measured(quick):
    out, content, picture = quick
    threads = len({1, fastact.get_num_threads()})
    assert len(content["cells"]) == threads * 2 * (
        len(cases.directions("gelu")) + len(cases.directions("relu"))
    )
    for one in content["cells"]:
        assert set(one["nanoseconds"]) == {"fastact", "NumPy", "Python"}
        assert all(ns > 0 for ns in one["nanoseconds"].values())
        assert one["scaled_from"] == ({"Python": 1_000} if one["n"] == 5000 else {})
    assert content["machine"]["isa"] == fastact.isa()
    assert content["date"].startswith("20")
    assert content["geometric_means"]["all"]["NumPy"] > 0
    assert content["digits"]["networks"]["fastact"]["accuracy"] > 0.9
    assert content["digits"]["networks"]["NumPy"]["accuracy"] > 0.9
    assert picture.startswith(b"\x89PNG")
    for expected in (
        "| gelu ",
        "| **all** ",
        "5,000",
        "geometric mean",
        "ms per epoch",
        "test accuracy",
    ):
        assert expected in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--activations", "geluu"], "unknown activation 'geluu'; nearest: gelu"),
        (["--sizes", "0"], "'0' is not a whole number of at least 1"),
        (["--threads", "some"], "'some' is not a whole number of at least 1"),
        (["--threads", "100000"], "'100000' is more than this process may use"),
        (["--json", "no/such/folder/file"], "expected a file in a folder that exists"),
        (["--markdown", "no/such/folder/file"], "expected a file in a folder that exists"),
        (["--inputs", "odd"], "invalid choice: 'odd'"),
    ],
)
def test_bad_options_are_explained(options, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *options])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def without(monkeypatch):
    """Make packages look as if they were not installed."""

    def hide(*packages):
        real = builtins.__import__

        def limited(name, *args, **kwargs):
            if name.partition(".")[0] in packages:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", limited)

    return hide


SMALL = ["bench", "--quick", "--activations", "relu", "--sizes", "10"]


def test_an_alias_keeps_what_it_binds():
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    for name in (*fastact.names(), *fastact.aliases()):
        found = fastact.get(parser.parse_args(["--activations", name]).activations[0])
        assert found.name == fastact.get(name).name
        assert dict(found.parameters) == dict(fastact.get(name).parameters)


def test_without_scikit_learn_the_digits_are_left_out(without, tmp_path, capsys):
    without("sklearn")
    assert main([*SMALL, "--json", str(tmp_path / "run.json")]) == 0
    assert "digits are left out: they need sklearn" in capsys.readouterr().out
    assert "sklearn" in json.loads((tmp_path / "run.json").read_text())["digits"]["left_out"]


def test_without_matplotlib_only_the_picture_is_refused(without, tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "fastact.evaluation.speed.pictures", raising=False)
    without("matplotlib")
    assert main([*SMALL, "--plot", str(tmp_path / "run.png")]) == 1
    assert "--plot needs matplotlib" in capsys.readouterr().err


def test_without_rich_the_extra_is_named(without, monkeypatch, capsys):
    for module in ("commands.bench", "evaluation.speed.run"):
        monkeypatch.delitem(sys.modules, f"fastact.{module}", raising=False)
    without("rich")
    assert main(SMALL) == 1
    error = capsys.readouterr().err
    assert "needs rich" in error
    assert "pip install -e '.[bench]'" in error


def test_info_needs_no_extra(without, capsys):
    without("threadpoolctl", "rich")
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for expected in (fastact.__version__, np.__version__, fastact.isa(), "threads", "OpenMP", "BLAS"):
        assert expected in out


def test_info_json_tells_the_same(capsys):
    assert main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fastact"] == fastact.__version__
    assert found["threads"] == fastact.get_num_threads()
    assert found["isas"] == list(fastact.isas())
    assert {"thread_limits", "threads_limited_by", "openmp", "blas", "cpu"} <= set(found)


def test_info_names_what_limits_the_threads(capsys):
    with fastact.num_threads(1):
        main(["info", "--json"])
    assert "num_threads" in json.loads(capsys.readouterr().out)["threads_limited_by"]


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastact {fastact.__version__}\n"


def test_without_all_the_page_has_a_line_for_each_activation(capsys, monkeypatch):
    monkeypatch.setattr(digits, "load", lambda: (_ for _ in ()).throw(ModuleNotFoundError(name="sklearn")))
    assert main(SMALL) == 0
    page = capsys.readouterr().out
    assert main([*SMALL, "--all"]) == 0
    everything = capsys.readouterr().out
    assert "| relu " in page
    assert "backward from output" in everything
    assert "backward from output" not in page


def test_the_default_cases():
    found = list(cases.default_cases(None, ["float32"], peers=False))
    assert {case.activation for case in found} == set(fastact.names())
    assert {case.activation for case in found if case.n > 100_000} == set(cases.USUAL)
    assert {(case.n, case.inputs) for case in found} == {
        (n, "normal") for n in (10, 1_000, 100_000, 1_000_000)
    }
    more = set(cases.default_cases(None, ["float32"], peers=True)) - set(found)
    assert {(case.n, case.inputs) for case in more} == {
        (20_000_000, "normal"),
        (100_000, "uniform"),
        (100_000, "bits"),
    }
    assert {case.activation for case in more} == set(cases.USUAL)


def test_libraries_that_cannot_be_held_are_left_out(capsys, monkeypatch):
    class Free(Made):
        name = "free"
        can_be_held = False

    monkeypatch.setattr(digits, "load", lambda: (_ for _ in ()).throw(ModuleNotFoundError(name="sklearn")))
    monkeypatch.setattr(peers, "installed", lambda names: ([Made(), Free()], {}))
    monkeypatch.setattr(bench.holding, "held", lambda: "sse2")
    monkeypatch.setattr(layouts, "NAMES", ())
    assert main([*SMALL, "--peers", "--isa", "sse2", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert "free is not timed: it cannot be held to sse2" in out
    assert "| made " in out
    assert "| free " not in out


# Documents and older runs --------------------------------------------------------------------------


def test_a_document_is_written_and_a_run_compared(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(digits, "load", lambda: (_ for _ in ()).throw(ModuleNotFoundError(name="sklearn")))
    old, path = tmp_path / "old.json", tmp_path / "made.md"
    assert main([*SMALL, "--json", str(old), "--markdown", str(path)]) == 0
    written = path.read_text()
    assert "## Activations" in written
    assert f"bench --quick --activations relu --sizes 10 --markdown {path}" in written
    assert "| relu " in written
    assert "| value and derivative |" in written
    assert written.index("## Summary: activations") < written.index("## Activations")
    capsys.readouterr()
    content = json.loads(old.read_text())
    for one in content["cells"]:
        one["nanoseconds"]["fastact"] *= 1e-3 if one["direction"] == "backward" else 1e3
        del one["inputs"]  # as in files that are older still
    old.write_text(json.dumps(content))
    assert main([*SMALL, "--compare", str(old), "--threads", "all"]) == 0
    out = capsys.readouterr().out
    assert f"geometric mean of the speed-up over {len(content['cells'])} cells" in out
    assert "1 cells take more than 1.1 times as long" in out
    assert "relu backward float32, n = 10" in out


def test_an_older_run_that_is_none_is_refused_before_measuring(tmp_path, capsys):
    (tmp_path / "old.json").write_text("{}")
    assert main([*SMALL, "--compare", str(tmp_path / "old.json")]) == 1
    captured = capsys.readouterr()
    assert "old.json' holds no 'cells'" in captured.err
    assert captured.out == ""


def test_a_damaged_document_is_refused_before_measuring(tmp_path, capsys):
    path = tmp_path / "made.md"
    path.write_text("mine\n<!-- begin: Activations -->\n")
    assert main([*SMALL, "--markdown", str(path)]) == 1
    captured = capsys.readouterr()
    assert "markers of the section 'Activations' are damaged" in captured.err
    assert captured.out == ""
    assert path.read_text() == "mine\n<!-- begin: Activations -->\n"


def test_a_file_that_cannot_be_written_does_not_affect_the_others(tmp_path, capsys, monkeypatch):
    def full(path, content):
        raise OSError("No space left on device")

    monkeypatch.setattr(digits, "load", lambda: (_ for _ in ()).throw(ModuleNotFoundError(name="sklearn")))
    monkeypatch.setattr(files, "write_json", full)
    file, page = tmp_path / "run.json", tmp_path / "made.md"
    file.write_text("old")
    assert main([*SMALL, "--json", str(file), "--markdown", str(page)]) == 1
    assert "fastact bench: No space left on device" in capsys.readouterr().err
    assert file.read_text() == "old"
    assert "## Activations" in page.read_text()


class Made(base.Peer):
    """A peer whose times are all alike."""

    name = "made"
    version = "1"

    @contextmanager
    def threads(self, n):
        self.allowed = n
        yield

    def elementwise(self, case):
        return lambda: None


def test_with_peers_all_inputs_and_one_thread_too_are_timed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(digits, "load", lambda: (_ for _ in ()).throw(ModuleNotFoundError(name="sklearn")))
    monkeypatch.setattr(peers, "installed", lambda names: ([Made()], {"other": "package"}))
    monkeypatch.setattr(cases, "SIZES", (3,))
    monkeypatch.setattr(cases, "LARGE_SIZES", (4, 5))
    monkeypatch.setattr(cases, "_TAIL_SIZE", 3)
    monkeypatch.setattr(layouts, "ROWS", 4)
    monkeypatch.setattr(layouts, "COLUMNS", 6)
    monkeypatch.setattr(timing, "Plan", lambda: timing.QUICK)
    file, path = tmp_path / "run.json", tmp_path / "made.md"
    assert (
        main(["bench", "--peers", "--activations", "relu", "--json", str(file), "--markdown", str(path)]) == 0
    )
    found = json.loads(file.read_text())
    assert {one["threads"] for one in found["cells"]} == {1, fastact.get_num_threads()}
    assert {one["inputs"] for one in found["cells"]} == set(cases.INPUTS)
    assert {one["n"] for one in found["cells"]} == {3, 4, 5}
    assert all(one["cpus"].keys() == one["nanoseconds"].keys() for one in found["cells"])
    shapes = {(one["activation"], one["dtype"], one["threads"]) for one in found["layouts"]}
    assert len(shapes) == len(layouts.NAMES) * 2 * len({1, fastact.get_num_threads()})
    assert all(one["nanoseconds"].keys() > {"contiguous"} for one in found["layouts"])
    assert any("other is not timed" in note for note in found["notes"])
    assert "other is not timed" in path.read_text()
    assert "other is not timed" in capsys.readouterr().out


def test_a_thread_beyond_the_limit_is_noted(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(digits, "load", lambda: (_ for _ in ()).throw(ModuleNotFoundError(name="sklearn")))
    monkeypatch.setattr(cells, "measure", lambda calls, plan: {n: timing.Taken(1.0, 1.9) for n in calls})
    options = ["--threads", "1", "--sizes", "100000", "--activations", "relu"]
    assert main(["bench", "--quick", *options, "--json", str(tmp_path / "run.json")]) == 0
    note = "NumPy kept 1.9 CPUs busy, allowed 1"
    assert note in capsys.readouterr().out
    assert any(note in one for one in json.loads((tmp_path / "run.json").read_text())["notes"])


def test_versions_of_peers_that_are_installed():
    found, absent = peers.installed(["SciPy", "NumPy"])
    assert not absent
    assert [peer.version for peer in found] == [scipy.__version__, np.__version__]


def test_absent_peers_are_named(without, monkeypatch):
    monkeypatch.delitem(sys.modules, "fastact.evaluation.peers.numexpr", raising=False)
    without("numexpr")
    found, absent = peers.installed()
    assert absent["numexpr"].startswith("numexpr, which is not installed")
    assert "numexpr" not in {one.name for one in found}
    assert "SciPy" in {one.name for one in found}
