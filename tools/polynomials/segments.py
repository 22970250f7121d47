"""Tables of segments: how the real line is partitioned, and what a kernel computes from a table.

On a segment the table function is q(u) = value + d (slope + c[0] + c[1] d + ...), d = u - centre. f follows
from q by one of the symmetries of :func:`form_of`. This module simulates
``fastact/csrc/polynomial/segments.h`` operation by operation. It must not depend on how segments are fitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arithmetic import Floats, Function, evaluate, fma, horner, two_sum

MANTISSA = {"float32": 23, "float64": 52}  # bits


@dataclass(frozen=True)
class Segment:
    """The polynomial of one interval; all numbers are of the kernel's dtype.

    Attributes
    ----------
    centre, value, slope : float
        As in the formula of this module. A slope of 0 costs nothing if no segment of a table has another one.
    coefficients : tuple of float
        c[0], c[1], ...
    error : float
        The largest error found, in ULP of q.
    """

    centre: float
    value: float
    slope: float
    coefficients: tuple[float, ...]
    error: float


def form_of(f: Function) -> tuple[str, bool]:
    """Return the symmetry of f, found by trying, and whether q(u) is f(u) rather than f(-u) for u > 0.

    The names are those of ``segments.h``:

    * EVEN: f(x) = q(|x|).
    * ODD: f(x) = sign(x) q(|x|).
    * SIGNED: f = q, with other segments for x < 0.
    * LEFT: f = q for x <= 0, which has all segments; f is a constant or a multiple of x for x > 0.
    * REFLECTED: f(x) + f(-x) = 1; f is q on the small side and 1 - q on the other.
    * RELU: f(x) - f(-x) = x; f(x) = max(x, 0) + q(|x|), or min(x, 0) + q(|x|) if f is small on the right.
    """
    u = np.concatenate([np.geomspace(1e-6, 20, 500), np.linspace(0.01, 12, 700)])
    right, left = f(u), f(-u)
    if np.array_equal(right, left):
        return "EVEN", True
    if np.array_equal(right, -left):
        return "ODD", True
    small_right = bool(abs(right[-1]) < abs(left[-1]))
    if np.all(np.abs(right + left - 1) < 2**-50 * (1 + np.abs(left))):
        return "REFLECTED", small_right
    if np.all(np.abs(right - left - u) < 2**-50 * (u + np.abs(left))):
        return "RELU", small_right
    for line in (np.full_like(u, right[0]), right[0] / u[0] * u):
        if np.all(np.abs(right - line) <= 2**-50 * np.abs(line)):
            return "LEFT", True
    return "SIGNED", True


# Partitions ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Partition:
    """How the index of a segment follows from scale |x| + offset: its bits shifted right, the lowest of them.

    Attributes
    ----------
    offset : float
    shift : int
        For float32. For float64 it is larger by the difference of the mantissas.
    bits : int
        The number of bits that make the index of a segment on one side.
    sides : tuple of int
        (1,) if segments are of |x| or of x > 0, (-1,) if of x < 0, (-1, 1) if each side has its own.
    scale : float
    start : float
        The least |x| of the first segment.
    """

    offset: float
    shift: int
    bits: int
    sides: tuple[int, ...]
    scale: float = 1.0
    start: float = 0.0

    def intervals(self) -> Iterator[tuple[int, float, float]]:
        """Yield the slot and the ends of each segment."""
        first = int(np.float32(self.scale * self.start + self.offset).view(np.uint32)) >> self.shift
        for j in range(first, first + (1 << self.bits)):
            ends = (np.array([j, j + 1], np.uint32) << np.uint32(self.shift)).view(np.float32) - self.offset
            lo, hi = max(float(ends[0]) / self.scale, self.start), float(ends[1]) / self.scale
            for i, side in enumerate(self.sides):
                slot = j % (1 << self.bits) + (i << self.bits)
                yield (slot, lo, hi) if side > 0 else (slot, -hi, -lo)

    @property
    def signed(self) -> bool:
        """Whether segments are of x rather than of |x|."""
        return -1 in self.sides

    @property
    def cover(self) -> float:
        """The |x| up to which there are segments; a little less, because scale |x| + offset is rounded."""
        return float(np.float32(max(max(-lo, hi) for _, lo, hi in self.intervals()) * (1 - 2.0**-11)))

    def shift_of(self, dtype: str) -> int:
        """Return the shift for float32 or float64."""
        return self.shift + MANTISSA[dtype] - MANTISSA["float32"]

    def slots(self, x: Floats) -> NDArray[Any]:
        """Return the slot of the segment of each x, from the bits of its dtype."""
        bits = fma(np.abs(x), x.dtype.type(self.scale), x.dtype.type(self.offset)).view(f"u{x.itemsize}")
        found: NDArray[Any] = (bits >> self.shift_of(x.dtype.name)).astype(int) % (1 << self.bits)
        return found + (1 << self.bits) * (x > 0) if len(self.sides) > 1 else found


def _sides(form: str, bits: int) -> tuple[tuple[int, ...], int]:
    """Return the sides that have segments, and the bits of an index on one side."""
    if form == "SIGNED":
        return (-1, 1), max(3, bits - 1)
    return (-1,) if form == "LEFT" else (1,), bits


def dyadic_partitions(form: str, bits: int) -> Iterator[Partition]:
    """Yield partitions into equal segments, or into segments that grow outwards once or in every octave."""
    sides, bits = _sides(form, bits)
    for m in (0, 1, 2, 3, 4):
        yield Partition(2.0**m, 23 - bits, bits, sides)  # 2^bits equal segments up to 2^m
        if m < 3:
            yield Partition(2.0**m, 24 - bits, bits, sides)  # half of them up to 2^m, others twice as wide
            yield Partition(1.5 * 2.0**m, 24 - bits, bits, sides)
    for offset in (0.25, 0.5, 0.75, 1.0):
        yield Partition(offset, 25 - bits, bits, sides)


def equal_partitions(form: str, bits: int, covers: tuple[float, ...]) -> Iterator[Partition]:
    """Yield partitions into equal segments up to numbers that need not be powers of two."""
    sides, bits = _sides(form, bits)
    for cover in covers:
        yield Partition(1.0, 23 - bits, bits, sides, 1 / cover)


def wide_partitions(form: str, bits: int, covers: tuple[float, ...]) -> Iterator[Partition]:
    """Yield partitions up to each cover, whose segments next to 0 may be half as wide as the others."""
    sides, bits = _sides(form, bits)
    for narrow, cover in product(range(1 << bits), covers):
        length = 2 - narrow / (1 << bits)  # from offset to the end of the last segment
        yield Partition(length, 23 - bits, bits, sides, length / cover)


def tail_partitions(form: str, bits: int, start: float, end: float) -> Iterator[Partition]:
    """Yield partitions of the interval between two |x| into equal segments or segments that grow outwards."""
    sides, bits = _sides(form, bits)
    for octaves in (1, 2, 4, 8):
        scale = float(np.float32((2.0**octaves - 1) / (end - start)))
        offset = float(np.float32(1 - start * scale))
        start = (1 - offset) / scale  # where scale |x| + offset is 1, as exactly as float32 has it
        yield Partition(offset, 22 - bits + octaves.bit_length(), bits, sides, scale, start)


# Tables -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A partition and the segment of each slot.

    Attributes
    ----------
    partition : Partition
    form : str
        As :func:`form_of` returns it.
    right : bool
        Whether q(u) = f(u) for u > 0, not f(-u).
    exact_sum : bool
        For RELU, whether the sum of x and q is rounded once.
    segments : dict of int to Segment
        By slot.
    skips_tiny : bool
        Whether |x| < TINY is left to another loop.
    clamped : bool
        Whether |x| is clamped to the cover, from which on f is constant.
    dtype : str
    line : callable, optional
        For LEFT, f for x > 0.
    """

    partition: Partition
    form: str
    right: bool
    exact_sum: bool
    segments: dict[int, Segment]
    skips_tiny: bool = False
    clamped: bool = False
    dtype: str = "float32"
    line: Function | None = None

    @property
    def degree(self) -> int:
        """The number of coefficients."""
        return len(next(iter(self.segments.values())).coefficients)

    @property
    def sloped(self) -> bool:
        """Whether any segment has a slope."""
        return any(s.slope for s in self.segments.values())

    def rows(self) -> list[list[float]]:
        """Return centre, value, slope, c[0], ...: each for all slots."""
        unused = Segment(0.0, 0.0, 0.0, (0.0,) * self.degree, 0.0)
        slots = range(len(self.partition.sides) << self.partition.bits)
        segments = [self.segments.get(i, unused) for i in slots]
        columns = [(s.centre, s.value, s.slope, *s.coefficients) for s in segments]
        return [list(row) for row in zip(*columns, strict=True)]

    def has(self, x: Floats) -> NDArray[np.bool_]:
        """Return whether there is a segment for each x."""
        return np.isin(self.partition.slots(x), list(self.segments))

    def sloped_at(self, x: Floats) -> NDArray[np.bool_]:
        """Return whether the segment of each x has a slope."""
        slopes = np.array(self.rows()[2], self.dtype)
        found: NDArray[np.bool_] = slopes[self.partition.slots(x.astype(self.dtype))] != 0
        return found

    def table_function(self, x: Floats, d: Floats, row: list[Floats]) -> Floats:
        """Return q from value, slope and coefficients."""
        value, slope, *coefficients = row
        return evaluate(d, value, slope if self.sloped else None, coefficients)

    def __call__(self, x: Floats) -> Floats:
        """Return what the kernel computes, in its dtype."""
        x = x.astype(self.dtype)
        u = x if self.partition.signed else np.abs(x)
        u = np.minimum(u, x.dtype.type(self.partition.cover)) if self.clamped else u
        centre, value, slope, *coefficients = np.array(self.rows(), self.dtype)[:, self.partition.slots(u)]
        d = u - centre
        q = self.table_function(x, d, [value, slope, *coefficients])
        large = np.signbit(x) if self.right else ~np.signbit(x)
        if self.form == "RELU":
            line = np.where(large, x, x.dtype.type(-0.0))
            if not self.exact_sum:
                return line + q
            total, lost = two_sum(line, value)
            return total + fma(horner(d, coefficients), d, lost)
        if self.form == "ODD":
            return np.where(np.signbit(x), -q, q)
        if self.form == "REFLECTED":
            return np.where(large, x.dtype.type(1) - q, q)
        return q if self.line is None else np.where(x > 0, self.line(x), q)
