"""Arrays of any dtype, layout and container, some of them over each other in one piece of memory.

Values are small multiples of 1/8, with a few NaN, infinite and extreme ones where these are asked for. Does
not know fastact.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

FLOATS = (np.float16, np.float32, np.float64)
INTEGERS = (
    np.bool_,
    np.int8,
    np.uint8,
    np.int16,
    np.uint16,
    np.int32,
    np.uint32,
    np.int64,
    np.uint64,
)
HALF = 384  # bytes of shared memory for parameters, and as many for data; results lie anywhere
EXTREMES = (np.nan, np.inf, -np.inf, 3e38, -1e30, 1e-40, -0.0)
OPTIONAL = {name: importlib.util.find_spec(name) is not None for name in ("pandas", "xarray", "dask")}

Shape = tuple[int, ...]


class Choices:
    """Decisions that follow from one number, drawn by hypothesis: of 0 the simplest ones, else random ones.

    One draw for many decisions takes a tenth of the time; failures still shrink to arguments most of which
    are the simplest.
    """

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        seed = draw(st.integers(0, 2**48))
        self.draw, self.simple, self.random = draw, seed == 0, random.Random(seed)

    def again(self) -> Choices:
        """Decisions of their own, for one argument."""
        return Choices(self.draw)

    def of(self, options: Sequence[Any]) -> Any:
        return options[0] if self.simple else self.random.choice(options)

    def often(self, chances: int) -> bool:
        """True once in so many cases."""
        return not self.simple and self.random.randrange(chances) == 0

    def integer(self, low: int, high: int) -> int:
        return low if self.simple else self.random.randint(low, high)

    def order(self, items: Sequence[int]) -> list[int]:
        return list(items) if self.simple else self.random.sample(items, len(items))


def values(
    seed: int, shape: Shape, dtype: Any, extreme: bool = False, least: int = -48, most: int = 48
) -> np.ndarray:
    """Numbers from least/8 to most/8 that every dtype holds exactly, whole ones for integers."""
    generator = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind in "biu":
        low = 1 if least > 0 else 0 if dtype.kind in "bu" else least // 8
        return generator.integers(low, max(2, most // 8), shape).astype(dtype)
    made = generator.integers(least, most + 1, shape) / 8
    if extreme:
        rare = generator.random(shape) < 0.1
        made = np.where(rare, generator.choice(EXTREMES, shape), made)
    with np.errstate(all="ignore"):
        return made.astype(dtype)


# Layouts ------------------------------------------------------------------------------------------


@dataclass
class Memory:
    """Bytes in which arrays lie, and a copy of them from before the call."""

    data: np.ndarray
    before: np.ndarray
    writeable: np.ndarray  # whether results lie there

    @classmethod
    def of(cls, count: int) -> Memory:
        return cls(*(np.zeros(count, t) for t in (np.uint8, np.uint8, np.bool_)))

    def view(self, shape: Shape, dtype: Any, offset: int, strides: Shape) -> np.ndarray:
        return np.ndarray(shape, dtype, self.data.data, offset, strides)


@dataclass(frozen=True)
class Layout:
    """Where an array lies: all numbers are bytes."""

    offset: int
    strides: Shape
    total: int


def layout(choices: Choices, shape: Shape, itemsize: int, repeated: bool, misaligned: bool) -> Layout:
    """A random order of axes, steps and directions; with `repeated` some strides are 0."""
    if not choices.often(3):
        steps, order = (1,) * len(shape), tuple(range(len(shape)))
    else:
        steps = tuple(choices.of([1, 2, -1, -2, 3, 0 if repeated else 1]) for _ in shape)
        order = tuple(choices.order(range(len(shape))))
    strides, unit, offset = [0] * len(shape), itemsize, 0
    for axis in reversed(order):
        strides[axis] = unit * steps[axis]
        if steps[axis] < 0:
            offset += -strides[axis] * max(0, shape[axis] - 1)
        if steps[axis]:
            unit *= max(1, shape[axis]) * abs(steps[axis])
    shift = 1 if misaligned else 0
    return Layout(offset + shift, tuple(strides), unit + shift)


def geometric(array: np.ndarray, kind: str) -> np.ndarray:
    """The same bytes of an array, as unsigned integers."""
    return array.view(f"{kind}{array.dtype.itemsize}")


@dataclass
class Operands:
    """All arrays of one call."""

    choices: Choices
    base: Any = np.float32  # of what lies in shared memory
    shared: Memory = field(default_factory=lambda: Memory.of(2 * HALF))
    owned: list[Memory] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # of what lies in shared memory
    parameter_starts: list[int] = field(default_factory=list)  # of these, parameters

    def _place(
        self, choices: Choices, shape: Shape, dtype: np.dtype[Any], region: range | None, repeated: bool
    ) -> tuple[Any, Memory]:
        """A view of shared memory in this region, at its start or anywhere, or of memory of its own."""
        misaligned = region is None and choices.often(12)
        found = layout(choices, shape, dtype.itemsize, repeated, misaligned)
        spare = -1 if region is None else (len(region) - found.total) // 8
        if region is not None and spare >= 0:
            start = region.start + 8 * (choices.integer(0, spare) if choices.often(2) else 0)
            memory = self.shared
            self.starts.append(start)
        else:
            memory, start = Memory.of(found.total + 16), 0
            self.owned.append(memory)
        return memory.view(shape, dtype, start + found.offset, found.strides), memory

    def input(self, shape: Shape, dtype: Any = None, overlap: bool = True, **like: Any) -> np.ndarray:
        """An array to read, of the base dtype unless another is given."""
        choices = self.choices.again()
        dtype = np.dtype(self.base if dtype is None else dtype)
        region = None
        is_parameter = like.get("least", 0) > 0
        if overlap and dtype == self.base and (choices.often(2) or (is_parameter and choices.often(2))):
            region = range(HALF) if is_parameter else range(HALF, 2 * HALF)
        swap = region is None and dtype.itemsize > 1 and choices.often(16)
        stored = dtype.newbyteorder("S") if swap else dtype
        array, memory = self._place(choices, shape, stored, region, repeated=True)
        if is_parameter and memory is self.shared:
            self.parameter_starts.append(self.starts[-1])
        array[...] = values(choices.integer(0, 2**16), shape, dtype, **like)
        if choices.often(8):
            array.flags.writeable = False
        return array

    def result(self, shape: Shape, dtype: Any) -> np.ndarray:
        """An array to write to, over whatever lies in shared memory."""
        choices = self.choices.again()
        starts = self.parameter_starts if self.parameter_starts and choices.often(2) else self.starts
        near = [range(start, 2 * HALF) for start in starts]  # over an operand or another result
        region = choices.of([None, *3 * [choices.of([range(2 * HALF), *near])]])
        array, memory = self._place(choices, shape, np.dtype(dtype), region, repeated=False)
        if memory is not self.shared:
            array[...] = 3
        mark = np.zeros(memory.data.size, np.uint8)
        there = array.__array_interface__["data"][0] - memory.data.__array_interface__["data"][0]
        if array.size:
            np.ndarray(array.shape, f"u{array.itemsize}", mark.data, there, array.strides)[...] = (
                256**array.itemsize - 1
            )
        memory.writeable |= mark > 0
        return array

    def freeze(self) -> None:
        """Remember all bytes; the call follows."""
        for memory in (self.shared, *self.owned):
            memory.before[...] = memory.data

    def restore(self) -> None:
        """All bytes as they were before the call."""
        for memory in (self.shared, *self.owned):
            memory.data[...] = memory.before

    def check_unchanged(self) -> None:
        for memory in (self.shared, *self.owned):
            changed = (memory.before != memory.data) & ~memory.writeable
            assert not changed.any(), "memory was changed that is not out="


# Containers ---------------------------------------------------------------------------------------

KINDS = {
    "list": lambda ndim: True,
    "masked": lambda ndim: True,
    "subclass": lambda ndim: True,
    "series": lambda ndim: OPTIONAL["pandas"] and ndim == 1,
    "frame": lambda ndim: OPTIONAL["pandas"] and ndim == 2,
    "labelled": lambda ndim: OPTIONAL["xarray"],
    "lazy": lambda ndim: OPTIONAL["dask"] and ndim > 0,
}


class Subclass(np.ndarray):
    """An ndarray by another name."""


def wrapped(kind: str, array: np.ndarray, mask: Any = None) -> Any:
    """The array in a container of this kind."""
    if kind == "list":
        return array.tolist()
    if kind == "masked":
        return np.ma.array(array, mask=np.broadcast_to(mask, array.shape))
    if kind == "subclass":
        return array.view(Subclass)
    if kind in ("series", "frame"):
        import pandas as pd

        return (pd.Series if kind == "series" else pd.DataFrame)(array)
    if kind == "labelled":
        import xarray as xr

        return xr.DataArray(array, dims=[f"d{i}" for i in range(array.ndim)])
    import dask.array as da

    return da.from_array(array, chunks=tuple(max(1, (n + 1) // 2) for n in array.shape))
