"""Errors of row-wise functions and losses as a Markdown table, for the terminal and for a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastact.evaluation import files
from fastact.evaluation.accuracy.report import TITLE, ulps
from fastact.evaluation.accuracy.rows import OURS, RowError

SECTION = "Rows and losses"

_HEAD = """{machine}, {date}. Command:

    {command}

The largest errors over {rows} random rows of 1 to 39 elements, of scales from 0.001 to 50, in ULP of the
exact value, which mpmath computes. Where terms cancel (gradients of softmax and its relatives, logsumexp,
KL and Poisson) they are in ULP of the largest term. A unit of gated pairs is at least the ULP of the smallest
normal f, or f', times the other factors. "bound" is the one that is claimed and tested. Other libraries are
called as in the benchmark: "NumPy" is the usual array expressions.
"""


def table(errors: Sequence[RowError]) -> str:
    """One line for each result and dtype, one column for each implementation."""
    others = list(dict.fromkeys(e.by for e in errors if e.by != OURS))
    found = {(e.name, e.result, e.dtype, e.by): e for e in errors}
    lines = []
    for e in errors:
        if e.by == OURS:
            beside = (found.get((e.name, e.result, e.dtype, by)) for by in others)
            shown = [ulps(one.ulp) if one else "" for one in beside]
            mark = "" if e.ok else " **too large**"
            lines.append([e.name, e.result, e.dtype, f"{e.bound:g}", ulps(e.ulp) + mark, *shown])
    return files.markdown_table(["function", "", "dtype", "bound", OURS, *others], lines, left=3)


def write_markdown(path: Path, errors: Sequence[RowError], about: Mapping[str, Any]) -> None:
    """Write the section."""
    files.write_section(path, SECTION, f"{_HEAD.format(**about)}\n{table(errors)}", title=TITLE)
