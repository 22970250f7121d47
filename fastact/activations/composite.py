"""Activations made of others: what all such have in common.

Knows that a whole has labelled parts, and how the parts' parameters become its own. Does not know any
activation, nor what a whole does with its parts.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from fastact import errors
from fastact.activations import help_text
from fastact.activations.base import UFUNC_KEYWORDS, Activation

Given = dict[str, dict[str, Any]]  # values of parameters for one call, by the label of the part


class Composition(Activation):
    """An activation made of others.

    Parameters
    ----------
    parts : mapping
        Activations by label. Parameter ``p`` of the part labelled ``part`` is the whole's ``part_p``.
    """

    _about: str  # what the whole does with its parts

    def __init__(self, parts: Mapping[str, Activation]) -> None:
        self.parts = MappingProxyType(dict(parts))
        self._origin = {
            f"{label}_{parameter}": (label, parameter)
            for label, part in self.parts.items()
            for parameter in part.parameters
        }
        self.__name__ = self.__qualname__ = self.name
        self.__signature__ = help_text.signature(self.parameters)

    @abstractmethod
    def rebuilt(self, parts: Mapping[str, Activation]) -> Self:
        """The same of other parts."""

    # About ------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Names and values of its parameters: those of the parts, under the part's label."""
        values = {n: self.parts[label].parameters[own] for n, (label, own) in self._origin.items()}
        return MappingProxyType(values)

    @property
    def learned(self) -> Mapping[str, str]:
        """Names of the parameters that can be learned, each with the text of df/dparameter."""
        return MappingProxyType(
            {
                name: self.text(label, self.parts[label].learned[own])
                for name, (label, own) in self._origin.items()
                if own in self.parts[label].learned
            }
        )

    def text(self, label: str, formula: str) -> str:
        """A formula text of a part, with the whole's names for its parameters."""
        for parameter in self.parts[label].parameters:
            formula = re.sub(rf"\b{parameter}\b", f"{label}_{parameter}", formula)
        return formula

    def documentation(self) -> str:
        return help_text.of_parts(self, self._about, self.parts)

    def shape_of_parameters(self, given: Mapping[str, Any] = MappingProxyType({})) -> tuple[int, ...]:
        of_part, _ = self.split("__call__", given)
        shapes = (part.shape_of_parameters(of_part[label]) for label, part in self.parts.items())
        return np.broadcast_shapes(*shapes)

    # Parameters and keywords --------------------------------------------------------------------------

    def bind(self, **parameters: Any) -> Self:
        given, rest = self.split("bind", parameters)
        if rest:
            raise errors.unknown_keyword(self.blame("bind"), next(iter(rest)), self._origin)
        if not parameters:
            return self
        return self.rebuilt({label: part.bind(**given[label]) for label, part in self.parts.items()})

    def split(self, method: str, kwargs: Mapping[str, Any]) -> tuple[Given, dict[str, Any]]:
        """Values of parameters, by part, and keywords of ufuncs; a TypeError for anything else."""
        given: Given = {label: {} for label in self.parts}
        keywords = {}
        for key, value in kwargs.items():
            if key in self._origin:
                label, own = self._origin[key]
                given[label][own] = value
            elif key in UFUNC_KEYWORDS:
                keywords[key] = value
            else:
                raise errors.unknown_keyword(self.blame(method), key, self._origin)
        return given, keywords

    def blame(self, method: str) -> str:
        """What error messages begin with."""
        return f"fastact.{self.name}" + ("" if method == "__call__" else f".{method}")

    def derivative_by(self, parameter: str, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        if parameter not in self.learned:
            known = ", ".join(self.learned) or "none"
            message = f"{self.blame('derivative_by')}: {parameter!r} is not a learned parameter"
            raise TypeError(f"{message}; those are: {known}")
        given, keywords = self.split("derivative_by", kwargs)
        label, own = self._origin[parameter]
        return self.derivative_by_own(label, own, x, out, given[label], keywords)

    @abstractmethod
    def derivative_by_own(
        self, label: str, own: str, x: Any, out: Any, given: dict[str, Any], keywords: dict[str, Any]
    ) -> Any:
        """The derivative of the whole by the parameter `own` of the part with this label."""


def same_function(f: Activation, g: Activation) -> bool:
    """Whether two activations are surely the same: of one kind and name, with equal numbers bound."""
    if f is g:
        return True
    if type(f) is not type(g) or f.name != g.name:
        return False
    pairs = zip(f.parameters.values(), g.parameters.values(), strict=True)
    return all(a is b or (type(a) is type(b) is float and repr(a) == repr(b)) for a, b in pairs)
