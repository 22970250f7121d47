"""What the forward pass of a network keeps for its backward pass.

Must not depend on how passes are computed.
"""

from __future__ import annotations

from typing import Any


class NetworkSaved:
    """What :meth:`Network.forward` keeps for :meth:`Network.backward`.

    Attributes
    ----------
    shape : tuple of int
        Shape of the result.

    Notes
    -----
    Its memory returns to the network when the last reference to it goes; `x` is kept by reference.
    """

    __slots__ = ("_kept", "_last", "_network", "_x", "shape")

    _network: Any
    _x: Any
    shape: tuple[int, ...]
    _kept: Any
    _last: Any  # the last layer's result, where something is applied to it

    def __init__(self) -> None:
        raise TypeError("fastact.NetworkSaved is made by Network.forward only")

    def __reduce__(self) -> Any:
        raise TypeError(
            "what Network.forward saves cannot be copied or pickled; save x, and call forward again"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} is read-only")

    def __repr__(self) -> str:
        return f"<what a network saved for a result of shape {self.shape}>"


def saved_of(network: Any, x: Any, shape: tuple[int, ...], kept: Any) -> NetworkSaved:
    """What a pass of this network keeps."""
    made = object.__new__(NetworkSaved)
    for name, value in (("_network", network), ("_x", x), ("shape", shape), ("_kept", kept)):
        object.__setattr__(made, name, value)
    return made
