"""The Markdown sections of a run: all cells, and what only element-wise or only dense cases have."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from fastact.evaluation.files import markdown_table
from fastact.evaluation.speed import document
from fastact.evaluation.speed.cases import INPUTS, ElementwiseCase
from fastact.evaluation.speed.cells import FASTEST, Cell, call_overheads, counted_threads, others, usual
from fastact.evaluation.speed.document import grouped
from fastact.evaluation.speed.labels import factor, figures, labels, per_element
from fastact.evaluation.speed.layouts import COLUMNS, ROWS, LayoutTimes

_METHOD = """\
All implementations are timed in one process, interleaved batch by batch; a figure is the median of many
batches. A batch starts when the threads of the implementation before it sleep. All implementations read the
same memory, and write to the same memory where the library accepts existing results."""
_ELEMENTWISE_METHOD = f"""\
{_METHOD} "NumPy" is the formula as array expressions. PyTorch's operators are called below autograd. JAX's
functions and their derivatives are compiled; numba's and numexpr's are compiled from the formula. Value and
derivative is compared with a peer's forward and backward. An implementation that is several times slower than
the three fastest at 1,000,000 elements is not timed on more: its time per element is scaled, and counts in
means only. Inputs are normal with standard deviation 2 unless stated otherwise.

In the tables, a cell holds fastact's nanoseconds per element, the speed-up over the fastest other
implementation, and its name."""
_DENSE_METHOD = f"""\
{_METHOD} A figure is the time of one forward and one backward pass. "us" and "GFLOP/s" are fastact's; the
latter counts the three matrix products of each layer. "of products" is its time over that of these products
alone, by the faster of NumPy's and SciPy's BLAS. The other columns are speed-ups. "KiB" is the most memory that
a call allocates at a time beside its results. "PyTorch" uses autograd, "PyTorch aten" calls its operators
below autograd, "torch.compile" compiles these; JAX is compiled."""


def _common(cells: Sequence[Cell], origin: str, method: str, notes: Sequence[str]) -> list[str]:
    """The parts that all sections begin with."""
    means = ["### Geometric means of the speed-ups", document.means(usual(cells))]
    slower = ["### Where another implementation is faster", *document.slower(cells)]
    return [origin, method, *notes, *means, *slower]


# Dense layers --------------------------------------------------------------------------------------


def dense_section(cells: Sequence[Cell], picture: str | None, origin: str, notes: Sequence[str]) -> str:
    """The section of dense layers.

    Parameters
    ----------
    cells : sequence of Cell
        The run.
    picture : str, optional
        The picture of time against size: its path from the document.
    origin : str
        What the figures belong to, from :func:`document.origin`.
    notes : sequence of str
        Such as absent libraries, and those that exceed the thread limit.
    """
    parts = _common(cells, origin, _DENSE_METHOD, notes)
    for threads, chosen in grouped(cells, lambda cell: cell.threads):
        parts += [f"### Threads: {threads}", _dense_table(chosen)]
    if picture is not None:
        parts += ["### Time against size", f"![time against size]({picture})"]
    return "\n\n".join(parts)


def _dense_table(cells: Sequence[Cell]) -> str:
    names = others(cells)
    first = [name for name in labels(cells[0]) if name != "threads"]
    rows = []
    for cell in cells:
        ratios = [_marked(cell.speed_up(name)) for name in names]
        rows.append([*(labels(cell)[name] for name in first), *figures(cell).values(), *ratios])
    return markdown_table([*first, *figures(cells[0]), *names], rows, left=len(first))


def _marked(ratio: float | None) -> str:
    """The ratio, in bold type where fastact is behind."""
    return factor(ratio) if ratio is None or ratio >= 1 else f"**{factor(ratio)}**"


# Activations ---------------------------------------------------------------------------------------


def elementwise_section(
    cells: Sequence[Cell], shapes: Sequence[LayoutTimes], origin: str, notes: Sequence[str]
) -> str:
    """The section of activations.

    Parameters
    ----------
    cells : sequence of Cell
        The run.
    shapes : sequence of LayoutTimes
        Of the same run; may be empty.
    origin : str
        What the figures belong to, from :func:`document.origin`.
    notes : sequence of str
        Such as absent libraries, and those that exceed the thread limit.
    """
    normal = usual(cells)
    parts = _common(cells, origin, _ELEMENTWISE_METHOD, notes)
    parts += _overhead(cells)
    for (threads, dtype), chosen in grouped(normal, lambda cell: (cell.threads, cell.case.dtype)):
        heading = f"### {dtype}, {counted_threads(threads)}"
        parts += [heading, _grid(chosen, lambda cell: labels(cell)["n"], _content)]
    return "\n\n".join([*parts, *_memory(normal), *_tails(cells), *_layouts(shapes)])


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
    yield "### Overhead of a call"
    yield (
        "In nanoseconds, from Python, extrapolated from small sizes to n = 0; median and range over activations "
        f"and dtypes: {', '.join(words)}."
    )


def _grid(cells: Sequence[Cell], column: Callable[[Cell], str], content: Callable[[Cell], str]) -> str:
    """One line per activation and direction, one column per value of `column`."""
    columns = list(dict.fromkeys(map(column, cells)))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for cell in cells:
        named = labels(cell)
        rows.setdefault((named["activation"], named["direction"]), {})[column(cell)] = content(cell)
    lines = [[*key, *(row.get(name, "") for name in columns)] for key, row in rows.items()]
    return markdown_table(["activation", "direction", *columns], lines, left=2)


def _content(cell: Cell) -> str:
    ratio, fastest = cell.speed_up(FASTEST), cell.fastest
    if fastest is None:
        return f"{per_element(cell):.3g}"
    return f"{per_element(cell):.3g}, {_marked(ratio)} {fastest.partition(' ')[0]}"


def _memory(cells: Sequence[Cell]) -> Iterator[str]:
    large = [cell for cell in cells if cell.over_baseline is not None]
    if not large:
        return
    yield "### Share of the memory bandwidth"
    yield (
        "The time of a pass that reads and writes the same arrays past the caches, and computes nothing, over "
        f"fastact's, for n = {labels(large[0])['n']}."
    )
    headings = ["direction", "dtype", "threads", "pass, GB/s", "lowest share", "median share"]
    rows = []
    kinds = grouped(large, lambda cell: (labels(cell)["direction"], cell.case.dtype, cell.threads))
    for (direction, dtype, threads), chosen in kinds:
        shares = [1 / cell.over_baseline for cell in chosen if cell.over_baseline]
        speed = statistics.median(
            cell.case.nbytes / cell.baseline
            for cell in chosen
            if cell.baseline and isinstance(cell.case, ElementwiseCase)
        )
        shown = [f"{speed:.1f}", factor(min(shares)), factor(statistics.median(shares))]
        rows.append([direction, dtype, str(threads), *shown])
    yield markdown_table(headings, rows, left=2)
    yield _grid(
        large,
        lambda cell: f"{cell.case.dtype}, {counted_threads(cell.threads)}",
        lambda cell: factor(1 / cell.over_baseline if cell.over_baseline else None),
    )


def _tails(cells: Sequence[Cell]) -> Iterator[str]:
    """Cells with other inputs, beside the same ones with normal inputs."""
    tails = [cell for cell in cells if not cell.case.usual]
    if not tails:
        return
    yield "### Inputs in the tails"
    n = labels(tails[0])["n"]
    yield f"Normal inputs, uniform ones in -30..30, and finite numbers of random bits; n = {n}."
    places = {
        (replace(cell.case, inputs="normal"), cell.threads)
        for cell in tails
        if isinstance(cell.case, ElementwiseCase)
    }
    beside = [cell for cell in usual(cells) if (cell.case, cell.threads) in places]
    for threads, chosen in grouped([*beside, *tails], lambda cell: cell.threads):
        yield f"With {counted_threads(threads)}:"
        chosen.sort(key=lambda cell: (cell.case.dtype, INPUTS.index(labels(cell)["inputs"])))
        yield _grid(chosen, lambda cell: f"{cell.case.dtype} {labels(cell)['inputs']}", _content)


def _layouts(shapes: Sequence[LayoutTimes]) -> Iterator[str]:
    """One line per layout: its time over that of contiguous arrays."""
    if not shapes:
        return
    yield "### Layouts"
    yield (
        f"The time of fastact's forward call over that of the same call on contiguous arrays, {ROWS:,} x "
        f"{COLUMNS:,}; results are contiguous. The first line is the latter's nanoseconds per element."
    )
    columns = [f"{t.activation} {t.dtype}, {counted_threads(t.threads)}" for t in shapes]
    contiguous = [f"{t.per_element:.3g}" for t in shapes]
    ratios = [t.over_contiguous() for t in shapes]
    names = dict.fromkeys(name for of_one in ratios for name in of_one)
    rows = [[name, *(factor(of_one.get(name)) for of_one in ratios)] for name in names]
    yield markdown_table(["layout", *columns], [["contiguous, ns", *contiguous], *rows])
