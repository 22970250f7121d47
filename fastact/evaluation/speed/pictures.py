"""Pictures of runs: speed-ups by activation and by size; time of dense layers against size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from fastact.evaluation.cases import DIRECTIONS
from fastact.evaluation.files import replacing
from fastact.evaluation.speed.cells import Cell, mean_speed_up, others
from fastact.evaluation.speed.implementations import OURS

_COLOURS = dict(zip(DIRECTIONS, ("#0072b2", "#d55e00", "#009e73", "#cc79a7"), strict=True))
_MARKERS = dict(zip(DIRECTIONS, "osD^", strict=True))
_LINES = ("-", "--", ":", "-.")
_PALETTE = 64  # colours of a picture of lines


def draw_speed_ups(cells: Sequence[Cell], path: Path, subtitle: str) -> None:
    """Draw geometric means of speed-ups; `subtitle` says what the timings belong to."""
    activations = list(dict.fromkeys(cell.case.activation for cell in cells))
    directions = [d for d in DIRECTIONS if any(getattr(cell.case, "direction", None) == d for cell in cells)]
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
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _draw_by_activation(
    axes: Any, cells: Sequence[Cell], activations: Sequence[str], directions: Sequence[str]
) -> None:
    first = others(cells)[0]
    rows = range(len(activations))
    for direction in directions:
        means = [_mean(cells, first, activation=name, direction=direction) for name in activations]
        style = {"marker": _MARKERS[direction], "color": _COLOURS[direction], "alpha": 0.85}
        axes.plot(means, rows, linestyle="", label=direction.replace("_", " "), **style)
    axes.set_yticks(rows, activations)
    axes.set_ylim(len(activations) - 0.5, -0.5)
    axes.set_title(f"over {first}, mean over sizes and dtypes", fontsize=11)
    axes.set_xscale("log")
    _finish(axes, axes.xaxis, axes.axvline)


def _draw_by_size(axes: Any, cells: Sequence[Cell], directions: Sequence[str]) -> None:
    sizes = sorted({getattr(cell.case, "n", 1) for cell in cells})
    for name, line in zip(others(cells), cycle(_LINES), strict=False):
        for direction in directions:
            means = [_mean(cells, name, n=n, direction=direction) for n in sizes]
            axes.plot(sizes, means, line, marker=_MARKERS[direction], color=_COLOURS[direction])
        axes.plot([], [], line, color="0.3", label=f"over {name}")
    axes.set_xlabel("number of elements")
    axes.set_title("by size, mean over activations and dtypes", fontsize=11)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(fontsize=9, frameon=False)
    _finish(axes, axes.yaxis, axes.axhline)


def _mean(cells: Sequence[Cell], name: str, **fields: str | int) -> float:
    """The mean over cells whose case has these values; NaN, which is not drawn, if there are none."""
    chosen = [c for c in cells if all(getattr(c.case, key) == value for key, value in fields.items())]
    mean = mean_speed_up(chosen, name)
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


def draw_growth(series: Mapping[str, Sequence[tuple[int, Cell]]], path: Path, subtitle: str) -> None:
    """Draw the time of dense layers against size, a panel for each of four sizes that grow."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2).ravel()
    for axes, (size, points) in zip(panels, series.items(), strict=True):
        for name in dict.fromkeys(n for _, cell in points for n in cell.nanoseconds):
            timed = [(n, cell.nanoseconds[name] / 1000) for n, cell in points if name in cell.nanoseconds]
            style = {"linewidth": 2.5, "color": "black", "zorder": 3} if name == OURS else {}
            axes.loglog(*zip(*timed, strict=True), "o-", markersize=3, label=name, **style)
        axes.set_xlabel(size)
        axes.set_ylabel("microseconds")
        axes.grid(True, which="major", color="0.9")
    panels[0].legend(frameon=False)
    figure.suptitle("Dense layers, forward and backward: time against size", weight="bold")
    figure.supxlabel(subtitle, fontsize=8, color="0.4")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
        if path.suffix.lower() == ".png":
            _shrink(temporary)


def _shrink(path: Path) -> None:
    """Store a PNG with a palette: a third of the bytes."""
    from PIL import Image  # a requirement of matplotlib

    with Image.open(path) as picture:
        picture.convert("RGB").quantize(_PALETTE).save(path)
