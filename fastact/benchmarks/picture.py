"""The picture of a run: speed-ups by activation and by size, drawn by matplotlib into a file.

Knows how to draw. Does not measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from fastact.benchmarks.cases import DIRECTIONS
from fastact.benchmarks.results import OURS, Cell, mean_speed_up, opponents

_COLOURS = dict(zip(DIRECTIONS, ("#0072b2", "#d55e00", "#009e73", "#cc79a7"), strict=True))
_MARKERS = dict(zip(DIRECTIONS, "osD^", strict=True))
_LINES = ("-", "--", ":", "-.")


def draw(cells: Sequence[Cell], path: str | Path, subtitle: str) -> None:
    """Draw geometric means of speed-ups into a file, whose ending tells the format.

    Parameters
    ----------
    cells : sequence of Cell
        At least one, with at least one opponent.
    path : str or path
        Where to write.
    subtitle : str
        What the timings belong to.
    """
    names = list(dict.fromkeys(cell.case.activation for cell in cells))
    figure = Figure(figsize=(12, 3.4 + 0.26 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    by_activation, by_size = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_by_activation(by_activation, cells, names)
    _draw_by_size(by_size, cells)
    figure.suptitle(f"How many times faster {OURS} is\n", fontsize=15, fontweight="bold")
    figure.supxlabel(subtitle, fontsize=8, color="0.4")
    figure.savefig(path, dpi=150)


def _draw_by_activation(axes: Any, cells: Sequence[Cell], names: Sequence[str]) -> None:
    opponent = opponents(cells)[0]
    for direction in _directions(cells):
        means = [
            _mean(cells, opponent, lambda c, n=name, d=direction: c.activation == n and c.direction == d)
            for name in names
        ]
        axes.plot(
            [m if m is not None else float("nan") for m in means],
            range(len(names)),
            _MARKERS[direction],
            color=_COLOURS[direction],
            label=direction.replace("_", " "),
            alpha=0.85,
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(f"over {opponent}, mean over sizes and dtypes", fontsize=11)
    axes.set_xscale("log")
    _finish(axes, axes.xaxis, axes.axvline)


def _draw_by_size(axes: Any, cells: Sequence[Cell]) -> None:
    sizes = sorted({cell.case.n for cell in cells})
    for opponent, line in zip(opponents(cells), _LINES, strict=False):
        for direction in _directions(cells):
            means = [
                _mean(cells, opponent, lambda c, n=n, d=direction: c.n == n and c.direction == d)
                for n in sizes
            ]
            axes.plot(sizes, means, line, marker=_MARKERS[direction], color=_COLOURS[direction])
        axes.plot([], [], line, color="0.3", label=f"over {opponent}")
    axes.set_xlabel("number of elements")
    axes.set_title("by size, mean over activations and dtypes", fontsize=11)
    axes.set_xscale("log")
    axes.set_yscale("log")
    _finish(axes, axes.yaxis, axes.axhline)


def _directions(cells: Sequence[Cell]) -> list[str]:
    return [d for d in DIRECTIONS if any(cell.case.direction == d for cell in cells)]


def _mean(cells: Sequence[Cell], opponent: str, chosen: Callable[[Any], bool]) -> float | None:
    return mean_speed_up([cell for cell in cells if chosen(cell.case)], opponent)


def _finish(axes: Any, factors: Any, line: Callable[..., Any]) -> None:
    """Grid, the line of equal speed, ticks such as 0.5x, and a legend."""
    line(1.0, color="0.2", linewidth=1)
    factors.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.grid(True, color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
