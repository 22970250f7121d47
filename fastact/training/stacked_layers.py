"""Layers of networks of one shape as stacks: views of an array with one network in each row.

Must not depend on how networks are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastact.arrays import Array
from fastact.dense.network_layers import LayerArrays, NetworkLayer, NetworkNorm


def stacks_of(flat: Array, layers: Sequence[NetworkLayer]) -> list[LayerArrays]:
    """Views of an array whose rows are laid out as the parameters of these layers. Before its own shape, each
    has k and then as many axes of 1 as broadcasting along a batch needs."""
    found, used = [], 0
    for layer in layers:
        views: list[Array | None] = []
        for array in layer._arrays.listed():
            if array is None:
                views.append(None)
                continue
            part = flat[:, used : used + array.size]
            views.append(part.reshape(-1, *(1,) * (2 - array.ndim), *array.shape))
            used += array.size
        w, b, weight, bias, *learned = views
        names = dict(zip(layer._arrays.learned, learned, strict=True))
        found.append(LayerArrays(w, b, weight, bias, names))  # type: ignore[arg-type]
    return found


def stacked_layers(name: str, flat: Array, layers: Sequence[NetworkLayer]) -> tuple[NetworkLayer, ...]:
    """Layers of all networks, like those of one."""
    made = []
    for i, (layer, arrays) in enumerate(zip(layers, stacks_of(flat, layers), strict=True)):
        norm = None if layer.norm is None else NetworkNorm(layer.norm.kind, layer.norm.after, arrays)
        made.append(NetworkLayer(f"{name}: layer {i}", arrays, layer.activation, norm))
    return tuple(made)


def share_statistics(layers: Sequence[NetworkLayer], each: Sequence[Sequence[NetworkLayer]]) -> None:
    """Make the running statistics of each network views of those of all."""
    for c, own in enumerate(each):
        for stacked, layer in zip(layers, own, strict=True):
            if stacked.norm is None or layer.norm is None:
                continue
            for name in ("running_mean", "running_var"):
                whole, part = getattr(stacked.norm, name), getattr(layer.norm, name)
                if whole is not None:
                    whole[c, 0] = part
                    setattr(layer.norm, name, whole[c, 0])


def layer_kind(layer: NetworkLayer) -> tuple[Any, ...]:
    """What is equal for layers that differ in their parameters only."""
    arrays, norm = layer._arrays, layer.norm
    activation = layer.activation
    if arrays.learned:  # without their values
        activation = activation.bind(**dict.fromkeys(arrays.learned, 0.0))
    shapes = tuple((name, array.shape) for name, array in arrays.learned.items())
    b_size = None if arrays.b is None else arrays.b.size
    kind = None if norm is None else (norm.kind, norm.after)
    return arrays.w.shape, b_size, activation, shapes, kind
