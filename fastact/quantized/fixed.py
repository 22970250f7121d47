"""Fixed point: numbers with a given number of bits before and after the binary point."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _core
from fastact.activations.base import Activation
from fastact.activations.registry import get
from fastact.arrays import as_real, common_dtype, is_container

_POINT = "fastact.fixed_point"
_BITS = "fastact.fixed_point_bits"
_MOST = 63


def fixed_point(x: Any, integer_bits: int, fraction_bits: int, signed: bool = True) -> Any:
    """The numbers of a fixed-point format that are nearest to x.

    Parameters
    ----------
    x : array_like
        Real numbers.
    integer_bits, fraction_bits : int
        Bits before and after the binary point, the sign not counted; together at most 63.
    signed : bool
        Whether there are negative numbers.

    Returns
    -------
    ndarray or scalar
        Of x's dtype, where that is float16, float32 or float64; of integers, what ``np.exp`` makes of them.

    Raises
    ------
    ValueError
        For an impossible number of bits.
    TypeError
        For what is not real numbers, and for masked, lazy and labelled arrays.

    Notes
    -----
    The format has the multiples of ``2**-fraction_bits`` from 0, or from ``-2**integer_bits`` if `signed`,
    up to ``2**integer_bits - 2**-fraction_bits``. Half-way cases go to the even multiple, and numbers beyond
    the ends become these; NaN stays NaN. Where the greatest number of the format has more bits than x's
    dtype, the greatest one that both have takes its place.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.fixed_point([0.3, 1.9, 7.97, 9, -1], 3, 5, signed=False)
    array([0.3125 , 1.90625, 7.96875, 7.96875, 0.     ])
    """
    m, f = _bits("integer_bits", integer_bits), _bits("fraction_bits", fraction_bits)
    if not 0 < m + f <= _MOST:
        raise ValueError(f"{_POINT}: there are {m + f} bits; expected 1 to {_MOST}, the sign not counted")
    array = _numbers(_POINT, x)
    kind = array.dtype if array.dtype == np.float16 else common_dtype([array.dtype])
    wide = np.dtype(np.float32) if kind == np.float16 else kind
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        steps = np.rint(np.ldexp(array.astype(wide), f))
        high = _greatest(m + f, np.finfo(kind).nmant + 1)
        low = -(2.0 ** (m + f)) if signed else 0.0
        limited = np.clip(steps, wide.type(low), wide.type(high)) + wide.type(0)  # without negative zeros
        found = np.ldexp(limited, -f).astype(kind)
    return found if found.ndim else found[()]


def fixed_point_bits(values: Any) -> int:
    """How many integer bits a fixed-point format needs for an activation's values, or for those of an array.

    Parameters
    ----------
    values : str, Activation or array_like
        An activation whose values have bounds, or numbers.

    Returns
    -------
    int
        The least m for which no magnitude exceeds ``2**m``, the sign not counted. ``2**m`` itself becomes the
        greatest number of the format, which is one step less.

    Raises
    ------
    ValueError
        For an activation whose values have no bound, an empty array, and values that are not finite.
    TypeError
        For what is not real numbers, and for masked, lazy and labelled arrays.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.fixed_point_bits(fa.relu6), fa.fixed_point_bits("sigmoid")
    (3, 0)
    >>> fa.fixed_point_bits([0.25, -9.5])
    4
    """
    if isinstance(values, (str, Activation)):
        activation = get(values)
        reach = max(-activation.range.low, activation.range.high)
        if math.isinf(reach):
            message = f"{_BITS}: the range of {activation.described()} is {activation.range}"
            raise ValueError(f"{message}; expected one with bounds, or an array of values")
    else:
        array = _numbers(_BITS, values)
        if not array.size or not np.isfinite(array).all():
            what = "not finite everywhere" if array.size else "empty"
            raise ValueError(f"{_BITS}: values are {what}; expected finite numbers")
        reach = max(-float(array.min()), float(array.max()))
    if reach <= 1:
        return 0
    mantissa, exponent = math.frexp(reach)
    return exponent - 1 if mantissa == 0.5 else exponent


def _bits(name: str, value: Any) -> int:
    found = operator.index(value)
    if found < 0:
        raise ValueError(f"{_POINT}: {name} is {found}; expected 0 or more")
    return found


def _numbers(function: str, value: Any) -> NDArray[Any]:
    if is_container(value):
        message = f"{function}: the argument is of type {type(value).__name__}"
        raise TypeError(f"{message}; expected an array of NumPy's own")
    return as_real(function, "the argument", value)


def _greatest(bits: int, precision: int) -> float:
    """The greatest number below 2**bits that has at most so many significant bits."""
    return math.ldexp(2.0 ** min(bits, precision) - 1, max(bits - precision, 0))
