"""Arrays of real numbers for functions that compute in float32 or float64.

Must not depend on any function.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _core, errors

Array = NDArray[Any]


def as_real(function: str, name: str, value: Any) -> Array:
    """An array of real numbers."""
    if value is None:
        raise TypeError(f"{function}: {name} is None; expected an array of real numbers")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        message = f"{function}: {name} is not an array of numbers; expected {errors.REAL_NUMBERS}"
        raise TypeError(message) from error
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{function}: {name} has dtype {array.dtype}; expected {errors.REAL_NUMBERS}")
    return array


def common_dtype(dtypes: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """float32 or float64: what NumPy computes the exponential of all of them in, float16 as float32."""
    result = np.exp.resolve_dtypes((np.result_type(*dtypes), None))[-1]
    return np.dtype(np.float64 if result.itemsize > 4 else np.float32)


def converted(array: Array, dtype: np.dtype[Any]) -> Array:
    """A copy in C order, rounded to nearest whatever the caller's rounding mode."""
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        return array.astype(dtype, order="C")


def is_container(value: object) -> bool:
    """Whether this is an array of another kind than NumPy's own: masked, lazy, labelled, with units."""
    kind = type(value)
    if kind is np.ndarray or kind is np.memmap or isinstance(value, np.generic):
        return False
    of_numpy = hasattr(kind, "__array_ufunc__") or hasattr(kind, "__array_function__")
    return isinstance(value, np.ndarray) or of_numpy


def check_out(blame: str, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless a result of this shape and dtype can be stored in `out`."""
    if type(out) is not np.ndarray and type(out) is not np.memmap:
        raise TypeError(f"{blame} is of type {type(out).__name__}; expected an ndarray to write to")
    if not out.flags.writeable:
        raise ValueError(f"{blame} is read-only; expected a writeable array")
    if out.shape != shape:
        raise ValueError(f"{blame} has shape {out.shape}; expected {shape}")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise TypeError(f"{blame} has dtype {out.dtype}; expected {dtype}")
