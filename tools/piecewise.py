"""Kernels made of pieces: how a line is cut, and what comes out, operation by operation.

Knows which symmetries save half of the pieces, how the index of a piece is taken from the bits of a
number, and how pieces.h computes. Does not know how pieces are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from piece import Floats, Function, Piece, evaluate, fma, horner, two_sum

ENTRIES = 16  # of a table of doubles: two registers
MANTISSA = {"float32": 23, "float64": 52}  # bits


def form_of(f: Function) -> tuple[str, bool]:
    """The symmetry of f, found out by trying, by which it follows from a table function q of |x|, or of x
    itself; and whether q is f on the right. The names are those of pieces.h.

    EVEN: f(x) = q(|x|). ODD: sign(x) q(|x|). SIGNED: q = f, with other pieces for x < 0.
    LEFT: q = f for x <= 0, where all pieces are; f is one number, or a number times x, for x > 0.
    REFLECTED: f(x) + f(-x) = 1; q on the small side, 1 - q on the other.
    RELU: f(x) - f(-x) = x; f(x) = max(x, 0) + q(|x|), or min(x, 0) + q(|x|) if f is small on the right.
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


@dataclass(frozen=True)
class Cut:
    """How the index of a piece is taken from scale |x| + offset: its bits shifted right, the lowest of them.

    Attributes
    ----------
    offset : float
    shift : int
        For float32; for float64 by so much more as its mantissa is longer.
    bits : int
        How many make the index of a piece, on one side.
    sides : tuple of int
        Where pieces are: for negative x and for others, (-1, 1), or for one of the two, or (1,) if for |x|.
    scale : float
    start : float
        The least |x| of the first piece.
    """

    offset: float
    shift: int
    bits: int
    sides: tuple[int, ...]
    scale: float = 1.0
    start: float = 0.0

    def pieces(self) -> Iterator[tuple[int, float, float]]:
        """Place in the table, and ends."""
        first = int(np.float32(self.scale * self.start + self.offset).view(np.uint32)) >> self.shift
        for j in range(first, first + (1 << self.bits)):
            ends = (np.array([j, j + 1], np.uint32) << np.uint32(self.shift)).view(np.float32) - self.offset
            lo, hi = max(float(ends[0]) / self.scale, self.start), float(ends[1]) / self.scale
            for i, side in enumerate(self.sides):
                slot = j % (1 << self.bits) + (i << self.bits)
                yield (slot, lo, hi) if side > 0 else (slot, -hi, -lo)

    @property
    def signed(self) -> bool:
        """Whether pieces are of x, not of |x|."""
        return -1 in self.sides

    @property
    def cover(self) -> float:
        """|x| up to which there are pieces; a little less, because scale |x| + offset is rounded."""
        return float(np.float32(max(max(-lo, hi) for _, lo, hi in self.pieces()) * (1 - 2.0**-11)))

    def shift_of(self, dtype: str) -> int:
        """The shift for float32 or float64."""
        return self.shift + MANTISSA[dtype] - MANTISSA["float32"]

    def slots(self, x: Floats) -> NDArray[Any]:
        """The piece of each x, by its dtype's bits."""
        bits = fma(np.abs(x), x.dtype.type(self.scale), x.dtype.type(self.offset)).view(f"u{x.itemsize}")
        found: NDArray[Any] = (bits >> self.shift_of(x.dtype.name)).astype(int) % (1 << self.bits)
        return found + (1 << self.bits) * (x > 0) if len(self.sides) > 1 else found


def _sides(form: str, bits: int) -> tuple[tuple[int, ...], int]:
    """Where pieces are, and how many bits make the index on one side."""
    if form == "SIGNED":
        return (-1, 1), max(3, bits - 1)
    return (-1,) if form == "LEFT" else (1,), bits


def cuts(form: str, bits: int) -> Iterator[Cut]:
    """Ways to cut: equal pieces, or pieces that grow outwards once, or in every octave."""
    sides, bits = _sides(form, bits)
    for m in (0, 1, 2, 3, 4):
        yield Cut(2.0**m, 23 - bits, bits, sides)  # 2^bits equal pieces up to 2^m
        if m < 3:
            yield Cut(2.0**m, 24 - bits, bits, sides)  # half of them up to 2^m, others twice as wide
            yield Cut(1.5 * 2.0**m, 24 - bits, bits, sides)
    for offset in (0.25, 0.5, 0.75, 1.0):
        yield Cut(offset, 25 - bits, bits, sides)


def equal_cuts(form: str, bits: int, covers: tuple[float, ...]) -> Iterator[Cut]:
    """Equal pieces up to numbers that need not be powers of two."""
    sides, bits = _sides(form, bits)
    for cover in covers:
        yield Cut(1.0, 23 - bits, bits, sides, 1 / cover)


def wide_cuts(form: str, bits: int, covers: tuple[float, ...]) -> Iterator[Cut]:
    """Equal pieces up to each cover, or some next to 0 that are half as wide as the others."""
    sides, bits = _sides(form, bits)
    for narrow, cover in product(range(1 << bits), covers):
        length = 2 - narrow / (1 << bits)  # from here to where the last piece ends, and from 0 to here
        yield Cut(length, 23 - bits, bits, sides, length / cover)


def far_cuts(form: str, bits: int, start: float, end: float) -> Iterator[Cut]:
    """Ways to cut what lies between two |x|: equal pieces, or pieces that grow outwards."""
    sides, bits = _sides(form, bits)
    for octaves in (1, 2, 4, 8):
        scale = float(np.float32((2.0**octaves - 1) / (end - start)))
        offset = float(np.float32(1 - start * scale))
        start = (1 - offset) / scale  # the pieces begin at 1, and that is as exact as float32 tells
        yield Cut(offset, 22 - bits + octaves.bit_length(), bits, sides, scale, start)


@dataclass(frozen=True)
class Table:
    """A kernel: how to cut, and what stands in each piece.

    ``closed``: beyond the cover f stays what it is there; not for SIGNED. ``line``: f for x > 0, if LEFT.
    """

    cut: Cut
    form: str
    right: bool
    exact_sum: bool
    pieces: dict[int, Piece]
    skips_tiny: bool = False
    closed: bool = False
    dtype: str = "float32"
    line: Function | None = None

    @property
    def degree(self) -> int:
        """Number of coefficients."""
        return len(next(iter(self.pieces.values())).coefficients)

    @property
    def sloped(self) -> bool:
        """Whether any piece has a slope of its own."""
        return any(p.slope for p in self.pieces.values())

    def rows(self) -> list[list[float]]:
        """centre, value, slope, c[0], ...: each for all slots."""
        unused = Piece(0.0, 0.0, 0.0, (0.0,) * self.degree, 0.0)
        slots = [self.pieces.get(i, unused) for i in range(len(self.cut.sides) << self.cut.bits)]
        columns = [(p.centre, p.value, p.slope, *p.coefficients) for p in slots]
        return [list(row) for row in zip(*columns, strict=True)]

    def has(self, x: Floats) -> NDArray[np.bool_]:
        """Whether there is a piece for each x."""
        return np.isin(self.cut.slots(x), list(self.pieces))

    def sloped_at(self, x: Floats) -> NDArray[np.bool_]:
        """Whether the piece of x has a slope of its own."""
        slopes = np.array(self.rows()[2], self.dtype)
        found: NDArray[np.bool_] = slopes[self.cut.slots(x.astype(self.dtype))] != 0
        return found

    def table_function(self, x: Floats, d: Floats, row: list[Floats]) -> Floats:
        """q, from value, slope and coefficients."""
        value, slope, *coefficients = row
        return evaluate(d, value, slope if self.sloped else None, coefficients)

    def __call__(self, x: Floats) -> Floats:
        """What the kernel gives, in its dtype."""
        x = x.astype(self.dtype)
        u = x if self.cut.signed else np.abs(x)
        u = np.minimum(u, x.dtype.type(self.cut.cover)) if self.closed else u
        centre, value, slope, *coefficients = np.array(self.rows(), self.dtype)[:, self.cut.slots(u)]
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
