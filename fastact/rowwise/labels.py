"""Losses of rows and their labels: the arguments of a call, and the pass over the rows.

Must not name any loss.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from fastact import _core, _rowwise
from fastact.arrays import Array, check_out, converted
from fastact.rowwise.rows import (
    as_plain,
    axes_of,
    blocks,
    check_reduction,
    computing_dtype,
    is_ready,
    is_unsafe,
    result_dtype,
)

_LEFT_OUT = "ignore_index="


class Kind(NamedTuple):
    """A loss."""

    name: str
    x: str  # what the first argument is called
    number: int  # for C
    takes_probabilities: bool  # as targets


class Options(NamedTuple):
    """What is asked for, beside the arrays."""

    kind: Kind
    function: str  # the name for messages
    axis: Any
    reduction: str
    label_smoothing: Any
    ignore_index: int | None
    weight: Any


Given = tuple[Any, Any, Any, Any, Any]  # the options from axis on


def run(
    kind: Kind, method: str, given: Given, x: Any, target: Any, wants_gradient: bool, out: Any
) -> tuple[Any, Array | None]:
    """The loss and, if it is wanted, the gradient."""
    plain = _rowwise.run_plain_labels(kind.number, x, target, wants_gradient, out, given)
    if plain is not None:
        return plain
    options = Options(kind, f"fastact.{kind.name}{method}", *given)
    return _run(options, x, target, wants_gradient, out)


def _run(options: Options, x: Any, target: Any, wants_gradient: bool, out: Any) -> tuple[Any, Array | None]:
    function = options.function
    x = as_plain(function, options.kind.x, x, _LEFT_OUT)
    target = as_plain(function, "target", target, _LEFT_OUT)
    if x.ndim == 0:
        raise ValueError(f"{function}: {options.kind.x} has no axes; expected at least one")
    if options.axis is None or isinstance(options.axis, tuple):
        raise TypeError(f"{function}: axis is {options.axis!r}; expected an int, the axis of the classes")
    (axis,) = axes_of(function, options.axis, x.ndim)
    check_reduction(function, options.reduction)
    _check_ignored(function, options.ignore_index)
    dtype = result_dtype([x])
    if out is not None:
        check_out(f"{function}: out", out, x.shape, dtype)
    gradient = None
    if wants_gradient:
        gradient = np.empty(x.shape, dtype) if out is None else out
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        problem = _Problem(options, np.moveaxis(x, axis, -1), target, axis, computing_dtype(dtype))
        losses = problem.run(None if gradient is None else np.moveaxis(gradient, axis, -1))
        if options.reduction == "none":
            return losses.astype(dtype), gradient
        return dtype.type(np.nan if problem.is_mean_of_nothing else _rowwise.sum_of(losses)), gradient


def weighted(kind: Kind, x: Any, target: Any, weights: Array, out: Any) -> tuple[Any, Array]:
    """The sum of the losses of all rows, each times its weight, of float64; the gradient is stored in `out`.
    A row whose weight is 0 may hold anything."""
    options = Options(kind, f"fastact.{kind.name}.value_and_gradient", -1, "sum", 0.0, None, None)
    x, target = (as_plain(options.function, n, a, _LEFT_OUT) for n, a in ((kind.x, x), ("target", target)))
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        problem = _Problem(options, x, target, -1, x.dtype)
        problem.row_weights = weights
        losses = problem.run(out)
        return x.dtype.type(_rowwise.sum_of(losses)), out


def _check_ignored(function: str, label: Any) -> None:
    """Raise unless this is an integer or None: anything else would not equal any label."""
    if label is not None and (not isinstance(label, (int, np.integer)) or isinstance(label, bool)):
        raise TypeError(f"{function}: ignore_index is {label!r}; expected an integer or None")


class _Problem:
    """The arguments of one call, with the classes last."""

    def __init__(self, options: Options, x: Array, target: Array, axis: int, dtype: np.dtype[Any]) -> None:
        self.options, self.x, self.dtype = options, x, dtype
        self.lead, self.n = x.shape[:-1], x.shape[-1]
        self.class_weights = self._class_weights()
        self.smoothing = self._smoothing()
        self.labels: Array | None = None
        self.probabilities: Array | None = None
        if target.dtype.kind in "iu":
            self._set_labels(target)
        else:
            self._set_probabilities(np.moveaxis(target, axis, -1) if target.ndim == x.ndim else target)

    # Arguments -------------------------------------------------------------------------------------

    def _class_weights(self) -> Array | None:
        if self.options.weight is None:
            return None
        weight = as_plain(self.options.function, "weight", self.options.weight, _LEFT_OUT).astype(np.float64)
        if weight.shape != (self.n,):
            message = f"{self.options.function}: weight has shape {weight.shape}"
            raise ValueError(f"{message}; expected {(self.n,)}, one for each class")
        return weight

    def _smoothing(self) -> float:
        value = self.options.label_smoothing
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= 1:
            message = f"{self.options.function}: label_smoothing is {value!r}"
            raise ValueError(f"{message}; expected a number from 0 to 1")
        return float(value) if self.n else 0.0  # there is nothing to divide among no classes

    def _set_labels(self, labels: Array) -> None:
        function = self.options.function
        if labels.shape != self.lead:
            message = f"{function}: target has shape {labels.shape} and dtype {labels.dtype}"
            also = ", or probabilities, which are floats" if self.options.kind.takes_probabilities else ""
            raise ValueError(f"{message}; expected labels of shape {self.lead}{also}")
        counted = np.ones(labels.shape, bool)
        if self.options.ignore_index is not None:
            counted = labels != self.options.ignore_index
        wrong = counted & ((labels < 0) | (labels >= self.n))
        if wrong.any():
            first = tuple(int(i) for i in np.argwhere(wrong)[0])
            message = f"{function}: target{list(first)} is {labels[first]}"
            raise IndexError(f"{message}; expected a label from 0 to {self.n - 1}")
        self.labels = np.where(counted, labels, 0).astype(np.int64)
        row_weights = np.where(counted, 1.0, 0.0)
        if self.class_weights is not None:
            row_weights[counted] = self.class_weights[labels[counted]]
        self.is_mean_of_nothing = self.options.reduction == "mean" and not row_weights.any()
        divisor = row_weights.sum() if self.options.reduction == "mean" else 1.0
        if self.smoothing:
            self.probabilities = self._smoothed()
            row_weights = np.where(counted, 1.0, 0.0)
        # 0/0 where the weights are 0; rows that are ignored have no gradient there, either
        self.row_weights = np.where(counted, row_weights / divisor, 0.0)

    def _smoothed(self) -> Array:
        """q of labels of which a share is divided among all classes."""
        assert self.labels is not None
        weights = np.ones(self.n) if self.class_weights is None else self.class_weights
        q = np.broadcast_to(self.smoothing / self.n * weights, self.x.shape).copy()
        at_label = np.take_along_axis(q, self.labels[..., np.newaxis], -1)
        at_label += (1 - self.smoothing) * weights[self.labels][..., np.newaxis]
        np.put_along_axis(q, self.labels[..., np.newaxis], at_label, -1)
        return q

    def _set_probabilities(self, q: Array) -> None:
        if not self.options.kind.takes_probabilities:
            message = f"{self.options.function}: target has dtype {q.dtype}"
            raise TypeError(f"{message}; expected integer labels of shape {self.lead}")
        if q.dtype.kind != "f" or q.shape != self.x.shape:
            message = f"{self.options.function}: target has shape {q.shape} and dtype {q.dtype}"
            raise ValueError(
                f"{message}; expected integer labels of shape {self.lead}, or floats, as many as logits"
            )
        if self.options.ignore_index is not None:
            raise TypeError(
                f"{self.options.function}: ignore_index is given, but the target is probabilities"
            )
        q = q.astype(np.float64)
        if self.smoothing:
            q = q * (1 - self.smoothing) + self.smoothing / self.n
        self.probabilities = q if self.class_weights is None else q * self.class_weights
        rows = prod(self.lead)
        self.is_mean_of_nothing = self.options.reduction == "mean" and rows == 0
        self.row_weights = np.full(self.lead, 1 / max(rows, 1) if self.options.reduction == "mean" else 1.0)

    # The pass --------------------------------------------------------------------------------------

    def run(self, gradient: Array | None) -> Array:
        """Losses in float64, and gradients, a block of rows at a time where they are not contiguous."""
        losses = np.empty(self.lead)
        whole = [self.x, *([] if gradient is None else [gradient])]
        unsafe = gradient is not None and is_unsafe(gradient, [self.x])
        if not unsafe and all(is_ready(a, self.dtype) for a in whole):
            self._run_block((...,), losses, gradient)
            return losses
        if unsafe:
            self.x = self.x.copy()
        for block in blocks(self.lead, self.n):
            self._run_block(block, losses, gradient)
        return losses

    def _run_block(self, block: tuple[Any, ...], losses: Array, gradient: Array | None) -> None:
        def part(array: Array | None, dtype: Any) -> Array | None:
            if array is None:
                return None
            piece = array[block]
            return piece if is_ready(piece, dtype) else converted(piece, dtype)

        float64 = np.dtype(np.float64)
        x, loss = part(self.x, self.dtype), part(losses, float64)
        q, weights = part(self.probabilities, self.dtype), part(self.row_weights, float64)
        labels = None if q is not None else part(self.labels, np.dtype(np.int64))
        to = part(gradient, self.dtype)
        assert x is not None
        assert loss is not None
        _rowwise.run_labels(self.options.kind.number, x, labels, q, weights, loss, to, loss.size, self.n)
        losses[block] = loss
        if gradient is not None and to is not None:
            np.copyto(gradient[block], to, casting="same_kind")
