"""Layers of new networks: widths, activations and initial weights.

A gain belongs to the weights that read an activation's output. Must not depend on networks.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np

from fastact.arrays import Array
from fastact.dense.arguments import resolve
from fastact.errors import nearest
from fastact.training import weights
from fastact.training.gains import gain
from fastact.training.options import Options

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
    blame: str,
    sizes: Sequence[int],
    activation: Any,
    init: Any,
    dtype: Any,
    rng: np.random.Generator,
    options: Options,
) -> list[Layer]:
    """(w, b, activation) of each layer."""
    activations = _of_layers(blame, activation, len(sizes) - 1)
    wanted = np.dtype(dtype)
    if wanted not in (np.float32, np.float64):
        raise TypeError(f"{blame}: dtype is {wanted}; expected float32 or float64")
    draw = _draw_of(blame, init)
    layers = []
    for number, (shape, own) in enumerate(zip(pairwise(sizes), activations, strict=True)):
        keywords: dict[str, Any] = {"rng": rng, "dtype": wanted}
        is_normal = number > 0 and options.norm_after and options.norm[number - 1] is not None
        if init == "matched" and number > 0 and not is_normal:
            keywords["gain"] = one_gain(activations[number - 1])
        drawn = draw(shape, **keywords)
        w, b = drawn if isinstance(drawn, tuple) else (drawn, np.zeros(shape[1], wanted))
        layers.append((w, b, own))
    return layers


def of_copies(blame: str, copies: Any, dropout: Any, seed: Any) -> list[dict[str, Any]]:
    """Dropout and seed of each copy."""
    try:
        count = operator.index(copies)
    except TypeError:
        raise TypeError(f"{blame}: copies is {copies!r}; expected None or an integer") from None
    if count < 1:
        raise ValueError(f"{blame}: copies is {copies!r}; expected an integer of at least 1")
    if seed is None or np.ndim(seed) == 0:
        first = checked_seed(blame, seed)
        seeds = [first + c for c in range(count)]
    else:
        seeds = [checked_seed(blame, one) for one in seed]
    rates = list(dropout) if np.ndim(dropout) > 0 else [dropout] * count
    for name, given in (("seed", seeds), ("dropout", rates)):
        if len(given) != count:
            message = f"{blame}: {name} has length {len(given)}"
            raise ValueError(f"{message}; expected a number, or {count}, one for each copy")
    return [{"dropout": rate, "seed": one} for rate, one in zip(rates, seeds, strict=True)]


def checked_seed(blame: str, seed: Any) -> int:
    """A seed, another one each time for None."""
    if seed is None:
        return cast(int, np.random.SeedSequence().entropy)
    message = f"{blame}: seed is {seed!r}; expected an integer of at least 0, or None"
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(message) from None
    if number < 0:
        raise ValueError(message)
    return number


def checked_widths(blame: str, widths: Any) -> list[int]:
    """Numbers of columns."""
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
