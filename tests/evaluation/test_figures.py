"""The file of rounded figures: a line for each cell, by instruction set and kind."""

import json

import pytest

from fastact.evaluation.cases import ElementwiseCase
from fastact.evaluation.speed import figures
from fastact.evaluation.speed.cells import Cell

pytestmark = pytest.mark.once


def cell(**nanoseconds):
    return Cell(ElementwiseCase("relu", "forward", "float32", 10), 1, nanoseconds)


def test_runs_stand_beside_each_other(tmp_path):
    path = tmp_path / "figures.json"
    figures.add(path, "avx512", "cells", {"date": "2024-02-29"}, [cell(fastact=123.456)])
    figures.add(
        path,
        "avx2",
        "cells",
        {"date": "2024-03-01"},
        [cell(fastact=0.12345, NumPy=98765.4), cell(fastact=7.0)],
    )
    figures.add(path, "avx512", "cells", {"date": "2024-03-02"}, [cell(fastact=1.0)])
    content = json.loads(path.read_text())
    assert content["avx512"]["cells"]["date"] == "2024-03-02"
    found = content["avx2"]["cells"]
    assert found["columns"] == [
        "activation",
        "direction",
        "dtype",
        "n",
        "inputs",
        "threads",
        "fastact, ns",
        "NumPy, ns",
    ]
    assert found["figures"] == [
        ["relu", "forward", "float32", 10, "normal", 1, 0.123, 98800],
        ["relu", "forward", "float32", 10, "normal", 1, 7, None],
    ]
    lines = path.read_text().splitlines()
    assert '["relu","forward","float32",10,"normal",1,7,null]' in lines


def test_another_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "figures.json"
    path.write_text("[1]")
    with pytest.raises(ValueError, match="expected a JSON object"):
        figures.add(path, "avx2", "cells", {}, [cell(fastact=1.0)])
    assert path.read_text() == "[1]"
