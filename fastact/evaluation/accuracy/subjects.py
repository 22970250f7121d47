"""What is measured: f or f' of an activation, and how the command line writes an activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import get
from fastact.activations.base import Activation

Floats = NDArray[Any]
DIRECTIONS = ("f", "f'")


@dataclass(frozen=True)
class Subject:
    """One activation in one direction; called, it computes with fastact's kernels."""

    activation: Activation
    direction: str

    def __call__(self, x: Floats, out: Floats | None = None) -> Floats:
        """f(x) or f'(x), by the kernel of x's dtype."""
        compute = self.activation if self.direction == "f" else self.activation.derivative
        result: Floats = compute(x, out=out)
        return result

    @property
    def text(self) -> str:
        """Its formula from the table."""
        formula, derivative = self.activation.formula, self.activation.derivative_formula
        return formula if self.direction == "f" else derivative

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments of the formula."""
        return ("x", *self.activation.parameters)

    def bound(self, dtype: str) -> float:
        """The enforced error in ULP."""
        return self.activation.max_ulp[dtype][DIRECTIONS.index(self.direction)]

    def rounded(self, dtype: str) -> Subject:
        """The same with its parameters rounded to the dtype, as its kernel receives them."""
        kind = np.dtype(dtype).type
        values = {name: float(kind(value)) for name, value in self.activation.parameters.items()}
        return Subject(self.activation.bind(**values), self.direction)


def named(text: str) -> Activation:
    """The activation that a text such as ``"gelu"`` or ``"leaky_relu:negative_slope=0.2"`` names.

    Several parameters are separated by commas.

    Raises
    ------
    ValueError
        For an unknown name, or a value that is not a number.
    TypeError
        For an unknown parameter.

    Examples
    --------
    >>> named("leaky_relu:negative_slope=0.2")
    <fastact.leaky_relu with negative_slope=0.2>
    """
    name, _, rest = text.partition(":")
    values = {}
    for item in filter(None, rest.split(",")):
        parameter, _, value = (part.strip() for part in item.partition("="))
        try:
            values[parameter] = float(value)
        except ValueError:
            message = f"{text}: {parameter} is {value!r}; expected a number, as in NAME:PARAMETER=0.5"
            raise ValueError(message) from None
    return get(name, **values)


def label(activation: Activation) -> str:
    """The text from which :func:`named` makes the activation.

    Examples
    --------
    >>> label(named("leaky_relu:negative_slope=0.2")), label(named("leaky_relu"))
    ('leaky_relu:negative_slope=0.2', 'leaky_relu')
    """
    defaults = get(activation.name).parameters
    listed = [f"{k}={v:.9g}" for k, v in activation.parameters.items() if float(v) != defaults[k]]
    return activation.name + (":" + ",".join(listed) if listed else "")
