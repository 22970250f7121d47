"""What layer norm, RMS norm and batch norm share: arguments, and arrays as C takes them.

Must not depend on which of them is called.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from fastact import _core
from fastact.arrays import Array, check_out, common_dtype, converted
from fastact.rowwise.rows import as_plain, is_ready, is_unsafe, result_dtype

Gradients = tuple[Array, Array | None, Array | None]


class Operands(NamedTuple):
    """Arrays as C takes them: contiguous, of the dtype of the computation."""

    x: Array
    weight: Array | None
    bias: Array | None
    dtype: np.dtype[Any]  # of results


def number(blame: str, value: Any) -> float:
    """A real number as a float."""
    if not isinstance(value, numbers.Real) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{blame} is {value!r}; expected a number")
    return float(value)


def checked_eps(function: str, eps: Any) -> float:
    """What is added to variances."""
    found = number(f"{function}: eps", eps)
    if not 0 <= found < math.inf:
        raise ValueError(f"{function}: eps is {eps!r}; expected a finite number of at least 0")
    return found


def ready(array: Array, dtype: np.dtype[Any]) -> Array:
    """An array as C takes it."""
    return array if is_ready(array, dtype) else converted(array, dtype)


def _copied_apart(array: Array, out: Array | None, dtype: np.dtype[Any]) -> Array:
    """An array as C takes it, that shares no memory with `out` unless it is `out`."""
    found = ready(array, dtype)
    return found.copy() if out is not None and is_unsafe(out, [found]) else found


def plain(function: str, **given: Any) -> dict[str, Array]:
    """Those that are given, as arrays of real numbers."""
    return {name: as_plain(function, name, value) for name, value in given.items() if value is not None}


def check_shape(function: str, name: str, array: Array, shape: tuple[int, ...]) -> None:
    """Raise unless an array has this shape."""
    if array.shape != shape:
        raise ValueError(f"{function}: {name} has shape {array.shape}; expected {shape}")


def prepared(function: str, out: Array | None, arrays: dict[str, Array]) -> Operands:
    """Results have the dtype of all arrays together, and are stored in `out` while the arrays are read."""
    dtype = result_dtype([*arrays.values()])
    computing = common_dtype([dtype])
    if out is not None:
        check_out(f"{function}: out", out, arrays["x"].shape, dtype)
    apart = {
        name: _copied_apart(a, out, computing) if name == "x" else ready(a, computing)
        for name, a in arrays.items()
    }
    for name in ("weight", "bias"):
        if out is not None and name in apart and np.may_share_memory(out, apart[name]):
            apart[name] = apart[name].copy()
    return Operands(apart["x"], apart.get("weight"), apart.get("bias"), dtype)


def stored(work: Array, result: Array) -> Array:
    """The result, to which what was computed elsewhere is copied."""
    if work is not result:
        with np.errstate(all="ignore"), _core.DefaultEnvironment():
            np.copyto(result, work, casting="same_kind")
    return result


def rounded(array: Array, dtype: np.dtype[Any]) -> Array:
    """A result in the dtype of results."""
    return array if array.dtype == dtype else converted(array, dtype)


def rounded_if(array: Array | None, dtype: np.dtype[Any]) -> Array | None:
    """The same for a gradient that may not exist."""
    return None if array is None else rounded(array, dtype)


def zeros_like(array: Array | None) -> Array | None:
    """Where to store the gradient of an array that may not exist."""
    return None if array is None else np.zeros(array.shape, array.dtype)
