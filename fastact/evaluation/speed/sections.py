"""The tables of a run in Markdown: all cells, and what only element-wise or only dense cases have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from fastact.evaluation.cases import INPUTS, DenseCase, ElementwiseCase
from fastact.evaluation.files import markdown_table, paragraph
from fastact.evaluation.row_cases import RowCase
from fastact.evaluation.speed import document
from fastact.evaluation.speed.cells import FASTEST, Cell, call_overheads, counted_threads, others, usual
from fastact.evaluation.speed.document import factor, grouped, kind_of_case, speed_up
from fastact.evaluation.speed.implementations import COPY, FORWARD, MEMORY, OURS, READING, SLOPES
from fastact.evaluation.speed.layouts import COLUMNS, ROWS, LayoutTimes
from fastact.evaluation.train_cases import TrainCase

_SLOWEST = 12  # cells on the page
_IN_CACHE = 100_000  # elements, where threads pay and results stay in a cache

_METHOD = """\
All implementations are timed in one process, interleaved batch by batch; a figure is the median of many
batches. A batch starts when the threads of the implementation before it sleep. All implementations read the
same memory, and write to the same memory where the library accepts existing results.

"""
METHODS = {
    "cells": f"""{_METHOD}\
With one thread, the process is kept on one CPU. "NumPy" is the formula as array expressions. "C" is the
formula in plain loops, compiled with gcc -O3 -ffast-math and linked with glibc's vector functions
(libmvec) or with Intel's (SVML): it uses one thread, and loses digits and tails. oneDNN's primitives are
prepared and then executed from C; float32 only. PyTorch's operators are called below autograd. JAX's
functions and their derivatives are compiled; numba's and numexpr's are compiled from the formula. Value
and derivative is compared with a peer's forward and backward. An implementation that is several times
slower than the three fastest at 1,000,000 elements is not timed on more: its time per element is scaled,
and counts in means only. Inputs are normal with standard deviation 2 unless stated otherwise.

All activations are timed on 10 to 100,000 elements. The usual ones are also timed on more, and on inputs in
the tails, and numba is timed for these only. `bench --figures` writes the figures of all cells.

Where a table has a column for each size or kind of inputs, a cell holds fastact's nanoseconds per element,
the speed-up over the fastest other implementation, and its name.""",
    "rows": f"""{_METHOD}\
"NumPy" is the usual array expressions, "Python" a loop over lists, up to 100,000 elements. PyTorch's
operators are called below autograd, its losses and the backward of gated pairs with autograd. A loss is the
mean, with its gradient. A gated pair has two halves of the shape that the table says. maxout takes the
fewest elements at a time that divide a row; gumbel_softmax is given its noise. Elements are normal with
standard deviation 2.

In the tables, a cell holds fastact's nanoseconds per element, the speed-up over the fastest other
implementation, and its name.""",
    "train": f"""{_METHOD}\
A figure is the time of one step: forward, loss, backward and update, or the update alone. "us" is fastact's,
"of products" is its time over that of the step's matrix products alone, by NumPy's BLAS. The other columns
are speed-ups. "NumPy" is array expressions with one flat array of parameters, "PyTorch" uses autograd and
fused optimisers, "JAX" compiles one step for each call and "JAX scan" 128 steps, "C" is Adam in a plain
loop. Copies of a network have a leading axis (JAX: vmap). scikit-learn has no gelu: relu, which costs less,
stands for it.""",
    "health": f"""{_METHOD}\
A figure is the time of one call. "us" is fastact's. "of ..." is its time over that of less work: reading
the array, computing value and derivative, the forward pass without counters, copying the bytes. The other
columns are speed-ups: "NumPy" counts the same with array expressions, and looks up by indexing; "Python"
loops over lists, and looks up by bytes.translate.""",
    "dense": f"""{_METHOD}\
A figure is the time of one forward and one backward pass. "us" and "GFLOP/s" are fastact's; the latter counts
the three matrix products of each layer. "of products" is its time over that of these products alone, by the
faster of NumPy's and SciPy's BLAS, in bold type above 1. "KiB" is the most memory that a call allocates at a
time beside its results. The other columns are speed-ups. "PyTorch" uses autograd, "PyTorch aten" calls its
operators below autograd, "torch.compile" compiles these; JAX is compiled.""",
}


def page(cells: Sequence[Cell]) -> str:
    """What the terminal shows: one line for each name, and the slowest cells."""
    return "\n\n".join([document.by_name(usual(cells)), *document.slowest(cells, _SLOWEST)])


def _common(cells: Sequence[Cell]) -> list[str]:
    """The parts that all sections begin with."""
    means = ["### Geometric means of the speed-ups", document.means(usual(cells)), *document.remarks(cells)]
    return [*means, "### Where another implementation is faster", *document.slower(cells)]


def _by_threads(
    cells: Sequence[Cell],
    heading: Callable[[int], str],
    columns: Callable[[Cell], dict[str, str]],
    left: int,
) -> Iterator[str]:
    """A heading and a table for each number of threads: these columns, then the speed-ups."""
    for threads, chosen in grouped(cells, lambda cell: cell.threads):
        names = others(chosen)
        rows = [
            [*columns(cell).values(), *(speed_up(cell.speed_up(name)) for name in names)] for cell in chosen
        ]
        yield f"### {heading(threads)}"
        yield markdown_table([*columns(chosen[0]), *names], rows, left=left)


# Dense layers --------------------------------------------------------------------------------------


def dense_tables(cells: Sequence[Cell], picture: str | None = None) -> str:
    """The tables of dense layers; `picture` is the path of the plot, from the document."""

    def columns(cell: Cell) -> dict[str, str]:
        return {**kind_of_case(cell), **_figures(cell)}

    parts = [*_common(cells), *_by_threads(cells, lambda threads: f"Threads: {threads}", columns, left=3)]
    if picture is not None:
        parts += ["### Time against size", f"![time against size]({picture})"]
    return "\n\n".join(parts)


def _figures(cell: Cell) -> dict[str, str]:
    operations = cell.case.operations if isinstance(cell.case, DenseCase) else 0
    share = cell.over_baseline
    return {
        "us": f"{cell.ours / 1000:,.1f}",
        "GFLOP/s": f"{operations / cell.ours:.1f}",
        "of products": f"**{factor(share)}**" if share and share > 1 else factor(share),
        "KiB": f"{cell.peak_bytes.get(OURS, 0) / 1024:,.0f}",
    }


# Training ------------------------------------------------------------------------------------------


def train_tables(cells: Sequence[Cell]) -> str:
    """The tables of steps of training."""

    def columns(cell: Cell) -> dict[str, str]:
        first = dict(list(kind_of_case(cell).items())[:2])
        return {**first, "us": f"{cell.ours / 1000:,.1f}", "of products": factor(cell.over_baseline)}

    tables = _by_threads(cells, lambda threads: f"Steps, {counted_threads(threads)}", columns, left=2)
    return "\n\n".join([*_common(cells), *tables, *_beside_plain_steps(cells)])


def _beside_plain_steps(cells: Sequence[Cell]) -> Iterator[str]:
    """What Adam, dropout and norms add to a step with SGD and none of these."""
    times = {(cell.case, cell.threads): cell.ours for cell in cells}
    lines = []
    for cell in cells:
        case = cell.case
        if not isinstance(case, TrainCase) or not case.widths:
            continue
        plain = times.get((replace(case.plain, optimizer="SGD"), cell.threads))
        if plain is not None and plain != cell.ours:
            lines.append([str(case), case.optimizer, str(cell.threads), factor(cell.ours / plain)])
    if lines:
        yield "### Over the step with SGD, without norm and dropout"
        yield markdown_table(["step of", "optimiser", "threads", "time"], lines, left=2)


# Health --------------------------------------------------------------------------------------------


def health_tables(cells: Sequence[Cell]) -> str:
    """The tables of statistics and look-ups."""

    def columns(cell: Cell) -> dict[str, str]:
        beside = {f"of {name}": factor(_over(cell, name)) for name in (READING, SLOPES, FORWARD, COPY)}
        return {**kind_of_case(cell), "sizes": cell.case.group, "us": f"{cell.ours / 1000:,.1f}", **beside}

    tables = _by_threads(cells, lambda threads: f"Health, {counted_threads(threads)}", columns, left=4)
    return "\n\n".join([*_common(cells), *tables])


def _over(cell: Cell, name: str) -> float | None:
    return cell.ours / cell.nanoseconds[name] if name in cell.nanoseconds else None


# Rows ----------------------------------------------------------------------------------------------


def row_tables(cells: Sequence[Cell]) -> str:
    """The tables of row-wise functions and losses: one column for each shape."""
    parts = _common(cells)
    for (threads, dtype), chosen in grouped(cells, lambda cell: (cell.threads, cell.case.dtype)):
        heading = f"### {dtype}, {counted_threads(threads)}"
        parts += [heading, _grid(chosen, lambda cell: cell.case.group, _content)]
    return "\n\n".join(parts)


# Activations ---------------------------------------------------------------------------------------


def elementwise_tables(
    cells: Sequence[Cell], shapes: Sequence[LayoutTimes] = (), every_cell: bool = True
) -> str:
    """The tables of activations, and of the layouts timed in the same run; `every_cell`: with its figures."""
    normal = usual(cells)
    parts = [*_common(cells), *_overhead(cells)]
    parts += ["### Speed-ups over the fastest other implementation", document.by_name(normal)]
    for (threads, dtype), chosen in grouped(
        normal if every_cell else (), lambda cell: (cell.threads, cell.case.dtype)
    ):
        heading = f"### {dtype}, {counted_threads(threads)}"
        parts += [heading, _grid(chosen, lambda cell: f"{_n(cell):,}", _content)]
    return "\n\n".join([*parts, *_memory(normal), *_tails(cells), *_layouts(shapes)])


def _n(cell: Cell) -> int:
    if isinstance(cell.case, RowCase):
        return cell.case.elements
    return cell.case.n if isinstance(cell.case, ElementwiseCase) else 1


def _inputs(cell: Cell) -> str:
    return cell.case.inputs if isinstance(cell.case, ElementwiseCase) else ""


def _overhead(cells: Sequence[Cell]) -> Iterator[str]:
    found = call_overheads(cells)
    words = []
    for direction in dict.fromkeys(key[1] for key in found):
        times = [ns for key, ns in found.items() if key[1] == direction]
        shown = f"{median(times):.0f} ({min(times):.0f} to {max(times):.0f})"
        words.append(f"{direction.replace('_', ' ')} {shown}")
    if words:
        yield "### Overhead of a call"
        yield paragraph(
            "In nanoseconds, from Python, extrapolated from small sizes to n = 0; median and range over "
            f"activations and dtypes: {', '.join(words)}."
        )


def _grid(cells: Sequence[Cell], column: Callable[[Cell], str], content: Callable[[Cell], str]) -> str:
    """One line per activation and direction, one column per value of `column`."""
    columns = list(dict.fromkeys(map(column, cells)))
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for cell in cells:
        rows.setdefault(tuple(kind_of_case(cell).values())[:2], {})[column(cell)] = content(cell)
    lines = [[*key, *(row.get(name, "") for name in columns)] for key, row in rows.items()]
    return markdown_table(["activation", "direction", *columns], lines, left=2)


def _content(cell: Cell) -> str:
    shown = f"{cell.ours / _n(cell):.3g}"
    if cell.fastest is None:
        return shown
    return f"{shown}, {speed_up(cell.speed_up(FASTEST))} {document.short(cell.fastest)}"


def _memory(cells: Sequence[Cell]) -> Iterator[str]:
    large = [cell for cell in cells if cell.baseline is not None]
    if not large:
        return
    yield "### Share of the memory bandwidth"
    yield paragraph(
        "The time of the fastest of three loops that read and write the same arrays and compute nothing, "
        f"over fastact's, for n = {_n(large[0]):,}. The loops write with ordinary stores, past the caches "
        '("streaming"), or past the caches while inputs 2 KiB ahead are fetched. A cell is light where '
        "fastact takes less than half the loop's time for as many elements in a cache."
    )
    loops = [name for name in MEMORY if any(name in cell.nanoseconds for cell in large)]
    shown = [f"{name.partition(', ')[2]}, GB/s" for name in loops]
    headings = ["direction", "dtype", "threads", *shown, "lowest share", "median share", "lowest, light"]
    rows = []
    kinds = grouped(large, lambda cell: (kind_of_case(cell)["direction"], cell.case.dtype, cell.threads))
    for (direction, dtype, threads), chosen in kinds:
        shares = [1 / cell.over_baseline for cell in chosen if cell.over_baseline]
        light = [1 / cell.over_baseline for cell in _light(chosen, cells) if cell.over_baseline]
        speeds = [_gigabytes_per_second(chosen, name) for name in loops]
        lowest = factor(min(light, default=None))
        rows.append(
            [direction, dtype, str(threads), *speeds, factor(min(shares)), factor(median(shares)), lowest]
        )
    yield markdown_table(headings, rows, left=2)
    yield _grid(
        large,
        lambda cell: f"{cell.case.dtype}, {counted_threads(cell.threads)}",
        lambda cell: factor(1 / cell.over_baseline if cell.over_baseline else None),
    )


def _gigabytes_per_second(cells: Sequence[Cell], name: str) -> str:
    """Of a pass over memory."""
    found = [
        cell.case.nbytes / cell.nanoseconds[name]
        for cell in cells
        if name in cell.nanoseconds and isinstance(cell.case, ElementwiseCase)
    ]
    return f"{median(found):.1f}" if found else "-"


def _light(large: Iterable[Cell], cells: Iterable[Cell]) -> list[Cell]:
    """The cells whose work takes less than half the time that memory does."""
    in_cache = {(cell.case, cell.threads): cell.ours / _n(cell) for cell in cells if cell.baseline is None}
    return [
        cell
        for cell in large
        if isinstance(cell.case, ElementwiseCase)
        and cell.baseline is not None
        and in_cache.get((replace(cell.case, n=_IN_CACHE), cell.threads), math.inf)
        < cell.baseline / _n(cell) / 2
    ]


def _tails(cells: Sequence[Cell]) -> Iterator[str]:
    """Cells with other inputs, beside the same ones with normal inputs."""
    tails = [cell for cell in cells if not cell.case.usual]
    if not tails:
        return
    yield "### Inputs in the tails"
    yield f"Normal inputs, uniform ones in -30..30, and finite numbers of random bits; n = {_n(tails[0]):,}."
    places = {
        (replace(cell.case, inputs="normal"), cell.threads)
        for cell in tails
        if isinstance(cell.case, ElementwiseCase)
    }
    beside = [cell for cell in usual(cells) if (cell.case, cell.threads) in places]
    for threads, chosen in grouped([*beside, *tails], lambda cell: cell.threads):
        yield f"With {counted_threads(threads)}:"
        chosen.sort(key=lambda cell: (cell.case.dtype, INPUTS.index(_inputs(cell))))
        yield _grid(chosen, lambda cell: f"{cell.case.dtype} {_inputs(cell)}", _content)


def _layouts(shapes: Sequence[LayoutTimes]) -> Iterator[str]:
    """One line per layout: its time over that of contiguous arrays."""
    if not shapes:
        return
    yield "### Layouts"
    yield paragraph(
        "The time of fastact's forward call over that of the same call on contiguous arrays, "
        f"{ROWS:,} x {COLUMNS:,}; results are contiguous. The first line is the latter's nanoseconds per "
        "element."
    )
    columns = [f"{t.activation} {t.dtype}, {counted_threads(t.threads)}" for t in shapes]
    ratios = [t.over_contiguous() for t in shapes]
    names = dict.fromkeys(name for of_one in ratios for name in of_one)
    rows = [["contiguous, ns", *(f"{t.per_element:.3g}" for t in shapes)]]
    rows += [[name, *(factor(of_one.get(name)) for of_one in ratios)] for name in names]
    yield markdown_table(["layout", *columns], rows)
