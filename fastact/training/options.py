"""What the layers of a network have beside weights, biases and activations: norms and dropout.

Must not depend on networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastact.errors import nearest
from fastact.training.numbers import as_number

_NORMS = ("batch", "layer", "rms")


class Options(NamedTuple):
    """The options of a network, as its constructor takes them.

    Attributes
    ----------
    norm : tuple of str or None, one for each layer
    norm_after : bool
    dropout : tuple of float, one for each layer
    learn_activations : bool
    """

    norm: tuple[str | None, ...]
    norm_after: bool
    dropout: tuple[float, ...]
    learn_activations: bool


def options_of(
    blame: str, count: int, norm: Any, norm_after: Any, dropout: Any, learn_activations: Any
) -> Options:
    """The options of a network of `count` layers, checked."""
    return Options(
        _of_layers(blame, "norm", norm, count, None, _checked_norm),
        _checked_flag(blame, "norm_after", norm_after),
        _of_layers(blame, "dropout", dropout, count, 0.0, _checked_rate),
        _checked_flag(blame, "learn_activations", learn_activations),
    )


def _of_layers(
    blame: str, name: str, given: Any, count: int, last: Any, checked: Callable[[str, Any], Any]
) -> tuple[Any, ...]:
    """One for each layer: the same for all hidden ones, and `last` for the last layer; or those given."""
    if isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str) and np.ndim(given) > 0:
        if len(given) not in (count, count - 1):
            message = f"{blame}: {name} has length {len(given)}"
            raise ValueError(f"{message}; expected {count - 1}, one for each hidden layer, or {count}")
        every = [*given, last][:count]
    else:
        every = [given] * (count - 1) + [last]
    return tuple(checked(f"{blame}: {name}", one) for one in every)


def _checked_norm(blame: str, norm: Any) -> str | None:
    if norm is None or (isinstance(norm, str) and norm in _NORMS):
        return norm
    hint = nearest(norm, _NORMS) if isinstance(norm, str) else ""
    error = ValueError if isinstance(norm, str) else TypeError
    raise error(f"{blame} is {norm!r}; expected None, {', '.join(map(repr, _NORMS))}{hint}")


def _checked_rate(blame: str, rate: Any) -> float:
    found = as_number(blame, rate)
    if np.ndim(found) or not 0 <= found <= 1:
        raise ValueError(f"{blame} is {rate!r}; expected a probability from 0 to 1")
    return float(found)


def _checked_flag(blame: str, name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{blame}: {name} is {value!r}; expected True or False")
    return bool(value)
