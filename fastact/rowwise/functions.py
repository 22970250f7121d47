"""The entries of the table of row-wise functions, as objects that are called.

Must not name any function.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _rowwise
from fastact.arrays import Array, check_out
from fastact.rowwise import containers, help_text
from fastact.rowwise.entry import Entry
from fastact.rowwise.rows import (
    as_plain,
    axes_of,
    call_rows,
    check_keywords,
    check_temperature,
    computing_dtype,
    mask_of,
    result_dtype,
)

LEFT_OUT = "where="  # how elements are left out


class RowFunction(Entry, _rowwise.Rows):
    """A function of the elements along one or more axes, such as ``fastact.softmax``."""

    def __init__(self, entry: dict[str, Any]) -> None:
        _rowwise.Rows.__init__(self, entry["number"], entry["has_one_result"], entry["has_temperature"])
        Entry.__init__(self, entry)
        self.__doc__ = help_text.of_entry(entry)
        self.__signature__ = help_text.signature(entry)

    def forward_of(self, x: Any, keywords: dict[str, Any]) -> Any:
        """The result for any array and keywords; so are the other methods."""
        call = _Call(self._entry, "", keywords)
        if not call.one and containers.are_wanted({"x": x}, keywords):
            return containers.run(call.function, self, {"x": x}, keywords)
        return call.forward(as_plain(call.function, "x", x, LEFT_OUT))

    def backward_of(self, grad_y: Any, x: Any, keywords: dict[str, Any]) -> Any:
        """As the method of the base class."""
        call = _Call(self._entry, ".backward", keywords)
        operands = {"grad_y": grad_y, "x": x}
        if not call.one and containers.are_wanted(operands, keywords):
            return containers.run(call.function, self.backward, operands, keywords)
        return call.backward(_rowwise.BACKWARD, grad_y, "x", x)

    def backward_from_output_of(self, grad_y: Any, y: Any, keywords: dict[str, Any]) -> Any:
        """As the method of the base class."""
        if self._entry["has_one_result"]:
            message = f"fastact.{self.name}.backward_from_output: not available"
            raise TypeError(f"{message}: the result is one value, which does not determine the gradient")
        call = _Call(self._entry, ".backward_from_output", keywords)
        operands = {"grad_y": grad_y, "y": y}
        if containers.are_wanted(operands, keywords):
            return containers.run(call.function, self.backward_from_output, operands, keywords)
        return call.backward(_rowwise.BACKWARD_FROM_OUTPUT, grad_y, "y", y)


class _Call:
    """The keywords of one call, checked."""

    def __init__(self, entry: dict[str, Any], method: str, keywords: dict[str, Any]) -> None:
        self.entry, self.function = entry, f"fastact.{entry['name']}{method}"
        check_keywords(self.function, keywords, help_text.keywords_of(entry))
        self.axis = keywords.get("axis", -1)
        self.where = keywords.get("where", True)
        self.out = keywords.get("out")
        self.keepdims = bool(keywords.get("keepdims", False))
        self.temperature = keywords.get("temperature", 1.0)
        self.one = bool(entry["has_one_result"])

    def forward(self, x: Array) -> NDArray[Any]:
        axes = self._axes(x)
        dtype = result_dtype([x])
        shape = self._result_shape(x.shape, axes)
        check_temperature(self.function, self.temperature, computing_dtype(dtype))
        if self.out is not None:
            check_out(f"{self.function}: out", self.out, shape, dtype)
        x, mask = self._masked(x, dtype, self.entry["least"][0])
        y = np.empty(shape, dtype) if self.out is None else self.out
        bare = y.reshape(self._bare_shape(x.shape, axes)) if self.one else y
        call = partial(self._run, _rowwise.FORWARD)
        call_rows(call, [x], bare, axes, computing_dtype(dtype), [False, self.one])
        if mask is not None and not self.one:
            y[~mask] = self.entry["least"][1]
        return y[()] if y.ndim == 0 and self.out is None else y

    def backward(self, direction: int, grad_y: Any, name: str, value: Any) -> NDArray[Any]:
        value = as_plain(self.function, name, value, LEFT_OUT)
        grad_y = as_plain(self.function, "grad_y", grad_y, LEFT_OUT)
        axes = self._axes(value)
        expected = self._result_shape(value.shape, axes)
        if grad_y.shape != expected:
            raise ValueError(f"{self.function}: grad_y has shape {grad_y.shape}; expected {expected}")
        dtype = result_dtype([grad_y, value])
        check_temperature(self.function, self.temperature, computing_dtype(dtype))
        if self.out is not None:
            check_out(f"{self.function}: out", self.out, value.shape, dtype)
        from_output = direction == _rowwise.BACKWARD_FROM_OUTPUT
        value, mask = self._masked(value, dtype, self.entry["least"][from_output])
        if mask is not None and not self.one:
            grad_y = np.where(mask, grad_y, grad_y.dtype.type(0))
        if self.one:
            grad_y = grad_y.reshape(self._bare_shape(value.shape, axes))
        out = np.empty(value.shape, dtype) if self.out is None else self.out
        call = partial(self._run, direction)
        call_rows(call, [grad_y, value], out, axes, computing_dtype(dtype), [self.one, False, False])
        if mask is not None:
            out[~mask] = 0
        return out

    def _run(self, direction: int, inputs: list[Array], out: Array, rows: int, n: int) -> None:
        grad_y = inputs[0] if len(inputs) > 1 else None
        _rowwise.run(self.entry["number"], direction, grad_y, inputs[-1], out, rows, n, self.temperature)

    # Shapes ----------------------------------------------------------------------------------------

    def _axes(self, array: Array) -> tuple[int, ...]:
        if array.ndim == 0:
            raise ValueError(f"{self.function}: x has no axes; expected at least one")
        return axes_of(self.function, self.axis, array.ndim)

    def _bare_shape(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(size for i, size in enumerate(shape) if i not in axes)

    def _result_shape(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
        if not self.one:
            return shape
        if self.keepdims:
            return tuple(1 if i in axes else size for i, size in enumerate(shape))
        return self._bare_shape(shape, axes)

    # where= ----------------------------------------------------------------------------------------

    def _masked(self, x: Array, dtype: np.dtype[Any], nothing: float) -> tuple[Array, Array | None]:
        """x with `nothing` where the mask is False, and the mask, of the shape of x; or x and None."""
        mask = mask_of(self.function, self.where, x.shape)
        return (x, None) if mask is None else (np.where(mask, x, nothing).astype(dtype), mask)


FUNCTIONS = {entry["name"]: RowFunction(entry) for entry in _rowwise.entries() if entry["keeps_length"]}
