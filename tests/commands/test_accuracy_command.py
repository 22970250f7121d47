"""The accuracy command: what it measures, prints and writes, and what it does when something fails."""

from __future__ import annotations

import argparse
import json
import sys

import pytest

from fastact.commands import accuracy
from fastact.evaluation import files
from fastact.evaluation.accuracy import double, truth

pytestmark = pytest.mark.once


def run(*words, override=None):
    parser = argparse.ArgumentParser()
    accuracy.add_arguments(parser)
    return accuracy.run(parser.parse_args(list(words)), override)


# Wrong kernels ------------------------------------------------------------------------------------


def a_little_large(subject):
    """4e-7 too large in one place: more than 1 ULP of float32, and a great deal of float64."""

    def run(x, out):
        subject(x, out)
        out[(x > 1) & (x < 1.5)] *= x.dtype.type(1 + 4e-7)

    return run


def test_wrong_kernel_fails(capsys, tmp_path):
    file = tmp_path / "found.json"
    words = ("softsign", "--stride", "99991", "--points", "4000", "--jobs", "1", "--json", str(file))
    assert run(*words) == 0
    assert "4 of 4 within their bounds" in capsys.readouterr().out
    assert run(*words, override=a_little_large) == 1
    printed = capsys.readouterr().out
    assert printed.count("FAIL") == 4
    assert "0 of 4 within their bounds" in printed
    found = json.loads(file.read_text())["results"]
    assert not any(r["ok"] for r in found)
    assert all(2 < r["max_ulp"] < 8 for r in found if r["dtype"] == "float32")
    assert all(1 < float.fromhex(r["worst"]["x"]) < 1.5 for r in found)


# The command --------------------------------------------------------------------------------------


def test_report_files(tmp_path):
    file, page = tmp_path / "a.json", tmp_path / "A.md"
    words = ("gelu", "leaky_relu:negative_slope=0.2", "--exhaustive", "--slice", "7/2048", "--points", "400")
    assert run(*words, "--json", str(file), "--markdown", str(page)) == 0
    content = json.loads(file.read_text())
    assert [(r["name"], r["direction"], r["dtype"]) for r in content["results"]] == [
        (name, direction, dtype)
        for name in ("gelu", "leaky_relu:negative_slope=0.2")
        for direction in ("f", "f'")
        for dtype in ("float64", "float32")
    ]
    assert {r["points"] for r in content["results"] if r["dtype"] == "float32"} == {2**21}
    text = page.read_text()
    assert "--exhaustive --slice 7/2048" in text
    assert "all 2^32 (share 7 of 2048) input bit patterns" in text
    assert "shares neither code nor constants" in " ".join(text.split())
    assert text.count("\n| gelu ") == 4
    assert "NumPy" not in text


def test_peers_are_measured_beside(tmp_path):
    page = tmp_path / "A.md"
    assert run("softsign", "--stride", "99991", "--points", "0", "--peers", "--markdown", str(page)) == 0
    row = next(
        line for line in page.read_text().splitlines() if line.startswith("| activation |     | fastact ")
    )
    assert "NumPy" in row  # the one peer that is always there
    assert "### float64" not in page.read_text()


def test_absent_peers_are_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", None)  # as if it were not installed
    assert run("relu", "--stride", "999983", "--points", "0", "--peers") == 0
    assert "JAX" in capsys.readouterr().out.split("not installed, so not measured:")[1].splitlines()[0]


def test_an_interrupted_run_is_resumed(tmp_path):
    """What is in the file is kept, even if wrong; what is not there is measured, and added."""
    file = tmp_path / "found.json"
    words = ("relu", "elu", "--points", "400", "--stride", "999983", "--jobs", "1", "--resume", str(file))
    assert run(*words) == 0
    whole = json.loads(file.read_text())
    partial = {**whole, "results": [r for r in whole["results"] if r["name"] == "relu"]}
    partial["results"][0]["points"] = 5
    file.write_text(json.dumps(partial))
    assert run(*words) == 0
    resumed = json.loads(file.read_text())["results"]
    assert resumed[0]["points"] == 5
    assert resumed[1:] == whole["results"][1:]


def test_other_measurements_are_not_resumed(tmp_path, capsys):
    file = tmp_path / "found.json"
    assert run("relu", "--points", "400", "--stride", "999983", "--resume", str(file)) == 0
    before = file.read_text()
    assert run("relu", "--points", "500", "--stride", "999983", "--resume", str(file)) == 2
    assert "float64_points is 400; to be continued here it must be 500" in capsys.readouterr().err
    assert file.read_text() == before


def test_processes_find_the_same(tmp_path):
    found = []
    for n in ("1", "2"):
        file = tmp_path / f"{n}.json"
        words = ("relu", "elu", "--points", "26000", "--stride", "999983", "--jobs", n, "--json", str(file))
        assert run(*words) == 0
        found.append(json.loads(file.read_text())["results"])
    for one, two in zip(*found, strict=True):
        assert {**one, "mean_ulp": 0} == {**two, "mean_ulp": 0}
        assert one["mean_ulp"] == pytest.approx(two["mean_ulp"], rel=1e-12)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gelo"], "unknown activation 'gelo'; nearest: gelu"),
        (["leaky_relu:negative_slope=steep"], "negative_slope is 'steep'; expected a number"),
        (["leaky_relu:slope=1"], "unexpected keyword 'slope'"),
        (["--plot", "gelo"], "unknown activation 'gelo'"),
    ],
)
def test_bad_names(words, message, capsys):
    assert run(*words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--slice", "0/3"], ["--slice", "4/3"], ["--points", "7"], ["--jobs", "0"]]
)
def test_bad_numbers(words, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    assert f"{words[1]!r} is n" in capsys.readouterr().err


def test_picture_of_errors(tmp_path):
    file = tmp_path / "errors.png"
    assert run("--plot", "hard_swish", "--points", "200", "-o", str(file)) == 0
    assert file.read_bytes().startswith(b"\x89PNG")


# Failures -----------------------------------------------------------------------------------------

QUICK = ("--points", "400", "--stride", "999983", "--jobs", "1")


def fails_in_float64(subject):
    def run(x, out):
        if x.dtype == "float64" and subject.activation.name == "relu":
            raise MemoryError("no more")
        subject(x, out)

    return run


def test_a_measurement_that_fails_does_not_affect_the_others(tmp_path, capsys):
    file = tmp_path / "found.json"
    assert run("relu", "elu", *QUICK, "--json", str(file), override=fails_in_float64) == 1
    printed = capsys.readouterr().out
    assert "failed: relu f float64 fastact: MemoryError: no more" in " ".join(printed.split())
    found = [(r["name"], r["direction"], r["dtype"]) for r in json.loads(file.read_text())["results"]]
    assert found == [
        ("relu", "f", "float32"),
        ("relu", "f'", "float32"),
        *(("elu", direction, dtype) for direction in ("f", "f'") for dtype in ("float64", "float32")),
    ]


def test_a_full_disk_does_not_end_the_measurements(tmp_path, capsys, monkeypatch):
    def full(path, text):
        raise OSError(f"No space left on device: {path.name}")

    file, page = tmp_path / "found.json", tmp_path / "A.md"
    page.write_text("mine\n")
    assert run("relu", *QUICK, "--resume", str(file)) == 0
    before = file.read_text()
    monkeypatch.setattr(files, "write_text", full)
    assert run("relu", "elu", *QUICK, "--resume", str(file), "--markdown", str(page)) == 1
    printed = capsys.readouterr().out
    assert "8 of 8 within their bounds" in printed
    assert printed.count("failed: No space left on device: found.json") == 1
    assert printed.count("failed: No space left on device: A.md") == 1
    assert file.read_text() == before
    assert page.read_text() == "mine\n"


def test_points_that_are_undecided_are_counted(tmp_path, capsys, monkeypatch):
    def all_but_one(text, parameters, points, oracle):
        decided = points != 0
        return truth.truth(text, parameters, points[decided], oracle), decided

    monkeypatch.setattr(double, "truth_where_decided", all_but_one)
    file = tmp_path / "found.json"
    assert run("relu", *QUICK, "--json", str(file)) == 0
    assert "2 points are left out" in capsys.readouterr().out
    assert [r["undecided"] for r in json.loads(file.read_text())["results"]] == [1, 0, 1, 0]


def changed(file, **values):
    content = json.loads(file.read_text())
    content["results"][0] |= values
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "values",
    [{"bound": None}, {"bound": "1"}, {"max_ulp": None}, {"points": -1}, {"worst": None}, {"by": None}],
)
def test_damaged_results_are_refused(tmp_path, capsys, values):
    file = tmp_path / "found.json"
    assert run("relu", *QUICK, "--resume", str(file)) == 0
    changed(file, **values)
    before = file.read_text()
    assert run("relu", *QUICK, "--resume", str(file)) == 2
    assert "found.json' holds no results of this command" in capsys.readouterr().err
    assert file.read_text() == before


def test_resumed_results_are_held_to_the_bound_of_today(tmp_path):
    file = tmp_path / "found.json"
    assert run("relu", *QUICK, "--resume", str(file)) == 0
    changed(file, bound=1e9, max_ulp=7.0)
    assert run("relu", *QUICK, "--resume", str(file)) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"results": 1}'])
def test_corrupt_files_are_named(tmp_path, capsys, text):
    file = tmp_path / "found.json"
    file.write_text(text)
    assert run("relu", *QUICK, "--resume", str(file)) == 2
    assert "found.json" in capsys.readouterr().err
    assert file.read_text() == text


def test_a_damaged_document_is_refused_before_measuring(tmp_path, capsys):
    page = tmp_path / "A.md"
    page.write_text("mine\n<!-- end: Accuracy -->\n")
    assert run("relu", *QUICK, "--markdown", str(page)) == 2
    captured = capsys.readouterr()
    assert "markers of the section 'Accuracy' are damaged" in captured.err
    assert captured.out == ""
    assert page.read_text() == "mine\n<!-- end: Accuracy -->\n"


@pytest.mark.parametrize("option", ["--json", "--resume", "--markdown"])
def test_output_paths_are_checked(option, capsys):
    with pytest.raises(SystemExit):
        run("relu", option, "no/such/folder/file")
    assert "expected a file in a folder that exists" in capsys.readouterr().err


def test_without_an_oracle_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setattr(accuracy.importlib.util, "find_spec", lambda name: None)
    assert run("relu", *QUICK) == 2
    error = capsys.readouterr().err
    assert "mpmath, which is not installed; in a clone of fastact: pip install -e '.[accuracy]'" in error
    assert run("relu", "--stride", "999983", "--points", "0") == 2  # float32 needs it too
