"""Statistics of units and look-ups in tables as NumPy users and Python users write them.

Each function takes a case of :mod:`fastact.evaluation.health_cases`, and returns the call to time, or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastact.evaluation.expressions import expression
from fastact.evaluation.health_cases import COUNTING, LOOK_UP, STATISTICS, Array, HealthCase

_MOST = 100_000  # elements of a loop in Python

Call = Callable[[], Any]


def numpy_health(case: HealthCase) -> Call:
    """Array expressions."""
    if case.task == LOOK_UP:
        return partial(_look_up, case.table, case.bytes)
    both = expression(case.function, "value_and_derivative", "numpy", case.dtype)
    low, high = case.limits[:2]
    if case.task == STATISTICS:
        return partial(_statistics, both, low, high, case.z)
    x, w, b = case.layer
    return lambda: _statistics(both, low, high, x @ w + b)


def _look_up(table: Array, q: Array) -> Array:
    return table[q]


def _statistics(both: Callable[[Array], Any], low: Array, high: Array, z: Array) -> tuple[Any, ...]:
    """Active, saturated, zeros, non-finite, mean, mean magnitude, second moment, min and max of each unit."""
    y, slope = both(z)
    return (
        (slope != 0).sum(0),
        ((z <= low) | (z >= high)).sum(0),
        (y == 0).sum(0),
        (~np.isfinite(y)).sum(0),
        y.mean(0, dtype=np.float64),
        np.abs(y).mean(0, dtype=np.float64),
        np.square(y, dtype=np.float64).mean(0),
        y.min(0),
        y.max(0),
    )


def python_health(case: HealthCase) -> Call | None:
    """Loops over lists; None for large arrays, and for products."""
    if case.task == LOOK_UP:  # bytes have a method for it
        return partial(case.bytes.tobytes().translate, case.table.tobytes())
    if case.task == COUNTING or case.rows * case.n > _MOST:
        return None
    both = expression(case.function, "value_and_derivative", "python", case.dtype)
    (low,), (high,) = (limit.tolist() for limit in case.limits[:2])
    units = case.z.T.tolist()
    return lambda: [_of_unit(both, low, high, unit) for unit in units]


def _of_unit(both: Callable[[list[float]], Any], low: float, high: float, z: list[float]) -> tuple[Any, ...]:
    y, slope = zip(*both(z), strict=True)
    return (
        sum(d != 0 for d in slope),
        sum(v <= low or v >= high for v in z),
        sum(v == 0 for v in y),
        sum(not math.isfinite(v) for v in y),
        math.fsum(y) / len(y),
        math.fsum(map(abs, y)) / len(y),
        math.fsum(v * v for v in y) / len(y),
        min(y),
        max(y),
    )
