"""Layers of new networks: widths, activations and initial weights.

A gain belongs to the weights that read an activation's output. Must not depend on networks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from fastact.arrays import Array
from fastact.dense.arguments import resolve
from fastact.errors import nearest
from fastact.training import weights
from fastact.training.gains import gain

Layer = tuple[Array, Array, Any]
_DRAWS: dict[str, Callable[..., Any]] = {
    "matched": weights.lecun,
    "he": weights.he,
    "glorot": weights.glorot,
    "lecun": weights.lecun,
    "orthogonal": weights.orthogonal,
    "randomized_asymmetric": weights.randomized_asymmetric,
}


def new_layers(
    blame: str, widths: Any, activation: Any, init: Any, dtype: Any, rng: np.random.Generator
) -> list[Layer]:
    """(w, b, activation) of each layer."""
    sizes = _checked_widths(blame, widths)
    activations = _of_layers(blame, activation, len(sizes) - 1)
    wanted = np.dtype(dtype)
    if wanted not in (np.float32, np.float64):
        raise TypeError(f"{blame}: dtype is {wanted}; expected float32 or float64")
    draw = _draw_of(blame, init)
    layers = []
    for number, (shape, own) in enumerate(zip(pairwise(sizes), activations, strict=True)):
        keywords: dict[str, Any] = {"rng": rng, "dtype": wanted}
        if init == "matched" and number > 0:
            keywords["gain"] = one_gain(activations[number - 1])
        drawn = draw(shape, **keywords)
        w, b = drawn if isinstance(drawn, tuple) else (drawn, np.zeros(shape[1], wanted))
        layers.append((w, b, own))
    return layers


def _checked_widths(blame: str, widths: Any) -> list[int]:
    try:
        sizes = [operator.index(width) for width in widths]
    except TypeError:
        raise TypeError(f"{blame}: widths is {widths!r}; expected a sequence of int") from None
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"{blame}: widths is {widths!r}; expected at least two numbers, none below 1")
    return sizes


def _of_layers(blame: str, activation: Any, count: int) -> list[Any]:
    """The activation of each layer. One is that of all hidden layers."""
    if isinstance(activation, Sequence) and not isinstance(activation, str):
        given = list(activation)
        if len(given) not in (count, count - 1):
            message = f"{blame}: activation has length {len(given)}"
            raise ValueError(f"{message}; expected {count - 1}, one for each hidden layer, or {count}")
    else:
        given = [activation] * (count - 1)
    return [resolve(blame, one) for one in (*given, None)[:count]]


def _draw_of(blame: str, init: Any) -> Callable[..., Any]:
    if isinstance(init, str) and init not in _DRAWS:
        listed = ", ".join(map(repr, _DRAWS))
        hint = nearest(init, _DRAWS)
        raise ValueError(f"{blame}: init is {init!r}; expected a function, or one of {listed}{hint}")
    if not isinstance(init, str) and not callable(init):
        raise TypeError(f"{blame}: init is of type {type(init).__name__}; expected a name or a function")
    return _DRAWS[init] if isinstance(init, str) else init


def one_gain(activation: Any) -> float:
    """The gain of all units together: their second moments' mean is what the weights read."""
    return float(np.mean(np.power(gain(activation), -2.0)) ** -0.5)
