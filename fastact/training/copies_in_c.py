"""Steps of networks of one shape in one C call.

Must not depend on how a network is made, or on optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastact.arrays import Array, converted
from fastact.dense.network_layers import LayerArrays, NetworkLayer
from fastact.dense.network_steps import steps_in_c
from fastact.training.layer_passes import arguments_of


def copies_in_c(networks: Sequence[Any], layers: Sequence[NetworkLayer], size: int) -> Any:
    """What steps in one C call; None where C does not have all of it, or where dropout would make it save
    something else for some of the networks than they save by themselves."""
    rates = np.array([network._rates for network in networks], np.float64)
    some = (rates > 0).any(axis=0) & (rates == 0).any(axis=0)
    if rates[:, -1].any() or any(layer._arrays.learned for layer in layers):
        return None
    if any(is_mixed and layer.norm is None for is_mixed, layer in zip(some, layers, strict=True)):
        return None
    arrays = [(layer._w[0], None if layer._b is None else layer._b[0]) for layer in layers]
    norms = [None if layer.norm is None else arguments_of(layer.norm, (0, 0)) for layer in layers]
    seeds = np.array([network.seed % 2**64 for network in networks], np.uint64)
    loss, largest = networks[0]._training_output.loss_name, rates.max(axis=0)
    return steps_in_c(networks[0]._prepared, arrays, largest.tolist(), norms, loss, (size, rates, seeds))


def outs_of(gradients: Sequence[LayerArrays]) -> tuple[Any, ...]:
    """The first network's places for gradients: dw, db and those of norms."""

    def first(array: Array | None, index: Any) -> Array | None:
        return None if array is None else array[index]

    pairs = [(first(one.norm_weight, (0, 0)), first(one.norm_bias, (0, 0))) for one in gradients]
    listed = [(one.w[0], first(one.b, 0), pair) for one, pair in zip(gradients, pairs, strict=True)]
    return tuple(zip(*listed, strict=True))


def as_target(target: Any, of_classes: bool, dtype: np.dtype[Any]) -> Array:
    """A target as C takes it, if it is one that C takes."""
    found = np.asarray(target)
    wanted = np.dtype(np.int64) if of_classes and found.dtype.kind in "iu" else dtype
    if found.dtype != wanted and found.dtype.kind in ("iu" if of_classes else "biuf"):
        found = converted(found, wanted)
    return found if of_classes else np.ascontiguousarray(found)


def numbers_of_passes(networks: Sequence[Any]) -> Array | None:
    """Of networks with dropout; None where C does not take one of them."""
    found = [network.passes for network in networks]
    return np.array(found, np.uint64) if not found or max(found) < 2**32 else None
