"""Calls of row-wise functions and gated pairs: every method, axes, where=, out= over any operand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import row_reference
from calls import Call, Want
from models import Model, entry
from operands import FLOATS, INTEGERS, Choices, Operands, Shape

import fastact as fa

SHAPES = [(5,), (3, 4), (2, 3, 5), (1,), (4, 1), (1, 7), (33,), (2, 0), (0, 3), (17, 2), (2, 1, 3, 2)]
LARGE = [(3000,), (70, 41), (3, 1000)]
METHODS = ("__call__", "backward", "backward_from_output")
Function = Callable[..., np.ndarray]


def any_rows(choices: Choices) -> Shape:
    return choices.of(LARGE if choices.often(30) else SHAPES)


def any_axis(choices: Choices, ndim: int) -> tuple[Any, tuple[int, ...]]:
    """The keyword, and the axes that it means."""
    kind = choices.integer(0, 5)
    if kind <= 1:
        return -1, (ndim - 1,)
    if kind == 2:
        return None, tuple(range(ndim))
    chosen = choices.order(range(ndim))[: 1 if kind == 3 else choices.integer(1, ndim)]
    given = tuple(a - ndim if choices.often(2) else a for a in chosen)
    return given[0] if len(given) == 1 else given, tuple(sorted(chosen))


def any_input(choices: Choices, operands: Operands, shape: Shape, **like: Any) -> np.ndarray:
    """Data of any real dtype, most of them of the base dtype."""
    kinds = [operands.base] * 8 + [*FLOATS, *(INTEGERS if choices.often(3) else FLOATS)]
    return operands.input(shape, choices.of(kinds), **like)


def computed_in(arrays: Sequence[np.ndarray]) -> np.dtype[Any]:
    """The dtype of the result: that of np.exp for all together."""
    together = np.result_type(*(a.dtype.newbyteorder("=") for a in arrays))
    return np.exp(np.empty(0, together)).dtype


def wide(array: np.ndarray) -> np.ndarray:
    return np.array(array, np.float64)


def add_out(choices: Choices, operands: Operands, want: Want) -> np.ndarray:
    """An array for the result, over whatever lies in shared memory."""
    kinds = [want.dtype] * 4 + [t for t in FLOATS if np.can_cast(want.dtype, t, "same_kind")]
    out = operands.result(want.values.shape, choices.of(kinds))
    want.precision, want.dtype = min(want.precision, want.dtype.itemsize), out.dtype
    return out


# Rows -----------------------------------------------------------------------------------------------


@dataclass
class Rows:
    """The axes of rows in an array of some shape."""

    shape: Shape
    axes: tuple[int, ...]

    @property
    def lead(self) -> Shape:
        return tuple(n for i, n in enumerate(self.shape) if i not in self.axes)

    @property
    def n(self) -> int:
        return prod(self.shape[i] for i in self.axes)

    def split(self, array: np.ndarray) -> np.ndarray:
        """The array with each row along the last axis."""
        moved = np.moveaxis(array, self.axes, range(len(self.lead), len(self.shape)))
        return moved.reshape(*self.lead, self.n)

    def joined(self, rows: np.ndarray) -> np.ndarray:
        moved = rows.reshape(*self.lead, *(self.shape[i] for i in self.axes))
        return np.moveaxis(moved, range(len(self.lead), len(self.shape)), self.axes)

    def of_each(self, per_row: np.ndarray, keepdims: bool) -> np.ndarray:
        if not keepdims:
            return per_row
        return per_row.reshape([1 if i in self.axes else n for i, n in enumerate(self.shape)])


def row_call(choices: Choices, name: str, method: str) -> Call | None:
    """A call of one method; None where what was chosen has no meaning."""
    one = name == "logsumexp"
    if one and method == "backward_from_output":
        return None
    operands = Operands(choices, choices.of(FLOATS))
    shape = any_rows(choices)
    axis, axes = any_axis(choices, len(shape))
    rows = Rows(shape, axes)
    keywords: dict[str, Any] = {} if axis == -1 and choices.often(2) else {"axis": axis}
    if row_function_takes(name, "temperature") and choices.often(3):
        keywords["temperature"] = choices.of([0.5, 2.0, np.float32(0.25), 3, np.float16(1.5)])
    if one and choices.often(3):
        keywords["keepdims"] = True
    arguments = []
    if method != "__call__":
        expected = rows.of_each(np.empty(rows.lead), "keepdims" in keywords).shape if one else shape
        arguments.append(any_input(choices, operands, expected))
    extreme = method == "__call__" and choices.often(3)  # arrays may lie over each other
    x = any_input(choices, operands, shape, extreme=extreme)
    if method == "backward_from_output" and not store_output(name, x, rows, keywords):
        return None
    arguments.append(x)
    where = any_mask(choices, shape, keywords)
    want = row_want(name, method, arguments, rows, where, keywords)
    if choices.often(2):
        keywords["out"] = add_out(choices, operands, want)
    text = f"{name}.{method}"
    return Call(text, getattr(getattr(fa, name), method), arguments, keywords, [want], operands)


def row_function_takes(name: str, keyword: str) -> bool:
    return name in ("softmax", "softmin", "quiet_softmax", "log_softmax") and keyword == "temperature"


def store_output(name: str, x: np.ndarray, rows: Rows, keywords: dict[str, Any]) -> bool:
    """The function's result, rounded, in place of its input; False where it cannot be stored."""
    if x.dtype.kind != "f" or not x.flags.writeable or 0 in x.strides:
        return False
    t = float(keywords.get("temperature", 1.0))
    with np.errstate(all="ignore"):
        x[...] = rows.joined(row_reference.value(name, rows.split(wide(x)), t))
    return True


def any_mask(choices: Choices, shape: Shape, keywords: dict[str, Any]) -> np.ndarray:
    """where=, broadcast; most often there is none."""
    if not choices.often(4):
        return np.ones(shape, bool)
    seed, start = choices.integer(0, 2**16), choices.integer(0, len(shape))
    mask = np.random.default_rng(seed).random(shape[start:]) < 0.7
    keywords["where"] = mask
    return np.broadcast_to(mask, shape)


def row_want(
    name: str, method: str, arguments: list[np.ndarray], rows: Rows, where: np.ndarray, keywords: Any
) -> Want:
    """What NumPy computes, as if elements where the mask is False were not there."""
    t, dtype = float(keywords.get("temperature", 1.0)), computed_in(arguments)
    nothing = np.inf if name == "softmin" else -np.inf
    x, counted = rows.split(wide(arguments[-1])), rows.split(where)
    keepdims = "keepdims" in keywords
    if method == "backward_from_output":
        g = np.where(counted, rows.split(wide(arguments[0])), 0)
        y = np.where(counted, x, -np.inf if name == "log_softmax" else 0)
        values = np.where(counted, row_reference.gradient_from_output(name, g, y, t), 0)
        known = counted.any(axis=-1)
        if name in ("sparsemax", "entmax15"):
            known = known & (y > 0).any(axis=-1)
        return Want(rows.joined(values), dtype, unknown_rows(rows, known), 20.0, precision=dtype.itemsize)
    x = np.where(counted, x, nothing)
    sides = x if name != "softmin" else -x
    known = ~(sides == np.inf).any(axis=-1) & ((sides > -np.inf) | np.isnan(sides)).any(axis=-1)
    if method == "__call__":
        values = row_reference.value(name, x, t)
        if name == "logsumexp":
            return Want(rows.of_each(values, keepdims), dtype, rows.of_each(~known, keepdims))
        values = np.where(counted, values, -np.inf if name == "log_softmax" else 0)
        unknown = unknown_rows(rows, known)
        return Want(rows.joined(values), dtype, unknown, precision=dtype.itemsize)
    g = wide(arguments[0]).reshape(rows.lead) if name == "logsumexp" else rows.split(wide(arguments[0]))
    if name != "logsumexp":
        g = np.where(counted, g, 0)
    values = np.where(counted, row_reference.gradient(name, g, x, t), 0)
    if name == "hardmax":
        known = known & ~np.isnan(x).any(axis=-1)
    return Want(rows.joined(values), dtype, unknown_rows(rows, known), 20.0, precision=dtype.itemsize)


def unknown_rows(rows: Rows, known: np.ndarray) -> np.ndarray:
    return rows.joined(np.broadcast_to(~known[..., np.newaxis], (*rows.lead, rows.n)))


# Gated pairs ------------------------------------------------------------------------------------------

PAIRS = {
    "glu": "sigmoid",
    "swiglu": "silu",
    "geglu": "gelu",
    "geglu_tanh": "gelu_tanh",
    "reglu": "relu",
    "bilinear": "identity",
}


def gated_call(choices: Choices, backward: bool) -> Call:
    """A pair, called with one array or two."""
    operands = Operands(choices, choices.of(FLOATS))
    function, model, second = any_pair(choices, operands)
    keywords: dict[str, Any] = {}
    if choices.often(3):
        keywords["swapped"] = choices.of([True, False])
        second ^= keywords["swapped"]
    shape = any_rows(choices)
    arrays = [any_input(choices, operands, shape) for _ in range(2)]
    axis = None
    if choices.often(2):
        axis = choices.integer(0, len(shape) - 1)
        keywords["axis"] = axis - len(shape) if choices.often(2) else axis
        doubled = tuple(2 * n if i == axis else n for i, n in enumerate(shape))
        arrays = [any_input(choices, operands, doubled)]
    gradients = [any_input(choices, operands, shape)] if backward else []
    halves = [wide(a) for a in (arrays if axis is None else np.split(arrays[0], 2, axis))]
    dtype = computed_in([*gradients, *arrays])
    values = pair_values(model, halves, second, wide(gradients[0]) if backward else None, dtype)
    if axis is not None and backward:
        values = [np.concatenate(values, axis)]
    wants = [Want(v, dtype, scale=60.0, precision=dtype.itemsize) for v in values]
    if choices.often(2):
        add_pair_out(choices, operands, wants, keywords)
    method = function.backward if backward else function
    return Call(repr(function), method, [*gradients, *arrays], keywords, wants, operands)


def any_pair(choices: Choices, operands: Operands) -> tuple[Any, Model, bool]:
    """The pair, its activation, and whether that is applied to the second half."""
    if choices.often(2):
        name = choices.of(list(PAIRS))
        options = {"arrays": False, "native": False, "keywords": False, "names": [PAIRS[name]]}
        return getattr(fa, name), entry(choices, operands, (), options), name == "glu"
    model = entry(choices, operands, (), {"arrays": False, "native": False, "keywords": False})
    return fa.gated(model.activation), model, False


def pair_values(
    model: Model, halves: list[np.ndarray], second: bool, g: np.ndarray | None, dtype: np.dtype[Any]
) -> list[np.ndarray]:
    """f(a) b, or both gradients in the order of the halves."""
    a, b = halves[::-1] if second else halves
    # numbers are used as they are, in the float64 or float32 of the computation
    parameters = model.wide(np.float64)
    with np.errstate(all="ignore"):
        value, slope = (np.broadcast_to(f(a, parameters), a.shape) for f in (model.value, model.slope))
        if g is None:
            return [value * b]
        found = [g * b * slope, g * value]
    return found[::-1] if second else found


def add_pair_out(choices: Choices, operands: Operands, wants: list[Want], keywords: dict[str, Any]) -> None:
    """An array for each result; two may not overlap, so that one of them has memory of its own."""
    outs = [add_out(choices, operands, wants[0])]
    for want in wants[1:]:
        outs.append(np.full(want.values.shape, 3, want.dtype))
    keywords["out"] = outs[0] if len(outs) == 1 else tuple(outs)
