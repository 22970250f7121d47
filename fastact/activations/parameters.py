"""Values of parameters: checked, compared, and given the dtype that a ufunc is to compute in.

A number, Python's or NumPy's, takes the dtype of the arrays beside it. An array has its own dtype.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fastact.activations.containers import NUMBERS, dtype_of, is_foreign

# What integers become: by the rules of a ufunc with as many data arrays
_LIKE = {1: np.exp, 2: np.logaddexp}
_LIMITS = {np.dtype(np.float16): 6e4, np.dtype(np.float32): 3e38}  # beyond which a value may be too large


def is_number(value: Any) -> bool:
    """Whether the value is one real number, Python's or NumPy's; a 0-d array is an array."""
    if type(value) in NUMBERS:
        return True
    return isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8


def checked(function: str, name: str, value: Any) -> Any:
    """The value as an activation keeps it: numbers as float, lists as arrays, arrays as they are.

    Raises
    ------
    TypeError
        If the value is not made of real numbers.
    ValueError
        If it is an integer too large for float64.
    """
    if is_number(value):
        try:
            return float(value)
        except OverflowError:
            message = f"{function}: {name} is an integer too large for float64"
            raise ValueError(f"{message}; expected real numbers up to 1.797e308") from None
    if is_foreign(value):
        return value
    try:
        array = value if isinstance(value, np.ndarray) else np.array(value)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{function}: {name} is {value!r}; expected real numbers")
    return array


def key(value: Any) -> str | int:
    """Equal for values that are the same: numbers by value (-0.0 is not 0.0), arrays by identity."""
    return value.hex() if isinstance(value, float) else id(value)


def typed(inputs: Sequence[Any], values: Iterable[Any], dtype: Any = None) -> list[Any]:
    """Parameter values for a ufunc, numbers in the dtype that it computes in.

    Parameters
    ----------
    inputs : sequence
        The data arrays.
    values : iterable
        Values of all parameters.
    dtype : dtype, optional
        As passed to the ufunc.

    Returns
    -------
    list
        Without a dtype, numbers would be float64 beside integers: ``exp`` of int8 is float16, and so is a
        parametrised activation of int8.
    """
    values = list(values)
    if not any(map(is_number, values)):
        return values
    found = np.dtype(dtype) if dtype is not None else _computed_in(inputs, values)
    return [_rounded(float(value), found) if is_number(value) else value for value in values]


def _rounded(value: float, dtype: np.dtype[Any] | None) -> Any:
    """The value in the dtype. Where that is float64 or unknown (the ufunc refuses it, or a container applies
    NumPy's rules to its parts), the value itself."""
    if dtype is None or dtype not in _LIMITS:
        return value
    if abs(value) < _LIMITS[dtype] or value == 0:
        return dtype.type(value)
    with np.errstate(all="ignore"):
        return dtype.type(value)


def _computed_in(inputs: Sequence[Any], values: Iterable[Any]) -> np.dtype[Any] | None:
    """The widest of the dtypes that data and array parameters are computed in; None where it is unknown."""
    arrays = [value for value in values if not is_number(value)]
    return _resolved(tuple(map(dtype_of, inputs)), tuple(map(dtype_of, arrays)))


@lru_cache(256)
def _resolved(data: tuple[Any, ...], arrays: tuple[Any, ...]) -> np.dtype[Any] | None:
    if any(dtype is None for dtype in data + arrays):  # a dtype may equal None
        return None
    try:
        found = _LIKE[len(data)].resolve_dtypes((*data, None))[-1]
        return np.result_type(found, *(np.exp.resolve_dtypes((each, None))[-1] for each in arrays))
    except TypeError:
        return None


def described(parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The parameters that differ from their defaults, as text such as ``negative_slope=0.2``."""
    bound = {k: v for k, v in parameters.items() if key(v) != key(defaults[k])}
    return ", ".join(f"{k}={v!r}" for k, v in bound.items())
