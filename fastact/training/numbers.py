"""The numbers of optimisers as attributes that are checked when they are set.

Must not depend on what they are used for.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from fastact.arrays import Array, as_real, is_container


class Number:
    """A number, or an array with one for each copy, of at least 0 and below a limit.

    The owner has the dict ``values`` and the method ``changed``.
    """

    def __init__(self, below: float = float("inf"), optional: bool = False) -> None:
        self.below, self.optional = below, optional

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance.values[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        blame = f"fastact.optim.{type(instance).__name__}: {self.name}"
        instance.values[self.name] = self.checked(blame, value)
        instance.changed()

    def checked(self, blame: str, value: Any) -> float | Array | None:
        """The value as a float, or as a read-only array of float64."""
        if value is None and self.optional:
            return None
        found = as_number(blame, value)
        with np.errstate(invalid="ignore"):
            fits = (found > 0 if self.optional else found >= 0) & (found < self.below)
        if not np.all(fits):
            least = "above" if self.optional else "of at least"
            limit = "finite" if self.below == np.inf else f"below {self.below:g}"
            raise ValueError(f"{blame} is {value!r}; expected numbers {least} 0, {limit}")
        return found


class Dampening(Number):
    """Any finite number."""

    def checked(self, blame: str, value: Any) -> float | Array:
        """The value as a float, or as a read-only array of float64."""
        found = as_number(blame, value)
        if not np.all(np.isfinite(found)):
            raise ValueError(f"{blame} is {value!r}; expected finite numbers")
        return found


class Betas(Number):
    """A pair of numbers, the weights of the old values in two running means."""

    def __init__(self) -> None:
        super().__init__(below=1.0)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else (instance.values["beta1"], instance.values["beta2"])

    def __set__(self, instance: Any, value: Any) -> None:
        blame = f"fastact.optim.{type(instance).__name__}: betas"
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise TypeError(f"{blame} is {value!r}; expected a pair of numbers")
        pair = [self.checked(f"{blame}[{i}]", one) for i, one in enumerate(value)]
        instance.values["beta1"], instance.values["beta2"] = pair
        instance.changed()


class Flag:
    """True or False."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance.values[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        if not isinstance(value, (bool, np.bool_)):
            message = f"fastact.optim.{type(instance).__name__}: {self.name} is {value!r}"
            raise TypeError(f"{message}; expected True or False")
        instance.values[self.name] = bool(value)
        instance.changed()


def as_number(blame: str, value: Any) -> float | Array:
    """A float, or a read-only copy of a one-dimensional array in float64."""
    if isinstance(value, (bool, np.bool_, str, bytes)) or is_container(value):
        raise TypeError(f"{blame} is {value!r}; expected a number, or an array with one for each copy")
    if isinstance(value, numbers.Real):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{blame} is an integer beyond the largest float") from None
    function, _, name = blame.partition(": ")
    array = as_real(function, name, value)
    if array.dtype == np.bool_ or array.ndim > 1 or array.size == 0:
        message = f"{blame} has shape {array.shape} and dtype {array.dtype}"
        raise ValueError(f"{message}; expected a number, or an array of shape (k,) with one for each copy")
    if array.ndim == 0:
        return float(array)
    copied = array.astype(np.float64)
    copied.setflags(write=False)
    return copied
