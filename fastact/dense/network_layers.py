"""The layers of a network: what its constructor is given, checked, and views of its parameters.

Must not depend on how a pass is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from fastact.activations.base import Activation
from fastact.arrays import Array, as_real, common_dtype, converted, is_container
from fastact.dense import arguments
from fastact.dense.arguments import Target

_EXPECTED = "a sequence of (w, b, activation)"
_NO_ARRAYS: Mapping[str, Array] = MappingProxyType({})


class LayerArrays(NamedTuple):
    """The parameters of one layer, or their gradients, in the order in which one array holds them.

    Attributes
    ----------
    w : ndarray, shape (i, o)
    b, norm_weight, norm_bias : ndarray or None
    learned : mapping of str to ndarray
        The learned parameters of the activation, by name.
    """

    w: Array
    b: Array | None = None
    norm_weight: Array | None = None
    norm_bias: Array | None = None
    learned: Mapping[str, Array] = _NO_ARRAYS

    def listed(self) -> list[Array | None]:
        """All of them, in order."""
        return [self.w, self.b, self.norm_weight, self.norm_bias, *self.learned.values()]


class NetworkNorm:
    """Normalisation of one layer of a :class:`Network`.

    Attributes
    ----------
    kind : str
        ``"batch"``, ``"layer"`` or ``"rms"``.
    after : bool
        Whether it follows the activation, which it otherwise precedes.
    weight, bias : ndarray, shape (o,)
        Views of the network's parameters; an RMS norm has no bias.
    running_mean, running_var : ndarray, shape (o,), or None
        Of a batch norm: what evaluation uses.
    """

    __slots__ = ("after", "bias", "kind", "running_mean", "running_var", "weight")

    def __init__(self, kind: str, after: bool, arrays: LayerArrays) -> None:
        weight = arrays.norm_weight
        assert weight is not None
        self.kind, self.after, self.weight, self.bias = kind, after, weight, arrays.norm_bias
        is_batch = kind == "batch"
        self.running_mean = np.zeros_like(weight) if is_batch else None
        self.running_var = np.ones_like(weight) if is_batch else None

    def arrays(self) -> dict[str, Array]:
        """Its arrays, by name."""
        found = {name: getattr(self, name) for name in ("weight", "bias", "running_mean", "running_var")}
        return {name: array for name, array in found.items() if array is not None}

    def __repr__(self) -> str:
        return f"{self.kind} norm{' after it' if self.after else ''}"


class NetworkLayer:
    """One layer of a :class:`Network`: its weights `w`, its biases `b` and its `activation`.

    `w` and `b` are views of the network's parameters: they may be changed in place, and assigning an array
    stores its values. So are the learned parameters that are bound to the activation, and `weight` and `bias`
    of `norm`, which is None for a layer without normalisation. A layer can be unpacked:
    ``w, b, activation = network.layers[0]``.
    """

    __slots__ = ("_activation", "_arrays", "_b", "_name", "_norm", "_w")

    def __init__(
        self, name: str, arrays: LayerArrays, activation: Any, norm: NetworkNorm | None = None
    ) -> None:
        self._name, self._arrays, self._norm = name, arrays, norm
        self._w, self._b = arrays.w, arrays.b
        self._activation = activation.bind(**arrays.learned) if arrays.learned else activation

    @property
    def w(self) -> Array:
        """Weights, of shape (i, o)."""
        return self._w.view()

    @w.setter
    def w(self, value: Any) -> None:
        assign(self._name, "w", self._w, value)

    @property
    def b(self) -> Array | None:
        """Biases, of shape (o,) or (1, o), or None."""
        return None if self._b is None else self._b.view()

    @b.setter
    def b(self, value: Any) -> None:
        if self._b is not None:
            assign(self._name, "b", self._b, value)
        elif value is not None:
            raise ValueError(f"{self._name} has no biases; this cannot change")

    @property
    def activation(self) -> Any:
        """The activation."""
        return self._activation

    @property
    def norm(self) -> NetworkNorm | None:
        """Normalisation before or after the activation, or None."""
        return self._norm

    def __iter__(self) -> Iterator[Any]:
        return iter((self.w, self.b, self.activation))

    def __repr__(self) -> str:
        norm = "" if self._norm is None else f", {self._norm!r}"
        without = "" if self._b is not None else ", no biases"
        return f"<{self._w.shape[0]} to {self._w.shape[1]}, {self._activation!r}{norm}{without}>"


def assign(blame: str, name: str, own: Array, value: Any) -> None:
    """Store values in place."""
    array = as_real(blame, name, value)
    if array.shape != own.shape:
        raise ValueError(f"{blame}: {name} has shape {array.shape}; expected {own.shape}")
    Target(converted(array, own.dtype), own).finish()


def biases_for(layer: NetworkLayer, x: Any) -> Array | None:
    """A layer's biases as fastact.dense takes them for x; for one sample, of one axis, in shape (o,)."""
    return layer._b.reshape(-1) if layer._b is not None and np.ndim(x) == 1 else layer._b


def biases_from(layer: NetworkLayer, gradient: Any) -> Any:
    """The gradient of what `biases_for` returned, in the shape of the layer's biases."""
    if layer._b is None or np.ndim(gradient) == layer._b.ndim:
        return gradient
    return gradient.reshape(layer._b.shape)


def make_layers(
    layers: Any,
    norms: Sequence[str | None] = (),
    norm_after: bool = False,
    learns: bool = True,
    memory: Array | None = None,
) -> tuple[Array, tuple[NetworkLayer, ...]]:
    """The parameters in one array, which may be given, and layers that are views of it."""
    given = [_unpacked(i, layer) for i, layer in enumerate(listed(layers))]
    arrays = [
        None if name == "b" and a is None else _checked(i, name, a)
        for i, (w, b, _) in enumerate(given)
        for name, a in (("w", w), ("b", b))
    ]
    _check_shapes(arrays)
    dtype = _dtype([a for a in arrays if a is not None])
    activations = [
        arguments.resolve(f"fastact.Network: layer {i}", activation)
        for i, (_, _, activation) in enumerate(given)
    ]
    norms = norms or (None,) * len(given)
    wanted = []
    for i, (activation, norm) in enumerate(zip(activations, norms, strict=True)):
        w, b = arrays[2 * i], arrays[2 * i + 1]
        assert w is not None
        learned = _learned(activation, dtype) if learns else _NO_ARRAYS
        wanted.append(LayerArrays(w, b, *_norm_arrays(norm, w.shape[1], dtype), learned))
    size = sum(a.size for one in wanted for a in one.listed() if a is not None)
    parameters = np.empty(size, dtype) if memory is None else memory
    made = []
    for i, (views, initial) in enumerate(zip(views_of(parameters, wanted), wanted, strict=True)):
        for view, array in zip(views.listed(), initial.listed(), strict=True):
            if view is not None and array is not None:
                view[...] = array
        kind = norms[i]
        norm_of = None if kind is None else NetworkNorm(kind, norm_after, views)
        made.append(NetworkLayer(f"fastact.Network: layer {i}", views, activations[i], norm_of))
    return parameters, tuple(made)


def views_of(flat: Array, layers: Sequence[LayerArrays]) -> tuple[LayerArrays, ...]:
    """Views of an array that is laid out as the arrays of these layers."""
    shapes = [None if a is None else a.shape for one in layers for a in one.listed()]
    sizes = [0 if shape is None else int(np.prod(shape)) for shape in shapes]
    ends = list(accumulate(sizes, initial=0))
    views = iter(
        [
            None if shape is None else flat[start:stop].reshape(shape)
            for shape, start, stop in zip(shapes, ends, ends[1:], strict=False)
        ]
    )
    found = []
    for one in layers:
        first = [next(views) for _ in range(4)]
        learned = {name: next(views) for name in one.learned}
        found.append(LayerArrays(*first, learned=learned))  # type: ignore[arg-type, misc]
    return tuple(found)


def _norm_arrays(norm: str | None, units: int, dtype: np.dtype[Any]) -> tuple[Array | None, Array | None]:
    """Weight and bias of a norm before training."""
    if norm is None:
        return None, None
    return np.ones(units, dtype), None if norm == "rms" else np.zeros(units, dtype)


def _learned(activation: Any, dtype: np.dtype[Any]) -> dict[str, Array]:
    """Values of the learned parameters of an activation, by name."""
    if not isinstance(activation, Activation):
        return {}
    values = activation.parameters
    return {
        name: converted(np.asarray(values[name]), dtype)
        for name in activation.learned
        if not is_container(values[name])
    }


def listed(layers: Any) -> list[Any]:
    """Layers in a list."""
    try:
        found = list(layers)
    except TypeError:
        message = f"fastact.Network: layers is of type {type(layers).__name__}; expected {_EXPECTED}"
        raise TypeError(message) from None
    if not found:
        raise ValueError(f"fastact.Network: layers is empty; expected {_EXPECTED}")
    return found


def _unpacked(number: int, layer: Any) -> tuple[Any, Any, Any]:
    blame = f"fastact.Network: layer {number}"
    if (
        isinstance(layer, np.ndarray)
        or not isinstance(layer, (Sequence, NetworkLayer))
        or isinstance(layer, str)
    ):
        raise TypeError(f"{blame} is of type {type(layer).__name__}; expected (w, b, activation)")
    if isinstance(layer, NetworkLayer) and layer.norm is not None:
        raise ValueError(f"{blame} has a norm; expected (w, b, activation). Copy the network to keep it")
    found = tuple(layer)
    if len(found) != 3:
        raise TypeError(f"{blame} has length {len(found)}; expected (w, b, activation)")
    return found[0], found[1], found[2]


def _checked(number: int, name: str, value: Any) -> Array:
    blame = f"fastact.Network: {name} of layer {number}"
    array = as_real("fastact.Network", f"{name} of layer {number}", value)
    if name == "w" and array.ndim != 2:
        raise ValueError(f"{blame} has shape {array.shape}; expected (i, o)")
    return arguments.as_readable(array, common_dtype([array.dtype]))


def _dtype(arrays: Sequence[Array]) -> np.dtype[Any]:
    dtypes = sorted({a.dtype.name for a in arrays})
    if len(dtypes) > 1:
        raise TypeError(f"fastact.Network: layers have dtypes {', '.join(dtypes)}; expected one")
    return np.dtype(dtypes[0])


def _check_shapes(arrays: Sequence[Array | None]) -> None:
    """Of w and b in turn."""
    width: int | None = None
    for i, (w, b) in enumerate(zip(arrays[::2], arrays[1::2], strict=True)):
        assert w is not None
        width = w.shape[0] if width is None else width
        if w.shape[0] != width or (b is not None and b.shape not in (w.shape[1:], (1, *w.shape[1:]))):
            listed = f"w {w.shape}" + ("" if b is None else f", b {b.shape}")
            message = f"fastact.Network: shapes of layer {i} do not fit: {listed}"
            raise ValueError(f"{message}; expected w ({width}, o) and b (o,) or (1, o)")
        width = w.shape[1]
