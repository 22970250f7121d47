"""The rows of the table as activations: each a name, parameters, and the ufuncs behind both.

Knows what follows from a row of the table. Does not know any row, nor how arrays reach C (that is
``_core.Elementwise``, the base that computes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from fastact import _core, errors, ufuncs
from fastact.activations import help_text
from fastact.activations.base import UFUNC_KEYWORDS, Activation
from fastact.activations.formula import compile_formula
from fastact.activations.value_range import Interval, range_of

_ROWS: Mapping[str, dict[str, Any]] = {row["name"]: row for row in _core.rows()}


class Row(_core.Elementwise, Activation):
    """A row of the table, with values for its parameters.

    Parameters
    ----------
    name : str
        Of the row.
    **parameters : float or array_like
        Values other than the defaults.
    """

    def __init__(self, name: str, **parameters: Any) -> None:
        row = _ROWS[name]
        values = {**row["parameters"], **parameters}
        suffixes = ("", "_derivative", "_backward", "_backward_from_output")
        found = tuple(getattr(ufuncs, name + s) if name + s in ufuncs.__all__ else None for s in suffixes)
        super().__init__(row["number"], tuple(values), tuple(values.values()), found)
        self._row = row
        self.__name__ = self.__qualname__ = name
        self.__signature__ = help_text.signature(values)

    # About -----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        name: str = self._row["name"]
        return name

    @property
    def parameters(self) -> Mapping[str, Any]:
        return MappingProxyType(dict(zip(self.parameter_names, self.parameter_values, strict=True)))

    @property
    def formula(self) -> str:
        return str(self._row["formula"])

    @property
    def derivative_formula(self) -> str:
        return str(self._row["derivative_formula"])

    @property
    def output_formula(self) -> str | None:
        return str(self._row["output_formula"]) if self._row["from_output"] else None

    @property
    def kinks(self) -> tuple[float, ...]:
        text = self._row["kinks"]
        if not text:
            return ()
        at = compile_formula(f"({text},)", self.parameter_names, "numpy")
        with np.errstate(all="ignore"):  # a slope of 0 has its kinks at infinity
            found = at(*(np.asarray(value, np.float64) for value in self.parameter_values))
        flat = [float(kink) for each in found for kink in np.ravel(each)]
        return tuple(kink for kink in flat if np.isfinite(kink))

    @property
    def range(self) -> Interval:
        for name, value in self.parameters.items():
            if np.ndim(value):
                message = f"fastact.{self.name}.range: {name} has shape {np.shape(value)}; expected a number"
                raise ValueError(message)
        return range_of(self)

    @property
    def max_ulp(self) -> Mapping[str, tuple[float, float]]:
        return MappingProxyType(self._row["max_ulp"])

    def documentation(self) -> str:
        """What ``help`` shows: the row, whatever is bound."""
        return _documentation(self.name)

    def described(self) -> str:
        bound = {k: v for k, v in self.parameters.items() if v is not self._row["parameters"][k]}
        listed = ", ".join(f"{k}={v!r}" for k, v in bound.items())
        return self.name + (f" with {listed}" if listed else "")

    # Other parameters ------------------------------------------------------------------------------

    def bind(self, **parameters: Any) -> Row:
        for name, value in parameters.items():
            if name not in self.parameter_names:
                raise errors.unknown_keyword(f"fastact.{self.name}", name, self.parameter_names)
            if np.asarray(value).dtype.kind not in "biuf":
                message = f"fastact.{self.name}: {name} is {value!r}; expected real numbers"
                raise TypeError(message)
        if not parameters:
            return self
        return Row(self.name, **{**self.parameters, **parameters})

    def __reduce__(self) -> tuple[Any, ...]:
        defaults = self._row["parameters"]
        bound = {k: v for k, v in self.parameters.items() if v is not defaults[k]}
        return rebuild, (self.name, bound)

    # Learned parameters ----------------------------------------------------------------------------

    @property
    def learned(self) -> Mapping[str, str]:
        return MappingProxyType(self._row["learned"])

    def derivative_by(self, parameter: str, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        if parameter not in self.learned:
            known = ", ".join(self.learned) or "none"
            message = f"fastact.{self.name}.derivative_by: {parameter!r} is not a learned parameter"
            raise TypeError(f"{message}; those are: {known}")
        ufunc = getattr(ufuncs, f"{self.name}_derivative_{parameter}")
        return self.by_ufunc(ufunc, (x,), out, kwargs)

    def parameter_gradients(self, grad_y: Any, x: Any, /, **parameters: Any) -> dict[str, Any]:
        values = {**self.parameters, **parameters}
        return {
            name: _sum_to_shape(
                np.multiply(grad_y, self.derivative_by(name, x, **parameters)), np.shape(values[name])
            )
            for name in self.learned
        }

    # What _core hands back ---------------------------------------------------------------------------

    def by_ufunc(self, ufunc: np.ufunc, inputs: tuple[Any, ...], out: Any, kwargs: dict[str, Any]) -> Any:
        """Everything that is not plain float arrays: NumPy's rules for all of it."""
        values = dict(self.parameters)
        keywords = {}
        for key, value in kwargs.items():
            if key in values:
                values[key] = value
            elif key in UFUNC_KEYWORDS:
                keywords[key] = value
            else:
                raise errors.unknown_keyword(self._blame(ufunc), key, self.parameter_names)
        if out is not None:
            keywords["out"] = out
        try:
            return ufunc(*inputs, *_typed(inputs, values.values()), **keywords)
        except (TypeError, ValueError) as error:
            second = "y" if ufunc.__name__.endswith("from_output") else "x"
            names = ("x",) if len(inputs) == 1 else ("grad_y", second)
            operands = {**dict(zip(names, inputs, strict=True)), **values}
            errors.explain(self._blame(ufunc), operands, out, error)

    def both_by_ufunc(self, x: Any, out: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """value_and_derivative by two ufuncs."""
        if out is None:
            return (
                self.by_ufunc(self.ufunc, (x,), None, kwargs),
                self.by_ufunc(self.derivative_ufunc, (x,), None, kwargs),
            )
        blame = f"fastact.{self.name}.value_and_derivative"
        errors.check_pair(blame, out)
        held = np.array(x, subok=True)  # the first result may overwrite x
        given = {key: kwargs[key] for key in ("where", *self.parameter_names) if key in kwargs}
        operands = {"x": held, **self.parameters, **given}
        shape = errors.common_shape(blame, {key: np.shape(value) for key, value in operands.items()})
        errors.check_out(blame, out, shape)  # of both, before the first one is written
        value = self.by_ufunc(self.ufunc, (held,), out[0], kwargs)
        return value, self.by_ufunc(self.derivative_ufunc, (held,), out[1], kwargs)

    def check_from_output(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        own = kwargs.keys().isdisjoint(self.parameter_names)
        if own and self.output_known_to_suffice:  # evaluating the condition costs as much as 10,000 elements
            return kwargs
        blame = f"fastact.{self.name}.backward_from_output"
        if not self._row["from_output"]:
            raise TypeError(f"{blame}: the output does not determine it: {self._row['output_formula']}")
        condition = self._row["condition"]
        if condition != "True":
            values = {**self.parameters, **{k: v for k, v in kwargs.items() if k in self.parameter_names}}
            try:
                holds = compile_formula(condition, tuple(values), "numpy")(*map(np.asarray, values.values()))
            except (TypeError, ValueError) as error:
                errors.explain(blame, values, None, error)
            if not np.all(holds):
                listed = ", ".join(f"{k}={v!r}" for k, v in values.items())
                raise TypeError(f"{blame}: the output does not determine it for {listed}; needs {condition}")
        self.output_known_to_suffice = self.output_known_to_suffice or own
        return kwargs

    def _blame(self, ufunc: np.ufunc) -> str:
        return f"fastact.{self.name}{ufunc.__name__[len(self.name) :].replace('_', '.', 1)}"


def _sum_to_shape(terms: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which something of this shape was broadcast."""
    lead = terms.ndim - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and terms.shape[lead + i] != 1]
    total = terms.sum(axis=(*range(lead), *stretched), dtype=np.float64, keepdims=True)
    return total.reshape(shape).astype(terms.dtype)[()]


def _typed(inputs: tuple[Any, ...], values: Iterable[Any]) -> list[Any]:
    """Parameter values as the ufunc is to see them. For integer inputs, Python numbers get the dtype that
    ``numpy.exp`` would compute in; left untyped they would make every result float64."""
    dtypes = [getattr(x, "dtype", None) or np.asarray(x).dtype for x in inputs]
    if not all(isinstance(dtype, np.dtype) and dtype.kind in "biu" for dtype in dtypes):
        return list(values)
    result = np.exp.resolve_dtypes((np.result_type(*dtypes), None))[-1]
    return [result.type(value) if type(value) in (int, float) else value for value in values]


UNBOUND: Mapping[str, Row] = MappingProxyType({name: Row(name) for name in _ROWS})


def rebuild(name: str, parameters: dict[str, Any]) -> Row:
    """What pickles of rows call."""
    return UNBOUND[name].bind(**parameters)


@lru_cache(None)
def _documentation(name: str) -> str:
    unbound = UNBOUND[name]
    limits = float(unbound(-np.inf)), float(unbound(np.inf))
    return help_text.of_row(_ROWS[name], unbound.range, limits)
