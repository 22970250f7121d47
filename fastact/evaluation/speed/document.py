"""The document of a run, as Markdown: a summary for users, then the tables of all cells.

The same for element-wise and dense cases. What only one of them has is in ``sections``.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from fastact.evaluation.files import markdown_table
from fastact.evaluation.speed.cases import DenseCase
from fastact.evaluation.speed.cells import (
    FASTEST,
    Cell,
    counted_threads,
    geometric_mean,
    mean_speed_up,
    others,
    slower_cells,
    usual,
)
from fastact.evaluation.speed.labels import factor, labels

TITLE = "Benchmarks, measured"
NAMES = {"cells": "Activations", "dense": "Dense layers"}  # of the sections, by kind of cells


def summary_name(kind: str) -> str:
    """The heading of the summary of a kind of cells."""
    return f"Summary: {NAMES[kind].lower()}"


def origin(facts: Mapping[str, Any], date: str, command: str, versions: Mapping[str, str]) -> str:
    """Machine, date, command and the versions of all libraries."""
    packages = {"NumPy": facts["numpy"], "SciPy": facts["scipy"], "Python": facts["python"], **versions}
    named = ", ".join(f"{name} {version}" for name, version in packages.items())
    blas = ", ".join(f"{one['name']} {one['version']}" for one in facts["blas"])
    return (
        f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['system']}, {date[:10]}; fastact {facts['fastact']} "
        f"with the instruction set {facts['isa']}; {named}; BLAS: {blas}. Command:\n\n    {command}"
    )


# The summary ---------------------------------------------------------------------------------------

_MEASURED = {
    "cells": "a combination of activation, direction, dtype, number of elements and number of threads",
    "dense": "one forward and one backward pass through dense layers, by size, activation, dtype and threads",
}


def summary(cells: Sequence[Cell], kind: str, facts: Mapping[str, Any], date: str) -> str:
    """Half a page for users: what was measured, where fastact leads and by how much, and where it does not.

    Parameters
    ----------
    cells : sequence of Cell
        Of one kind.
    kind : str
        A key of :data:`NAMES`.
    facts : mapping
        About the machine.
    date : str
        Of the run.
    """
    means = usual(cells)
    behind = slower_cells(cells)
    threads = " and ".join(map(str, sorted({cell.threads for cell in cells})))
    parts = [
        f"Measured on {facts['cpu']} with {facts['cpus']} CPUs on {date[:10]}, with {threads} "
        f"thread{'' if threads == '1' else 's'}. A cell is {_MEASURED[kind]}. A speed-up is the time of "
        "another implementation over fastact's: above 1, fastact is faster.",
        f"fastact is the fastest in **{len(cells) - len(behind)} of {len(cells)}** cells. The geometric mean "
        f"of its speed-up over the fastest other implementation of each cell is "
        f"**{factor(mean_speed_up(means, FASTEST))}**; over each of them it is:",
        markdown_table(["implementation", "cells", "speed-up"], _mean_rows(means)),
    ]
    if behind:
        lines = [[group, *rest] for group, *rest in _behind_rows(cells)]
        headings = ["case", "cells behind", "of", "median speed-up", "smallest speed-up", "where"]
        parts += ["Another implementation is faster in these cases:", markdown_table(headings, lines)]
    return "\n\n".join(parts)


def _mean_rows(cells: Sequence[Cell]) -> Iterator[list[str]]:
    for name in others(cells):
        timed = sum(name in cell.nanoseconds for cell in cells)
        yield [name, str(timed), factor(mean_speed_up(cells, name))]


def _behind_rows(cells: Sequence[Cell]) -> Iterator[list[str]]:
    """By group of cases: how many cells are behind, and by how much."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.case.group, []).append(cell)
    for group, chosen in groups.items():
        behind = slower_cells(chosen)
        if behind:
            worst, ratio = behind[0]
            middle = statistics.median(speed_up for _, speed_up in behind)
            where = ", ".join(v for k, v in labels(worst).items() if k not in ("n", "inputs", "threads"))
            where += f", {counted_threads(worst.threads)} ({worst.fastest})"
            yield [group, str(len(behind)), str(len(chosen)), factor(middle), factor(ratio), where]


# Tables of all kinds -------------------------------------------------------------------------------


def grouped(cells: Iterable[Cell], key: Callable[[Cell], Any]) -> Iterator[tuple[Any, list[Cell]]]:
    """Cells by a key, in the order of its values."""
    for value, group in groupby(sorted(cells, key=key), key=key):
        yield value, list(group)


def means(cells: Sequence[Cell]) -> str:
    """Geometric means of the speed-ups by direction (if there are any), dtype and threads, then over all."""
    columns = [FASTEST, *others(cells)]
    dense = any(isinstance(cell.case, DenseCase) for cell in cells)
    first = ["dtype", "threads"] if dense else ["direction", "dtype", "threads"]
    headings = [*first, "cells", ">= 1.0", *(f"over {name}" for name in columns)]
    headings += ["of products"] if dense else []

    def row(named: Sequence[str], chosen: Sequence[Cell]) -> list[str]:
        timed = [ratio for cell in chosen if (ratio := cell.speed_up(FASTEST)) is not None]
        ratios = [factor(mean_speed_up(chosen, name)) for name in columns]
        ratios += [factor(geometric_mean(cell.over_baseline for cell in chosen))] if dense else []
        return [*named, str(len(timed)), str(sum(ratio >= 1 for ratio in timed)), *ratios]

    rows = []
    for (dtype, threads), chosen in grouped(cells, lambda cell: (cell.case.dtype, cell.threads)):
        if not dense:
            for direction in dict.fromkeys(labels(cell)["direction"] for cell in cells):
                part = [cell for cell in chosen if labels(cell)["direction"] == direction]
                rows.append(row([direction, dtype, str(threads)], part))
        rows.append(row([*([] if dense else ["all"]), dtype, str(threads)], chosen))
    total = row(["**all**", *[""] * (len(first) - 1)], cells)
    return markdown_table(headings, [*rows, total], left=len(first) - 1)


def slower(cells: Sequence[Cell]) -> Iterator[str]:
    """All cells where another implementation is faster."""
    found = slower_cells(cells)
    yield f"In {len(found)} of {len(cells)} cells, inputs other than normal ones included."
    lines: dict[tuple[str, ...], list[str]] = {}
    for cell, ratio in sorted(found, key=lambda pair: (pair[0].threads, getattr(pair[0].case, "n", 0))):
        named = labels(cell)
        inputs = "" if named.get("inputs", "normal") == "normal" else f" {named['inputs']}"
        where = f"{counted_threads(cell.threads)}: {factor(ratio)}"
        where = f"{named['n']}{inputs}, {where}" if "n" in named else where
        key = tuple(value for name, value in named.items() if name not in ("n", "inputs", "threads"))
        lines.setdefault((*key, str(cell.fastest)), []).append(where)
    if lines:
        headings = [name for name in labels(found[0][0]) if name not in ("n", "inputs", "threads")]
        headings += ["faster", "speed-ups"]
        rows = [[*key, "; ".join(lines[key])] for key in sorted(lines)]
        yield markdown_table(headings, rows, left=len(headings))
