"""``maxout`` and ``crelu``: functions whose result has another number of elements along the axis.

Must not name either function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _rowwise
from fastact.arrays import Array, check_out
from fastact.rowwise import resizing_help
from fastact.rowwise.entry import Entry
from fastact.rowwise.rows import (
    as_plain,
    axes_of,
    call_rows,
    check_keywords,
    computing_dtype,
    gradient_of,
    result_dtype,
)


class ResizingFunction(Entry):
    """A function with fewer or more results than elements along an axis, such as ``fastact.maxout``."""

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__(entry)
        self.__doc__ = resizing_help.of_entry(entry)
        self.__signature__ = resizing_help.signature(entry)

    def __call__(self, x: Any, /, **keywords: Any) -> NDArray[Any]:  # noqa: D102 - each has its own docstring
        call = _Call(self._entry, "", keywords)
        x = as_plain(call.function, "x", x)
        axis = call.axis_of(x)
        return call.run(_rowwise.FORWARD, [x], call.shape_of_result(x.shape, axis), axis, x.shape[axis])

    def backward(self, grad_y: Any, x: Any, /, **keywords: Any) -> NDArray[Any]:
        """The gradient with respect to x, from that with respect to the result.

        Parameters
        ----------
        grad_y : array_like
            Of the shape of the result.
        x : array_like
            As in the forward pass; so are all keywords.

        Returns
        -------
        ndarray
            Of the shape of x. 0 where the derivative is 0, also for an infinite grad_y.
        """
        call = _Call(self._entry, ".backward", keywords)
        x = as_plain(call.function, "x", x)
        axis = call.axis_of(x)
        grad_y = gradient_of(call.function, grad_y, call.shape_of_result(x.shape, axis))
        return call.run(_rowwise.BACKWARD, [grad_y, x], x.shape, axis, x.shape[axis])

    def backward_from_output(self, grad_y: Any, y: Any, /, **keywords: Any) -> NDArray[Any]:
        """The gradient with respect to x, from the result y alone; otherwise as :meth:`backward`.

        Raises
        ------
        TypeError
            If the result does not determine the gradient.
        """
        if self._entry["has_pieces"]:
            message = f"fastact.{self.name}.backward_from_output: not available"
            raise TypeError(f"{message}: the result does not tell which element is the largest")
        call = _Call(self._entry, ".backward_from_output", keywords)
        y = as_plain(call.function, "y", y)
        axis = call.axis_of(y)
        n = call.divided(y.shape[axis], axis, 2, "y")
        shape = _with_length(y.shape, axis, n)
        inputs = [gradient_of(call.function, grad_y, y.shape), y]
        return call.run(_rowwise.BACKWARD_FROM_OUTPUT, inputs, shape, axis, n)


class _Call:
    """The keywords of one call, checked."""

    def __init__(self, entry: dict[str, Any], method: str, keywords: dict[str, Any]) -> None:
        self.entry, self.function = entry, f"fastact.{entry['name']}{method}"
        check_keywords(self.function, keywords, resizing_help.keywords_of(entry))
        self.axis, self.out = keywords.get("axis", -1), keywords.get("out")
        self.pieces = _checked_pieces(self.function, keywords) if entry["has_pieces"] else 1

    def axis_of(self, array: Array) -> int:
        if self.axis is None or isinstance(self.axis, tuple):
            raise TypeError(f"{self.function}: axis is {self.axis!r}; expected an int")
        if array.ndim == 0:
            raise ValueError(f"{self.function}: x has no axes; expected at least one")
        (axis,) = axes_of(self.function, self.axis, array.ndim)
        return axis

    def divided(self, size: int, axis: int, divisor: int, name: str) -> int:
        if size % divisor:
            message = f"{self.function}: {name} has {size} elements along axis {axis}"
            raise ValueError(f"{message}; expected a multiple of {divisor}")
        return size // divisor

    def shape_of_result(self, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
        n = shape[axis]
        if self.entry["has_pieces"]:
            return _with_length(shape, axis, self.divided(n, axis, self.pieces, "x"))
        return _with_length(shape, axis, 2 * n)

    def run(self, direction: int, inputs: list[Array], shape: tuple[int, ...], axis: int, n: int) -> Array:
        """The result of this shape; n is the length of x along the axis."""
        dtype = result_dtype(inputs)
        if self.out is not None:
            check_out(f"{self.function}: out", self.out, shape, dtype)
        out: Array = np.empty(shape, dtype) if self.out is None else self.out

        def call(given: list[Array], to: Array, rows: int, _: int) -> None:
            grad_y = given[0] if len(given) > 1 else None
            _rowwise.run(self.entry["number"], direction, grad_y, given[-1], to, rows, n, 1.0, self.pieces)

        call_rows(call, inputs, out, (axis,), computing_dtype(dtype), [False] * (len(inputs) + 1))
        return out


def _checked_pieces(function: str, keywords: dict[str, Any]) -> int:
    if "pieces" not in keywords:
        raise TypeError(f"{function}: pieces is missing; expected the number of elements of a piece")
    pieces = keywords["pieces"]
    if not isinstance(pieces, (int, np.integer)) or isinstance(pieces, bool):
        raise TypeError(f"{function}: pieces is {pieces!r}; expected a positive int")
    if pieces < 1:
        raise ValueError(f"{function}: pieces is {pieces!r}; expected a positive int")
    return int(pieces)


def _with_length(shape: tuple[int, ...], axis: int, n: int) -> tuple[int, ...]:
    return (*shape[:axis], n, *shape[axis + 1 :])


RESIZING = {
    entry["name"]: ResizingFunction(entry) for entry in _rowwise.entries() if not entry["keeps_length"]
}
