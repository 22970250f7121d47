"""The report of a run in Markdown, for the document and the terminal: a summary for users, then tables.

What is the same for element-wise and dense cases is here; the rest is in ``sections``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from fastact.evaluation.cases import USUAL, DenseCase, ElementwiseCase
from fastact.evaluation.files import markdown_table, paragraph
from fastact.evaluation.health_cases import HealthCase
from fastact.evaluation.speed.cells import (
    FASTEST,
    Cell,
    counted_threads,
    geometric_mean,
    mean_speed_up,
    mean_without,
    others,
    slower_cells,
    usual,
)
from fastact.evaluation.train_cases import TrainCase

TITLE = "Benchmarks, measured"
NAMES = {
    "cells": "Activations",
    "dense": "Dense layers",
    "rows": "Rows and losses",
    "train": "Training",
    "health": "Health and look-ups",
}  # of the sections, by kind of cells

_CELL = {
    "cells": "a combination of activation, direction, dtype, number of elements and number of threads",
    "dense": "one forward and one backward pass through dense layers, by size, activation, dtype and threads",
    "rows": "a combination of function, direction, dtype, shape and number of threads",
    "train": "a task, by optimiser, number of networks at once and number of threads",
    "health": "a task, by activation, dtype, sizes and number of threads",
}


def section_name(kind: str, isa: str | None) -> str:
    """The heading of a kind of cells, held to an instruction set or not."""
    return NAMES[kind] if isa is None else f"{NAMES[kind]}, held to {isa}"


def summary_name(kind: str, isa: str | None) -> str:
    """The heading of the summary of a kind of cells."""
    name = section_name(kind, isa)
    return f"Summary: {name[0].lower()}{name[1:]}"


def origin(facts: Mapping[str, Any], date: str, command: str, versions: Mapping[str, str]) -> str:
    """Machine, date, command and the versions of all libraries."""
    packages = {"NumPy": facts["numpy"], "SciPy": facts["scipy"], "Python": facts["python"], **versions}
    named = ", ".join(f"{name} {version}" for name, version in packages.items())
    blas = ", ".join(f"{one['name']} {one['version']}" for one in facts["blas"])
    text = (
        f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['system']}, {date[:10]}; fastact {facts['fastact']} "
        f"with the instruction set {facts['isa']}; {named}; BLAS: {blas}. Command:"
    )
    return f"{paragraph(text)}\n\n    {command}"


def factor(value: float | None) -> str:
    """A ratio. Below 1, digits are cut off instead of rounded, so that the text stays below 1.

    Examples
    --------
    >>> [factor(f) for f in (0.996, 12.345, 1234.5, None)]
    ['0.99', '12.3', '1234', '-']
    """
    if value is None:
        return "-"
    if value < 1:
        return f"{math.floor(100 * value) / 100:.2f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def speed_up(ratio: float | None) -> str:
    """A speed-up, in bold type where fastact is behind."""
    return factor(ratio) if ratio is None or ratio >= 1 else f"**{factor(ratio)}**"


def grouped(cells: Iterable[Cell], key: Callable[[Cell], Any]) -> Iterator[tuple[Any, list[Cell]]]:
    """Cells by a key, in the order of its values."""
    for value, group in groupby(sorted(cells, key=key), key=key):
        yield value, list(group)


def kind_of_case(cell: Cell) -> dict[str, str]:
    """What identifies a case apart from its number of elements and its inputs, by heading."""
    case = cell.case
    if isinstance(case, TrainCase):
        return {"step of": str(case), "optimiser": case.optimizer, "dtype": case.dtype}
    if isinstance(case, DenseCase):
        return {"batch, in, out": str(case), "activation": case.activation, "dtype": case.dtype}
    if isinstance(case, HealthCase):
        return {"task": case.task, "activation": case.activation, "dtype": case.dtype}
    direction = case.direction.replace("_", " ")
    return {"activation": case.activation, "direction": direction, "dtype": case.dtype}


# The summary ---------------------------------------------------------------------------------------


def summary(cells: Sequence[Cell], kind: str, facts: Mapping[str, Any], date: str) -> str:
    """Half a page for users: what was measured, where fastact leads, where it does not, and by how much."""
    behind, means = slower_cells(cells), usual(cells)
    threads = " and ".join(map(str, sorted({cell.threads for cell in cells})))
    measured = (
        f"Measured on {facts['cpu']} with {facts['cpus']} CPUs on {date[:10]}, with {threads} "
        f"thread{'' if threads == '1' else 's'}. A cell is {_CELL[kind]}. A speed-up is the time of another "
        "implementation over fastact's: above 1, fastact is faster."
    )
    leads = (
        f"fastact is the fastest in **{len(cells) - len(behind)} of {len(cells)}** cells. The geometric mean "
        "of its speed-up over the fastest other implementation of each cell is "
        f"**{factor(mean_speed_up(means, FASTEST))}**; the table has it over each of them, and over the "
        "fastest where that one is left out:"
    )
    rows = [
        [
            name,
            str(sum(name in cell.nanoseconds for cell in means)),
            factor(mean_speed_up(means, name)),
            factor(mean_without(means, name)),
        ]
        for name in others(means)
    ]
    parts = [paragraph(measured), paragraph(leads)]
    parts.append(markdown_table(["implementation", "cells", "mean", "the fastest without it"], rows))
    if kind in ("dense", "train"):
        parts.append(paragraph(_beside_products(cells)))
    if behind:
        headings = ["case", "worst cell", "cells behind", "of", "median speed-up", "smallest speed-up"]
        parts.append("Another implementation is faster in these cells:")
        parts.append(markdown_table(headings, _behind(cells), left=2))
    return "\n\n".join(parts)


def _beside_products(cells: Sequence[Cell]) -> str:
    """How long fastact takes compared with the matrix products alone, which do less than the layers."""
    ratios = [ratio for cell in cells if (ratio := cell.over_baseline) is not None]
    return (
        "The bare matrix products of the layers, without bias and activation, are no other implementation. "
        f"fastact takes {factor(geometric_mean(ratios))} times as long as these (geometric mean), and longer "
        f"than these in {sum(ratio > 1 for ratio in ratios)} of {len(ratios)} cells, at most "
        f"{factor(max(ratios, default=None))} times."
    )


def _behind(cells: Sequence[Cell]) -> Iterator[list[str]]:
    """By group of cases: in how many cells another implementation is faster, and by how much."""
    for group in dict.fromkeys(cell.case.group for cell in cells):
        chosen = [cell for cell in cells if cell.case.group == group]
        behind = slower_cells(chosen)
        if behind:
            worst, ratio = behind[0]
            words = [value for value in kind_of_case(worst).values() if value != group]
            where = f"{' '.join(words)}, {counted_threads(worst.threads)}: {worst.fastest}"
            middle = statistics.median(speed_up for _, speed_up in behind)
            yield [group, where, str(len(behind)), str(len(chosen)), factor(middle), factor(ratio)]


# One line for each name ----------------------------------------------------------------------------


def by_name(cells: Sequence[Cell]) -> str:
    """The worst, mean and best speed-up over the fastest, of each activation, function or layer, by dtype."""
    dtypes = sorted({cell.case.dtype for cell in cells})
    heading, columns = next(iter(kind_of_case(cells[0]))), []
    for dtype in dtypes:
        columns += [f"{dtype} {which}" for which in ("worst", "mean", "best")]
    named: dict[str, list[Cell]] = {}
    for cell in cells:
        named.setdefault(next(iter(kind_of_case(cell).values())), []).append(cell)
    chosen = list(named.items())
    usual_ones = [cell for cell in cells if getattr(cell.case, "activation", "") in USUAL]
    if isinstance(cells[0].case, ElementwiseCase) and len(named) > len(USUAL):
        chosen.append((f"**the {len(USUAL)} usual ones**", usual_ones))
    chosen.append(("**all**", list(cells)))
    rows = [[name, str(len(of)), str(len(slower_cells(of))), *_spread(of, dtypes)] for name, of in chosen]
    return markdown_table([heading, "cells", "behind", *columns, "slowest"], rows)


def _spread(cells: Sequence[Cell], dtypes: Sequence[str]) -> list[str]:
    """Worst, mean and best by dtype, then where the worst is."""
    found = []
    for dtype in dtypes:
        ratios = [
            ratio
            for cell in cells
            if cell.case.dtype == dtype and (ratio := cell.speed_up(FASTEST)) is not None
        ]
        found += [speed_up(min(ratios, default=None)), speed_up(geometric_mean(ratios))]
        found.append(factor(max(ratios, default=None)))
    timed = [(ratio, cell) for cell in cells if (ratio := cell.speed_up(FASTEST)) is not None]
    if not timed:
        return [*found, ""]
    worst = min(timed, key=lambda pair: pair[0])[1]
    words = [*kind_of_case(worst).values()][1:]
    return [*found, f"{' '.join(words)}, {worst.case.group}: {short(worst.fastest)}"]


def short(name: str | None) -> str:
    """The name of an implementation in one word."""
    return (name or "").rpartition(", ")[2].partition(" ")[0]


def slowest(cells: Sequence[Cell], most: int) -> Iterator[str]:
    """The cells that are furthest behind."""
    found = slower_cells(cells)
    yield f"Another implementation is faster in {len(found)} of {len(cells)} cells."
    if found:
        rows = [[str(cell), str(cell.fastest), factor(ratio)] for cell, ratio in found[:most]]
        yield markdown_table(["the slowest", "faster", "speed-up"], rows, left=2)


# Tables --------------------------------------------------------------------------------------------


def means(cells: Sequence[Cell]) -> str:
    """Geometric means by direction (of dense layers, by activation), dtype and threads, then over all."""
    names = [FASTEST, *others(cells)]
    dense = any(isinstance(cell.case, DenseCase | TrainCase) for cell in cells)
    by = list(kind_of_case(cells[0]))[1]
    headings = [by, "dtype", "threads", "cells", ">= 1.0", *(f"over {name}" for name in names)]

    def row(named: str, dtype: str, threads: str, chosen: Sequence[Cell]) -> list[str]:
        timed = [ratio for cell in chosen if (ratio := cell.speed_up(FASTEST)) is not None]
        ratios = [factor(mean_speed_up(chosen, name)) for name in names]
        ratios += [factor(geometric_mean(cell.over_baseline for cell in chosen))] if dense else []
        return [named, dtype, threads, str(len(timed)), str(sum(r >= 1 for r in timed)), *ratios]

    rows = []
    for (dtype, threads), chosen in grouped(cells, lambda cell: (cell.case.dtype, cell.threads)):
        for name in dict.fromkeys(kind_of_case(cell)[by] for cell in chosen):
            part = [cell for cell in chosen if kind_of_case(cell)[by] == name]
            rows.append(row(name, dtype, str(threads), part))
        rows.append(row("all", dtype, str(threads), chosen))
    rows.append(row("**all**", "", "", cells))
    return markdown_table([*headings, *(["of products"] if dense else [])], rows, left=2)


def slower(cells: Sequence[Cell]) -> Iterator[str]:
    """All cells where another implementation is faster, one line for those that differ in size only."""
    found = slower_cells(cells)
    tails = "" if len(usual(cells)) == len(cells) else ", inputs other than normal ones included"
    yield f"In {len(found)} of {len(cells)} cells{tails}."
    lines: dict[tuple[str, ...], list[str]] = {}
    for cell, ratio in sorted(found, key=lambda pair: (pair[0].threads, getattr(pair[0].case, "n", 0))):
        size = (
            ""
            if isinstance(cell.case, DenseCase | TrainCase)
            else f"{cell.case.group.removeprefix('n = ')}, "
        )
        key = (*kind_of_case(cell).values(), str(cell.fastest))
        lines.setdefault(key, []).append(f"{size}{counted_threads(cell.threads)}: {factor(ratio)}")
    if lines:
        headings = [*kind_of_case(found[0][0]), "faster", "speed-ups"]
        yield markdown_table(headings, [[*key, "; ".join(lines[key])] for key in sorted(lines)], left=5)


def remarks(cells: Sequence[Cell]) -> Iterator[str]:
    """Implementations that are timed on fewer elements, or fail."""
    scaled = {name: size for cell in cells for name, size in cell.scaled_from.items()}
    for name, size in scaled.items():
        yield f"{name} is timed on at most {size:,} elements; longer times are scaled."
    for name in dict.fromkeys(name for cell in cells for name in cell.failed):
        failed = [cell for cell in cells if name in cell.failed]
        yield f"{name} fails in {len(failed)} cells, first in {failed[0]}: {failed[0].failed[name]}."
