"""The entries of the table as activations: each a name, parameters, and the ufuncs that compute it.

Must not name any activation. How arrays reach C is ``_core.Elementwise``, the base class that computes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from fastact import _core, errors, ufuncs
from fastact.activations import help_text, parameters
from fastact.activations.base import Activation, data_only
from fastact.activations.containers import as_operand, detached, refuse_labels, shape_of, without_labels
from fastact.activations.formula import compile_formula
from fastact.activations.gradients import gradient
from fastact.activations.value_range import Interval, range_of

_ENTRIES: Mapping[str, dict[str, Any]] = {entry["name"]: entry for entry in _core.entries()}
_SUFFIXES = ("", "_derivative", "_backward", "_backward_from_output")


class Builtin(_core.Elementwise, Activation):
    """An entry of the table, with values for its parameters.

    Parameters
    ----------
    name : str
        Of the entry.
    **parameters : float or array_like
        Values other than the defaults.
    """

    _entry: Mapping[str, Any]
    _parameters: Mapping[str, Any]

    def __init__(self, name: str, **given: Any) -> None:
        entry = _ENTRIES[name]
        values = {**entry["parameters"], **given}
        found = tuple(getattr(ufuncs, name + s) if name + s in ufuncs.__all__ else None for s in _SUFFIXES)
        super().__init__(entry["number"], tuple(values), tuple(values.values()), found)
        self.__dict__.update(
            _entry=entry,
            _parameters=MappingProxyType(values),
            __name__=name,
            __qualname__=name,
            __signature__=help_text.signature(values),
        )

    # About -----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        name: str = self._entry["name"]
        return name

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self._parameters

    @property
    def formula(self) -> str:
        return str(self._entry["formula"])

    @property
    def derivative_formula(self) -> str:
        return str(self._entry["derivative_formula"])

    @property
    def output_formula(self) -> str | None:
        return str(self._entry["output_formula"]) if self._entry["from_output"] else None

    @property
    def kinks(self) -> tuple[float, ...]:
        text = self._entry["kinks"]
        if not text:
            return ()
        at = _compiled(f"({text},)", self.parameter_names)
        with np.errstate(all="ignore"):  # a slope of 0 has its kinks at infinity
            found = at(*(np.asarray(value, np.float64) for value in self.parameter_values))
        flat = [float(kink) for each in found for kink in np.ravel(each)]
        return tuple(kink for kink in flat if np.isfinite(kink))

    @property
    def range(self) -> Interval:
        for name, value in self.parameters.items():
            if not parameters.is_number(value):
                message = f"fastact.{self.name}.range: {name} has shape {shape_of(value)}; expected a number"
                raise ValueError(message)
        return range_of(self)

    @property
    def max_ulp(self) -> Mapping[str, tuple[float, float]]:
        return MappingProxyType(self._entry["max_ulp"])

    def documentation(self) -> str:
        """What ``help`` shows."""
        return _documentation(self) if self._numbers_only() else help_text.of_entry(self._entry, self)

    def described(self) -> str:
        listed = parameters.described(self.parameters, self._entry["parameters"])
        return self.name + (f" with {listed}" if listed else "")

    def _numbers_only(self) -> bool:
        return all(isinstance(value, float) for value in self.parameter_values)

    # As objects ------------------------------------------------------------------------------------

    def key(self) -> tuple[Any, ...]:
        return (self.name, *map(parameters.key, self.parameter_values))

    def bind(self, **given: Any) -> Builtin:
        if not given:
            return self
        blame = f"fastact.{self.name}"
        self.split_keywords("__call__", given, frozenset())
        values = {name: parameters.checked(blame, name, value) for name, value in given.items()}
        return Builtin(self.name, **{**self.parameters, **values})

    def __reduce__(self) -> tuple[Any, ...]:
        defaults = self._entry["parameters"]
        bound = {k: v for k, v in self.parameters.items() if v is not defaults[k]}
        return rebuild, (self.name, bound)

    # Learned parameters ----------------------------------------------------------------------------

    @property
    def learned(self) -> Mapping[str, str]:
        return MappingProxyType(self._entry["learned"])

    def learned_elsewhere(self) -> list[str]:
        mine = _without_names(self._entry)
        same = [entry for entry in _ENTRIES.values() if entry["learned"] and _without_names(entry) == mine]
        return [f"{entry['name']}'s {parameter}" for entry in same for parameter in entry["learned"]]

    @data_only
    def derivative_by(self, parameter: str, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        self.require_learned("derivative_by", parameter)
        ufunc = getattr(ufuncs, f"{self.name}_derivative_{parameter}")
        return self.by_ufunc(ufunc, (x,), out, kwargs, "derivative_by")

    @data_only
    def parameter_gradients(
        self, grad_y: Any, x: Any, /, *, dtype: Any = None, **given: Any
    ) -> dict[str, Any]:
        method = "parameter_gradients"
        self.require_learned(method)
        self.split_keywords(method, given, frozenset())
        bare, _ = without_labels(self.blame(method), {"grad_y": as_operand(grad_y), "x": as_operand(x)})
        values = {**self.parameters, **given}
        for name, value in values.items():
            refuse_labels(self.blame(method), name, value)
        try:
            slopes = {name: self.derivative_by(name, bare["x"], **given) for name in self.learned}
            return {
                name: gradient(bare["grad_y"], slope, shape_of(values[name]), dtype)
                for name, slope in slopes.items()
            }
        except (TypeError, ValueError) as error:
            errors.explain(self.blame(method), {**bare, **given}, None, error)

    # What _core leaves to NumPy ----------------------------------------------------------------------

    def by_ufunc(
        self, ufunc: np.ufunc, inputs: tuple[Any, ...], out: Any, kwargs: dict[str, Any], method: str = ""
    ) -> Any:
        """The ufunc's result for arguments other than plain arrays of numbers, by NumPy's rules."""
        method = method or ufunc.__name__[len(self.name) + 1 :] or "__call__"
        given, keywords = self.split_keywords(method, kwargs)
        values = {**self.parameters, **given}
        if out is not None:
            keywords["out"] = out
        try:
            return ufunc(
                *inputs, *parameters.typed(inputs, values.values(), keywords.get("dtype")), **keywords
            )
        except (TypeError, ValueError, OverflowError) as error:
            self._explain(method, inputs, values, keywords, error)

    def _explain(
        self,
        method: str,
        inputs: tuple[Any, ...],
        values: Mapping[str, Any],
        keywords: Mapping[str, Any],
        error: Exception,
    ) -> NoReturn:
        names = ("x",) if len(inputs) == 1 else ("grad_y", "y" if method.endswith("output") else "x")
        operands = {**dict(zip(names, inputs, strict=True)), **values}
        errors.explain(self.blame(method), operands, keywords.get("out"), error, keywords)

    def value_and_derivative_by_ufuncs(self, x: Any, out: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Both results, one after the other."""
        method = "value_and_derivative"
        if out is None:
            return (
                self.by_ufunc(self.ufunc, (x,), None, kwargs, method),
                self.by_ufunc(self.derivative_ufunc, (x,), None, kwargs, method),
            )
        blame = self.blame(method)
        errors.check_pair(blame, out)
        given, keywords = self.split_keywords(method, kwargs)
        # the first result may overwrite what the second one is computed from
        operands = {"x": as_operand(x), **self.parameters, **given, "where": keywords.get("where", True)}
        operands = {name: detached(operand, out) for name, operand in operands.items()}
        shape = errors.common_shape(blame, {name: shape_of(value) for name, value in operands.items()})
        errors.check_out(blame, out, shape)  # both, before the first one is written
        held = operands.pop("x")
        keywords = {**keywords, **operands}
        value = self.by_ufunc(self.ufunc, (held,), out[0], keywords, method)
        return value, self.by_ufunc(self.derivative_ufunc, (held,), out[1], keywords, method)

    def check_from_output(self, kwargs: Mapping[str, Any]) -> None:
        blame = self.blame("backward_from_output")
        if not self._entry["from_output"]:
            raise TypeError(f"{blame}: the output does not determine it: {self._entry['output_formula']}")
        values = {name: kwargs.get(name, value) for name, value in self.parameters.items()}
        condition = self._entry["condition"]
        if condition != "True" and not self._holds(blame, condition, values):
            listed = ", ".join(f"{k}={v!r}" for k, v in values.items())
            raise TypeError(f"{blame}: the output does not determine it for {listed}; needs {condition}")
        if self._numbers_only() and kwargs.keys().isdisjoint(values):
            self.allow_from_output()  # unlike arrays, numbers do not change

    def _holds(self, blame: str, condition: str, values: Mapping[str, Any]) -> bool:
        """Whether a condition on the parameters is true of all elements."""
        try:
            found = _compiled(condition, self.parameter_names)(*map(np.asarray, values.values()))
        except (TypeError, ValueError) as error:
            errors.explain(blame, values, None, error)
        return bool(found.all())


@lru_cache(None)
def _compiled(text: str, names: tuple[str, ...]) -> Callable[..., Any]:
    return compile_formula(text, names, "numpy")


def _without_names(entry: Mapping[str, Any]) -> str:
    """The formula with parameters numbered."""
    formula: str = entry["formula"]
    for number, parameter in enumerate(entry["parameters"]):
        formula = re.sub(rf"\b{parameter}\b", f"p{number}", formula)
    return formula


UNBOUND: Mapping[str, Builtin] = MappingProxyType({name: Builtin(name) for name in _ENTRIES})


def rebuild(name: str, given: dict[str, Any]) -> Builtin:
    """The activation that a pickle describes."""
    return UNBOUND[name].bind(**given)


@lru_cache(256)
def _documentation(activation: Builtin) -> str:
    return help_text.of_entry(activation._entry, activation)
