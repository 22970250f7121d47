"""Pictures, drawn to files: activations with their derivatives, and errors against x."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fastact.activations.base import Activation
from fastact.evaluation.accuracy.bits import Floats, steps
from fastact.evaluation.accuracy.errors import Exact, errors_in_ulp
from fastact.evaluation.accuracy.points import FAR, roots, sample
from fastact.evaluation.accuracy.subjects import DIRECTIONS, Subject, label
from fastact.evaluation.accuracy.sweep import compared
from fastact.evaluation.accuracy.truth import Oracle, truth_where_decided
from fastact.evaluation.files import replacing
from fastact.evaluation.reference.values import Reference
from fastact.plots import COLOURS, INK, plot, prepare

NEAR = 2.0**-20  # the smallest inputs of a picture of errors, 0 apart; FAR is the largest
TICKS = (-15, -10, -5, 0, 5, 10)  # powers of two at which errors are labelled
DOT = 64  # float32 inputs per dot, which shows the worst of them


def _figure(columns: int, rows: int, width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=160, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        prepare(ax)
    return figure, axes


def _caption(activation: Activation) -> str:
    name, _, parameters = label(activation).partition(":")
    return f"{name} ({parameters.replace(',', ', ')})" if parameters else name


# Curves -------------------------------------------------------------------------------------------


def draw_curves(activations: Sequence[Activation], path: Path, low: float = -5.0, high: float = 5.0) -> None:
    """Draw values on the left and derivatives on the right, one line per activation."""
    figure = Figure(figsize=(11, 4.6), dpi=160, layout="constrained", facecolor="white")
    plot(*activations, ax=figure.subplots(1, 2), range=(low, high))
    with replacing(path) as temporary:
        figure.savefig(temporary)


# Errors -------------------------------------------------------------------------------------------


def _float32_dots(subject: Subject, n: int, oracle: Oracle | None) -> tuple[Floats, Floats]:
    """Inputs through the sizes of interest and their errors: the worst of each DOT neighbouring inputs."""
    subject = subject.rounded("float32")
    reference = Reference(subject.text, subject.activation.parameters, oracle)
    positive = steps(NEAR, FAR, n * DOT // 2).astype(np.float32)
    found = []
    for x in (half[i : i + DOT] for half in (positive, -positive) for i in range(0, positive.size, DOT)):
        errors = compared(reference, x.astype(np.float64), subject(x), Exact.empty(x.size)).errors
        found.append((x[0] if errors.worst is None else errors.worst[0], errors.max_ulp))
    x, ulp = np.array(found).T
    return x, ulp


def _float64_dots(subject: Subject, n: int, oracle: Oracle | None) -> tuple[Floats, Floats]:
    """Sampled points and their errors."""
    centres = np.concatenate([subject.activation.kinks, roots(Subject(subject.activation, "f'"))])
    x = sample(n, centres)
    x = x[(np.abs(x) >= NEAR) & (np.abs(x) <= FAR)]
    want, decided = truth_where_decided(subject.text, subject.activation.parameters, x, oracle)
    return x[decided], errors_in_ulp(subject(x[decided]), want)


def draw_errors(activation: Activation, path: Path, points: int = 2000, oracle: Oracle | None = None) -> None:
    """Draw errors against x: value and derivative, float32 and float64, with so many points each."""
    figure, axes = _figure(2, 2, 11, 6.8)
    for row, dtype in zip(axes, ("float32", "float64"), strict=True):
        for ax, direction, colour in zip(row, DIRECTIONS, COLOURS, strict=False):
            subject = Subject(activation, direction)
            single = dtype == "float32"
            x, ulp = (_float32_dots if single else _float64_dots)(subject, points, oracle)
            bound = subject.bound(dtype)
            finite = np.where(np.isfinite(ulp), ulp, 0.0)
            ax.scatter(x, finite, s=5, color=colour, alpha=0.45, linewidths=0, rasterized=True)
            ax.axhline(bound, color="#c0392b", linewidth=1.2, linestyle="--")
            ax.annotate(
                f"bound {bound:g}", (1, bound), (0, 3), ("axes fraction", "data"), textcoords="offset points",
                ha="right", color="#c0392b", fontsize=9,
            )  # fmt: skip
            ax.set_xscale("symlog", linthresh=NEAR, linscale=0.5, base=2)
            ax.set(xlim=(-FAR, FAR), ylim=(0, 1.18 * max(bound, float(finite.max(initial=0.0)))))
            ax.set_xticks([sign * 2.0**k for sign in (-1, 1) for k in TICKS] + [0.0])
            ax.minorticks_off()
            name = "$f$" if direction == "f" else "$f'$"
            ax.set_title(
                f"{name}  {dtype}   largest {float(ulp.max(initial=0.0)):.3f}", color=INK, fontsize=11
            )
        row[0].set_ylabel("error in ULP", color=INK)
    for ax in axes[1]:
        ax.set_xlabel("$x$", color=INK)
    figure.suptitle(_caption(activation), color=INK, fontsize=13)
    with replacing(path) as temporary:
        figure.savefig(temporary)
