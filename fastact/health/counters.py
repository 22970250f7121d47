"""Counters of units: what C adds to, how two sets of them are merged, and the matrices that C reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _health
from fastact.arrays import Array, converted

_ABOUT = 64  # columns: a narrower matrix is read as a wider one with fewer rows


class Counters:
    """Counts, sums with their rounding errors, and extremes, each with one column for each unit."""

    __slots__ = ("counts", "extremes", "sums")

    def __init__(self, units: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros((len(_health.COUNTS), units), np.int64)
        self.sums: NDArray[np.float64] = np.zeros((len(_health.SUMS), 2, units))
        self.extremes: NDArray[np.float64] = np.empty((2, units))
        self.extremes[0], self.extremes[1] = np.inf, -np.inf

    def copy(self) -> Counters:
        """Counters of their own with the same values."""
        made = Counters(self.counts.shape[1])
        made.merge(self)
        return made

    def count(self, name: str) -> NDArray[np.int64]:
        """One of the counts of `_health.COUNTS`."""
        found: NDArray[np.int64] = self.counts[_health.COUNTS[name]]
        return found

    def total(self, name: str) -> NDArray[np.float64]:
        """One of the sums of `_health.SUMS`, rounded."""
        total, error = self.sums[_health.SUMS[name]]
        with np.errstate(all="ignore"):
            found: NDArray[np.float64] = np.where(np.isfinite(total), total + error, total)
        return found

    def merge(self, other: Counters) -> None:
        """Add those of other samples."""
        self.counts += other.counts
        np.minimum(self.extremes[0], other.extremes[0], out=self.extremes[0])
        np.maximum(self.extremes[1], other.extremes[1], out=self.extremes[1])
        total, error = self.sums[:, 0], self.sums[:, 1]
        with np.errstate(all="ignore"):  # TwoSum, as in C
            new = total + other.sums[:, 0]
            added = new - total
            error += (total - (new - added)) + (other.sums[:, 0] - added) + other.sums[:, 1]
        total[...] = new

    def add(
        self, entry: int, parameters: Array, matrices: list[Array | None], low: Array, high: Array
    ) -> None:
        """Count the samples of matrices with one column for each unit: z, y, f'(z), grad_y. All but z may be
        None."""
        z = matrices[0]
        assert z is not None
        rows, units = z.shape
        fold = _ABOUT // units if units else 1
        whole = (
            rows // fold * fold
            if fold > 1 and all(m is None or m.flags.c_contiguous for m in matrices)
            else 0
        )
        if whole:
            wide = Counters(units * fold)
            parts = [None if m is None else m[:whole].reshape(-1, units * fold) for m in matrices]
            wide.call(entry, parameters, parts, np.tile(low, fold), np.tile(high, fold))
            for i in range(fold):
                self.merge(wide._columns(i * units, (i + 1) * units))
        if whole < rows:
            self.call(entry, parameters, [None if m is None else m[whole:] for m in matrices], low, high)

    def call(
        self, entry: int, parameters: Array, matrices: list[Array | None], low: Array, high: Array
    ) -> None:
        """One call of C."""
        z, y, derivative, grad_y = matrices
        assert z is not None
        _health.count(
            entry, parameters, z, y, derivative, grad_y, low, high, self.counts, self.sums, self.extremes
        )

    def forward(
        self,
        entry: int,
        parameters: Array,
        layer: tuple[Array, Array, Array | None],
        results: tuple[Array, Array],
        low: Array,
        high: Array,
    ) -> None:
        """A layer's forward pass that counts: of x, w and b, with the results z and y."""
        _health.forward(entry, parameters, *layer, *results, low, high, self.counts, self.sums, self.extremes)

    def _columns(self, start: int, stop: int) -> Counters:
        found = object.__new__(Counters)
        found.counts, found.sums = self.counts[:, start:stop], self.sums[:, :, start:stop]
        found.extremes = self.extremes[:, start:stop]
        return found


def as_matrix(array: Array, axis: int, dtype: np.dtype[Any]) -> Array:
    """The array with the axis of the units last, and all others as one; a view where C can read it."""
    moved = array if axis == array.ndim - 1 else np.moveaxis(array, axis, -1)
    matrix = moved
    if moved.ndim != 2 or not moved.size:
        matrix = moved.reshape(-1, moved.shape[-1]) if moved.size else np.empty((0, moved.shape[-1]), dtype)
    readable = matrix.dtype == dtype and matrix.dtype.isnative and matrix.flags.aligned
    if readable and matrix.strides[1] == dtype.itemsize and matrix.strides[0] % dtype.itemsize == 0:
        return matrix
    return converted(matrix, dtype)
