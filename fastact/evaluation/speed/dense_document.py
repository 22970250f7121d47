"""The section of the document that tells a run over dense layers.

Knows words and tables. Does not measure.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from fastact.evaluation.speed.dense_results import OURS, PRODUCTS, DenseCell
from fastact.evaluation.speed.document import factor, table

NAME = "Dense layers"

_METHOD = """\
A figure is the time of one forward and one backward pass, the median of batches that all take in turns in
one process. "us" and "GFLOP/s" are fastact's, the latter counting the three matrix products of each layer
only. "of products" is its time over that of these products alone, by the faster of NumPy's and SciPy's
BLAS; then follow the others' times over fastact's. "KiB" is what a call allocates at most at one time
beside its results. "PyTorch" uses autograd, "PyTorch aten" calls its operators by hand, "torch.compile"
compiles these, JAX is compiled."""


def section(cells: Sequence[DenseCell], picture: str | None, origin: str, notes: Sequence[str]) -> str:
    """The section's text.

    Parameters
    ----------
    cells : sequence of DenseCell
        The run.
    picture : str, optional
        Where the picture of how cost grows lies, seen from the document.
    origin : str
        What the figures belong to, from ``document.origin``.
    notes : sequence of str
        What else a reader must know.
    """
    parts = [origin, _METHOD, *notes, "### Geometric means", *_means(cells)]
    parts += ["### Where another one is faster", *_slower(cells)]
    for threads in dict.fromkeys(cell.threads for cell in cells):
        chosen = [cell for cell in cells if cell.threads == threads]
        parts += [f"### Threads: {threads}", _cells(chosen)]
    if picture is not None:
        parts += ["### Growth", f"![time against size]({picture})"]
    return "\n\n".join(parts)


def _others(cells: Sequence[DenseCell]) -> list[str]:
    """Everyone else but the bare products."""
    apart = (OURS, *PRODUCTS)
    return list(dict.fromkeys(n for cell in cells for n in cell.nanoseconds if n not in apart))


def _means(cells: Sequence[DenseCell]) -> Iterator[str]:
    others = _others(cells)
    rows = []
    for threads, dtype in dict.fromkeys((cell.threads, cell.case.dtype) for cell in cells):
        chosen = [cell for cell in cells if (cell.threads, cell.case.dtype) == (threads, dtype)]
        means = [_mean([cell.speed_up(name) for cell in chosen]) for name in others]
        products = _mean([cell.of_products for cell in chosen])
        rows.append([dtype, str(threads), str(len(chosen)), *map(factor, [products, *means])])
    yield table(["dtype", "threads", "cells", "of products", *(f"over {name}" for name in others)], rows)


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.geometric_mean(found) if found else None


def _slower(cells: Sequence[DenseCell]) -> Iterator[str]:
    """Cells in which a peer takes less time, or the bare products do."""
    rows = []
    for cell in cells:
        ratios = {name: ratio for name in _others(cells) if (ratio := cell.speed_up(name)) is not None}
        faster = [f"{name} {factor(ratio)}" for name, ratio in ratios.items() if ratio < 1]
        if cell.of_products is not None and cell.of_products > 1:
            faster.append(f"products alone {factor(1 / cell.of_products)}")
        if faster:
            rows.append([*_words(cell), str(cell.threads), "; ".join(faster)])
    yield f"In {len(rows)} of {len(cells)} cells; the bare products, which do less, are counted in."
    if rows:
        yield table(
            ["batch, in, out", "activation", "dtype", "threads", "its time over fastact's"], rows, left=3
        )


def _cells(cells: Sequence[DenseCell]) -> str:
    others = _others(cells)
    headings = ["batch, in, out", "activation", "dtype", "us", "GFLOP/s", "of products", *others, "KiB"]
    rows = []
    for cell in cells:
        figures = [f"{cell.nanoseconds[OURS] / 1000:,.1f}", f"{cell.gigaflops:.1f}", factor(cell.of_products)]
        ratios = [factor(cell.speed_up(name)) for name in others]
        rows.append([*_words(cell), *figures, *ratios, f"{cell.peak_bytes.get(OURS, 0) / 1024:,.0f}"])
    return table(headings, rows, left=3)


def _words(cell: DenseCell) -> list[str]:
    return [str(cell.case), cell.case.activation, cell.case.dtype]
