"""Files of results that are damaged in any way: refused with an error that names the file, or read; never a
traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from operands import Choices

from fastact.evaluation import cases, peers
from fastact.evaluation.accuracy import results
from fastact.evaluation.accuracy.errors import Errors
from fastact.evaluation.speed import cells, comparison, timing
from fastact.evaluation.speed.cells import Cell
from fastact.evaluation.speed.implementations import elementwise_implementations

ABOUT = {"version": "1", "machine": "m", "oracle": "o"}
VALUES = [None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**400, "", "text", "nan", "0x1p99999", [], {}]


def damaged(choices: Choices, content: Any) -> str:
    """The text of the content with some values replaced or removed, or some characters."""
    content = copy.deepcopy(content)
    for _ in range(choices.integer(0, 2)):
        node = content
        while isinstance(node, (dict, list)) and node:
            key = choices.of(sorted(node) if isinstance(node, dict) else range(len(node)))
            if choices.often(3) or not isinstance(node[key], (dict, list)):
                if choices.often(4):
                    del node[key]
                else:
                    node[key] = choices.of(VALUES)
                break
            node = node[key]
    text = json.dumps(content)
    for _ in range(choices.integer(0, 2)):
        at = choices.integer(0, len(text) - 1)
        text = text[:at] + choices.of(["", "[", "}", '"', "9", "\0", "\ud800"]) + text[at + 1 :]
    return text[: choices.integer(0, len(text))] if choices.often(6) else text


def read_damaged(choices: Choices, file: Path, content: Any, use: Callable[[], Any]) -> None:
    file.write_text(damaged(choices, content), errors="surrogatepass")
    message = file.name
    try:
        use()
    except ValueError as error:
        message = str(error)
    assert file.name in message


@effort(200)
@given(data=st.data())
def test_results_of_accuracy(data: st.DataObject, tmp_path: Path) -> None:
    found = results.Result("relu", "f", "float32", "fastact", Errors(8, 0.5, 2.0, worst=(1.0, 2.0, 3.0)), 0.5)
    file = tmp_path / "found.json"
    content = {**ABOUT, "results": [found.as_dict(), found.as_dict()]}

    def use() -> None:
        for one in results.read_json(file, ABOUT):
            hash(one.key)
            results.write_json(tmp_path / "again.json", [one], ABOUT)
            assert one.ok in (True, False)

    read_damaged(Choices(data.draw), file, content, use)


@pytest.fixture(scope="module")
def older() -> tuple[list[Cell], Any]:
    """The cells of a short run of the benchmark, and its file."""
    found, _ = peers.installed(peers.ALWAYS)
    chosen = list(cases.elementwise_cases(["relu"], [10], cases.DTYPES[:1], cases.INPUTS[:1]))[:3]
    measured = list(cells.measure_cells(chosen, elementwise_implementations(found), [1], timing.QUICK))
    return measured, {"machine": {}, "cells": [cell.as_json() for cell in measured]}


@effort(200)
@given(data=st.data())
def test_older_runs_of_bench(data: st.DataObject, tmp_path: Path, older: tuple[list[Cell], Any]) -> None:
    measured, content = older
    file = tmp_path / "old.json"

    def use() -> None:
        comparison.compare(measured, comparison.read(file, "cells"))

    read_damaged(Choices(data.draw), file, content, use)
