"""What a dense layer keeps between its two passes, and how little of it will do.

Knows how to read from a row's formulas whether the output determines the derivative without loss. Does not know
any row, nor how a layer is computed.
"""

from __future__ import annotations

import re
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fastact.activation import Activation

KINDS = {"nothing": 0, "input": 1, "output": 2}  # fa_saving
_least: WeakKeyDictionary[Activation, str] = WeakKeyDictionary()


class Saved:
    """What :func:`fastact.dense_forward` keeps for :func:`fastact.dense_backward`.

    Attributes
    ----------
    activation : Activation
        Whose derivative is to be taken.
    kind : {"input", "output"}
        Whether it is taken from x w + b or from the result.
    array : ndarray
        That array; in the second case the very result, which must not be modified before the backward pass.
    b_shape : tuple of int or None
        Shape of the biases.
    """

    __slots__ = ("activation", "array", "b_shape", "kind")

    def __init__(
        self, activation: Any, kind: str, array: NDArray[Any], b_shape: tuple[int, ...] | None
    ) -> None:
        self.activation = activation
        self.kind = kind
        self.array = array
        self.b_shape = b_shape

    @property
    def nbytes(self) -> int:
        """Bytes kept beside the result."""
        return 0 if self.kind == "output" else self.array.nbytes

    def __repr__(self) -> str:
        return f"<fastact Saved: {self.kind} of {self.activation!r}, {self.array.shape} {self.array.dtype}>"

    def check(self, function: str, activation: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Raise ValueError unless this was saved by such a forward pass."""
        if not same_activation(self.activation, activation):
            was, now = self.activation, activation
            raise ValueError(f"{function}: saved was made with activation {was!r}; this call has {now!r}")
        if self.array.shape != shape or self.array.dtype != dtype:
            was = f"{self.array.shape} {self.array.dtype}"
            raise ValueError(f"{function}: saved has shape and dtype {was}; expected {shape} {dtype}")


def same_activation(a: Any, b: Any) -> bool:
    """Whether two activations compute the same: one object, or one row with equal parameters."""
    if a is b:
        return True
    if not (isinstance(a, Activation) and isinstance(b, Activation) and a.name == b.name):
        return False
    pairs = zip(a.parameter_values, b.parameter_values, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def kind_to_save(function: str, activation: Activation, wanted: str | None) -> str:
    """The kind to save: what is wanted, if possible, or by default the least without loss."""
    if wanted is None:
        if activation not in _least:
            _least[activation] = _least_kind(activation)
        return _least[activation]
    if wanted == "output":
        activation.check_from_output({})
    elif wanted != "input":
        raise ValueError(f"{function}: save is {wanted!r}; expected 'input' or 'output'")
    return wanted


def _least_kind(activation: Activation) -> str:
    if activation.learned or not follows_exactly(activation):
        return "input"
    try:
        activation.check_from_output({})
    except TypeError:  # not for these parameters
        return "input"
    return "output"


def follows_exactly(activation: Activation) -> bool:
    """Whether the derivative from the output equals the derivative from the input, bit for bit.

    It does where its formula is the derivative's with y in place of x, and x stands in nothing but strict
    comparisons: then f keeps which side of each kink x is on. (A comparison with equality would take an x whose
    output underflows for the kink.) It also does where f' = f.
    """
    from_output, from_input = activation.output_formula, activation.derivative_formula
    if from_output is None:
        return False
    if from_output == "y":
        return from_input == activation.formula
    if "=" in from_input or re.sub(r"\by\b", "x", from_output) != from_input:
        return False
    return not re.search(r"\bx\b", re.sub(r"\bx\b *[<>] *\w+", "", from_input))
