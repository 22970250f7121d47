"""``plot``: activations and their derivatives as lines.

Needs matplotlib, which is imported when something is drawn. Must not depend on any activation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact.activations.base import Activation
from fastact.activations.mixed import Mixed
from fastact.activations.registry import get

Floats = NDArray[Any]

_NAME = "fastact.plot"
COLOURS = ("#3b6fd4", "#e0592a", "#2a9d74", "#8d4fc4", "#d1a021", "#d63a7e", "#3aa6c9", "#6b6b6b")
_DASHES = ("-", "--", "-.", ":")
INK = "#333333"
ON_TOP = 1000  # zorder
_SAMPLES = 1200  # of a curve
_WIDTH, _WIDER = 2.0, 2.4  # points: of a line, and how much wider it is where another one covers it
_WIDEST = 8  # lines that cover one another, beyond which they grow no wider
_CLOSE = 0.004  # of the height of the picture: lines that are nearer cover each other
_GRID = 401  # points at which this is looked at
_RUN = 16  # of these in a row: lines that only cross do not cover each other
_FEW = 6  # lines whose legend has a place inside


@dataclass(frozen=True)
class _Line:
    """A function of one number: an activation, or one unit of it."""

    activation: Any
    column: int | None  # the unit, where parameters differ by unit
    units: int
    label: str
    kinks: tuple[float, ...]

    def __call__(self, direction: str, x: Floats) -> Floats:
        compute = self.activation if direction == "f" else self.activation.derivative
        if self.column is None:
            return np.asarray(compute(x), np.float64)
        values = compute(np.repeat(x[:, None], self.units, axis=1))
        found: Floats = np.asarray(values, np.float64)[:, self.column]
        return found


def plot(*activations: Any, derivative: bool = True, ax: Any = None, range: Any = None) -> Any:
    """Draw activations and their derivatives.

    Parameters
    ----------
    *activations : str, Activation or object
        One line each; of :func:`mixed`, and of parameters that differ by unit, one line for each kind of
        unit. An object of your own is called, and has `derivative`.
    derivative : bool
        Whether to draw f' too, beside f.
    ax : matplotlib Axes or sequence of two of them, optional
        Where to draw: f into the first one and f' into the second one. f' is drawn with thin lines into a
        single one. By default into a new figure.
    range : (float, float), optional
        Of x; by default (-5, 5).

    Returns
    -------
    Axes or ndarray of two Axes
        Where it was drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError, TypeError
        For no activation, an unknown one, parameters that vary along the batch, and an impossible range.

    Notes
    -----
    Lines are broken where a function jumps, with a dot at its value there. Where lines coincide, those that
    are drawn first are wider, so that all remain visible.

    Examples
    --------
    >>> import fastact as fa
    >>> axes = fa.plot("relu", fa.surrogate("step", "tanh"), range=(-3, 3))  # doctest: +SKIP
    """
    if not activations:
        raise ValueError(f"{_NAME}: no activations; expected at least one")
    low, high = _checked_range((-5.0, 5.0) if range is None else range)
    lines = [line for given in activations for line in _lines_of(given)]
    axes = _new_axes(2 if derivative else 1) if ax is None else np.atleast_1d(np.asarray(ax, object))
    if axes.shape not in ((1,), (2,) if derivative else (1,)):
        raise ValueError(f"{_NAME}: ax has shape {axes.shape}; expected one Axes" + " or two" * derivative)
    single = derivative and len(axes) == 1
    draw(axes[0], lines, ("f", "f'") if single else ("f",), low, high)
    if derivative and not single:
        draw(axes[1], lines, ("f'",), low, high)
    if len(lines) <= _FEW:
        axes[0].legend(framealpha=0.9, edgecolor="none", labelcolor=INK, loc="best").set_zorder(ON_TOP)
    else:
        axes[0].figure.legend(
            *axes[0].get_legend_handles_labels(),
            frameon=False,
            labelcolor=INK,
            loc="outside lower center",
            ncols=6,
        )
    return axes if ax is None and derivative else ax if ax is not None else axes[0]


def draw(ax: Any, lines: Sequence[Any], directions: Sequence[str], low: float, high: float) -> None:
    """All lines into one place, f' with thin lines where f is there, too."""
    prepare(ax)
    ax.axhline(0, color="#b5b5b5", linewidth=0.9, zorder=1)
    ax.axvline(0, color="#b5b5b5", linewidth=0.9, zorder=1)
    curves = []
    for direction in directions:
        for line in lines:
            x = broken_at(line.kinks, low, high)
            with np.errstate(all="ignore"):
                curves.append((line, direction, x, line(direction, x)))
    bottom, top = _limits([y for *_, y in curves], max(abs(low), abs(high)))
    grid = np.linspace(low, high, _GRID)
    heights = np.array([_on_grid(grid, x, y) for _, _, x, y in curves])
    ranks = _ranks(heights, bottom, top)
    for i, (line, direction, x, y) in enumerate(curves):
        number, thin = i % len(lines), direction != directions[0]
        width, colour = _WIDTH * (0.5 if thin else 1), COLOURS[number % len(COLOURS)]
        dash = _DASHES[number // len(COLOURS) % len(_DASHES)]
        style = {"linestyle": dash, "solid_capstyle": "round", "label": "_" if thin else line.label}
        ax.plot(x, y, color=colour, linewidth=width, zorder=2 + i, **style)
        for rank in np.unique(ranks[i][ranks[i] > 0]).tolist():
            covered = np.where(ranks[i] == rank, heights[i], np.nan)
            wide = {"linewidth": width + _WIDER * rank, "solid_capstyle": "butt", "label": "_"}
            ax.plot(grid, covered, color=colour, zorder=2 + i, **wide)
        _mark_jumps(ax, line, direction, x, y, colour)
    margin = 0.06 * (top - bottom or 1.0)
    ax.set(xlim=(low, high), ylim=(bottom - margin, top + margin))
    titles = {"f": "value  $f(x)$", "f'": "derivative  $f'(x)$"}
    ax.set_title(" and ".join(titles[d] for d in directions), color=INK, fontsize=12)
    ax.set_xlabel("$x$", color=INK)


def prepare(ax: Any) -> None:
    """A grid without a frame."""
    ax.grid(color="#e6e6e6", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(length=0, labelcolor=INK, labelsize=9)
    for side in ax.spines.values():
        side.set_visible(False)


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
    x = np.setdiff1d(np.concatenate([np.linspace(low, high, _SAMPLES), *beside]), inside)
    return np.insert(x, np.searchsorted(x, inside), np.nan)


# What is drawn --------------------------------------------------------------------------------------


def _lines_of(given: Any) -> Iterator[_Line]:
    if not isinstance(given, (str, Activation)):
        if not callable(given) or not callable(getattr(given, "derivative", None)):
            raise TypeError(f"{_NAME}: got {type(given).__name__}; expected an activation, with derivative")
        name = getattr(given, "__name__", None) or type(given).__name__
        yield _Line(given, None, 1, name, tuple(getattr(given, "kinks", ())))
        return
    activation = get(given)
    if isinstance(activation, Mixed):
        for part in dict.fromkeys(activation.parts.values()):
            yield from _lines_of(part)
        return
    shape = activation.shape_of_parameters()
    if np.prod(shape[:-1], dtype=int) > 1:
        raise ValueError(f"{_NAME}: parameters of {activation.name} vary along the batch, with shape {shape}")
    if not shape or shape[-1] == 1:
        yield _Line(activation, 0 if shape else None, 1, activation.described(), activation.kinks)
        return
    first_of = _first_units(activation, shape[-1])
    for unit in first_of:
        yield _Line(activation, unit, shape[-1], f"{activation.name}, unit {unit}", _kinks(activation))


def _kinks(activation: Activation) -> tuple[float, ...]:
    try:
        return activation.kinks
    except ValueError:  # they differ by unit: lines are not broken
        return ()


def _first_units(activation: Activation, units: int) -> list[int]:
    """The first unit of each kind: units whose lines are the same are one kind."""
    x = np.repeat(np.linspace(-6, 6, 49)[:, None], units, axis=1)
    with np.errstate(all="ignore"):
        both = np.concatenate([activation(x), activation.derivative(x)])
    firsts: dict[bytes, int] = {}
    for unit in np.arange(units).tolist():
        firsts.setdefault(both[:, unit].tobytes(), unit)
    return list(firsts.values())


def _checked_range(given: Any) -> tuple[float, float]:
    low, high = (float(value) for value in given)
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"{_NAME}: range is {low:g} {high:g}; expected two numbers, the smaller one first")
    return low, high


def _new_axes(count: int) -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = "fastact.plot needs matplotlib, which is not installed: pip install matplotlib"
        raise ImportError(message) from error
    return plt.subplots(1, count, squeeze=False, figsize=(5.5 * count, 4.6), layout="constrained")[1][0]


# How it is drawn ------------------------------------------------------------------------------------


def _limits(values: Sequence[Floats], limit: float) -> tuple[float, float]:
    """The least and the greatest height of the picture, 0 included."""
    bottom, top = 0.0, 0.0
    for y in values:
        seen = y[np.isfinite(y)]
        bottom = min(bottom, max(seen.min(initial=0.0), -limit))
        top = max(top, min(seen.max(initial=0.0), limit))
    return bottom, top


def _ranks(heights: Floats, bottom: float, top: float) -> NDArray[np.int64]:
    """How many lines cover each line, one above the other, of those drawn later: by point."""
    seen = np.where((heights < bottom) | (heights > top), np.nan, heights)
    close = _CLOSE * (top - bottom or 1.0)
    ranks = np.zeros(seen.shape, np.int64)
    for i in np.arange(len(seen) - 1)[::-1].tolist():
        for later in np.arange(i + 1, len(seen)).tolist():
            covered = _without_short_runs(np.abs(seen[later] - seen[i]) <= close)
            ranks[i] = np.maximum(ranks[i], np.where(covered, ranks[later] + 1, 0))
    return np.minimum(ranks, _WIDEST)


def _without_short_runs(holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    window = np.ones(_RUN)
    starts = np.convolve(holds, window, "valid") == _RUN
    return np.convolve(starts, window, "full") > 0


def _on_grid(grid: Floats, x: Floats, y: Floats) -> Floats:
    known = np.isfinite(x) & np.isfinite(y)
    return np.interp(grid, x[known], y[known]) if known.any() else np.full(grid.shape, np.nan)


def _mark_jumps(ax: Any, line: _Line, direction: str, x: Floats, y: Floats, colour: str) -> None:
    """A dot for the value where a line jumps."""
    for i in np.flatnonzero(np.isnan(x)):
        if abs(y[i + 1] - y[i - 1]) > 1e-9 * (1 + abs(y[i + 1])):
            at = np.array([(x[i - 1] + x[i + 1]) / 2])
            ax.plot(at, line(direction, at), "o", color=colour, markeredgecolor="white", zorder=ON_TOP)
