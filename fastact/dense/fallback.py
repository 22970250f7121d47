"""Activations that C does not take, computed from x w + b on plain arrays: composite ones, parameters that
vary along the batch, and objects from elsewhere, whose results are checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastact import errors, ufuncs
from fastact.arrays import Array, converted


def value(function: str, activation: Any, z: Array, dtype: np.dtype[Any]) -> Array:
    """f(z), in an array of its own."""
    z = _read_only(z)
    y = _checked(function, activation, "", activation(z), z.shape, dtype)
    return y.copy() if np.may_share_memory(y, z) else y


def delta(function: str, activation: Any, grad_y: Array | None, z: Array, dtype: np.dtype[Any]) -> Array:
    """grad_y f'(z), by `backward` or else by `derivative`."""
    assert grad_y is not None
    grad_y, z = _read_only(grad_y), _read_only(z)
    if hasattr(activation, "backward"):
        return _checked(function, activation, ".backward", activation.backward(grad_y, z), z.shape, dtype)
    found = _checked(function, activation, ".derivative", activation.derivative(z), z.shape, dtype)
    return np.asarray(product(grad_y, found))


def product(grad_y: Any, derivative: Any) -> Any:
    """grad_y times f', but 0 wherever f' is 0, on arrays of any kind: by the ufunc of x^2, whose f' is 2x."""
    return ufuncs.square_backward(grad_y, derivative * derivative.dtype.type(0.5))


def _read_only(array: Array) -> Array:
    """A view that an activation from elsewhere cannot write to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _checked(
    function: str, activation: Any, method: str, result: Any, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """What an activation returned, in the layer's dtype, if it is of this shape and real."""
    array = np.asarray(result)
    if array.shape == shape and array.dtype == dtype and array.flags.aligned:
        return array
    blame = f"{function}: {activation!r}{method} returned an array"
    if array.shape != shape:
        raise ValueError(f"{blame} of shape {array.shape}; expected {shape}")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{blame} of dtype {array.dtype}; expected {errors.REAL_NUMBERS}")
    return converted(array, dtype)
