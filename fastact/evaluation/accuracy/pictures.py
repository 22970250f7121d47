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

COLOURS = ("#3b6fd4", "#e0592a", "#2a9d74", "#8d4fc4", "#d1a021", "#d63a7e", "#3aa6c9", "#6b6b6b")
DASHES = ("-", "--", "-.", ":")
INK = "#333333"
SAMPLES = 1200  # of a curve
NEAR = 2.0**-20  # the smallest inputs of a picture of errors, 0 apart; FAR is the largest
TICKS = (-15, -10, -5, 0, 5, 10)  # powers of two at which errors are labelled
ON_TOP = 1000  # zorder
DOT = 64  # float32 inputs per dot, which shows the worst of them


def _figure(columns: int, rows: int, width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=160, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.grid(color="#e6e6e6", linewidth=0.7)
        ax.set_axisbelow(True)
        ax.tick_params(length=0, labelcolor=INK, labelsize=9)
        for side in ax.spines.values():
            side.set_visible(False)
    return figure, axes


def _caption(activation: Activation) -> str:
    name, _, parameters = label(activation).partition(":")
    return f"{name} ({parameters.replace(',', ', ')})" if parameters else name


# Curves -------------------------------------------------------------------------------------------


def broken_at(kinks: Sequence[float], low: float, high: float) -> Floats:
    """Points from low to high; in place of each kink its two neighbours and, between them, NaN.

    Examples
    --------
    >>> x = broken_at([0.0], -1.0, 1.0)
    >>> [float(x[i]) for i in np.flatnonzero(np.isnan(x)) + np.array([-1, 1])]
    [-5e-324, 5e-324]
    """
    inside = np.array([k for k in kinks if low < k < high])
    with np.errstate(under="ignore"):  # beside zero
        beside = [np.nextafter(inside, -np.inf), np.nextafter(inside, np.inf)]
    x = np.setdiff1d(np.concatenate([np.linspace(low, high, SAMPLES), *beside]), inside)
    return np.insert(x, np.searchsorted(x, inside), np.nan)


def _draw_curve(ax: Any, subject: Subject, low: float, high: float, style: dict[str, Any]) -> Floats:
    """Draw a line, broken where it jumps, with a dot for the value there; returns its values."""
    kinks = subject.activation.kinks
    x = broken_at(kinks, low, high)
    y = subject(x)
    ax.plot(x, y, linewidth=2, label=_caption(subject.activation), solid_capstyle="round", **style)
    for i in np.flatnonzero(np.isnan(x)):
        if abs(y[i + 1] - y[i - 1]) > 1e-9 * (1 + abs(y[i + 1])):
            at = np.array([(x[i - 1] + x[i + 1]) / 2])
            ax.plot(at, subject(at), "o", color=style["color"], markeredgecolor="white", zorder=ON_TOP)
    return y


def draw_curves(activations: Sequence[Activation], path: Path, low: float = -5.0, high: float = 5.0) -> None:
    """Draw values on the left and derivatives on the right, one line per activation."""
    figure, axes = _figure(2, 1, 11, 4.6)
    limit = max(abs(low), abs(high))
    for ax, direction in zip(axes[0], DIRECTIONS, strict=True):
        ax.axhline(0, color="#b5b5b5", linewidth=0.9, zorder=1)
        ax.axvline(0, color="#b5b5b5", linewidth=0.9, zorder=1)
        bottom, top = 0.0, 0.0
        for i, activation in enumerate(activations):
            dash = DASHES[i // len(COLOURS) % len(DASHES)]
            style = {"color": COLOURS[i % len(COLOURS)], "linestyle": dash, "zorder": 2 + i}
            y = _draw_curve(ax, Subject(activation, direction), low, high, style)
            seen = y[np.isfinite(y)]
            bottom = min(bottom, max(seen.min(initial=0.0), -limit))
            top = max(top, min(seen.max(initial=0.0), limit))
        margin = 0.06 * (top - bottom or 1.0)
        ax.set(xlim=(low, high), ylim=(bottom - margin, top + margin))
        ax.set_title("value  $f(x)$" if direction == "f" else "derivative  $f'(x)$", color=INK, fontsize=12)
        ax.set_xlabel("$x$", color=INK)
    handles, texts = axes[0, 0].get_legend_handles_labels()
    if len(activations) <= 6:
        axes[0, 0].legend(framealpha=0.9, edgecolor="none", labelcolor=INK, loc="best").set_zorder(ON_TOP)
    else:
        figure.legend(handles, texts, frameon=False, labelcolor=INK, loc="outside lower center", ncols=6)
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
