"""Arguments of dense layers: conversion to arrays that C can read or write, and their shapes.

Must not depend on any activation, nor on how a layer is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastact import _core, _dense
from fastact.activations.registry import get
from fastact.arrays import Array, check_out, converted

Shape = tuple[int, ...]


# Activations --------------------------------------------------------------------------------------


def resolve(function: str, activation: Any) -> Any:
    """The activation that an argument means: None is the identity, a string a name."""
    if activation is None:
        return get("identity")
    if isinstance(activation, str):
        try:
            return get(activation)
        except ValueError as error:
            raise ValueError(str(error).replace("fastact.get", function, 1)) from None
    has_gradient = hasattr(activation, "derivative") or hasattr(activation, "backward")
    if callable(activation) and has_gradient and not isinstance(activation, type):
        return activation
    what = f"the class {activation.__name__}" if isinstance(activation, type) else type(activation).__name__
    message = f"{function}: activation is {what}; expected None, a name, an Activation, or an object that"
    raise TypeError(f"{message} can be called and has a method derivative or backward")


# Inputs -------------------------------------------------------------------------------------------


def as_readable(array: Array, dtype: np.dtype[Any]) -> Array:
    """The array itself where C can read it: this dtype, aligned, strides in whole elements; else a copy."""
    size = dtype.itemsize
    if array.dtype == dtype and array.flags.aligned and all(s % size == 0 for s in array.strides):
        return array
    return converted(array, dtype)


def with_adjacent_columns(array: Array) -> Array:
    """The array itself where elements of its last axis are adjacent, or there is none; else a copy."""
    if array.ndim == 0 or array.shape[-1] < 2 or array.strides[-1] == array.itemsize:
        return array
    return array.copy(order="C")


# Results ------------------------------------------------------------------------------------------


def can_write(array: Array, dtype: np.dtype[Any]) -> bool:
    """Whether C can write to it: writeable, this dtype, aligned, the last axis adjacent, no two elements at
    one place."""
    if array.dtype != dtype or not array.flags.aligned or not array.flags.writeable:
        return False
    size = dtype.itemsize
    if array.ndim and array.shape[-1] > 1 and array.strides[-1] != size:
        return False
    span = size
    for stride, n in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride < span or stride % size:
            return False
        span += stride * (n - 1)
    return True


class Target(NamedTuple):
    """An array to compute into; where that cannot be the caller's own, the caller's to copy to afterwards."""

    array: Array
    given: Array | None = None

    def finish(self) -> Array:
        """The array for the caller, with the result in it."""
        if self.given is None:
            return self.array
        with np.errstate(all="ignore"), _core.DefaultEnvironment():  # float32 cannot hold all of float64
            np.copyto(self.given, self.array, casting="same_kind")
        return self.given


def target(
    blame: str,
    out: Any,
    shape: Shape,
    dtype: np.dtype[Any],
    others: Iterable[Array | None],
    keep: bool = False,
) -> Target:
    """Where to compute a result for which the caller gave `out`, an array or None. It must not overlap the
    `others`; with `keep` it holds what it held."""
    if out is None:
        return Target(np.empty(shape, dtype))
    check_out(blame, out, shape, dtype)
    if can_write(out, dtype) and not _dense.overlap(out, others):
        return Target(out)
    return Target(converted(out, dtype) if keep else np.empty(shape, dtype), out)


# Shapes -------------------------------------------------------------------------------------------


class Geometry(NamedTuple):
    """Shapes of one call. C reads x as (..., n, i); where x has one axis, n is 1 and stands for no axis."""

    stack: Shape
    rows: int
    columns: int
    is_vector: bool

    @property
    def result(self) -> Shape:
        """Shape of y as the caller sees it."""
        return (*self.stack, self.columns) if self.is_vector else self.inner

    @property
    def inner(self) -> Shape:
        """Shape of y as C sees it."""
        return (*self.stack, self.rows, self.columns)

    def matrix(self, array: Array) -> Array:
        """x, dx, y, grad_y or what is saved as C sees it."""
        return array[..., np.newaxis, :] if self.is_vector else array


def bias_row(b: Array) -> Array:
    """Biases of shape (o,) or (..., 1, o), or their gradient, as C sees them: (..., o)."""
    return b[..., 0, :] if b.ndim > 1 else b


def geometry(function: str, shapes: Mapping[str, Any]) -> Geometry:
    """Shapes of x, w and, where there are biases, b, checked; a ValueError says which are expected."""
    x, w, b = shapes["x"], shapes["w"], shapes.get("b")
    expected = _expected(x, w, b)
    if not expected:
        try:
            stack = np.broadcast_shapes(x[:-2], w[:-2], () if b is None else b[:-2])
            return Geometry(stack, 1 if len(x) == 1 else x[-2], w[-1], len(x) == 1)
        except ValueError:
            expected = "leading axes that broadcast together"
    listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items() if shape is not None)
    raise ValueError(f"{function}: shapes do not fit: {listed}; expected {expected}")


def _expected(x: Shape, w: Shape, b: Shape | None) -> str:
    """What is expected in place of shapes that do not fit; empty where they do, leading axes aside."""
    if len(x) < 1 or len(w) < 2 or x[-1] != w[-2]:
        return "x (..., n, i) or (i,), and w (..., i, o)"
    o = w[-1]
    if b is None or b == (o,):
        return ""
    if len(x) == 1:
        return f"b ({o},)"
    if len(b) < 2 or b[-2:] != (1, o):
        return f"b ({o},), (1, {o}) or (..., 1, {o})"
    return ""


def broadcasts_to(shape: Shape, other: Shape) -> bool:
    """Whether an array of this shape broadcasts to the other."""
    ending = other[len(other) - len(shape) :]
    return len(shape) <= len(other) and all(n in (1, m) for n, m in zip(shape, ending, strict=True))
