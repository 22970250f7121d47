"""The picture of a run: speed-ups by activation and by size, drawn by matplotlib into a file.

Knows how to draw. Does not measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from fastact.evaluation.speed.cases import DIRECTIONS
from fastact.evaluation.speed.results import OURS, Cell, mean_speed_up, opponents

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
    activations = list(dict.fromkeys(cell.case.activation for cell in cells))
    directions = [d for d in DIRECTIONS if any(cell.case.direction == d for cell in cells)]
    figure = Figure(figsize=(12, 4 + 0.26 * len(activations)), layout="constrained")
    FigureCanvasAgg(figure)
    by_activation, by_size = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_by_activation(by_activation, cells, activations, directions)
    _draw_by_size(by_size, cells, directions)
    figure.legend(
        *by_activation.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=len(directions),
        frameon=False,
        title=f"How many times faster {OURS} is",
        title_fontproperties={"size": 15, "weight": "bold"},
    )
    figure.supxlabel(subtitle, fontsize=8, color="0.4")
    figure.savefig(path, dpi=150)


def _draw_by_activation(
    axes: Any, cells: Sequence[Cell], activations: Sequence[str], directions: Sequence[str]
) -> None:
    opponent = opponents(cells)[0]
    rows = range(len(activations))
    for direction in directions:
        means = [_mean(cells, opponent, activation=name, direction=direction) for name in activations]
        style = {"marker": _MARKERS[direction], "color": _COLOURS[direction], "alpha": 0.85}
        axes.plot(means, rows, linestyle="", label=direction.replace("_", " "), **style)
    axes.set_yticks(rows, activations)
    axes.set_ylim(len(activations) - 0.5, -0.5)
    axes.set_title(f"over {opponent}, mean over sizes and dtypes", fontsize=11)
    axes.set_xscale("log")
    _finish(axes, axes.xaxis, axes.axvline)


def _draw_by_size(axes: Any, cells: Sequence[Cell], directions: Sequence[str]) -> None:
    sizes = sorted({cell.case.n for cell in cells})
    for opponent, line in zip(opponents(cells), cycle(_LINES), strict=False):
        for direction in directions:
            means = [_mean(cells, opponent, n=n, direction=direction) for n in sizes]
            axes.plot(sizes, means, line, marker=_MARKERS[direction], color=_COLOURS[direction])
        axes.plot([], [], line, color="0.3", label=f"over {opponent}")
    axes.set_xlabel("number of elements")
    axes.set_title("by size, mean over activations and dtypes", fontsize=11)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(fontsize=9, frameon=False)
    _finish(axes, axes.yaxis, axes.axhline)


def _mean(cells: Sequence[Cell], opponent: str, **fields: str | int) -> float:
    """Of the cells whose case has these values; NaN, which is not drawn, where there are none."""
    chosen = [c for c in cells if all(getattr(c.case, key) == value for key, value in fields.items())]
    mean = mean_speed_up(chosen, opponent)
    return float("nan") if mean is None else mean


def _finish(axes: Any, factors: Any, line: Callable[..., Any]) -> None:
    """Grid, the line of equal speed, and ticks such as 0.5x."""
    line(1.0, color="0.2", linewidth=1)
    factors.set_major_locator(LogLocator(subs=(1, 2, 5)))
    factors.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    factors.set_minor_formatter(NullFormatter())
    axes.grid(True, color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
