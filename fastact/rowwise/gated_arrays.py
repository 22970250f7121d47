"""Gated pairs of arrays: halves of one array or two arrays, of any layout and dtype, a block at a time.

Must not depend on which activation gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fastact import _core, _gated
from fastact.arrays import Array, check_out, converted
from fastact.rowwise.rows import (
    as_plain,
    axes_of,
    blocks,
    computing_dtype,
    gradient_of,
    is_ready,
    is_unsafe,
    result_dtype,
)


class Pair(NamedTuple):
    """What is computed: for C, a formula; otherwise an activation in Python, in float64."""

    function: str
    formula: _gated.Formula | None
    activation: Any
    gate_is_second: bool


# One array, split ---------------------------------------------------------------------------------


def halves(pair: Pair, grad_y: Any, x: Any, axis: Any, out: Any, backward: bool) -> Array:
    """y, or the gradient with respect to x, for an array that is split along an axis."""
    x = as_plain(pair.function, "x", x)
    if axis is None or isinstance(axis, tuple):
        raise TypeError(f"{pair.function}: axis is {axis!r}; expected an int, the axis that is split")
    if x.ndim == 0:
        raise ValueError(f"{pair.function}: x has no axes; expected at least one")
    (axis,) = axes_of(pair.function, axis, x.ndim)
    if x.shape[axis] % 2:
        message = f"{pair.function}: x has {x.shape[axis]} elements along axis {axis}"
        raise ValueError(f"{message}; expected an even number")
    half = tuple(size // 2 if i == axis else size for i, size in enumerate(x.shape))
    arrays = [x]
    if backward:
        arrays.append(gradient_of(pair.function, grad_y, half))
    shape, dtype = x.shape if backward else half, result_dtype(arrays)
    if out is None:
        out = np.empty(shape, dtype)
    else:
        check_out(f"{pair.function}: out", out, shape, dtype)
        arrays = [array.copy() if is_unsafe(out, [array]) else array for array in arrays]
    given = arrays[1] if backward else None
    if pair.formula is not None and all(is_ready(array, computing_dtype(dtype)) for array in [*arrays, out]):
        rows, n = prod(half[:axis]), prod(half[axis:])
        _gated.run_halves(pair.formula, pair.gate_is_second, given, arrays[0], out, rows, n)
    else:
        inputs, results = _halves_of(arrays[0], axis), _halves_of(out, axis) if backward else [out]
        _run(pair, given, inputs, results, dtype)
    result: Array = out
    return result


def _halves_of(x: Array, axis: int) -> list[Any]:
    before, n = (slice(None),) * axis, x.shape[axis] // 2
    return [x[(*before, slice(None, n))], x[(*before, slice(n, None))]]


# Two arrays ---------------------------------------------------------------------------------------


def two(pair: Pair, grad_y: Any, a: Any, b: Any, out: Any, backward: bool) -> Any:
    """y, or both gradients, for two arrays in the caller's order."""
    arrays = [as_plain(pair.function, "a", a), as_plain(pair.function, "b", b)]
    shape = arrays[0].shape
    if arrays[1].shape != shape:
        raise ValueError(f"{pair.function}: b has shape {arrays[1].shape}; expected {shape}, that of a")
    if backward:
        arrays.append(gradient_of(pair.function, grad_y, shape))
    dtype = result_dtype(arrays)
    results = _results(pair, out, shape, dtype, backward)
    arrays = [array.copy() if any(is_unsafe(r, [array]) for r in results) else array for array in arrays]
    _run(pair, arrays[2] if backward else None, arrays[:2], results, dtype)
    if backward:
        return tuple(results)
    return results[0][()] if out is None and not shape else results[0]


def _results(
    pair: Pair, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], backward: bool
) -> list[Array]:
    """y, or both gradients: the arrays to write to."""
    if out is None:
        return [np.empty(shape, dtype) for _ in range(2 if backward else 1)]
    if not backward:
        check_out(f"{pair.function}: out", out, shape, dtype)
        return [out]
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(f"{pair.function}: out is of type {type(out).__name__}; expected a pair of arrays")
    for i, one in enumerate(out):
        check_out(f"{pair.function}: out[{i}]", one, shape, dtype)
    if np.may_share_memory(*out):
        raise ValueError(f"{pair.function}: the arrays of out overlap; expected two that do not")
    return list(out)


# The pass -----------------------------------------------------------------------------------------


def _run(
    pair: Pair, grad_y: Array | None, inputs: list[Array], results: list[Array], dtype: np.dtype[Any]
) -> None:
    """The results for arrays of one shape, both inputs and y or both gradients in the caller's order."""
    if pair.gate_is_second:
        inputs, results = inputs[::-1], results[::-1]
    given = [grad_y, *inputs, *results, None][:5]
    arrays = [None if array is None else np.atleast_1d(array) for array in given]
    computing = computing_dtype(dtype)
    if pair.formula is None:
        _in_python(pair, arrays)
        return
    if all(array is None or is_ready(array, computing) for array in arrays):
        _call(pair.formula, arrays)
        return
    for block in blocks(inputs[0].shape, 1):
        parts = [None if array is None else converted(array[block], computing) for array in arrays]
        _call(pair.formula, parts)
        _store(parts[3:], [None if array is None else array[block] for array in arrays[3:]])


def _call(formula: _gated.Formula, arrays: Sequence[Array | None]) -> None:
    grad_y, a, b, out_a, out_b = arrays
    assert a is not None
    assert b is not None
    assert out_a is not None
    _gated.run_two(formula, grad_y, a, b, out_a, out_b)


def _store(parts: Sequence[Array | None], results: Sequence[Array | None]) -> None:
    with np.errstate(all="ignore"), _core.DefaultEnvironment():  # float16 cannot hold all of float32
        for part, result in zip(parts, results, strict=True):
            if result is not None and part is not None:
                np.copyto(result, part, casting="same_kind")


def _in_python(pair: Pair, arrays: Sequence[Array | None]) -> None:
    """By an activation that C does not take, in float64."""
    float64 = np.dtype(np.float64)
    grad_y, a, b = (None if array is None else converted(array, float64) for array in arrays[:3])
    assert b is not None
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        if grad_y is None:
            _store([_fitting(pair, pair.activation(a), b) * b, None], arrays[3:])
            return
        f, d = (_fitting(pair, one, b) for one in pair.activation.value_and_derivative(a))
        slope = b * d
        _store([np.where(slope == 0, 0, grad_y * slope), np.where(f == 0, 0, grad_y * f)], arrays[3:])


def _fitting(pair: Pair, value: Array, b: Array) -> Array:
    """A result of the activation, unless arrays that are bound to it have widened it."""
    if value.shape != b.shape:
        message = f"{pair.function}: a result of the activation has shape {value.shape}"
        raise ValueError(f"{message}; expected {b.shape}, that of the gate")
    return value
