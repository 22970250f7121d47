"""Where an activation saturates: one rule for all of them, from their derivatives.

Must not depend on any activation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastact.activations.base import Activation
from fastact.activations.parameters import is_number

Floats = NDArray[np.float64]

SHARE = 0.03
"""Saturated is where abs(f') is below this share of its supremum, towards a side where f' tends to 0. It
gives the limits that Metta's neuron_health_metrics.md sets by hand: 2.5 for tanh (2.44), 5 for sigmoid
(4.88)."""

_POWERS = 2.0 ** (np.arange(-60 * 16, 40 * 16 + 1) / 16)
_STEPS = 2100  # halvings: more than there are powers of 2 between two numbers of float64


class Saturation(NamedTuple):
    """Inputs x <= low and x >= high are saturated; -inf and inf where no input is.

    The fields are arrays with one value for each unit, or with one value for all of them.
    """

    low: Floats
    high: Floats
    supremum: Floats
    """The supremum of abs(f'), inf where it has none."""

    @property
    def reason(self) -> str:
        """Why no input of any unit is saturated; empty where some can be."""
        if np.isfinite(self.low).any() or np.isfinite(self.high).any():
            return ""
        if np.isnan(self.supremum).all():
            return "parameters vary along the batch"
        if np.isinf(self.supremum).all():
            return "abs(f') has no supremum"
        if (self.supremum == 0).all():
            return "f' is 0 everywhere"
        return "f' does not tend to 0 on either side"


def saturation_of(activation: Any, units: int, units_last: bool = True) -> Saturation:
    """The limits beyond which abs(f') stays below 0.03 of its supremum.

    Parameters
    ----------
    activation : Activation or object with `derivative`
        Its parameters are numbers, or arrays with one value for each unit; for others there are no limits.
    units : int
        How many units an array of inputs has.
    units_last : bool
        Whether they are along its last axis, as those of the activation are. Otherwise these are samples.
    """
    if isinstance(activation, Activation):
        numbers = all(map(is_number, activation.parameters.values()))
        if numbers and activation.units is None:
            return _cached(activation, 1)
        shape = activation.shape_of_parameters()
        if np.prod(shape[:-1] if units_last else shape, dtype=int) != 1:
            return Saturation(np.full(1, -np.inf), np.full(1, np.inf), np.full(1, np.nan))
        if numbers:
            return _cached(activation, activation.units or 1)
        units = units if units_last else 1
    return _found(activation, units)


@lru_cache(256)
def _cached(activation: Activation, columns: int) -> Saturation:
    return _found(activation, columns)


def _found(activation: Any, columns: int) -> Saturation:
    def slopes(x: Floats) -> Floats:
        found = np.asarray(activation.derivative(np.broadcast_to(x, (len(x), columns))), np.float64)
        return np.abs(found.reshape(len(x), columns))  # parameters may have more axes, of length 1

    kinks = np.array(getattr(activation, "kinks", ()), np.float64)
    with np.errstate(all="ignore"):  # the number next to 0 raises underflow
        beside = (np.nextafter(kinks, -np.inf), np.nextafter(kinks, np.inf))
        grid = np.unique(np.concatenate([-_POWERS, np.arange(-16, 16, 1 / 64), _POWERS, kinks, *beside]))
        found = slopes(grid[:, None])
        low_end, high_end = slopes(np.array([[-np.inf], [np.inf]]))
        supremum = np.fmax.reduce(found, axis=0)
        supremum = np.where(np.isinf(low_end) | np.isinf(high_end), np.inf, supremum)
        large = found >= SHARE * supremum
        can = np.isfinite(supremum) & (supremum > 0)
        low = _edge(slopes, grid, large, SHARE * supremum)
        high = _edge(slopes, grid[::-1], large[::-1], SHARE * supremum)
    return Saturation(
        np.where(can & (low_end == 0), low, -np.inf), np.where(can & (high_end == 0), high, np.inf), supremum
    )


def _edge(slopes: Any, grid: Floats, large: NDArray[np.bool_], limit: Floats) -> Floats:
    """The last number, seen from the grid's beginning, up to which all slopes are below the limit."""
    first = np.argmax(large, axis=0)
    outer, inner = grid[np.maximum(first - 1, 0)], grid[first]
    for _ in range(_STEPS):
        middle = outer / 2 + inner / 2
        if ((middle == outer) | (middle == inner)).all():
            break
        small = slopes(middle[None, :])[0] < limit
        outer, inner = np.where(small, middle, outer), np.where(small, inner, middle)
    found: Floats = np.where(first == 0, np.copysign(np.inf, grid[0]), outer)
    return found
