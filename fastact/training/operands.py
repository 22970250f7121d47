"""Parameters and gradients of an update: their checks, and contiguous arrays in their place.

Must not depend on any optimiser.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastact import _core, _training
from fastact.arrays import Array, converted, is_container


class Operand:
    """One array of parameters and its gradient."""

    def __init__(self, blame: str, names: tuple[str, str], parameters: Any, gradient: Any) -> None:
        self.name = f"{blame}: {names[0]}"
        self.parameters = _checked_parameters(self.name, parameters)
        self.gradient = _checked_gradient(f"{blame}: {names[1]}", gradient, self.parameters)
        self.is_copy = not _is_ready(self.parameters, self.parameters.dtype.newbyteorder("="))
        self.work = self.parameters

    def prepare(self, others: Sequence[Operand]) -> None:
        """Copy what C cannot take as it is."""
        dtype = self.parameters.dtype.newbyteorder("=")
        if self.is_copy:
            self.work = converted(self.parameters, dtype)
        is_shared = any(_training.may_share_bytes(o.parameters, self.gradient) for o in others)
        if is_shared or not _is_ready(self.gradient, dtype):
            self.gradient = converted(self.gradient, dtype)

    def finish(self) -> None:
        """Write results back where C worked on a copy."""
        if self.is_copy:
            np.copyto(self.parameters, self.work)


def operands_of(blame: str, parameters: Any, gradients: Any) -> list[Operand]:
    """The arrays of an update, checked."""
    if not isinstance(parameters, (list, tuple)):
        return [Operand(blame, ("parameters", "gradients"), parameters, gradients)]
    if not isinstance(gradients, (list, tuple)) or len(gradients) != len(parameters):
        given = len(gradients) if isinstance(gradients, (list, tuple)) else type(gradients).__name__
        raise ValueError(f"{blame}: gradients is {given}; expected a list of {len(parameters)} arrays")
    found = [
        Operand(blame, (f"parameters[{i}]", f"gradients[{i}]"), p, g)
        for i, (p, g) in enumerate(zip(parameters, gradients, strict=True))
    ]
    _refuse_shared(found)
    return found


def _checked_parameters(name: str, value: Any) -> Array:
    if type(value) is not np.ndarray and type(value) is not np.memmap:
        message = f"{name} is of type {type(value).__name__}"
        raise TypeError(f"{message}; expected an ndarray, which is changed in place")
    if value.dtype.kind != "f" or value.dtype.itemsize not in (4, 8):
        raise TypeError(f"{name} has dtype {value.dtype}; expected float32 or float64")
    if not value.flags.writeable:
        raise ValueError(f"{name} is read-only; expected a writeable array")
    if _repeats_memory(value):
        raise ValueError(f"{name} has elements that share memory; expected an array without repetitions")
    return value


def _checked_gradient(name: str, value: Any, parameters: Array) -> Array:
    if not isinstance(value, np.ndarray) or is_container(value):
        raise TypeError(f"{name} is of type {type(value).__name__}; expected an ndarray")
    if value.dtype.kind != "f" or value.dtype.itemsize > 8:
        raise TypeError(f"{name} has dtype {value.dtype}; expected float16, float32 or float64")
    if value.shape != parameters.shape:
        raise ValueError(f"{name} has shape {value.shape}; expected {parameters.shape}, that of parameters")
    return value


def _is_ready(array: Array, dtype: np.dtype[Any]) -> bool:
    return array.dtype == dtype and array.dtype.isnative and array.flags.c_contiguous and array.flags.aligned


def _repeats_memory(array: Array) -> bool:
    """Whether two elements may share memory: strides must exceed all that lies within them."""
    if array.size == 0:
        return False
    axes = [(abs(step), n) for step, n in zip(array.strides, array.shape, strict=True) if n > 1]
    extent = array.itemsize
    for step, n in sorted(axes):
        if step < extent:
            return True
        extent = step * (n - 1) + extent
    return False


def _refuse_shared(operands: Sequence[Operand]) -> None:
    """Raise if two arrays of parameters share memory: one update would change them twice."""
    bounds = [(*np.lib.array_utils.byte_bounds(o.parameters), o) for o in operands if o.parameters.size]
    bounds.sort(key=lambda bound: bound[0])
    open_ones: list[tuple[int, int, Operand]] = []
    for begin, end, operand in bounds:
        open_ones = [one for one in open_ones if one[1] > begin]
        for _, _, other in open_ones:
            if _share_memory(other.parameters, operand.parameters):
                raise ValueError(f"{operand.name} shares memory with {other.name.rpartition(': ')[2]}")
        open_ones.append((begin, end, operand))


def _share_memory(a: Array, b: Array) -> bool:
    try:
        return np.shares_memory(a, b, max_work=100_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


# Norms --------------------------------------------------------------------------------------------


def norms(gradients: Sequence[Array], copies: int) -> list[float]:
    """The norm of all gradients of each copy; arrays are contiguous, with copies along the first axis."""
    rows = [g.reshape(copies, -1) if g.size else g.reshape(copies, 0) for g in gradients]
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        return [_norm([row[i] for row in rows]) for i in range(copies)]


def _norm(arrays: Sequence[Array]) -> float:
    total = sum(_training.sum_of_squares(a) for a in arrays)
    if total < math.inf:
        return math.sqrt(total)
    most = max(float(np.max(np.abs(a), initial=0)) for a in arrays)
    if not most < math.inf:
        return most if total == math.inf else math.nan
    return most * math.sqrt(sum(_training.sum_of_squares(a / most) for a in arrays))
