"""Calls of fastact.health, and what NumPy counts."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import reference
from models import any_model
from operands import Choices, Operands
from row_calls import any_input, any_rows, computed_in, wide

import fastact as fa

CLOSE = 3e-5  # of float32
SMALL = 1e-9  # more than the errors of NumPy's values and derivatives


class HealthCall:
    """One call with what it is made of, and a batch split in two."""

    def __init__(self, choices: Choices) -> None:
        self.operands = Operands(choices, choices.of([np.float32, np.float64, np.float16]))
        shape = any_rows(choices) if not choices.often(8) else choices.of([(0, 3), (4, 0), (0,), (1, 1)])
        self.axis = choices.integer(0, len(shape) - 1) if choices.often(2) else len(shape) - 1
        extreme = choices.often(4)
        arrays = {"grad_y": None, "z": any_input(choices, self.operands, shape, extreme=extreme)}
        if choices.often(2):
            arrays["grad_y"] = any_input(choices, self.operands, shape)
        self.model = any_model(choices, self.operands, shape, names=NAMES, keywords=False)
        self.arrays = {name: array for name, array in arrays.items() if array is not None}
        self.dtype = np.float64 if computed_in([*self.arrays.values()]).itemsize > 4 else np.float32
        self.by_name = choices.often(2) and not self.model.activation.parameters

    def run(self, cut: slice | None = None) -> Any:
        """The statistics of the batch, or of a part of it."""
        given = self.arrays if cut is None else {k: a[cut] for k, a in self.arrays.items()}
        activation = self.model.activation
        name = self.model.name if self.by_name and self.model.name in NAMES else activation
        with np.errstate(all="raise"):
            return fa.health(given["z"], name, grad_y=given.get("grad_y"), axis=self.axis)

    def check(self) -> None:
        self.operands.freeze()
        found = self.run()
        self.operands.check_unchanged()
        z = wide(self.arrays["z"])
        parameters = self.model.wide(self.dtype)
        with np.errstate(all="ignore"):
            y, slope = (
                np.broadcast_to(f(z, parameters), z.shape) for f in (self.model.value, self.model.slope)
            )
            listed = [z, y, slope, *([wide(self.arrays["grad_y"])] if "grad_y" in self.arrays else [])]
            self.compare(found, *map(self.matrix, listed))

    def matrix(self, array: np.ndarray) -> np.ndarray:
        """The array with units along the second of two axes."""
        moved = np.moveaxis(array, self.axis, -1)
        return moved.reshape(prod(moved.shape[:-1]), moved.shape[-1])

    def compare(self, found: Any, z: Any, y: Any, slope: Any, g: Any = None) -> None:
        """Counts and means of each unit; units with numbers that may or may not be 0 are left out."""
        n, units = z.shape
        assert found.n == (n if units else 0)
        assert found.units == units
        finite = np.isfinite(z) & np.isfinite(y)
        tiny = self.may_be_zero(slope) | self.may_be_zero(y)
        known = ~((np.abs(z) > 1e4) & np.isfinite(z) | (np.abs(y) > 1e15) | tiny).any(axis=0)
        self.same(found.non_finite, (~finite).sum(axis=0), known)
        self.same(found.active, (finite & (slope != 0)).sum(axis=0), known)
        self.same(found.zeros, (finite & (y == 0)).sum(axis=0), known)
        low, high = found.saturation.low, found.saturation.high
        self.same(found.saturated, (finite & ((z <= low) | (z >= high))).sum(axis=0), known)
        y = np.where(finite, y, 0)
        count = finite.sum(axis=0)
        self.near(found.mean, y.sum(axis=0) / count, known)
        self.near(found.mean_magnitude, np.abs(y).sum(axis=0) / count, known)
        self.near(found.second_moment, (y * y).sum(axis=0) / count, known)
        self.near(found.min, np.where(finite, y, np.inf).min(axis=0, initial=np.inf), known)
        self.near(found.max, np.where(finite, y, -np.inf).max(axis=0, initial=-np.inf), known)
        assert found.has_gradients == (g is not None)
        if g is not None:
            delta = np.where(finite, reference.times(g, slope), 0)
            self.same(found.zero_gradients, (finite & (delta == 0)).sum(axis=0), known)
            self.near(found.gradient_magnitude, np.abs(delta).sum(axis=0) / count, known)

    def may_be_zero(self, values: Any) -> Any:
        """Where float32 rounds to 0, or NumPy's digits cancel to it, as in a difference of sigmoids.

        A 0 of functions with kinks, such as relu's, is one.
        """
        name = self.model.name
        is_exact = name in fa.names() and fa.get(name).kinks
        return (np.abs(values) < SMALL) & ((values != 0) | (not is_exact))

    def same(self, got: Any, want: Any, known: Any) -> None:
        assert np.array_equal(got[known], want[known]), f"{self.model.name}: {got}, expected {want}"

    def near(self, got: Any, want: Any, known: Any) -> None:
        bound = 60 * CLOSE * (1 + np.abs(want))
        close = (np.abs(got - want) <= bound) | (got == want) | (np.isnan(got) & np.isnan(want))
        assert close[known].all(), f"{self.model.name}: {got}, expected {want}"

    def check_merged(self) -> None:
        """The statistics of both halves together are those of the whole."""
        whole, parts = self.run(), [self.run(np.s_[:1]), self.run(np.s_[1:])]
        merged = parts[0] + parts[1]
        assert merged.n == whole.n
        for name in ("active", "saturated", "zeros", "non_finite", "min", "max"):
            assert np.array_equal(getattr(merged, name), getattr(whole, name)), name
        assert np.allclose(merged.mean, whole.mean, rtol=1e-9, atol=1e-9, equal_nan=True)


NAMES = [n for n in fa.names() if n not in ("hard_sigmoid",)]  # whose kinks depend on rounding
