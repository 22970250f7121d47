"""The layers of a network: what its constructor is given, checked, and views of its parameters.

Must not depend on how a pass is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from fastact.arrays import Array, as_real, common_dtype, converted
from fastact.dense import arguments
from fastact.dense.arguments import Target

_EXPECTED = "a sequence of (w, b, activation)"


class NetworkLayer:
    """One layer of a :class:`Network`: its weights `w`, its biases `b` and its `activation`.

    `w` and `b` are views of the network's parameters: they may be changed in place, and assigning an array
    stores its values. A layer can be unpacked: ``w, b, activation = network.layers[0]``.
    """

    __slots__ = ("_activation", "_b", "_name", "_w")

    def __init__(self, name: str, w: Array, b: Array | None, activation: Any) -> None:
        self._name, self._w, self._b, self._activation = name, w, b, activation

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

    def __iter__(self) -> Iterator[Any]:
        return iter((self.w, self.b, self.activation))

    def __repr__(self) -> str:
        without = "" if self._b is not None else ", no biases"
        return f"<{self._w.shape[0]} to {self._w.shape[1]}, {self._activation!r}{without}>"


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


def make_layers(layers: Any) -> tuple[Array, tuple[NetworkLayer, ...]]:
    """The parameters in one array, and layers that are views of it."""
    given = [_unpacked(i, layer) for i, layer in enumerate(_listed(layers))]
    arrays = [
        None if name == "b" and a is None else _checked(i, name, a)
        for i, (w, b, _) in enumerate(given)
        for name, a in (("w", w), ("b", b))
    ]
    _check_shapes(arrays)
    present = [a for a in arrays if a is not None]
    parameters = np.empty(sum(a.size for a in present), _dtype(present))
    views = _consecutive(parameters, arrays)
    for view, array in zip(views, arrays, strict=True):
        if view is not None and array is not None:
            view[...] = array
    made = []
    for i, (_, _, activation) in enumerate(given):
        w, b, name = views[2 * i], views[2 * i + 1], f"fastact.Network: layer {i}"
        assert w is not None
        made.append(NetworkLayer(name, w, b, arguments.resolve(name, activation)))
    return parameters, tuple(made)


def views_of(flat: Array, layers: Sequence[NetworkLayer]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """All w and all b of an array that is laid out as the parameters of these layers; None for absent b."""
    found = _consecutive(flat, [array for layer in layers for array in (layer._w, layer._b)])
    return tuple(found[::2]), tuple(found[1::2])


def _consecutive(flat: Array, arrays: Sequence[Array | None]) -> list[Array | None]:
    """Views of parts of `flat`, one after the other, of these shapes."""
    ends = list(accumulate((0 if a is None else a.size for a in arrays), initial=0))
    return [
        None if a is None else flat[start:stop].reshape(a.shape)
        for a, start, stop in zip(arrays, ends, ends[1:], strict=False)
    ]


def _listed(layers: Any) -> list[Any]:
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
