"""Gradients of an activation's learned parameters in a dense layer, summed in float64 over a few rows at a
time, so that temporaries stay small."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastact import _core
from fastact._dense import Saved
from fastact.activations.base import Activation
from fastact.arrays import Array, is_container

_CHUNK = 1 << 16  # elements at a time


def parameter_gradients(function: str, saved: Saved, grad_y: Any) -> dict[str, Any]:
    """By name, each of its parameter's shape; empty where nothing is learned."""
    activation = saved.activation
    if not isinstance(activation, Activation) or not activation.learned:
        return {}
    if saved.kind != "input":
        raise TypeError(f"{function}: gradients of parameters need save='input' in the forward pass")
    if is_container(grad_y) or is_container(saved.array):
        return activation.parameter_gradients(grad_y, saved.array)
    return summed(activation, grad_y, saved.array, saved.dtype)


def summed(activation: Activation, grad_y: Array, z: Array, dtype: Any) -> dict[str, Any]:
    """The same from the input z of the activation, for plain arrays."""
    if z.ndim == 1:
        grad_y, z = grad_y[np.newaxis], z[np.newaxis]
    sums = {name: np.zeros(np.shape(activation.parameters[name])) for name in activation.learned}
    step = _step(activation, z)
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        for start in range(0, z.shape[-2], step):
            part = np.s_[..., start : start + step, :]
            found = activation.parameter_gradients(grad_y[part].astype(np.float64), z[part])
            for name, value in found.items():
                sums[name] = sums[name] + value
        return {name: np.asarray(total).astype(dtype)[()] for name, total in sums.items()}


def _step(activation: Activation, z: Any) -> int:
    """Rows at a time; all of them where a parameter varies along the batch."""
    rows: int = max(1, z.shape[-2])
    if any(np.ndim(v) > 1 and np.shape(v)[-2] != 1 for v in activation.parameters.values()):
        return rows
    return max(1, _CHUNK // max(1, int(z.size) // rows))
