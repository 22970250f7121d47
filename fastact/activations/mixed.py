"""``mixed``: different activations for different units along the last axis.

Must not depend on any activation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from fastact import errors
from fastact.activations import unit_groups
from fastact.activations.base import Activation, data_only
from fastact.activations.composite import Composite, Given
from fastact.activations.containers import as_operand, refuse_labels, shape_of, without_labels
from fastact.activations.parameters import is_number
from fastact.activations.registry import get
from fastact.activations.value_range import Interval


def mixed(activations: Iterable[str | Activation]) -> Mixed:
    """Different activations for different units: the k-th one for the k-th column.

    Parameters
    ----------
    activations : iterable of str or Activation
        One for each unit; the last axis of every input must have that many. Equal neighbours form a group
        that is computed in one call, so place units of a kind side by side. Where one activation stands for
        several neighbours, an array that is bound to it has one value for each along its last axis, or one.

    Returns
    -------
    Mixed
        An activation. Every direction gives the bits that each activation gives for its columns alone,
        converted to the widest of their dtypes where array parameters make them differ. Parameter ``p`` of
        the group that begins at unit k is ``unitk_p``. Masked and lazy arrays, Series, DataFrames and
        DataArrays keep their kind.

    Raises
    ------
    ValueError
        For an unknown name, for none at all, for mixtures of mixtures, and for a bound array that does not
        fit its units. Later, for inputs whose last axis is not that of the units.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> f = fa.mixed(["relu"] * 2 + [fa.leaky_relu.bind(negative_slope=0.5)])
    >>> f(np.array([[1.0, -1.0, -1.0], [-2.0, 2.0, 2.0]]))
    array([[ 1. ,  0. , -0.5],
           [ 0. ,  2. ,  2. ]])
    >>> f.backward(np.ones(3), np.array([1.0, -1.0, -1.0]), unit2_negative_slope=0.25)
    array([1.  , 0.  , 0.25])
    """
    found = [get(activation) for activation in activations]
    starts = [k for k in range(len(found)) if k == 0 or found[k - 1] != found[k]]
    return Mixed([found[k] for k in starts], [*starts, len(found)])


class Mixed(Composite):
    """The result of :func:`mixed`.

    Parameters
    ----------
    activations : sequence of Activation
        One for each group of units.
    edges : sequence of int
        The first unit of each group, and the number of units.
    """

    _about = "Different activations for different units along the last axis."
    _edges: tuple[int, ...]
    _plain: unit_groups.Plain | None  # where all parameters are numbers
    _columns: Mapping[str, tuple[int, int]]  # the first unit and the one after the last, by label

    def __init__(self, activations: Sequence[Activation], edges: Sequence[int]) -> None:
        if not activations:
            raise ValueError("fastact.mixed: activations is empty; expected one for each unit")
        for activation in activations:
            if activation.units is not None:
                message = f"fastact.mixed: {activation.name} has units of its own"
                raise ValueError(f"{message}; expected activations for any number of units")
        labels = [f"unit{start}" for start in edges[:-1]]
        groups = dict(zip(labels, pairwise(edges), strict=True))
        self.__dict__.update(_edges=tuple(edges), _columns=groups)
        super().__init__(dict(zip(labels, activations, strict=True)))
        self._check_parameters("__call__", {})
        plain = all(is_number(value) for part in activations for value in part.parameters.values())
        found = unit_groups.Gathered.worthwhile(activations, edges) if plain else None
        self.__dict__.update(_plain=found)

    def rebuilt(self, parts: Mapping[str, Activation]) -> Mixed:
        return Mixed(tuple(parts.values()), self._edges)

    def key(self) -> tuple[Any, ...]:
        return (self._edges, *super().key())

    def __reduce__(self) -> tuple[Any, ...]:
        return Mixed, (tuple(self.parts.values()), self._edges)

    # About ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """``mixed(COUNT*NAME, ...)``."""
        return self._listed(lambda part: part.name)

    def described(self) -> str:
        return self._listed(lambda part: part.described())

    def blame(self, method: str) -> str:
        """What error messages begin with; the name may be long."""
        return "fastact.mixed" + ("" if method == "__call__" else f".{method}")

    def _listed(self, text: Callable[[Activation], str]) -> str:
        groups = ((text(part), *self._columns[label]) for label, part in self.parts.items())
        return f"mixed({', '.join(f'{stop - start}*{name}' for name, start, stop in groups)})"

    @property
    def units(self) -> int:
        return self._edges[-1]

    @property
    def formula(self) -> str:
        """f(x), as a text in x and `unit`, the index along the last axis."""
        return self._by_unit({label: part.formula for label, part in self.parts.items()})

    @property
    def derivative_formula(self) -> str:
        """f'(x), likewise."""
        return self._by_unit({label: part.derivative_formula for label, part in self.parts.items()})

    @property
    def output_formula(self) -> str | None:
        """f' as a function of y = f(x) and `unit`, or None where some unit's output does not determine it."""
        texts = {label: part.output_formula for label, part in self.parts.items()}
        known = {label: text for label, text in texts.items() if text is not None}
        return self._by_unit(known) if len(known) == len(texts) else None

    def _by_unit(self, formulas: Mapping[str, str]) -> str:
        *first, last = (self.text(label, formula) for label, formula in formulas.items())
        ends = (f"where(unit < {edge}, {text}, " for edge, text in zip(self._edges[1:], first, strict=False))
        return "".join(ends) + last + ")" * len(first)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Kinks of any unit, in order."""
        return tuple(sorted({kink for part in self.parts.values() for kink in part.kinks}))

    @property
    def range(self) -> Interval:
        """The smallest interval that holds the values of all units."""
        return reduce(Interval.join, (part.range for part in self.parts.values()))

    @property
    def max_ulp(self) -> Mapping[str, tuple[float, float]]:
        """Enforced error of f and of f' in ULP, by dtype name: of the worst unit."""
        every = [part.max_ulp for part in self.parts.values()]
        worst = {t: (max(u[t][0] for u in every), max(u[t][1] for u in every)) for t in every[0]}
        return MappingProxyType(worst)

    def shape_of_parameters(self, given: Mapping[str, Any] = MappingProxyType({})) -> tuple[int, ...]:
        """The shape to which the parameters of all units broadcast."""
        of_part, _ = self.split("", given)
        leads = [part.shape_of_parameters(of_part[label])[:-1] for label, part in self.parts.items()]
        return (*np.broadcast_shapes(*leads), self.units)

    # Computing --------------------------------------------------------------------------------------

    @data_only
    def __call__(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        return self._run("__call__", {"x": x}, (out,), kwargs)[0]

    @data_only
    def derivative(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        return self._run("derivative", {"x": x}, (out,), kwargs)[0]

    @data_only
    def backward(self, grad_y: Any, x: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        return self._run("backward", {"grad_y": grad_y, "x": x}, (out,), kwargs)[0]

    @data_only
    def backward_from_output(self, grad_y: Any, y: Any, /, *, out: Any = None, **kwargs: Any) -> Any:
        """grad_y * f'(x) from y = f(x) alone; a TypeError where some unit's output does not determine it."""
        self.check_from_output(kwargs)
        return self._run("backward_from_output", {"grad_y": grad_y, "y": y}, (out,), kwargs)[0]

    @data_only
    def value_and_derivative(self, x: Any, /, *, out: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        if out is not None:
            errors.check_pair(self.blame("value_and_derivative"), out)
        value, slope = self._run("value_and_derivative", {"x": x}, out or (None, None), kwargs)
        return value, slope

    def check_from_output(self, kwargs: Mapping[str, Any]) -> None:
        given, _ = self.split("backward_from_output", kwargs)
        for label, part in self.parts.items():
            try:
                part.check_from_output(given[label])
            except TypeError as error:
                start, stop = self._columns[label]
                message = f"{self.blame('backward_from_output')}: units {start} to {stop - 1}: {error}"
                raise TypeError(message) from error

    @data_only
    def parameter_gradients(
        self, grad_y: Any, x: Any, /, *, dtype: Any = None, **parameters: Any
    ) -> dict[str, Any]:
        self.require_learned("parameter_gradients")
        given, _ = self.split("parameter_gradients", parameters, frozenset())
        arrays, _ = self._checked("parameter_gradients", {"grad_y": grad_y, "x": x}, given)
        found = {}
        for label, part in self.parts.items():
            if part.learned:
                own = (self._of(label, array) for array in arrays.values())
                for name, gradient in part.parameter_gradients(*own, dtype=dtype, **given[label]).items():
                    found[f"{label}_{name}"] = gradient
        return found

    def derivative_by_own(
        self, label: str, own: str, x: Any, out: Any, given: dict[str, Any], keywords: dict[str, Any]
    ) -> Any:
        """The derivative by parameter `own` of one group: 0 for all other units."""
        arrays, relabel = self._checked("derivative_by", {"x": x}, {label: given})
        rest = {key: value for key, value in keywords.items() if key != "where"}
        terms = self.parts[label].derivative_by(own, self._of(label, arrays["x"]), **given, **rest)
        start, stop = self._columns[label]
        left, right = (np.zeros((*terms.shape[:-1], n), terms.dtype) for n in (start, self.units - stop))
        shape = (*terms.shape[:-1], self.units)
        whole = unit_groups.join([left, terms, right], [0, start, stop, self.units], shape)
        if out is None:
            return relabel(whole)
        errors.check_out(self.blame("derivative_by"), out, whole.shape)
        np.copyto(out, whole, where=keywords.get("where", True))
        return out

    # Units ------------------------------------------------------------------------------------------

    def _run(
        self, method: str, inputs: Mapping[str, Any], outs: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[Any]:
        """One result of a method for each of `outs`."""
        if self._plain and not kwargs and self._plain.takes([*inputs.values()], outs):
            return self._plain.results(method, [*inputs.values()], outs)
        blame = self.blame(method)
        given, keywords = self.split(method, kwargs)
        arrays, relabel = self._checked(method, inputs, given)
        refuse_labels(blame, "where", keywords.get("where"))
        own = {key: value for key, value in kwargs.items() if key not in keywords}
        shapes = {argument: shape_of(array) for argument, array in arrays.items()}
        shapes["parameters"] = self.shape_of_parameters(own)
        shapes["where"] = shape_of(keywords.get("where", True))
        shape = errors.common_shape(blame, shapes)
        errors.check_out(blame, outs, shape)
        functions = [partial(getattr(part, method), **given[label]) for label, part in self.parts.items()]
        askable = self._askable(method, given)
        call = unit_groups.Call(functions, askable, self._edges, tuple(arrays.values()), keywords, shape)
        results = call.results(outs, [*self.parameters.values(), *own.values()])
        return [relabel(r) if out is None else r for r, out in zip(results, outs, strict=True)]

    def _askable(self, method: str, given: Given) -> list[Callable[..., Any]]:
        """Functions of one element whose results have the dtypes of all: where parameters are plain numbers
        every group's result has that of the input, so one of these is asked for all."""
        found: list[Callable[..., Any]] = []
        for label, part in self.parts.items():
            values = {**part.parameters, **given[label]}
            if not found or any(not is_number(value) for value in values.values()):
                single = {name: unit_groups.one(value) for name, value in values.items()}
                found.append(partial(getattr(part, method), **single))
        return found

    def _of(self, label: str, operand: Any) -> Any:
        """The columns of an operand that belong to a group."""
        return unit_groups.columns(operand, *self._columns[label], self.units)

    def _checked(
        self, method: str, inputs: Mapping[str, Any], given: Given
    ) -> tuple[dict[str, Any], Callable[[Any], Any]]:
        """The inputs as arrays, numbers aside, if the last one has one column for each unit; and a function
        that gives results their labels."""
        blame = self.blame(method)
        try:
            operands = {argument: as_operand(value) for argument, value in inputs.items()}
        except ValueError as error:
            errors.explain(blame, inputs, None, error)
        arrays, relabel = without_labels(blame, operands)
        argument, last = list(arrays.items())[-1]
        if shape_of(last)[-1:] != (self.units,):
            message = f"{blame}: {argument} has shape {shape_of(last)}"
            raise ValueError(f"{message}; expected a last axis of {self.units}, one for each unit")
        self._check_parameters(method, given)
        return arrays, relabel

    def _check_parameters(self, method: str, given: Given) -> None:
        """Raise unless array parameters have as many columns as their group, or one."""
        for label, part in self.parts.items():
            start, stop = self._columns[label]
            for name, value in {**part.parameters, **given.get(label, {})}.items():
                refuse_labels(self.blame(method), f"{label}_{name}", value)
                if shape_of(value)[-1:] not in ((), (1,), (stop - start,)):
                    message = f"{self.blame(method)}: {label}_{name} has shape {shape_of(value)}"
                    raise ValueError(f"{message}; expected a last axis of {stop - start}, or of 1")
