"""Activations of 8-bit integers: tables of 256 entries, and look-ups in them.

Every step towards an entry is rounded to float32, as ONNX Runtime's operators do:
``x = input_scale * (q - input_zero_point)``, ``y = f(x)``, which is computed in float64 before it is
rounded, and ``y / output_scale``. That quotient is rounded to an integer, to which `output_zero_point` is
added; numbers beyond the range of the dtype become its ends.

Tables of leaky_relu and sigmoid are those of QLinearLeakyRelu and QLinearSigmoid, with one exception. ONNX
Runtime approximates the sigmoid by a quotient of polynomials, whose error is up to 2e-7. So an entry can
differ by 1 where f(x) / output_scale is within 2e-7 / output_scale of half-way between two integers. Of the
256,000 entries of 1000 tables with random scales, 2 do; fastact's are those of the exact sigmoid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastact import _core, _quantized
from fastact.activations.base import Activation
from fastact.activations.registry import get
from fastact.arrays import Array, check_out, is_container

_TABLE = "fastact.quantized.table"
_APPLY = "fastact.quantized.apply"
_DTYPES = {np.dtype(np.uint8), np.dtype(np.int8)}
_ROUNDING = ("even", "away")


class _Format(NamedTuple):
    scale: np.float32
    zero_point: np.int32
    kind: np.dtype[Any]


def table(
    activation: str | Activation,
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    output_zero_point: int,
    dtype: DTypeLike = np.uint8,
    rounding: str = "even",
    derivative: bool = False,
) -> NDArray[Any]:
    """The table of a quantised activation: its value for each of the 256 inputs.

    Parameters
    ----------
    activation : str or Activation
        One whose parameters are numbers.
    input_scale, output_scale : float
        Positive; rounded to float32.
    input_zero_point, output_zero_point : int
        The integers that stand for 0, within the range of `dtype`.
    dtype : dtype
        uint8 or int8: of inputs and outputs.
    rounding : {'even', 'away'}
        Where a number is half-way between two integers: to the even one, as ONNX Runtime does, or away from
        0, as TensorFlow Lite does.
    derivative : bool
        Whether to tabulate f' instead of f.

    Returns
    -------
    ndarray of shape (256,)
        ``table[q]`` is the output of q, negative q included: entry 255 belongs to -1.

    Raises
    ------
    ValueError, TypeError
        For an unknown activation, one with different parameters for each unit, numbers out of their ranges,
        another dtype, and an input at which the function is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> table = fa.quantized.table("relu", 0.1, 0, 0.2, -128, dtype=np.int8)
    >>> table[np.int8([-5, 0, 1, 3, 5, 127])]
    array([-128, -128, -128, -126, -126,  -64], dtype=int8)
    """
    kind = _byte_dtype(dtype)
    read = _format("input", input_scale, input_zero_point, kind)
    written = _format("output", output_scale, output_zero_point, kind)
    if rounding not in _ROUNDING:
        raise ValueError(f"{_TABLE}: rounding is {rounding!r}; expected 'even' or 'away'")
    return _made(_scalar_activation(activation), read, written, rounding, derivative)


def apply(table: NDArray[Any], q: Any, out: NDArray[Any] | None = None) -> Any:
    """Look up each element of an array in a table of :func:`table`.

    Parameters
    ----------
    table : ndarray of shape (256,)
        Of dtype uint8 or int8.
    q : array_like
        Of the table's dtype.
    out : ndarray, optional
        Of the table's dtype and q's shape; it may be q.

    Returns
    -------
    ndarray or scalar
        ``table[q]``.

    Raises
    ------
    TypeError
        For q of another dtype than the table's, and for masked, lazy and labelled arrays.
    ValueError
        For a table or out of another shape, and for out that is read-only.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> table = fa.quantized.table("relu", 0.1, 0, 0.1, 0, dtype="int8")
    >>> fa.quantized.apply(table, np.int8([[-3, 3], [0, 100]]))
    array([[  0,   3],
           [  0, 100]], dtype=int8)
    """
    entries = _entries(table)
    if is_container(q):
        raise TypeError(f"{_APPLY}: q is of type {type(q).__name__}; expected an array of NumPy's own")
    array = np.asarray(q)
    if array.dtype != entries.dtype:
        raise TypeError(f"{_APPLY}: q has dtype {array.dtype}; expected {entries.dtype}, as the table has")
    if out is None:
        found = np.empty_like(array, subok=False)
        _quantized.look_up(entries, array, found)
        return found if found.ndim else found[()]
    check_out(f"{_APPLY}: out", out, array.shape, entries.dtype)
    if out.dtype != entries.dtype:
        raise TypeError(f"{_APPLY}: out has dtype {out.dtype}; expected {entries.dtype}, as the table has")
    _quantized.look_up(entries, array, out)
    return out


def _scalar_activation(activation: str | Activation) -> Activation:
    found = get(activation)
    if found.units is not None or found.shape_of_parameters() != ():
        raise ValueError(f"{_TABLE}: {found.described()} differs by unit; expected one function for all")
    return found


def _byte_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    found = np.dtype(dtype)
    if found not in _DTYPES:
        raise TypeError(f"{_TABLE}: dtype is {found}; expected uint8 or int8")
    return found


def _made(
    activation: Activation, read: _Format, written: _Format, rounding: str, derivative: bool
) -> NDArray[Any]:
    q = np.arange(256, dtype=np.uint8).view(read.kind)
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        x = read.scale * (q.astype(np.int32) - read.zero_point).astype(np.float32)
        compute = activation.derivative if derivative else activation
        y = np.asarray(compute(x.astype(np.float64))).astype(np.float32)
        if np.isnan(y).any():
            at = int(np.argmax(np.isnan(y)))
            what = f"{'the derivative of ' * derivative}{activation.described()}"
            raise ValueError(f"{_TABLE}: {what} is NaN at {x[at]}, where q = {q[at]}; expected numbers")
        return _integers(y / written.scale, written, rounding)


def _format(name: str, scale: Any, zero_point: Any, kind: np.dtype[Any]) -> _Format:
    with np.errstate(all="ignore"):
        rounded = np.float32(scale)
    if not 0 < rounded < np.inf:
        raise ValueError(
            f"{_TABLE}: {name}_scale is {scale}; expected a positive number that float32 can hold"
        )
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    if isinstance(zero_point, (bool, float)) or not low <= zero_point <= high:
        message = f"{_TABLE}: {name}_zero_point is {zero_point}"
        raise ValueError(f"{message}; expected an integer from {low} to {high}, as {kind} has")
    return _Format(rounded, np.int32(zero_point), kind)


def _integers(y: NDArray[np.float32], written: _Format, rounding: str) -> NDArray[Any]:
    """Integers from quotients. They are limited to some thousands first: all beyond are beyond the ends."""
    limited = np.clip(y, -4096, 4096)
    if rounding == "even":
        whole = np.rint(limited)
    else:  # a float32 below 4096 plus 0.5 is exact in float64
        whole = np.copysign(np.floor(np.abs(limited).astype(np.float64) + 0.5), limited)
    ends = np.iinfo(written.kind)
    found: NDArray[Any] = np.clip(whole.astype(np.int32) + written.zero_point, ends.min, ends.max)
    return found.astype(written.kind)


def _entries(table: Any) -> Array:
    if type(table) is not np.ndarray or table.dtype not in _DTYPES or table.shape != (256,):
        what = f"of shape {table.shape} and dtype {table.dtype}" if isinstance(table, np.ndarray) else table
        raise ValueError(f"{_APPLY}: table is {what}; expected an array of 256 uint8 or int8")
    return np.ascontiguousarray(table)
