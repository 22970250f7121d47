"""Dense layers on arrays of other kinds, masked, lazy or labelled, by the operators of these arrays: results
and gradients are of their kind. What NumPy's own matmul refuses for such an array is refused here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from fastact import _dense
from fastact._dense import Saved
from fastact.activations.base import Activation
from fastact.arrays import as_real, common_dtype, is_container
from fastact.dense import fallback
from fastact.dense.arguments import geometry
from fastact.dense.saved import mask_values

Result = TypeVar("Result")


def are_wanted(arrays: Mapping[str, Any], activation: Any) -> bool:
    """Whether an operand, or a parameter of the activation, is a container."""
    parameters = activation.parameters.values() if isinstance(activation, Activation) else ()
    return any(is_container(value) for value in (*arrays.values(), *parameters))


def forward(
    function: str, arrays: Mapping[str, Any], activation: Any, save: str | None, out: Any
) -> tuple[Any, Saved]:
    """f(x w + b), and x w + b as what is saved."""
    if save not in (None, "input"):
        raise TypeError(f"{function}: save is {save!r}; {_kinds(arrays)} need their input, save=None")
    _refuse_out(function, arrays, out)
    return _told(function, arrays, lambda: _forward(function, arrays, activation))


def _forward(function: str, arrays: Mapping[str, Any], activation: Any) -> tuple[Any, Saved]:
    operands, dtype = _of_one_dtype(function, arrays)
    shapes = {name: np.shape(a) for name, a in operands.items()}
    _check_shapes(function, shapes)
    z = multiply(operands["x"], operands["w"])
    if "b" in operands:
        z = z + operands["b"]
    saved = _dense.make_saved(activation, None, "input", z, np.shape(z), dtype, shapes.get("b"))
    return activation(z), saved


def backward(
    function: str, arrays: Mapping[str, Any], saved: Saved, need_dx: bool, out: Any, accumulate: bool
) -> tuple[Any, Any, Any]:
    """dx, dw, db."""
    _refuse_out(function, arrays, out)
    if accumulate:
        raise TypeError(f"{function}: accumulate=True is not available for {_kinds(arrays)}")
    return _told(function, arrays, lambda: _backward(function, arrays, saved, need_dx))


def _backward(function: str, arrays: Mapping[str, Any], saved: Saved, need_dx: bool) -> tuple[Any, Any, Any]:
    operands, _ = _of_one_dtype(function, arrays)
    x, w, grad_y = operands["x"], operands["w"], operands["grad_y"]
    _check_shapes(function, {"x": np.shape(x), "w": np.shape(w), "b": saved.b_shape})
    if _known(grad_y) and _known(saved) and np.shape(grad_y) != saved.shape:
        raise ValueError(f"{function}: grad_y has shape {np.shape(grad_y)}; expected {saved.shape}")
    delta = _delta(grad_y, saved)
    if np.ndim(x) == 1:
        rows, delta_rows = x[np.newaxis, :], delta[..., np.newaxis, :]
    else:
        rows, delta_rows = x, delta
    dw = sum_to(multiply(transposed(rows), delta_rows), np.shape(w))
    db = None if saved.b_shape is None else sum_to(delta, saved.b_shape)
    dx = None
    if need_dx:
        dx = _labelled_as(x, sum_to(multiply(delta_rows, transposed(w)), np.shape(x)))
    return dx, dw, db


def _delta(grad_y: Any, saved: Saved) -> Any:
    """grad_y f'(x w + b), from whatever was saved."""
    activation = saved.activation
    if saved.kind == "input":
        if hasattr(activation, "backward"):
            return activation.backward(grad_y, saved.array)
        return fallback.product(grad_y, activation.derivative(saved.array))
    if saved.kind == "output":
        return activation.backward_from_output(grad_y, saved.array)
    if saved.kind == "nothing":
        return activation.backward(grad_y, np.zeros(saved.shape, saved.dtype))
    bits = np.unpackbits(saved.array, axis=-1, count=saved.shape[-1], bitorder="little")
    values = np.array(mask_values("", activation), saved.dtype)
    return fallback.product(grad_y, values[bits])


# Operators ----------------------------------------------------------------------------------------


def multiply(a: Any, b: Any) -> Any:
    """a @ b; for masked arrays as numpy.ma.dot, where masked elements count as 0, for stacks too."""
    if not (isinstance(a, np.ma.MaskedArray) or isinstance(b, np.ma.MaskedArray)):
        return a @ b
    data = np.matmul(np.ma.filled(a, 0), np.ma.filled(b, 0))
    present = np.matmul(~np.ma.getmaskarray(a), ~np.ma.getmaskarray(b))
    return np.ma.array(data, mask=~present)


def transposed(a: Any) -> Any:
    """The last two axes exchanged."""
    return a.T if np.ndim(a) == 2 else np.swapaxes(a, -1, -2)


def sum_to(a: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes along which this shape was broadcast to that of `a`."""
    here = np.shape(a)
    lead = len(here) - len(shape)
    axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and here[lead + i] != 1))
    if axes:
        a = a.sum(axis=axes if len(axes) > 1 else axes[0])
    return a if np.shape(a) == shape or len(np.shape(a)) == len(shape) else a.reshape(shape)


def _labelled_as(x: Any, dx: Any) -> Any:
    """dx with the column labels of x, where it has labels."""
    if hasattr(x, "columns") and hasattr(dx, "set_axis"):
        return dx.set_axis(x.columns, axis=1)
    return dx


# Arguments ----------------------------------------------------------------------------------------


def _of_one_dtype(function: str, arrays: Mapping[str, Any]) -> tuple[dict[str, Any], np.dtype[Any]]:
    """Containers, and everything else as arrays, in the dtype in which a layer of all but grad_y is
    computed."""
    found = {n: a if is_container(a) else as_real(function, n, a) for n, a in arrays.items() if a is not None}
    dtypes = {name: _dtype(function, name, a) for name, a in found.items()}
    dtype = common_dtype(d for name, d in dtypes.items() if name != "grad_y")
    return {n: a if dtypes[n] == dtype else a.astype(dtype) for n, a in found.items()}, dtype


def as_dtype(function: str, name: str, array: Any, dtype: np.dtype[Any]) -> Any:
    """A container in this dtype."""
    return array if _dtype(function, name, array) == dtype else array.astype(dtype)


def _dtype(function: str, name: str, array: Any) -> np.dtype[Any]:
    if type(array).__array_ufunc__ is None if hasattr(type(array), "__array_ufunc__") else False:
        raise TypeError(
            f"{function}: {name} is of type {type(array).__name__}, which refuses NumPy's functions"
        )
    try:
        own = [array.dtype] if hasattr(array, "dtype") else [*array.dtypes]
        dtype = np.result_type(*own or [np.float64])  # a DataFrame without columns counts as float64
    except (TypeError, AttributeError) as error:
        raise TypeError(
            f"{function}: {name} is of type {type(array).__name__}; expected real numbers"
        ) from error
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise TypeError(f"{function}: {name} has dtype {dtype}; expected real numbers")
    return dtype


def _check_shapes(function: str, shapes: Mapping[str, Any]) -> None:
    known = {name: shape for name, shape in shapes.items() if shape is not None}
    if all(isinstance(n, int) for shape in known.values() for n in shape):  # lazy arrays may not know theirs
        geometry(function, known)


def _known(array: Any) -> bool:
    return all(isinstance(n, int) for n in array.shape)


def _refuse_out(function: str, arrays: Mapping[str, Any], out: Any) -> None:
    if out is not None:
        raise TypeError(f"{function}: out is not available for {_kinds(arrays)}")


def _kinds(arrays: Mapping[str, Any]) -> str:
    kinds = dict.fromkeys(type(a).__name__ for a in arrays.values() if is_container(a))
    return "arrays of type " + (", ".join(kinds) or "this kind")


def _told(function: str, arrays: Mapping[str, Any], compute: Callable[[], Result]) -> Result:
    """What is computed; where a container's operators cannot, a TypeError that names it."""
    try:
        return compute()
    except (AttributeError, NotImplementedError, TypeError) as error:
        if isinstance(error, TypeError) and str(error).startswith(function):
            raise
        message = f"{function}: not available for {_kinds(arrays)}: {error}"
        raise TypeError(message) from error
