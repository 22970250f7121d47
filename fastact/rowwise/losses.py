"""The entries of the table of element-wise losses, as objects that are called.

Must not name any loss.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastact import _core, _rowwise
from fastact.arrays import Array, check_out, converted
from fastact.rowwise import help_text
from fastact.rowwise.entry import Entry
from fastact.rowwise.rows import (
    REDUCTIONS,
    as_plain,
    check_keywords,
    check_reduction,
    computing_dtype,
    is_ready,
    is_unsafe,
    result_dtype,
)

_LEFT_OUT = "weight=0"


class Loss(Entry):
    """A loss of elements and their targets, such as ``fastact.mse``."""

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__(entry)
        self._default = None if entry["parameter"] is None else np.array([entry["default"]])
        self.__doc__ = help_text.of_loss(entry)
        self.__signature__ = help_text.signature_of_loss(entry)

    def __call__(self, x: Any, target: Any, /, **keywords: Any) -> Any:  # noqa: D102 - each has its own docstring
        if not keywords and (found := self._run_plain(x, target, False, None)) is not None:
            return found[0]
        return _Call(self._entry, "", keywords).run(x, target, False, None)[0]

    def value_and_gradient(
        self, x: Any, target: Any, /, *, out: Any = None, **keywords: Any
    ) -> tuple[Any, Array]:
        """The loss, and its gradient with respect to the first argument, in one pass.

        Parameters
        ----------
        x, target, **keywords
            As for the loss. With ``reduction="none"`` element i of the gradient is that of loss i.
        out : ndarray, optional
            Where to store the gradient; may be an argument.
        """
        found = None if keywords else self._run_plain(x, target, True, out)
        if found is None:
            found = _Call(self._entry, ".value_and_gradient", keywords).run(x, target, True, out)
        loss, gradient = found
        assert gradient is not None
        return loss, gradient

    def _run_plain(
        self, x: Any, target: Any, wants_gradient: bool, out: Any
    ) -> tuple[Any, Array | None] | None:
        """The same for plain arrays without keywords; None for all else."""
        if self._entry["has_signs"] and not _rowwise.are_signs(target):
            return None
        number = self._entry["number"]
        with _core.DefaultEnvironment():  # for the mean
            return _rowwise.run_plain_loss(number, x, target, self._default, wants_gradient, out)


class _Arguments(NamedTuple):
    """Arrays that fit each other; weights is of float64."""

    x: Array
    target: Array
    weights: Array | None
    parameter: Array | None


class _Call:
    """The keywords of one call, checked."""

    def __init__(self, entry: dict[str, Any], method: str, keywords: dict[str, Any]) -> None:
        self.entry, self.function = entry, f"fastact.{entry['name']}{method}"
        known = help_text.keywords_of_loss(entry)
        check_keywords(self.function, keywords, known)
        given = {**known, **keywords}
        self.weight, self.reduction = given["weight"], given["reduction"]
        self.parameter = given.get(entry["parameter"])
        check_reduction(self.function, self.reduction, (*REDUCTIONS, "batchmean"))

    def run(self, x: Any, target: Any, wants_gradient: bool, out: Any) -> tuple[Any, Array | None]:
        x = as_plain(self.function, self.entry["x"], x, _LEFT_OUT)
        if self.reduction == "batchmean" and x.ndim == 0:
            message = f"{self.function}: {self.entry['x']} has no axes"
            raise ValueError(f"{message}; reduction='batchmean' divides by the length of the first")
        target = self._target(target, x)
        dtype = result_dtype([x] if target.dtype.kind in "biu" else [x, target])
        arguments = _Arguments(x, target, self._weights(x), self._parameter(x, computing_dtype(dtype)))
        gradient = None
        if wants_gradient:
            if out is not None:
                check_out(f"{self.function}: out", out, x.shape, dtype)
            gradient = np.empty(x.shape, dtype) if out is None else out
        with np.errstate(all="ignore"), _core.DefaultEnvironment():
            return self._compute(arguments, dtype, gradient), gradient

    # Arguments -------------------------------------------------------------------------------------

    def _target(self, value: Any, x: Array) -> Array:
        target = as_plain(self.function, "target", value, _LEFT_OUT)
        if target.shape != x.shape:
            message = f"{self.function}: target has shape {target.shape}"
            raise ValueError(f"{message}; expected {x.shape}, that of {self.entry['x']}")
        if self.entry["has_signs"]:
            wrong = (target != 1) & (target != -1) & (target == target)  # NaN gives NaN
            if wrong.any():
                first = tuple(int(i) for i in np.argwhere(wrong)[0])
                message = f"{self.function}: target{list(first)} is {target[first]}"
                raise ValueError(f"{message}; expected -1 or 1")
        return target

    def _weights(self, x: Array) -> Array | None:
        if self.weight is None:
            return None
        weight = as_plain(self.function, "weight", self.weight, _LEFT_OUT)
        return np.broadcast_to(self._fitting("weight", weight, x), x.shape)

    def _parameter(self, x: Array, dtype: np.dtype[Any]) -> Array | None:
        """Numbers that are repeated: one, those of the last axis, or one for each element."""
        name, value = self.entry["parameter"], self.parameter
        if name is None:
            return None
        if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
            number = dtype.type(value)  # as C functions of this dtype take it
            if self.entry["is_positive"] and not 0 < number < np.inf:
                raise ValueError(f"{self.function}: {name} is {value!r}; expected a positive finite {dtype}")
            return np.array([number], np.float64)
        if self.entry["is_positive"]:
            raise TypeError(f"{self.function}: {name} is {value!r}; expected a positive number")
        array = self._fitting(name, as_plain(self.function, name, value, _LEFT_OUT), x)
        is_of_last_axis = array.ndim and array.shape[-1] == array.size == x.shape[-1] > 0
        numbers: Array = array if is_of_last_axis else np.broadcast_to(array, x.shape)
        return numbers.astype(np.float64).ravel()

    def _fitting(self, name: str, array: Array, x: Array) -> Array:
        try:
            np.broadcast_to(array, x.shape)
        except ValueError:
            message = f"{self.function}: {name} has shape {array.shape}"
            raise ValueError(f"{message}; expected one that broadcasts to {x.shape}") from None
        return array

    # The pass --------------------------------------------------------------------------------------

    def _divisor(self, a: _Arguments) -> float:
        if self.reduction == "batchmean":
            return float(a.x.shape[0])
        if self.reduction != "mean":
            return 1.0
        if a.weights is not None and self.entry["mean_of_weights"]:
            return float(a.weights.sum(dtype=np.float64))
        return float(a.x.size)

    def _compute(self, a: _Arguments, dtype: np.dtype[Any], gradient: Array | None) -> Any:
        """The loss, or those of all elements. Gradients are stored."""
        computing = computing_dtype(dtype)
        each = np.empty(a.x.shape, computing) if self.reduction == "none" else None
        divisor = np.float64(self._divisor(a))
        x, target = _ready(a.x, computing), _ready(a.target, computing)
        weights = None if a.weights is None else _ready(a.weights, np.dtype(np.float64))
        to = gradient
        read = [x, target, *([] if weights is None else [weights])]
        if gradient is not None and (not is_ready(gradient, computing) or is_unsafe(gradient, read)):
            to = np.empty(gradient.shape, computing)
        number = self.entry["number"]
        total = _rowwise.run_loss(number, x, target, weights, a.parameter, each, to, 1 / divisor)
        if gradient is not None and to is not None:
            if divisor == 0:
                to[...] = np.nan  # 0/0, as the loss is, also where no element counts
            if to is not gradient:
                np.copyto(gradient, to, casting="same_kind")
        return dtype.type(total / divisor) if each is None else each.astype(dtype)[()]


def _ready(array: Array, dtype: np.dtype[Any]) -> Array:
    return array if is_ready(array, dtype) else converted(array, dtype)


LOSSES = {entry["name"]: Loss(entry) for entry in _rowwise.losses()}
