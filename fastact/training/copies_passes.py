"""Forward and backward of networks of one shape, layer by layer as stacks of matrices, or network by network.

Must not depend on losses or optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastact.arrays import Array, as_real, is_container
from fastact.dense.functions import dense_backward, dense_forward
from fastact.dense.network_layers import NetworkLayer

_BACKWARD = "fastact.NetworkCopies.backward"


class CopiesSaved:
    """What :meth:`NetworkCopies.forward` keeps for :meth:`NetworkCopies.backward`.

    Attributes
    ----------
    shape : tuple of int
        That of the result.
    """

    __slots__ = ("_kept", "_last", "_owner", "shape")

    def __init__(self, owner: Any, shape: tuple[int, ...], kept: Sequence[Any], last: Any) -> None:
        self._owner, self.shape, self._kept, self._last = owner, shape, kept, last

    def __repr__(self) -> str:
        return f"<what copies of a network saved for a result of shape {self.shape}>"


class CopiesPasses:
    """The passes of :class:`fastact.NetworkCopies` that belong to the caller."""

    __slots__ = ()

    _layers: tuple[NetworkLayer, ...]
    _members: list[Any]  # the networks themselves, where they are computed one by one
    _training_output: Any

    def _of_each(self, method: str, x: Any) -> Any:
        raise NotImplementedError

    def _batch(self, method: str, x: Any) -> Array:
        raise NotImplementedError

    def forward(self, x: Any) -> tuple[Array, CopiesSaved]:
        """The results of all networks in training, and what :meth:`backward` needs.

        Parameters
        ----------
        x : array_like, shape (n, i) or (k, n, i)
            A batch for all networks, or one for each.

        Returns
        -------
        y : ndarray, shape (k, n, o)
        saved : CopiesSaved
        """
        if self._members:
            pairs = zip(self._members, self._of_each("forward", x), strict=True)
            found = [member.forward(own) for member, own in pairs]
            y = np.stack([one for one, _ in found])
            return y, CopiesSaved(self, y.shape, [saved for _, saved in found], None)
        h, kept = self._batch("forward", x), []
        for layer in self._layers:
            inputs = h
            h, saved = dense_forward(inputs, layer._w, layer._b, activation=layer.activation)
            kept.append((inputs, saved))
        function = self._training_output.function
        y = h if function is None else function(h)
        return y, CopiesSaved(self, y.shape, kept, None if function is None else h)

    def backward(
        self, grad_y: Any, saved: CopiesSaved, *, need_dx: bool = True
    ) -> tuple[Array | None, tuple[Array, ...], tuple[Array | None, ...]]:
        """The gradients of all networks for a pass of :meth:`forward`.

        Parameters
        ----------
        grad_y : array_like, shape (k, n, o)
            Gradient with respect to the results.
        saved : CopiesSaved
            What :meth:`forward` returned. Parameters must not have changed since.
        need_dx : bool
            False where the gradient with respect to `x` is not wanted.

        Returns
        -------
        dx : ndarray, shape (k, n, i), or None
            Of each network, also where they had one batch.
        dw, db : tuple of ndarray, one for each layer
            Of the shapes of the layers' `w` and `b`; None for a layer without biases.

        Raises
        ------
        ValueError, TypeError
            For a `saved` of other networks, another shape, and what is not real numbers.
        """
        grad = self._checked_gradient(grad_y, saved)
        if not self._members:
            dx, dw, db = self._backward_of_stacks(grad, saved, need_dx)
            return dx, dw, db
        pairs = zip(self._members, grad, saved._kept, strict=True)
        found = [member.backward(one, kept, need_dx=need_dx) for member, one, kept in pairs]
        dx = np.stack([dx for dx, _, _ in found]) if need_dx else None
        dw = tuple(np.stack(each) for each in zip(*(dw for _, dw, _ in found), strict=True))
        columns = zip(self._layers, zip(*(db for _, _, db in found), strict=True), strict=True)
        db = tuple(None if layer._b is None else np.stack(b).reshape(layer._b.shape) for layer, b in columns)
        return dx, dw, db

    def _checked_gradient(self, grad_y: Any, saved: Any) -> Array:
        if not isinstance(saved, CopiesSaved):
            kind = type(saved).__name__
            raise TypeError(f"{_BACKWARD}: saved is of type {kind}; expected what forward returned")
        if saved._owner is not self:
            raise ValueError(f"{_BACKWARD}: saved belongs to other networks")
        if is_container(grad_y):
            message = f"{_BACKWARD}: grad_y is of type {type(grad_y).__name__}"
            raise TypeError(f"{message}; expected a plain array")
        found = as_real(_BACKWARD, "grad_y", grad_y)
        if found.shape != saved.shape:
            raise ValueError(f"{_BACKWARD}: grad_y has shape {found.shape}; expected {saved.shape}")
        return found

    def _backward_of_stacks(self, grad: Array, saved: CopiesSaved, need_dx: bool) -> Any:
        if saved._last is not None:
            grad = self._training_output.function.backward(grad, saved._last)
        found: list[Any] = []
        for i, (layer, (inputs, kept)) in reversed([*enumerate(zip(self._layers, saved._kept, strict=True))]):
            needed = i > 0 or need_dx
            if needed and inputs.ndim == 2:  # a batch that all share, whose gradient would be a sum
                inputs = np.broadcast_to(inputs, (len(layer._w), *inputs.shape))
            grad, dw, db = dense_backward(grad, inputs, layer._w, kept, need_dx=needed)
            found.insert(0, (dw, db))
        return grad if need_dx else None, tuple(dw for dw, _ in found), tuple(db for _, db in found)
