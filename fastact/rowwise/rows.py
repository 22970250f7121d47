"""Arrays as rows: the axes of a call, and C calls on contiguous rows; others are copied, a block at a time.

Must not depend on any function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from fastact import _core, _rowwise
from fastact.arrays import Array, as_real, common_dtype, converted, is_container

BLOCK = 1 << 17  # elements that are copied at a time, so that they stay in cache
Shape = tuple[int, ...]


# Arguments ----------------------------------------------------------------------------------------


def as_plain(function: str, name: str, value: Any, left_out: str | None = None) -> Array:
    """An array of real numbers. Other kinds of arrays are refused: they would lose what else they hold.
    `left_out` says how elements are left out, as those of a masked array are; None where they cannot be."""
    if is_container(value):
        message = f"{function}: {name} is of type {type(value).__name__}; expected a plain array"
        advice = f", with {left_out} for what does not count" if left_out else ""
        raise TypeError(f"{message}: numpy.asarray({name}){advice}")
    return as_real(function, name, value)


def mask_of(function: str, where: Any, shape: Shape) -> Array | None:
    """Which elements count, as an array of this shape; None for all."""
    if where is True:
        return None
    mask = as_plain(function, "where", where)
    if mask.dtype != np.bool_:
        raise TypeError(f"{function}: where has dtype {mask.dtype}; expected bool")
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        message = f"{function}: where has shape {mask.shape}"
        raise ValueError(f"{message}; expected one that broadcasts to {shape}") from None


def check_keywords(function: str, keywords: Iterable[str], known: Iterable[str]) -> None:
    """TypeError for a keyword that is not known."""
    for name in keywords:
        if name not in known:
            raise TypeError(f"{function}: unexpected keyword {name!r}; expected {', '.join(known)}")


def gradient_of(function: str, grad_y: Any, shape: tuple[int, ...]) -> Array:
    """grad_y as a plain array, of this shape."""
    found: Array = as_plain(function, "grad_y", grad_y)
    if found.shape != shape:
        raise ValueError(f"{function}: grad_y has shape {found.shape}; expected {shape}")
    return found


def axes_of(function: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a row, as numbers from 0, in ascending order."""
    if axis is None:
        return tuple(range(ndim))
    try:
        given = [int(np.lib.array_utils.normalize_axis_index(a.__index__(), ndim)) for a in _listed(axis)]
    except AttributeError:
        message = (
            f"{function}: axis is of type {type(axis).__name__}; expected an int, a tuple of int or None"
        )
        raise TypeError(message) from None
    except np.exceptions.AxisError:
        message = f"{function}: axis is {axis!r}; expected axes of an array with {ndim} axes"
        raise ValueError(message) from None
    if len(set(given)) < len(given):
        raise ValueError(f"{function}: axis is {axis!r}; expected each axis once")
    return tuple(sorted(given))


def _listed(axis: Any) -> Sequence[Any]:
    return axis if isinstance(axis, tuple) else (axis,)


def result_dtype(arrays: Sequence[Array]) -> np.dtype[Any]:
    """That of numpy.exp: float16, float32 or float64."""
    found: np.dtype[Any] = np.exp.resolve_dtypes((np.result_type(*arrays), None))[-1]
    return found


def check_temperature(function: str, temperature: Any, dtype: np.dtype[Any]) -> None:
    """Raise unless this is a number that is positive and finite in the dtype of the computation."""
    blame = f"{function}: temperature is {temperature!r}"
    if not isinstance(temperature, (int, float, np.integer, np.floating)) or isinstance(temperature, bool):
        raise TypeError(f"{blame}; expected a positive number")
    try:
        with np.errstate(all="ignore"):
            rounded = dtype.type(temperature)
    except OverflowError:  # an integer beyond float64
        rounded = dtype.type(np.inf)
    if not 0 < rounded < np.inf:
        raise ValueError(f"{blame}; expected a positive finite {dtype}")


REDUCTIONS = ("mean", "sum", "none")


def check_reduction(function: str, reduction: Any, known: Sequence[str] = REDUCTIONS) -> None:
    """Raise unless this says what is returned of many losses."""
    if not isinstance(reduction, str) or reduction not in known:
        listed = ", ".join(map(repr, known))
        raise ValueError(f"{function}: reduction is {reduction!r}; expected one of {listed}")


# Calls --------------------------------------------------------------------------------------------

Call = Callable[[list[Array], Array, int, int], None]  # inputs, out, rows, n


def is_ready(array: Array, dtype: np.dtype[Any]) -> bool:
    """Whether C can use an array as it is."""
    return array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned


def call_rows(
    call: Call,
    inputs: list[Array],
    out: Array,
    axes: tuple[int, ...],
    dtype: np.dtype[Any],
    one: Sequence[bool],
) -> None:
    """Call C for all rows along these axes. `one` tells of each array, inputs and then out, whether
    it has one value for each row; such an array lacks the axes."""
    arrays = [*inputs, out]
    shape = next(a.shape for a, single in zip(arrays, one, strict=True) if not single)
    moved = [a if single else _rows_last(a, axes) for a, single in zip(arrays, one, strict=True)]
    n = prod(shape[a] for a in axes)
    lead = tuple(size for i, size in enumerate(shape) if i not in axes)
    rows = prod(lead)
    if all(is_ready(a, dtype) for a in moved) and not is_unsafe(moved[-1], moved[:-1]):
        call(moved[:-1], moved[-1], rows, n)
        return
    if is_unsafe(moved[-1], moved[:-1]):
        moved[:-1] = [a.copy() for a in moved[:-1]]
    for block in blocks(lead, n):
        parts = [converted(a[block], dtype) for a in moved]
        call(parts[:-1], parts[-1], prod(parts[-1].shape[: len(lead) - _fixed(block)]), n)
        with np.errstate(all="ignore"), _core.DefaultEnvironment():  # float16 cannot hold all of float32
            np.copyto(moved[-1][block], parts[-1], casting="same_kind")


def _fixed(block: tuple[Any, ...]) -> int:
    return sum(isinstance(index, int) for index in block)


def _rows_last(array: Array, axes: tuple[int, ...]) -> Array:
    """A view with the axes of a row last."""
    last = tuple(range(array.ndim - len(axes), array.ndim))
    return array if axes == last else np.moveaxis(array, axes, last)


def is_unsafe(out: Array, inputs: Iterable[Array]) -> bool:
    """Whether writing to `out` could change an element of an input that is read later."""
    return any(_rowwise.overlaps_unsafely(out, a) for a in inputs)


def blocks(lead: Shape, n: int) -> Iterator[tuple[Any, ...]]:
    """Indices that divide rows, arranged in the shape `lead`, into blocks of some BLOCK elements. What
    they give is an array, even where they fix all axes: C must not be given NumPy's scalars."""
    if not lead:
        yield (...,)
        return
    inner = prod(lead[1:]) * n
    if inner > BLOCK:
        for i in range(lead[0]):
            for rest in blocks(lead[1:], n):
                yield (i, *rest)
        return
    step = max(1, BLOCK // max(1, inner))
    for i in range(0, lead[0], step):
        yield (slice(i, i + step),)


def computing_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 or float64, in which results of this dtype are computed."""
    return common_dtype([dtype])
