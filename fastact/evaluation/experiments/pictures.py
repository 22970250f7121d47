"""Pictures of results: the figures on which a verdict rests, as bars. Needs matplotlib."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fastact.evaluation.experiments.experiment import Experiment, Result, cell
from fastact.evaluation.files import replacing
from fastact.plots import COLOURS, INK, prepare

_DECADES = 2  # a longer way from the least to the greatest figure is shown by powers of ten


def draw(experiment: Experiment, result: Result, folder: Path) -> Path:
    """Write NAME.png, and return its path."""
    names, values = list(result.figures), np.array(list(result.figures.values()), float)
    figure = Figure(figsize=(8, 1.4 + 0.4 * len(names)), dpi=120, layout="constrained", facecolor="white")
    ax = figure.subplots()
    prepare(ax)
    ax.barh(names, values, color=COLOURS[0], height=0.6)
    ax.invert_yaxis()
    finite = values[np.isfinite(values)]
    if (finite > 0).all() and finite.size and finite.max() > 10.0**_DECADES * finite.min():
        ax.set_xscale("log")
    for row, value in enumerate(values):
        ax.annotate(cell(value), (value, row), (3, 0), textcoords="offset points", va="center", color=INK)
    title = f"{experiment.claim} — {result.verdict}"
    ax.set_title("\n".join(textwrap.wrap(title, 90)), color=INK, fontsize=10, loc="left")
    path = folder / f"{experiment.name}.png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
    return path
