"""``softmax_cross_entropy``: the loss of a classifier, and its gradient, in one pass over the logits."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastact import _core, _rowwise
from fastact.arrays import Array, check_out, converted
from fastact.rowwise.rows import as_plain, axes_of, blocks, computing_dtype, is_ready, is_unsafe, result_dtype

_REDUCTIONS = ("mean", "sum", "none")


class _Options(NamedTuple):
    function: str
    axis: Any
    reduction: str
    label_smoothing: float
    ignore_index: int | None
    weight: Any


class SoftmaxCrossEntropy:
    """Minus the logarithm of the probability that a softmax gives to the target.

        loss = -sum(q*log(p)), p = softmax(logits)
        gradient with respect to the logits = p*sum(q) - q

    where q is 1 at the label, or the probabilities that are the target.

    Parameters
    ----------
    logits : array_like
        Real numbers; the classes along one axis.
    target : array_like
        Labels: integers of the shape of the logits without that axis. Or probabilities: floats of the shape
        of the logits.
    axis : int
        The axis of the classes.
    reduction : {"mean", "sum", "none"}
        What is returned of the losses of all rows. "mean" divides by the weights of the labels that are not
        ignored, as PyTorch does; with probabilities, by the number of rows.
    label_smoothing : float
        A share of q, from 0 to 1, that is divided equally among the classes.
    ignore_index : int, optional
        A label whose rows do not count. It need not be a class.
    weight : array_like, optional
        One factor for each class.

    Returns
    -------
    ndarray or scalar
        The loss, of the dtype of the logits; summed in float64. ``value_and_gradient`` returns the gradient,
        too.

    Raises
    ------
    IndexError
        For a label that is not a class, with its position.
    ValueError, TypeError
        For shapes that do not fit, dtypes other than real numbers, and masked, lazy and labelled arrays.

    Notes
    -----
    Accurate where the loss is tiny: log(1 + r) is computed from r, the sum of the other terms. Error of the
    loss of a label and of its gradient: at most 2 ULP in float32, 4 ULP in float64; with probabilities, of
    the largest term.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> logits = np.array([[2.0, 0.0, -1.0], [0.0, 3.0, 0.0]])
    >>> loss, gradient = fa.softmax_cross_entropy.value_and_gradient(logits, [0, 1])
    >>> round(float(loss), 4), gradient.shape
    (0.1324, (2, 3))
    """

    def __init__(self) -> None:
        self.__name__ = self.__qualname__ = "softmax_cross_entropy"
        self.__module__ = "fastact"  # where pickle finds it

    def __repr__(self) -> str:
        return "<fastact.softmax_cross_entropy>"

    def __reduce__(self) -> str:
        return "softmax_cross_entropy"

    def __call__(  # noqa: D102 - the class says it
        self,
        logits: Any,
        target: Any,
        /,
        *,
        axis: int = -1,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        weight: Any = None,
    ) -> Any:
        function = "fastact.softmax_cross_entropy"
        options = _Options(function, axis, reduction, label_smoothing, ignore_index, weight)
        return _run(options, logits, target, False, None)[0]

    def value_and_gradient(
        self,
        logits: Any,
        target: Any,
        /,
        *,
        axis: int = -1,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        weight: Any = None,
        out: Any = None,
    ) -> tuple[Any, NDArray[Any]]:
        """The loss, and its gradient with respect to the logits, in one pass.

        Parameters
        ----------
        logits, target, axis, reduction, label_smoothing, ignore_index, weight
            As for the loss. With ``reduction="none"`` row i of the gradient is that of loss i.
        out : ndarray, optional
            Where to store the gradient; may be the logits.
        """
        function = "fastact.softmax_cross_entropy.value_and_gradient"
        options = _Options(function, axis, reduction, label_smoothing, ignore_index, weight)
        loss, gradient = _run(options, logits, target, True, out)
        assert gradient is not None
        return loss, gradient


def _run(
    options: _Options, logits: Any, target: Any, wants_gradient: bool, out: Any
) -> tuple[Any, Array | None]:
    function = options.function
    plain = _run_plain(options, logits, target, wants_gradient, out)
    if plain is not None:
        return plain
    x = as_plain(function, "logits", logits)
    target = as_plain(function, "target", target)
    if x.ndim == 0:
        raise ValueError(f"{function}: logits has no axes; expected at least one")
    if options.axis is None or isinstance(options.axis, tuple):
        raise TypeError(f"{function}: axis is {options.axis!r}; expected an int, the axis of the classes")
    (axis,) = axes_of(function, options.axis, x.ndim)
    if options.reduction not in _REDUCTIONS:
        listed = ", ".join(map(repr, _REDUCTIONS))
        raise ValueError(f"{function}: reduction is {options.reduction!r}; expected one of {listed}")
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
        return dtype.type(losses.sum()), gradient


def _run_plain(
    options: _Options, x: Any, labels: Any, wants_gradient: bool, out: Any
) -> tuple[Any, Array | None] | None:
    """The same for plain arrays, labels and no options; None for all else."""
    _, axis, reduction, smoothing, ignored, weight = options
    if weight is not None or ignored is not None or smoothing != 0 or reduction != "mean" or axis != -1:
        return None
    if type(x) is not np.ndarray or x.ndim != 2 or x.dtype.char not in "fd" or not x.flags.carray:
        return None
    if type(labels) is not np.ndarray:
        return None
    rows, n = x.shape
    fits = labels.dtype == np.int64 and labels.shape == (rows,)
    labels = labels.copy()  # C relies on the check below, and out may share memory with the caller's
    if not fits or rows == 0 or labels.min() < 0 or labels.max() >= n:
        return None
    gradient = None
    if wants_gradient:
        gradient = np.empty_like(x) if out is None else out
        if out is not None and not _rowwise.can_hold(out, x):
            return None
    losses = np.empty(rows)
    with _core.DefaultEnvironment():
        _rowwise.cross_entropy(x, labels, None, np.full(rows, 1 / rows), losses, gradient, rows, n)
        loss = x.dtype.type(losses.sum())
    return loss, gradient


class _Problem:
    """The arguments of one call, with the classes last."""

    def __init__(self, options: _Options, x: Array, target: Array, axis: int, dtype: np.dtype[Any]) -> None:
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
        weight = as_plain(self.options.function, "weight", self.options.weight).astype(np.float64)
        if weight.shape != (self.n,):
            message = f"{self.options.function}: weight has shape {weight.shape}"
            raise ValueError(f"{message}; expected {(self.n,)}, one for each class")
        return weight

    def _smoothing(self) -> float:
        value = self.options.label_smoothing
        if not isinstance(value, (int, float, np.integer, np.floating)) or not 0 <= value <= 1:
            message = f"{self.options.function}: label_smoothing is {value!r}"
            raise ValueError(f"{message}; expected a number from 0 to 1")
        return float(value)

    def _set_labels(self, labels: Array) -> None:
        function = self.options.function
        if labels.shape != self.lead:
            message = f"{function}: target has shape {labels.shape} and dtype {labels.dtype}"
            raise ValueError(
                f"{message}; expected labels of shape {self.lead}, or probabilities, which are floats"
            )
        counted = np.ones(labels.shape, bool)
        if self.options.ignore_index is not None:
            counted = labels != self.options.ignore_index
        wrong = counted & ((labels < 0) | (labels >= self.n))
        if wrong.any():
            first = tuple(int(i) for i in np.argwhere(wrong)[0])
            message = f"{function}: target{list(first)} is {labels[first]}"
            raise IndexError(f"{message}; expected a label from 0 to {self.n - 1}")
        self.labels = np.where(counted, labels, 0).astype(np.int64)
        row_weights = np.ones(labels.shape) if self.class_weights is None else self.class_weights[self.labels]
        row_weights = np.where(counted, row_weights, 0.0)
        divisor = row_weights.sum() if self.options.reduction == "mean" else 1.0
        factor = np.float64(1) / divisor  # NaN where nothing is counted, as PyTorch has it
        if self.smoothing:
            self.probabilities = self._smoothed()
            row_weights = np.where(counted, 1.0, 0.0)
        self.row_weights = row_weights * factor if np.isfinite(factor) else np.full(labels.shape, factor)

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
        divisor = max(prod(self.lead), 1) if self.options.reduction == "mean" else 1
        self.row_weights = np.full(self.lead, 1 / divisor)

    # The pass --------------------------------------------------------------------------------------

    def run(self, gradient: Array | None) -> Array:
        """Losses in float64, and gradients, a block of rows at a time where they are not contiguous."""
        losses = np.empty(self.lead)
        whole = [self.x, *([] if gradient is None else [gradient])]
        unsafe = gradient is not None and is_unsafe(gradient, [self.x])
        if not unsafe and all(is_ready(a, self.dtype) for a in whole):
            self._run_block((), losses, gradient)
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
            piece = array[(*block, ...)]  # without axes, too, an array
            return piece if is_ready(piece, dtype) else converted(piece, dtype)

        float64 = np.dtype(np.float64)
        x, loss = part(self.x, self.dtype), part(losses, float64)
        q, weights = part(self.probabilities, self.dtype), part(self.row_weights, float64)
        labels = None if q is not None else part(self.labels, np.dtype(np.int64))
        to = part(gradient, self.dtype)
        assert x is not None
        assert loss is not None
        _rowwise.cross_entropy(x, labels, q, weights, loss, to, loss.size, self.n)
        losses[block] = loss
        if gradient is not None and to is not None:
            np.copyto(gradient[block], to, casting="same_kind")


softmax_cross_entropy = SoftmaxCrossEntropy()
