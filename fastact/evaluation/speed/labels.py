"""Cells as columns of a table: what identifies a cell, and its figures. Used on the terminal and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastact.evaluation.speed.cases import DenseCase
from fastact.evaluation.speed.cells import Cell
from fastact.evaluation.speed.implementations import OURS

_ALWAYS = ("activation", "direction", "dtype", "n", "batch, in, out")


def labels(cell: Cell) -> dict[str, str]:
    """What identifies a cell, by heading."""
    case, threads = cell.case, str(cell.threads)
    if isinstance(case, DenseCase):
        return {
            "batch, in, out": str(case),
            "activation": case.activation,
            "dtype": case.dtype,
            "threads": threads,
        }
    return {
        "activation": case.activation,
        "direction": case.direction.replace("_", " "),
        "dtype": case.dtype,
        "inputs": case.inputs,
        "n": f"{case.n:,}",
        "threads": threads,
    }


def shown_labels(cells: Sequence[Cell]) -> list[str]:
    """The headings of labels that cells need: without inputs and threads that are the same in all."""
    found = [labels(cell) for cell in cells]
    headings = found[0] if found else {}
    return [name for name in headings if name in _ALWAYS or len({one[name] for one in found}) > 1]


def figures(cell: Cell) -> dict[str, str]:
    """fastact's figures, by heading."""
    if not isinstance(cell.case, DenseCase):
        return {"ns": f"{per_element(cell):.3f}"}
    return {
        "us": f"{cell.ours / 1000:,.1f}",
        "GFLOP/s": f"{cell.case.operations / cell.ours:.1f}",
        "of products": factor(cell.over_baseline),
        "KiB": f"{cell.peak_bytes.get(OURS, 0) / 1024:,.0f}",
    }


def per_element(cell: Cell) -> float:
    """Nanoseconds of fastact per element; of dense cases, per pass."""
    return cell.ours / getattr(cell.case, "n", 1)


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
