"""The section of the document that tells a run over activations: means, every cell, who is faster where, the
share of memory's speed, inputs in the tails, and what a call costs.

Knows words and tables. Does not measure, and does not compute beyond ``results``.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from fastact.evaluation.speed.cases import INPUTS, Case
from fastact.evaluation.speed.contestants import NumpyIdiom
from fastact.evaluation.speed.document import factor, table
from fastact.evaluation.speed.layouts import COLUMNS, ROWS, LayoutTimes
from fastact.evaluation.speed.results import (
    FASTEST,
    Cell,
    call_overheads,
    mean_speed_up,
    opponents,
    slower_cells,
    usual,
)
from fastact.evaluation.speed.roofline import arrays_moved

NAME = "Activations"

_METHOD = """\
In one process all take turns, batch by batch, and a figure is the median of many batches; before each turn
the threads of the one before have gone to sleep. All read the same memory, and write to the same where the
library allows results to be preallocated.
"NumPy" is the formula as array expressions. PyTorch's operators are called below autograd; JAX's functions
and their derivatives are compiled, numba's and numexpr's are compiled from the formula. Value and
derivative is held against a peer's forward and backward. Whoever is several times slower than the three
fastest at 1,000,000 elements is not timed beyond; its time per element stands in, for the means only. CPU
time is measured beside wall time. Inputs are normal with scale 2 unless said otherwise.

In the tables a cell holds fastact's nanoseconds per element, then the time of the fastest other over
fastact's, and who that is."""


def section(cells: Sequence[Cell], shapes: Sequence[LayoutTimes], origin: str, notes: Sequence[str]) -> str:
    """The section's text.

    Parameters
    ----------
    cells : sequence of Cell
        The run.
    shapes : sequence of LayoutTimes
        Of the same run; may be empty.
    origin : str
        What the figures belong to, from ``document.origin``.
    notes : sequence of str
        What else a reader must know: who is absent, or had a thread too many.
    """
    normal = usual(cells)
    parts = [
        origin,
        _METHOD,
        *notes,
        "### Geometric means of the speed-ups",
        *_means(normal),
        *_overhead(cells),
    ]
    parts += ["### Where another one is faster", *_slower(cells)]
    for (threads, dtype), chosen in _groups(normal, lambda cell: (cell.threads, cell.case.dtype)):
        parts += [f"### {dtype}, {_threads(threads)}", _grid(chosen, lambda cell: f"{cell.case.n:,}")]
    return "\n\n".join([*parts, *_roofline(normal), *_tails(cells), *_layouts(shapes)])


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _groups(cells: Iterable[Cell], key: Callable[[Cell], Any]) -> Iterator[tuple[Any, list[Cell]]]:
    """Cells by a key, in the order of its values."""
    for value, group in groupby(sorted(cells, key=key), key=key):
        yield value, list(group)


def _words(case: Case) -> tuple[str, str]:
    return case.activation, case.direction.replace("_", " ")


def _means(cells: Sequence[Cell]) -> Iterator[str]:
    """One table: directions by dtype and threads, then all."""
    others = opponents(cells)
    columns = [FASTEST, NumpyIdiom.name, *(name for name in others if name != NumpyIdiom.name)]
    headings = ["direction", "dtype", "threads", "cells", ">= 1.0", *(f"over {name}" for name in columns)]

    def row(first: Sequence[str], chosen: Sequence[Cell]) -> list[str]:
        timed = [s for cell in chosen if (s := cell.speed_up(FASTEST)) is not None]
        means = [factor(mean_speed_up(chosen, name)) for name in columns]
        return [*first, str(len(timed)), str(sum(s >= 1 for s in timed)), *means]

    directions = dict.fromkeys(cell.case.direction for cell in cells)
    rows = []
    for (dtype, threads), chosen in _groups(cells, lambda cell: (cell.case.dtype, cell.threads)):
        for direction in directions:
            of_direction = [cell for cell in chosen if cell.case.direction == direction]
            rows.append(row([direction.replace("_", " "), dtype, str(threads)], of_direction))
        rows.append(row(["all", dtype, str(threads)], chosen))
    yield table(headings, [*rows, row(["**all**", "", ""], cells)], left=2)


def _overhead(cells: Sequence[Cell]) -> Iterator[str]:
    found = call_overheads(cells)
    if not found:
        return
    words = []
    for direction in dict.fromkeys(key[1] for key in found):
        times = [ns for key, ns in found.items() if key[1] == direction]
        words.append(
            f"{direction.replace('_', ' ')} {statistics.median(times):.0f} "
            f"({min(times):.0f} to {max(times):.0f})"
        )
    yield (
        "A call from Python costs, beside its work on the elements (times of small sizes followed to n = 0; "
        f"median and range over activations and dtypes), in nanoseconds: {', '.join(words)}."
    )


def _slower(cells: Sequence[Cell]) -> Iterator[str]:
    """All cells below 1, those of one activation, direction and dtype in one line."""
    found = slower_cells(cells)
    yield f"In {len(found)} of {len(cells)} cells, other inputs than normal ones included."
    lines: dict[tuple[str, ...], list[str]] = {}
    for cell, speed_up in sorted(found, key=lambda pair: (pair[0].threads, pair[0].case.n)):
        inputs = "" if cell.case.inputs == "normal" else f" {cell.case.inputs}"
        where = f"{cell.case.n:,}{inputs}, {_threads(cell.threads)}: {factor(speed_up)}"
        lines.setdefault((*_words(cell.case), cell.case.dtype, str(cell.fastest)), []).append(where)
    headings = ["activation", "direction", "dtype", "faster", "n, threads: its time over fastact's"]
    if lines:
        yield table(headings, [[*key, "; ".join(lines[key])] for key in sorted(lines)], left=5)


def _grid(
    cells: Sequence[Cell], column: Callable[[Cell], str], content: Callable[[Cell], str] | None = None
) -> str:
    """Activations and directions downwards, whatever `column` tells to the right."""
    columns = list(dict.fromkeys(map(column, cells)))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        rows.setdefault(_words(cell.case), {})[column(cell)] = (content or _content)(cell)
    lines = [[*key, *(row.get(name, "") for name in columns)] for key, row in rows.items()]
    return table(["activation", "direction", *columns], lines, left=2)


def _content(cell: Cell) -> str:
    speed_up, fastest = cell.speed_up(FASTEST), cell.fastest
    if speed_up is None or fastest is None:
        return f"{cell.per_element:.3g}"
    shown = factor(speed_up) if speed_up >= 1 else f"**{factor(speed_up)}**"
    return f"{cell.per_element:.3g}, {shown} {fastest.partition(' ')[0]}"


def _roofline(cells: Sequence[Cell]) -> Iterator[str]:
    large = [cell for cell in cells if cell.of_roofline is not None]
    if not large:
        return
    yield "### The share of memory's speed"
    yield (
        "The time of a pass that reads and writes as many arrays past the caches, and does nothing else, "
        f"over fastact's; both took turns in the same cells, n = {large[0].case.n:,}."
    )
    headings = ["direction", "dtype", "threads", "pass, GB/s", "lowest share", "median share"]
    rows = []
    by_kind = _groups(large, lambda cell: (cell.case.direction, cell.case.dtype, cell.threads))
    for (direction, dtype, threads), chosen in by_kind:
        shares = [cell.of_roofline for cell in chosen if cell.of_roofline is not None]
        speed = statistics.median(_bytes(cell.case) / cell.pass_ns for cell in chosen if cell.pass_ns)
        shown = [f"{speed:.1f}", factor(min(shares)), factor(statistics.median(shares))]
        rows.append([direction.replace("_", " "), dtype, str(threads), *shown])
    yield table(headings, rows, left=2)
    yield _grid(
        large,
        lambda cell: f"{cell.case.dtype}, {_threads(cell.threads)}",
        lambda cell: factor(cell.of_roofline),
    )


def _bytes(case: Case) -> int:
    return arrays_moved(case) * case.n * np.dtype(case.dtype).itemsize


def _tails(cells: Sequence[Cell]) -> Iterator[str]:
    """The cells with other inputs, beside the same ones with normal inputs."""
    others = [cell for cell in cells if cell.case.inputs != "normal"]
    if not others:
        return
    yield "### Inputs in the tails"
    n = f"n = {others[0].case.n:,}"
    yield f"Normal inputs, uniform ones in -30..30, and finite numbers of random bits; {n}."
    places = {(replace(cell.case, inputs="normal"), cell.threads) for cell in others}
    beside = [cell for cell in usual(cells) if (cell.case, cell.threads) in places]
    for threads, chosen in _groups([*beside, *others], lambda cell: cell.threads):
        yield f"With {_threads(threads)}:"
        chosen.sort(key=lambda cell: (cell.case.dtype, INPUTS.index(cell.case.inputs)))
        yield _grid(chosen, lambda cell: f"{cell.case.dtype} {cell.case.inputs}")


def _layouts(shapes: Sequence[LayoutTimes]) -> Iterator[str]:
    """Other layouts, each in a line: its time over that of contiguous arrays."""
    if not shapes:
        return
    yield "### Layouts"
    yield (
        f"The time of fastact's forward call over that of the same call on contiguous arrays, {ROWS:,} x "
        f"{COLUMNS:,}; results are contiguous. The first line has the latter's nanoseconds per element."
    )
    columns = [f"{t.activation} {t.dtype}, {_threads(t.threads)}" for t in shapes]
    contiguous = [f"{t.per_element:.3g}" for t in shapes]
    ratios = [t.over_contiguous() for t in shapes]
    names = dict.fromkeys(name for of_one in ratios for name in of_one)
    rows = [[name, *(factor(of_one.get(name)) for of_one in ratios)] for name in names]
    yield table(["layout", *columns], [["contiguous, ns", *contiguous], *rows])
