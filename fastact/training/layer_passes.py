"""Passes of networks layer by layer, with normalisation, dropout and learned parameters of activations.

Must not depend on losses or optimisers.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastact import _training
from fastact.arrays import Array, is_container
from fastact.dense import fallback
from fastact.dense.functions import dense, dense_backward, dense_forward
from fastact.dense.network import NetworkBase
from fastact.dense.network_layers import LayerArrays, NetworkLayer, NetworkNorm, biases_for
from fastact.dense.network_steps import steps_in_c
from fastact.dense.parameter_gradients import summed
from fastact.training.norms import ready

_KINDS = {"batch": _training.BATCH_NORM, "layer": _training.LAYER_NORM, "rms": _training.RMS_NORM}
_MOMENTUM = 0.1  # the weight of a batch in running statistics, and eps: PyTorch's
_EPS = 1e-5
_NAME = "fastact.Network"


class LayerPasses(NetworkBase):
    """What a network adds to its passes: normalisation and dropout, in training and in evaluation.

    Attributes
    ----------
    seed : int
        Of dropout.
    epochs, passes : int
        How many epochs and passes of training there were.
    """

    __slots__ = ("_counting", "_drops", "_rates", "epochs", "passes", "seed")

    _rates: tuple[float, ...]  # of each layer, the probability with which an element of its result is dropped
    _drops: bool  # whether any is above 0
    _counting: threading.Lock
    epochs: int
    passes: int
    seed: Any

    def _orders(self) -> tuple[int, int]:
        """What the order of samples in the next epoch follows from."""
        return self.seed, self.epochs

    def _end_epoch(self) -> None:
        self.epochs += 1

    def _number_of_pass(self) -> int:
        if not self._drops:
            return 0
        with self._counting:
            self.passes += 1
            return self.passes - 1

    def _predict_layer(self, i: int, h: Any) -> Any:
        layer = self._layers[i]
        if layer.norm is None:
            return super()._predict_layer(i, h)
        _refuse_containers(h)
        z = dense(h, layer._w, biases_for(layer, h))
        if layer.norm.after:
            return _normalised(layer.norm, _value(layer, z), False)
        return _value(layer, _normalised(layer.norm, z, False))

    def _forward_layer(self, i: int, h: Any, number: int) -> tuple[Any, Any]:
        layer = self._layers[i]
        if layer.norm is None:
            y, kept = super()._forward_layer(i, h, number)
        else:
            y, kept = _forward_with_norm(layer, layer.norm, h)
        return self._dropped(i, y, number), (kept, number)

    def _backward_layer(
        self, i: int, grad_y: Any, kept: Any, need_dx: bool, need_parameters: bool, out: Any = None
    ) -> tuple[Any, ...]:
        kept, number = kept
        layer, grad_y = self._layers[i], self._dropped(i, grad_y, number)
        if layer.norm is None:
            return super()._backward_layer(i, grad_y, kept, need_dx, need_parameters, out)
        return _backward_with_norm(layer, layer.norm, grad_y, kept, need_dx, need_parameters, out)

    def _dropped(self, i: int, array: Any, number: int) -> Any:
        """The result of layer i, or its gradient, after dropout."""
        rate = self._rates[i]
        if rate == 0:
            return array
        _refuse_containers(array)
        x = ready(array, self.dtype)
        y, high = np.empty_like(x), number >> 32
        _training.dropout(x, y, rate, self.seed % 2**64, number % 2**32, i + (high << 16))
        return y

    @staticmethod
    def _normalised_apart(norm: NetworkNorm, x: Array) -> Array:
        """x after a layer's norm as in training, which leaves running statistics as they are."""
        apart = copy.copy(norm)
        apart.running_mean = apart.running_var = None
        return _normalised(apart, x, True)

    @staticmethod
    def _before_norm(norm: NetworkNorm, grad_y: Array, x: Array) -> Array:
        """The gradient with respect to what a layer's norm reads, x, in training."""
        return _norm_gradients(norm, ready(grad_y, x.dtype), ready(x, x.dtype))[0]

    def _steps_of(self, loss: str) -> Any:
        """What computes a loss and its gradients in one C call; None where C does not have all of it."""
        if any(layer._arrays.learned for layer in self._layers) or self._rates[-1]:
            return None
        arrays = [(layer._w, layer._b) for layer in self._layers]
        norms = [None if layer.norm is None else arguments_of(layer.norm) for layer in self._layers]
        return steps_in_c(self._prepared, arrays, self._rates, norms, loss)

    def _running_statistics(self) -> list[Array]:
        """Those of all batch norms."""
        norms = [layer.norm for layer in self._layers if layer.norm is not None]
        return [a for norm in norms for a in (norm.running_mean, norm.running_var) if a is not None]

    @contextmanager
    def _unchanged_by_errors(self) -> Iterator[None]:
        """An error leaves running statistics and the number of the pass as they were."""
        before, passes = [a.copy() for a in self._running_statistics()], self.passes
        try:
            yield
        except BaseException:
            self.passes = passes
            for array, old in zip(self._running_statistics(), before, strict=True):
                array[...] = old
            raise

    def _store_gradients(
        self, grad_y: Array, kept: tuple[Any, ...], targets: tuple[LayerArrays, ...]
    ) -> None:
        """The gradients of all parameters of a pass over a matrix, in their places."""
        for i, target in reversed(list(enumerate(targets))):
            out = (None, target.w, target.b)
            has_more = bool(target.learned) or target.norm_weight is not None
            results = self._backward_layer(i, grad_y, kept[i], i > 0, has_more, out)
            grad_y, found = results[0], results[3] if has_more else {}
            own = {"norm_weight": target.norm_weight, "norm_bias": target.norm_bias, **target.learned}
            for name, place in own.items():
                if place is not None:
                    place[...] = found[name]


def _forward_with_norm(layer: NetworkLayer, norm: NetworkNorm, h: Any) -> tuple[Array, Any]:
    """The result of a layer in training; its input, what its product saves, and what norm and activation
    read."""
    _refuse_containers(h)
    z, saved = dense_forward(h, layer._w, biases_for(layer, h))
    if norm.after:
        value = _value(layer, z)
        return _normalised(norm, value, True), (h, saved, value, z)
    normal = _normalised(norm, z, True)
    return _value(layer, normal), (h, saved, z, normal)


def _backward_with_norm(
    layer: NetworkLayer,
    norm: NetworkNorm,
    grad_y: Array,
    kept: Any,
    need_dx: bool,
    need_parameters: bool,
    out: Any,
) -> tuple[Any, ...]:
    h, saved, normalised, read = kept
    activation, found = layer.activation, {}
    grad_y = ready(grad_y, read.dtype)
    if norm.after:
        grad_y, *of_norm = _norm_gradients(norm, grad_y, normalised)
    if need_parameters and getattr(activation, "learned", None):
        found = summed(activation, grad_y, read, read.dtype)
    delta = fallback.delta(_NAME, activation, grad_y, read, read.dtype)
    if not norm.after:
        delta, *of_norm = _norm_gradients(norm, ready(delta, read.dtype), normalised)
    results = dense_backward(delta, h, layer._w, saved, need_dx=need_dx, out=out)
    if not need_parameters:
        return results
    return (*results, {**found, "norm_weight": of_norm[0], "norm_bias": of_norm[1]})


def _value(layer: NetworkLayer, z: Array) -> Array:
    return fallback.value(_NAME, layer.activation, z, z.dtype)


# Normalisation of contiguous arrays -----------------------------------------------------------------


def _normalised(norm: NetworkNorm, x: Array, training: bool) -> Array:
    """x after normalisation; training changes running statistics."""
    x = ready(x, norm.weight.dtype)
    n, y = x.shape[-1], np.empty_like(x)
    if norm.kind == "batch" and training and x.size < 2 * n:
        message = f"{_NAME}: a batch of {x.size // n} samples; batch norm needs at least two in training"
        raise ValueError(message)
    if x.size:
        _training.norm(
            _KINDS[norm.kind],
            x,
            norm.weight,
            norm.bias,
            y,
            np.empty(5 * n),
            n,
            _eps(norm),
            norm.running_mean,
            norm.running_var,
            training,
            _MOMENTUM,
        )
    return y


def _norm_gradients(norm: NetworkNorm, grad_y: Array, x: Array) -> tuple[Array, Array, Array | None]:
    """Gradients with respect to x, weight and bias, in training."""
    n, dx, dweight = x.shape[-1], np.empty_like(x), np.zeros_like(norm.weight)
    dbias = None if norm.bias is None else np.zeros_like(norm.bias)
    if x.size:
        statistics = np.empty(5 * n if norm.kind == "batch" else 3 * (x.size // n))
        kind, eps = _KINDS[norm.kind], _eps(norm)
        _training.norm_backward(kind, grad_y, x, norm.weight, dx, dweight, dbias, statistics, n, eps)
    return dx, dweight, dbias


def arguments_of(norm: NetworkNorm, index: Any = ()) -> tuple[Any, ...]:
    """As C takes them; of one of many networks, with an index of arrays."""
    arrays = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    found = (None if array is None else array[index] for array in arrays)
    return norm.kind, norm.after, _MOMENTUM, _eps(norm), *found


def _eps(norm: NetworkNorm) -> float:
    return float(np.finfo(norm.weight.dtype).eps) if norm.kind == "rms" else _EPS


def _refuse_containers(array: Any) -> None:
    if is_container(array):
        message = f"{_NAME}: an array is of type {type(array).__name__}"
        raise TypeError(f"{message}; normalisation and dropout take plain arrays only")
