"""Activations by name: the entries of the table, and what other libraries call them (``aliases``)."""

from __future__ import annotations

from typing import Any

from fastact.activations import hints
from fastact.activations.aliases import ALIASES, Alias, plain
from fastact.activations.base import Activation
from fastact.activations.builtin import UNBOUND

_BY_NAME: dict[str, Activation] = {
    **UNBOUND,
    **{alias.name: UNBOUND[alias.entry].bind(**alias.parameters) for alias in ALIASES},
}
_BY_PLAIN_NAME = {plain(name): activation for name, activation in _BY_NAME.items()}


def names() -> list[str]:
    """Names of all activations, in the order of the table; :func:`aliases` lists other names of them.

    Examples
    --------
    >>> import fastact as fa
    >>> "gelu" in fa.names()
    True
    """
    return list(UNBOUND)


def aliases() -> dict[str, Alias]:
    """What other libraries call activations: each alias with its entry, the libraries, and bound parameters.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.aliases()["expit"].entry, fa.expit is fa.sigmoid
    ('sigmoid', True)
    >>> fa.tensorflow_leaky_relu
    <fastact.leaky_relu with negative_slope=0.2>
    """
    return {alias.name: alias for alias in ALIASES}


def get(name: str | Activation, **parameters: Any) -> Activation:
    """An activation by name, with parameters fixed if any are given.

    Parameters
    ----------
    name : str or Activation
        One of :func:`names` or :func:`aliases`. Case, spaces, hyphens and underscores do not matter, so that
        ``"LeakyReLU"`` is found. An activation is taken as it is.
    **parameters : float or array_like
        As for :meth:`Activation.bind`.

    Raises
    ------
    ValueError
        For an unknown name; the nearest ones are listed.
    TypeError
        For an unknown parameter.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.get("relu") is fa.relu is fa.get(fa.relu) is fa.get("ReLU")
    True
    >>> fa.get("leaky_relu", negative_slope=0.2).parameters["negative_slope"]
    0.2
    """
    if isinstance(name, Activation):
        return name.bind(**parameters)
    found = _BY_NAME.get(str(name)) or _BY_PLAIN_NAME.get(plain(str(name)))
    if found is None:
        raise hints.unknown_activation("fastact.get", name, _BY_NAME)
    return found.bind(**parameters)
