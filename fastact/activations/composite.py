"""Composite activations: what those that combine other activations have in common.

Must not depend on any activation nor on how the parts are combined.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from fastact.activations import help_text
from fastact.activations.base import UFUNC_KEYWORDS, Activation, data_only

Given = dict[str, dict[str, Any]]  # values of parameters for one call, by the label of the part


class Composite(Activation):
    """An activation that combines others.

    Parameters
    ----------
    parts : mapping
        Activations by label. Parameter ``p`` of the part labelled ``part`` is the whole's ``part_p``.
    """

    parts: Mapping[str, Activation]
    _about: str  # what the whole does with its parts
    _origin: Mapping[str, tuple[str, str]]  # the part's label and own name of each parameter
    _nothing: Given  # no values for any part

    def __init__(self, parts: Mapping[str, Activation]) -> None:
        origin = {
            f"{label}_{parameter}": (label, parameter)
            for label, part in parts.items()
            for parameter in part.parameters
        }
        nothing: Given = {label: {} for label in parts}
        self.__dict__.update(parts=MappingProxyType(dict(parts)), _origin=origin, _nothing=nothing)
        signature = help_text.signature(self.parameters)
        self.__dict__.update(__name__=self.name, __qualname__=self.name, __signature__=signature)

    @abstractmethod
    def rebuilt(self, parts: Mapping[str, Activation]) -> Self:
        """The same combination of other parts."""

    def key(self) -> tuple[Any, ...]:
        return tuple(self.parts.items())

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
        if not parameters:
            return self
        given, _ = self.split("bind", parameters, frozenset())
        return self.rebuilt({label: part.bind(**given[label]) for label, part in self.parts.items()})

    def split(
        self, method: str, kwargs: Mapping[str, Any], known: frozenset[str] = UFUNC_KEYWORDS
    ) -> tuple[Given, dict[str, Any]]:
        """Values of parameters by part, and other known keywords; a TypeError for anything else."""
        if not kwargs:
            return self._nothing, {}
        given: Given = {label: {} for label in self.parts}
        values, keywords = self.split_keywords(method, kwargs, known)
        for name, value in values.items():
            label, own = self._origin[name]
            given[label][own] = value
        return given, keywords

    @data_only
    def derivative_by(self, parameter: str, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        self.require_learned("derivative_by", parameter)
        given, keywords = self.split("derivative_by", kwargs)
        label, own = self._origin[parameter]
        return self.derivative_by_own(label, own, x, out, given[label], keywords)

    @abstractmethod
    def derivative_by_own(
        self, label: str, own: str, x: Any, out: Any, given: dict[str, Any], keywords: dict[str, Any]
    ) -> Any:
        """The derivative of the whole by the parameter `own` of the part with this label."""
