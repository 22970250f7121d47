"""``fastact.batch_norm``. The arithmetic is in C.

Must not depend on layers or networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastact import _training
from fastact.arrays import Array, check_out, converted
from fastact.rowwise.entry import Named
from fastact.rowwise.rows import as_plain, axes_of, is_ready, result_dtype
from fastact.training.norms import (
    Gradients,
    Operands,
    check_shape,
    checked_eps,
    number,
    plain,
    prepared,
    ready,
    rounded_if,
    stored,
    zeros_like,
)


class BatchNorm(Named):
    """Each feature with mean 0 and variance 1 over the batch, times weight plus bias.

        y = (x - mean)/sqrt(variance + eps)*weight + bias

    Parameters
    ----------
    x : array_like
        Real numbers; the features along one axis.
    weight, bias : array_like, optional
        One for each feature.
    running_mean, running_var : ndarray, optional
        float32 or float64, one for each feature. In training they are changed in place to
        ``(1 - momentum)*running + momentum*batch``, where the variance of the batch is the unbiased one; in
        evaluation they are used in place of the batch's.
    training : bool
        Whether mean and variance are those of the batch (the biased variance), which has at least two
        samples.
    momentum : float
        The weight of the batch in running statistics, from 0 to 1, as in PyTorch; Keras's is that of the old
        value.
    eps : float
        Added to the variance.
    axis : int
        That of the features.
    out : ndarray, optional
        Where to store the result; may be x.

    Returns
    -------
    ndarray
        As for :data:`layer_norm`.

    References
    ----------
    Ioffe and Szegedy (2015), arXiv:1502.03167.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> mean, var = np.zeros(2), np.ones(2)
    >>> fa.batch_norm(x, running_mean=mean, running_var=var).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> mean.round(3), var.round(3)
    (array([0.2, 2. ]), array([ 1.1, 20.9]))
    >>> fa.batch_norm(x, running_mean=mean, running_var=var, training=False).round(3)
    array([[0.763, 1.75 ],
           [2.67 , 6.125]])
    """

    def __call__(  # noqa: D102 - the class says it
        self,
        x: Any,
        weight: Any = None,
        bias: Any = None,
        *,
        running_mean: Array | None = None,
        running_var: Array | None = None,
        training: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
        axis: int = 1,
        out: Array | None = None,
    ) -> Array:
        call = _Batch("fastact.batch_norm", x, weight, bias, training, eps, axis)
        if training and not 0 <= number(f"{call.function}: momentum", momentum) <= 1:
            raise ValueError(f"{call.function}: momentum is {momentum!r}; expected a number from 0 to 1")
        return call.forward(running_mean, running_var, momentum, out)

    def backward(
        self,
        grad_y: Any,
        x: Any,
        weight: Any = None,
        bias: Any = None,
        *,
        running_mean: Array | None = None,
        running_var: Array | None = None,
        training: bool = True,
        eps: float = 1e-5,
        axis: int = 1,
    ) -> Gradients:
        """The gradients with respect to x, weight and bias.

        Parameters
        ----------
        grad_y : array_like
            The gradient with respect to y.
        x, weight, bias, running_mean, running_var, training, eps, axis
            As in the forward pass. Running statistics are read in evaluation only.

        Returns
        -------
        dx, dweight, dbias : ndarray
            None for a weight or bias that is None.
        """
        call = _Batch("fastact.batch_norm.backward", x, weight, bias, training, eps, axis)
        return call.backward(grad_y, running_mean, running_var)


class _Batch:
    """The arguments of one call of batch norm, with the features last."""

    def __init__(
        self, function: str, x: Any, weight: Any, bias: Any, training: bool, eps: float, axis: int
    ) -> None:
        self.function, self.eps = function, checked_eps(function, eps)
        if not isinstance(training, (bool, np.bool_)):
            raise TypeError(f"{function}: training is {training!r}; expected True or False")
        self.training = bool(training)
        self.arrays = plain(function, weight=weight, bias=bias) | {"x": as_plain(function, "x", x)}
        whole = self.arrays["x"]
        if axis is None or isinstance(axis, tuple):
            raise TypeError(f"{function}: axis is {axis!r}; expected an int, the axis of the features")
        if whole.ndim < 2:
            raise ValueError(f"{function}: x has shape {whole.shape}; expected at least two axes")
        (self.axis,) = axes_of(function, axis, whole.ndim)
        self.n = whole.shape[self.axis]
        for name in ("weight", "bias"):
            if name in self.arrays:
                check_shape(function, name, self.arrays[name], (self.n,))
        self.samples = whole.size // self.n if self.n else 0
        if self.training and self.n and self.samples < 2:
            message = f"{function}: x has shape {whole.shape}, one sample of each feature or none"
            raise ValueError(f"{message}; expected at least two in training")

    def _last(self, array: Array) -> Array:
        return np.moveaxis(array, self.axis, -1)

    def _operands(self, out: Array | None) -> Operands:
        if out is not None:
            check_out(
                f"{self.function}: out", out, self.arrays["x"].shape, result_dtype([*self.arrays.values()])
            )
        moved = self.arrays | {"x": self._last(self.arrays["x"])}
        return prepared(self.function, None if out is None else self._last(out), moved)

    def _running(self, mean: Any, variance: Any, dtype: np.dtype[Any]) -> tuple[Array | None, Array | None]:
        """Copies of running statistics."""
        first, second = (
            self._checked_running(*one, dtype) for one in (("running_mean", mean), ("running_var", variance))
        )
        both = mean is not None and variance is not None
        if self.training and both and np.may_share_memory(mean, variance):
            raise ValueError(f"{self.function}: running_mean shares memory with running_var")
        return first, second

    def _checked_running(self, name: str, value: Any, dtype: np.dtype[Any]) -> Array | None:
        if value is None:
            if not self.training:
                raise ValueError(f"{self.function}: {name} is None; evaluation needs it")
            return None
        if self.training:
            check_out(f"{self.function}: {name}", value, (self.n,), dtype)
        else:
            value = as_plain(self.function, name, value)
            check_shape(self.function, name, value, (self.n,))
        if value.dtype.newbyteorder("=") != dtype:
            raise TypeError(f"{self.function}: {name} has dtype {value.dtype}; expected {dtype}, as x has")
        return converted(value, dtype)

    def forward(self, mean: Any, variance: Any, momentum: float, out: Array | None) -> Array:
        operands = self._operands(out)
        running = self._running(mean, variance, operands.x.dtype)
        result = np.empty(self.arrays["x"].shape, operands.dtype) if out is None else out
        moved = self._last(result)
        work = moved if is_ready(moved, operands.x.dtype) else np.empty_like(operands.x)
        if work.size:
            _training.norm(
                _training.BATCH_NORM,
                operands.x,
                operands.weight,
                operands.bias,
                work,
                np.empty(5 * self.n),
                self.n,
                self.eps,
                running[0],
                running[1],
                self.training,
                momentum,
            )
        for given, found in zip((mean, variance), running, strict=True):
            if self.training and found is not None:
                stored(found, given)
        stored(work, moved)
        return result

    def backward(self, grad_y: Any, mean: Any, variance: Any) -> Gradients:
        grad = as_plain(self.function, "grad_y", grad_y)
        check_shape(self.function, "grad_y", grad, self.arrays["x"].shape)
        operands = self._operands(None)
        computing = operands.x.dtype
        running = (None, None) if self.training else self._running(mean, variance, computing)
        dx = np.empty_like(operands.x)
        dweight, dbias = zeros_like(operands.weight), zeros_like(operands.bias)
        if dx.size:
            _training.norm_backward(
                _training.BATCH_NORM,
                ready(self._last(grad), computing),
                operands.x,
                operands.weight,
                dx,
                dweight,
                dbias,
                np.empty(5 * self.n),
                self.n,
                self.eps,
                running[0],
                running[1],
                self.training,
            )
        moved = np.empty(self.arrays["x"].shape, operands.dtype)
        stored(dx, self._last(moved))
        return moved, rounded_if(dweight, operands.dtype), rounded_if(dbias, operands.dtype)


batch_norm = BatchNorm("batch_norm")
