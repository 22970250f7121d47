"""The passes of networks: dense layers one after the other, with their weights in one array.

A pass is one C call where C has every activation (_dense.Passes), and otherwise goes layer by layer through
fastact.dense.functions. Must not depend on losses or training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _core, _dense
from fastact.arrays import Array, as_real, is_container
from fastact.dense import arguments, containers
from fastact.dense.functions import dense, dense_backward, dense_forward
from fastact.dense.network_layers import NetworkLayer, assign, biases_for, biases_from, make_layers
from fastact.dense.network_saved import NetworkSaved, saved_of
from fastact.dense.saved import prepared

Gradients = tuple[Any, ...]
Outs = list[tuple[str, Any]]  # gradients by name, with the arrays that the caller gave for them
_BACKWARD = "fastact.Network.backward"


class NetworkBase:
    """The passes of :class:`fastact.Network`, and its parameters.

    Parameters
    ----------
    layers : sequence of (w, b, activation)
        As for :class:`fastact.Network`.
    output : RowFunction or Activation, optional
        What is applied to the last layer's result.
    by_layer, trains_by_layer : bool
        Whether all passes, or those of training, go layer by layer in any case.
    **options
        As for :func:`fastact.dense.network_layers.make_layers`.
    """

    __slots__ = (
        "__weakref__",
        "_layers",
        "_output",
        "_parameters",
        "_passes",
        "_prepared",
        "_saving_passes",
        "_uniform",
    )

    def __init__(
        self,
        layers: Sequence[tuple[Any, Any, Any]],
        output: Any = None,
        by_layer: bool = False,
        trains_by_layer: bool = False,
        **options: Any,
    ) -> None:
        self._parameters, self._layers = make_layers(layers, **options)
        self._output = output
        found = [prepared(layer.activation) for layer in self._layers]
        self._prepared = tuple(f[1] for f in found if f is not None)
        self._passes = None if by_layer else self._passes_in_c()
        self._saving_passes = None if trains_by_layer else self._passes
        self._uniform = self._passes is not None and self._has_numbers_only()

    def _passes_in_c(self) -> _dense.Passes | None:
        """Passes in one C call; None where C does not have an activation."""
        if len(self._prepared) != len(self._layers):
            return None
        weights, biases = (tuple(getattr(layer, name) for layer in self._layers) for name in ("_w", "_b"))
        return _dense.Passes(self._prepared, weights, biases)

    def _has_numbers_only(self) -> bool:
        """Whether no parameter of an activation is an array."""
        return all(form.numbers for form in self._prepared)

    @property
    def parameters(self) -> Array:
        """All weights and biases in one array; assigning stores values in place."""
        return self._parameters.view()

    @parameters.setter
    def parameters(self, value: Any) -> None:
        assign("fastact.Network", "parameters", self._parameters, value)

    @property
    def layers(self) -> tuple[NetworkLayer, ...]:
        """The layers, in order."""
        return self._layers

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, that of the parameters and of all results."""
        return self._parameters.dtype

    # Passes ------------------------------------------------------------------------------------------

    def predict(self, x: Any) -> NDArray[Any]:
        """The result, with nothing kept: inference. Calling the network does the same.

        Parameters
        ----------
        x : array_like, shape (..., i)
            The batch; converted to the dtype of the network.

        Returns
        -------
        ndarray, shape (..., o)

        Raises
        ------
        ValueError, TypeError
            For another number of columns, and for what is not real numbers.
        """
        direct = self._passes.forward(x, None, False) if self._passes and self._uniform else None
        y = self._predict_any(x) if direct is None else direct[0]
        return y if self._output is None else self._output(y)

    __call__ = predict

    def _predict_any(self, x: Any) -> Any:
        """The last layer's result for any x."""
        batch = self._batch("predict", x)
        found = self._forward_in_c(batch, False)
        if found is not None:
            return found[0]
        for number in range(len(self._layers)):
            batch = self._predict_layer(number, batch)
        return batch

    def forward(self, x: Any) -> tuple[NDArray[Any], NetworkSaved]:
        """The result, and what :meth:`backward` needs.

        Parameters
        ----------
        x : array_like, shape (..., i)
            The batch; converted to the dtype of the network. `saved` keeps a reference to it: it must not
            change before :meth:`backward`.

        Returns
        -------
        y : ndarray, shape (..., o)
            The caller's own: it may be changed at once.
        saved : NetworkSaved
            For :meth:`backward` of this network.

        Raises
        ------
        ValueError, TypeError
            As :meth:`predict`.
        """
        y, saved = self._forward_last(x)
        if self._output is None:
            return y, saved
        object.__setattr__(saved, "_last", y)
        return self._output(y), saved

    def _forward_last(self, x: Any) -> tuple[Any, NetworkSaved]:
        """The last layer's result, and what is saved."""
        passes = self._saving_passes
        direct = passes.forward(x, None, True) if passes and self._uniform else None
        if direct is not None:
            return direct[0], saved_of(self, x, direct[0].shape, direct[1])
        batch = self._batch("forward", x)
        found = self._forward_in_c(batch, True)
        if found is None:
            return self._forward_by_layer(batch)
        return found[0], saved_of(self, batch, found[0].shape, found[1])

    def _forward_in_c(self, batch: Any, keep: bool) -> tuple[Array, Any] | None:
        """The result and what is kept; None where the pass goes layer by layer."""
        parameters = self._array_parameters(batch)
        passes = self._saving_passes if keep else self._passes
        if passes is None or parameters is None:
            return None
        found = passes.forward(_matrix(batch), parameters, keep)
        assert found is not None
        return found[0].reshape(*batch.shape[:-1], found[0].shape[1]), found[1]

    def _forward_by_layer(self, batch: Any) -> tuple[Any, NetworkSaved]:
        kept: list[Any] = []
        h, number = batch, self._number_of_pass()
        for i in range(len(self._layers)):
            h, saved = self._forward_layer(i, h, number)
            kept.append(saved)
        return h, saved_of(self, batch, h.shape, tuple(kept))

    # One layer -------------------------------------------------------------------------------------

    def _number_of_pass(self) -> int:
        """What distinguishes a pass of training from others."""
        return 0

    def _predict_layer(self, i: int, h: Any) -> Any:
        """The result of a layer for the input h."""
        layer = self._layers[i]
        return dense(h, layer._w, biases_for(layer, h), activation=layer.activation)

    def _forward_layer(self, i: int, h: Any, number: int) -> tuple[Any, Any]:
        """The same, and what its backward pass needs."""
        layer = self._layers[i]
        y, saved = dense_forward(h, layer._w, biases_for(layer, h), activation=layer.activation)
        return y, (h, saved)

    def _backward_layer(
        self, i: int, grad_y: Any, kept: Any, need_dx: bool, need_parameters: bool, out: Any = None
    ) -> tuple[Any, ...]:
        """Gradients of a layer, as :func:`fastact.dense_backward` has them."""
        h, saved = kept
        w = self._layers[i]._w
        return dense_backward(grad_y, h, w, saved, need_dx=need_dx, out=out, need_parameters=need_parameters)

    # Backward --------------------------------------------------------------------------------------

    def backward(
        self,
        grad_y: Any,
        saved: NetworkSaved,
        *,
        need_dx: bool = True,
        out: Any = None,
        accumulate: bool = False,
        need_parameters: bool = False,
    ) -> Gradients:
        """All gradients, for a forward pass.

        Parameters
        ----------
        grad_y : array_like, shape (..., o)
            Gradient with respect to the result.
        saved : NetworkSaved
            What :meth:`forward` returned. Parameters must not have changed since.
        need_dx : bool
            False where the gradient with respect to `x` is not wanted.
        out : tuple (dx, dw, db), optional
            Where to store the gradients: an array or None for dx; a sequence with an array or None for each
            layer, or None, for dw and for db.
        accumulate : bool
            Add to the arrays in `out` instead of overwriting them.
        need_parameters : bool
            Also return gradients of the activations' learned parameters.

        Returns
        -------
        dx : ndarray of the shape of `x`, or None
        dw : tuple of ndarray, one for each layer
        db : tuple of ndarray, one for each layer, None where it has no biases
        parameters : tuple of dict, one for each layer, only with `need_parameters`

        Raises
        ------
        ValueError
            For a `saved` of another network, and another shape.
        TypeError
            For what is not real numbers, and what is not a `saved`.
        """
        if self._output is not None:
            grad_y = self._output.backward(self._checked(grad_y, saved), saved._last)
        return self._backward_last(grad_y, saved, need_dx, out, accumulate, need_parameters)

    def _backward_last(
        self,
        grad_y: Any,
        saved: NetworkSaved,
        need_dx: bool,
        out: Any = None,
        accumulate: bool = False,
        need_parameters: bool = False,
    ) -> Gradients:
        """The same, for a gradient with respect to the last layer's result."""
        plain = out is None and type(saved) is NetworkSaved and not (accumulate or need_parameters)
        if plain and self._passes and self._uniform:
            direct = self._passes.backward(saved._kept, saved._x, grad_y, None, None, need_dx)
            if direct is not None:
                return direct
        grad_y = self._checked(grad_y, saved)
        outs = self._outs(out, accumulate, need_dx)
        if not isinstance(saved._kept, tuple):
            if not need_parameters and not is_container(grad_y):
                return self._backward_in_c(grad_y, saved, need_dx, outs, accumulate)
            saved = self._forward_by_layer(saved._x)[1]
        return self._backward_by_layer(grad_y, saved, need_dx, outs, accumulate, need_parameters)

    def _checked(self, grad_y: Any, saved: Any) -> Any:
        """grad_y, if it and `saved` belong to a pass of this network."""
        if not isinstance(saved, NetworkSaved):
            message = f"{_BACKWARD}: saved is of type {type(saved).__name__}"
            raise TypeError(f"{message}; expected what forward returned")
        if saved._network is not self:
            raise ValueError(f"{_BACKWARD}: saved belongs to another network")
        if not is_container(grad_y):
            grad_y = as_real(_BACKWARD, "grad_y", grad_y)
            if grad_y.shape != saved.shape:
                raise ValueError(f"{_BACKWARD}: grad_y has shape {grad_y.shape}; expected {saved.shape}")
        return grad_y

    def _backward_in_c(
        self, grad_y: Array, saved: NetworkSaved, need_dx: bool, outs: Outs, accumulate: bool
    ) -> Gradients:
        batch, parameters = saved._x, self._array_parameters(saved._x)
        if self._passes is None or parameters is None:
            raise ValueError(f"{_BACKWARD}: a parameter of an activation has changed its shape")
        x, grad_y = _matrix(batch), _matrix(arguments.as_readable(grad_y, self.dtype))
        others: list[Array | None] = [
            x,
            grad_y,
            self._parameters,
            *(array for arrays in parameters for array in arrays),
        ]
        targets: list[arguments.Target | None] = []
        for (name, given), shape in zip(outs, self._gradient_shapes(batch, need_dx), strict=True):
            if shape is None:
                targets.append(None)
                continue
            found = arguments.target(
                f"{_BACKWARD}: out for {name}", given, shape, self.dtype, others, accumulate
            )
            if len(shape) != 2 and not found.array.flags.c_contiguous:
                found = arguments.Target(found.array.copy(), given)
            if given is not None:  # new arrays overlap nothing
                others += [found.array, found.given]
            targets.append(found)
        dx, dw, db = self._grouped([None if t is None else t.array for t in targets])
        gradients = (None if dx is None else _matrix(dx), dw, db)
        if self._passes.backward(saved._kept, x, grad_y, parameters, gradients, need_dx, accumulate) is None:
            raise ValueError(f"{_BACKWARD}: x has changed its shape since the forward pass")
        return self._grouped([None if t is None else t.finish() for t in targets])

    def _gradient_shapes(self, batch: Any, need_dx: bool) -> list[tuple[int, ...] | None]:
        """Of dx, all dw and all db; None for what is not wanted."""
        weights = (layer._w.shape for layer in self._layers)
        biases = (None if layer._b is None else layer._b.shape for layer in self._layers)
        return [np.shape(batch) if need_dx else None, *weights, *biases]

    def _grouped(self, gradients: list[Any]) -> Gradients:
        """(dx, dw, db)"""
        return gradients[0], tuple(gradients[1 : len(self) + 1]), tuple(gradients[len(self) + 1 :])

    def _backward_by_layer(
        self,
        grad_y: Any,
        saved: NetworkSaved,
        need_dx: bool,
        outs: Outs,
        accumulate: bool,
        need_parameters: bool,
    ) -> Gradients:
        """Gradients are stored in `outs` at the end, since these may be what earlier layers still read."""
        shapes = self._gradient_shapes(saved._x, need_dx)
        for (name, given), shape in zip(outs, shapes, strict=True):
            if given is not None and shape is not None:
                arguments.target(f"{_BACKWARD}: out for {name}", given, shape, self.dtype, [])
        found: list[tuple[Any, ...]] = []
        for i, kept in reversed(list(enumerate(saved._kept))):
            results = self._backward_layer(i, grad_y, kept, need_dx or i > 0, need_parameters)
            grad_y = results[0]
            found.insert(0, results)
        db = map(biases_from, self._layers, (f[2] for f in found))
        every = [found[0][0], *(f[1] for f in found), *db]
        stored = [_store(given, one, accumulate) for (_, given), one in zip(outs, every, strict=True)]
        gradients = self._grouped(stored)
        return (*gradients, tuple(f[3] for f in found)) if need_parameters else gradients

    # Arguments ---------------------------------------------------------------------------------------

    def _batch(self, function: str, x: Any) -> Any:
        """x in the network's dtype."""
        blame = f"fastact.Network.{function}"
        if is_container(x):
            found = containers.as_dtype(blame, "x", x, self.dtype)
        else:
            found = arguments.as_readable(as_real(blame, "x", x), self.dtype)
        columns = self._layers[0]._w.shape[0]
        if np.ndim(found) < 1 or np.shape(found)[-1] != columns:
            raise ValueError(f"{blame}: x has shape {np.shape(found)}; expected (..., {columns})")
        return found

    def _array_parameters(self, batch: Any) -> tuple[tuple[Array, ...], ...] | None:
        """For each layer the parameters that are arrays, as C takes them; None where a pass goes layer by
        layer."""
        if self._passes is None or is_container(batch):
            return None
        found = []
        for form, layer in zip(self._prepared, self._layers, strict=True):
            values = () if form.numbers else tuple(layer.activation.parameters.values())
            if any(is_container(value) for value in values):
                return None
            arrays = tuple(arguments.as_readable(np.asarray(value), self.dtype) for value in values)
            if any(a.shape not in ((), (1,), layer._w.shape[1:]) for a in arrays):
                return None
            found.append(arrays)
        return tuple(found)

    def _outs(self, out: Any, accumulate: bool, need_dx: bool) -> Outs:
        """Names of the gradients with the arrays that the caller gave for them, dx, then all dw, then all
        db."""
        count = len(self._layers)
        out = (None, None, None) if out is None else out
        if not (isinstance(out, tuple) and len(out) == 3):
            raise TypeError(f"{_BACKWARD}: out is of type {type(out).__name__}; expected (dx, dw, db)")
        listed = [("dx", out[0])]
        for name, given in zip(("dw", "db"), out[1:], strict=True):
            each = (None,) * count if given is None else given
            if not isinstance(each, (tuple, list)) or len(each) != count:
                message = f"{_BACKWARD}: out for {name} is of type {type(each).__name__}"
                raise TypeError(f"{message}; expected a tuple of {count}, one for each layer, or None")
            listed += [(f"{name} of layer {i}", array) for i, array in enumerate(each)]
        wanted = [need_dx, *[True] * count, *(layer._b is not None for layer in self._layers)]
        for (name, given), is_wanted in zip(listed, wanted, strict=True):
            if accumulate and is_wanted and given is None:
                raise TypeError(f"{_BACKWARD}: accumulate=True, but out has no array for {name}")
        return listed

    # As a sequence -------------------------------------------------------------------------

    def __iter__(self) -> Iterator[NetworkLayer]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _matrix(batch: Array) -> Array:
    """Leading axes as one."""
    if batch.ndim == 2:
        return batch
    return batch.reshape(int(np.prod(batch.shape[:-1], dtype=np.int64)), batch.shape[-1])


def _store(given: Array | None, result: Any, accumulate: bool) -> Any:
    """A gradient in the caller's array, where there is one."""
    if given is None or result is None:
        return result
    if not accumulate:
        return arguments.Target(result, given).finish()
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        return np.add(given, result, out=given, casting="same_kind")
