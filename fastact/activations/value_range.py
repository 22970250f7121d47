"""The range of an activation: the interval of its values, found from its own values and slopes.

It looks for extremes of a function with a derivative and a list of kinks. Must not depend on any activation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:  # importing numpy.typing takes longer than all of this module
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_POWERS = 2.0 ** (np.arange(-160, 161) / 4)
_ENDS = np.array([np.finfo(np.float64).max, np.inf])
_GRID = np.concatenate([-_ENDS, -_POWERS, np.arange(-12, 12, 1 / 16), _POWERS, _ENDS])
_NEAR = 2.0**-10  # how far from the edge of a flat tail the slope is looked at
_TINY = 2.0**-400  # a slope below this, so near to where it is 0, shows that 0 is only its rounding


class Curve(Protocol):
    """What is needed of an activation, for scalar parameters."""

    def __call__(self, x: Any, /) -> Any:
        """f(x)."""

    def derivative(self, x: Any, /) -> Any:
        """f'(x)."""

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where f or f' jumps."""


class Interval(NamedTuple):
    """All numbers between two ends, each of which belongs to it or is only approached.

    Examples
    --------
    >>> str(Interval(0.0, float("inf"), True, False))
    '[0, inf)'
    """

    low: float
    high: float
    has_low: bool
    has_high: bool

    def __str__(self) -> str:
        left, right = "[" if self.has_low else "(", "]" if self.has_high else ")"
        return f"{left}{self.low:.6g}, {self.high:.6g}{right}"

    def join(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Interval(
            low,
            high,
            any(i.has_low for i in (self, other) if i.low == low),
            any(i.has_high for i in (self, other) if i.high == high),
        )


def range_of(f: Curve) -> Interval:
    """The smallest interval that holds f(x) for every x, its ends to a few ULP of float64.

    Extremes lie at kinks, where the slope changes its sign, or towards infinity. There an end is reached if
    f becomes flat in truth and not by rounding: then the slope is already large a little way off.

    Raises
    ------
    ValueError
        If f is not defined everywhere.

    Examples
    --------
    >>> import fastact as fa
    >>> str(range_of(fa.sigmoid)), str(range_of(fa.hard_tanh)), str(range_of(fa.silu))
    ('(0, 1)', '[-1, 1]', '[-0.278465, inf)')
    """
    with np.errstate(all="ignore"):  # the number next to 0 raises underflow
        return _range(f)


def _range(f: Curve) -> Interval:
    kinks = np.array(f.kinks, np.float64)
    x = np.unique(np.concatenate([_GRID, kinks, *_beside(kinks)]))
    x = np.unique(np.concatenate([x, *_turns(f, x)]))
    y = np.asarray(f(x)) + 0.0  # no -0
    undefined = np.isnan(y)  # a wave has no limit at infinity
    if undefined[np.isfinite(x)].any():
        raise ValueError(f"no range: f({x[undefined & np.isfinite(x)][0]:g}) is NaN")
    x, y = x[~undefined], y[~undefined]
    low, has_low = _end(f, kinks, x, y, y.min())
    high, has_high = _end(f, kinks, x, y, y.max())
    return Interval(low, high, has_low, has_high)


def _beside(kinks: Floats) -> tuple[Floats, Floats]:
    """The numbers next to the kinks."""
    return np.nextafter(kinks, -np.inf), np.nextafter(kinks, np.inf)


def _turns(f: Curve, x: Floats) -> tuple[Floats, Floats]:
    """Pairs of points, as close as numbers are, between which the slope changes its sign."""
    x = x[np.isfinite(x)]
    sign = np.sign(f.derivative(x))
    x, sign = x[sign != 0], sign[sign != 0]
    turns = np.flatnonzero(sign[:-1] * sign[1:] < 0)
    left, right = x[turns], x[turns + 1]
    return _bisect(left, right, lambda middle: np.sign(f.derivative(middle)) == sign[turns])


def _bisect(left: Floats, right: Floats, as_left: Callable[[Floats], Any]) -> tuple[Floats, Floats]:
    """Neighbours left and right of where `as_left` stops to hold."""
    while True:
        middle = left / 2 + right / 2
        if ((middle == left) | (middle == right)).all():
            return left, right
        same = as_left(middle)
        left, right = np.where(same, middle, left), np.where(same, right, middle)


def _end(f: Curve, kinks: Floats, x: Floats, y: Floats, end: float) -> tuple[float, bool]:
    """An end of the range, given its rounded value, and whether it is reached."""
    at = x[y == end]
    if np.isinf(end):
        return float(end), False
    if np.isin(at, kinks).any() or _is_turn(f, x, at):
        return float(end), True
    if np.isinf(at).any():
        return float(end), any(_flat(f, x, side) for side in at[np.isinf(at)])
    kink = kinks[abs(kinks - at[0]) <= 2 * np.spacing(abs(at[0]))]
    if kink.size:  # beside it only: a limit from one side
        end -= f.derivative(at[0]) * (at[0] - kink[0])
    return float(end), False


def _is_turn(f: Curve, x: Floats, at: Floats) -> bool:
    """Whether the slope has one sign left of all the points, and the other one right of them."""
    slope = np.sign(f.derivative(x))
    left, right = slope[(x < at[0]) & (slope != 0)], slope[(x > at[-1]) & (slope != 0)]
    return left.size > 0 and right.size > 0 and bool(left[-1] * right[0] < 0)


def _flat(f: Curve, x: Floats, side: float) -> bool:
    """Whether f is constant, in truth, on its way to this infinity."""
    out = np.sign(side) * np.finfo(np.float64).max
    slopes = f.derivative(x)
    if f.derivative(out) != 0:
        return False
    if not slopes.any():
        return True
    steep = x[np.isfinite(x) & (slopes != 0)]
    inner = steep[-1] if side > 0 else steep[0]
    edge = _bisect(np.array([inner]), np.array([out]), lambda middle: f.derivative(middle) != 0)[0]
    inside = edge - np.sign(side) * (abs(edge) if abs(edge) > _TINY else 1.0) * _NEAR
    return bool(abs(f.derivative(inside)) > _TINY)
