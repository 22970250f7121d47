"""What a network ends in: the function that is applied to its last layer's result, and the loss.

Losses are found by name. Must not depend on layers or networks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastact import _core, _training
from fastact.activations.registry import get
from fastact.arrays import Array, as_real, converted, is_container
from fastact.errors import nearest
from fastact.rowwise.cross_entropy import softmax_cross_entropy
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.losses import LOSSES
from fastact.rowwise.nll import nll

_OF_CLASSES = {"softmax_cross_entropy": softmax_cross_entropy, "nll": nll}  # one loss for each row
_KNOWN = {**_OF_CLASSES, **LOSSES}
_LOSS_OF = {"softmax": "softmax_cross_entropy", "sigmoid": "sigmoid_binary_cross_entropy", "identity": "mse"}
_FUNCTION_OF = {
    "softmax_cross_entropy": FUNCTIONS["softmax"],
    "sigmoid_binary_cross_entropy": get("sigmoid"),
    "poisson": get("exp"),
}


class Output(NamedTuple):
    """An output of a network.

    Attributes
    ----------
    name : str
        As the caller gave it.
    function : RowFunction, Activation or None
        What is applied to the last layer's result; None is the identity.
    loss : object
        With ``value_and_gradient``, on the last layer's result: the function is part of it.
    of_classes : bool
        Whether the loss has one value for each row, not one for each element.
    loss_name : str
        The loss's own name.
    """

    name: str
    function: Any
    loss: Any
    of_classes: bool
    loss_name: str

    def value_and_gradient(self, blame: str, z: Array, target: Any, sample_weight: Any) -> tuple[Any, Array]:
        """The loss, and its gradient with respect to z, which is stored there."""
        if is_container(z):
            raise TypeError(f"{blame}: x is of type {type(z).__name__}; expected a plain array")
        if not self.of_classes:
            target = self._fitting(blame, target, z)
        if sample_weight is None:
            loss, gradient = self.loss.value_and_gradient(z, target, out=z)
            return loss, gradient
        shares = shares_of(blame, sample_weight, z.shape[:-1])
        if self.of_classes:
            loss, gradient = self.loss.weighted(z, target, shares, out=z)
            return loss, gradient
        with np.errstate(all="ignore"), _core.DefaultEnvironment():
            each = shares[..., np.newaxis] / max(z.shape[-1], 1)
        loss, gradient = self.loss.value_and_gradient(z, target, weight=each, reduction="sum", out=z)
        return loss, gradient

    @staticmethod
    def _fitting(blame: str, target: Any, z: Array) -> Array:
        """The target in the dtype and shape of z, which may have one column that the target has not."""
        if is_container(target):
            raise TypeError(f"{blame}: target is of type {type(target).__name__}; expected a plain array")
        found = as_real(blame, "target", target)
        if found.shape == z.shape[:-1] and z.shape[-1] == 1:
            found = found.reshape(z.shape)
        if found.shape != z.shape:
            raise ValueError(f"{blame}: target has shape {found.shape}; expected {z.shape}")
        return found if found.dtype == z.dtype else converted(found, z.dtype)


def shares_of(blame: str, value: Any, shape: tuple[int, ...]) -> Array:
    """The weight of each sample over their sum, in float64."""
    if is_container(value):
        raise TypeError(f"{blame}: sample_weight is of type {type(value).__name__}; expected a plain array")
    weights = np.ascontiguousarray(as_real(blame, "sample_weight", value), np.float64)
    if np.shape(value) != shape:
        raise ValueError(f"{blame}: sample_weight has shape {np.shape(value)}; expected {shape}")
    shares = np.empty(shape)
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        if not _training.shares_of(weights, shares):
            raise ValueError(
                f"{blame}: sample_weight has a sum of {weights.sum()} and a least value of "
                f"{weights.min(initial=np.inf)}; expected numbers of at least 0, not all 0"
            )
    return shares


def output_of(blame: str, name: Any) -> Output:
    """The output of that name, or of a loss of that name."""
    loss = _LOSS_OF.get(name, name) if isinstance(name, str) else None
    if loss not in _KNOWN:
        expected = [*_LOSS_OF, *_KNOWN]
        hint = nearest(name, expected) if isinstance(name, str) else ""
        error = ValueError if isinstance(name, str) else TypeError
        raise error(f"{blame}: output is {name!r}; expected one of {', '.join(expected)}{hint}")
    assert loss is not None
    return Output(name, _FUNCTION_OF.get(str(loss)), _KNOWN[loss], loss in _OF_CLASSES, loss)
