"""The callable object that every activation is: called, differentiated, bound, pickled, asked about.

Knows what follows from a row of the table. Does not know any row, nor how arrays reach C (that is
``_core.Elementwise``, its base class).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from fastact import _core, errors, ufuncs
from fastact.formula import compile_formula

_UFUNC_KEYWORDS = frozenset({"where", "casting", "order", "dtype", "subok", "signature", "sig"})
_ROWS: Mapping[str, dict[str, Any]] = {row["name"]: row for row in _core.rows()}

_DOC = """{name}({signature})

{about}

    f(x)  = {formula}
    f'(x) = {derivative_formula}

Parameters
----------
x : array_like
    Real numbers, of any shape. Integers and booleans are converted as ``numpy.exp`` does.
out : ndarray, optional
    Where to store the result; may be `x` itself.
{parameters}**kwargs
    Keywords of ufuncs: ``where``, ``casting``, ``order``, ``dtype``, ``subok``.

Returns
-------
ndarray or scalar
    Of the broadcast shape; float32 stays float32.

Raises
------
TypeError
    For dtypes other than real numbers, and for unknown keywords.
ValueError
    For shapes that do not broadcast together, and for an `out` that is read-only or of another shape.

Notes
-----
Also ``{name}.derivative(x)``, ``{name}.backward(grad_y, x)``, ``{name}.value_and_derivative(x)``{from_output}
Kinks: {kinks}. Error, f and f': at most {f32[0]} and {f32[1]} ULP in float32 (over all inputs, with default
parameters), {f64[0]} and {f64[1]} ULP in float64; within 2^-20 of a root of f', in float64, 2 ULP of its
largest term. Infinite x gives the limit; NaN gives NaN; no warning is ever raised.

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> y = fa.{name}(np.linspace(-2, 2, 5, dtype=np.float32))
>>> y.shape, y.dtype
((5,), dtype('float32'))
>>> bool(fa.{name}.backward(1.0, 0.5) == fa.{name}.derivative(0.5))
True
"""


def _documentation(row: dict[str, Any]) -> str:
    parameters = "".join(
        f"{name} : array_like, default {value:g}\n    Broadcasts with `x`.\n"
        for name, value in row["parameters"].items()
    )
    if row["from_output"]:
        from_output = (
            f"\nand ``{row['name']}.backward_from_output(grad_y, y)``: f' = {row['output_formula']}"
            + ("" if row["condition"] == "True" else f", if {row['condition']}")
            + "."
        )
    else:
        from_output = f".\nNot from the output: {row['output_formula']}."
    return _DOC.format(
        **{key: row[key] for key in ("name", "about", "formula", "derivative_formula")},
        signature=str(_signature(row["parameters"]))[1:-1],
        parameters=parameters,
        from_output=from_output,
        kinks=row["kinks"] or "none",
        f32=row["max_ulp"]["float32"],
        f64=row["max_ulp"]["float64"],
    )


def _signature(parameters: Mapping[str, Any]) -> inspect.Signature:
    kind = inspect.Parameter
    return inspect.Signature(
        [
            kind("x", kind.POSITIONAL_ONLY),
            kind("out", kind.POSITIONAL_OR_KEYWORD, default=None),
            *(kind(name, kind.KEYWORD_ONLY, default=value) for name, value in parameters.items()),
            kind("kwargs", kind.VAR_KEYWORD),
        ]
    )


class Activation(_core.Elementwise):
    """An element-wise activation function with its derivative, forward and backward.

    Instances are attributes of :mod:`fastact`, such as ``fastact.gelu``; :func:`fastact.get` finds them
    by name. They are immutable; :meth:`bind` makes another one with other parameters.
    """

    def __init__(self, name: str, **parameters: Any) -> None:
        row = _ROWS[name]
        values = {**row["parameters"], **parameters}
        suffixes = ("", "_derivative", "_backward", "_backward_from_output")
        found = tuple(getattr(ufuncs, name + s) if name + s in ufuncs.__all__ else None for s in suffixes)
        super().__init__(row["number"], tuple(values), tuple(values.values()), found)
        self._row = row
        self._output_known_to_suffice = False
        self.__name__ = self.__qualname__ = name
        self.__doc__ = _documentation(row)
        self.__signature__ = _signature(values)

    # About -----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name in :mod:`fastact`."""
        name: str = self._row["name"]
        return name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Names and values of its parameters."""
        return MappingProxyType(dict(zip(self.parameter_names, self.parameter_values, strict=True)))

    @property
    def formula(self) -> str:
        """f(x), as text that :func:`fastact.formula.compile_formula` evaluates."""
        return str(self._row["formula"])

    @property
    def derivative_formula(self) -> str:
        """f'(x), likewise, with its value at kinks."""
        return str(self._row["derivative_formula"])

    @property
    def output_formula(self) -> str | None:
        """f' as a function of y = f(x), or None where the output does not determine it."""
        return str(self._row["output_formula"]) if self._row["from_output"] else None

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where f' jumps, for the parameters at hand."""
        text = self._row["kinks"]
        if not text:
            return ()
        at = compile_formula(f"({text},)", self.parameter_names, "python")
        return tuple(float(x) for x in at(*self.parameter_values))

    @property
    def max_ulp(self) -> Mapping[str, tuple[float, float]]:
        """Enforced error of f and of f' in ULP, by dtype name."""
        return MappingProxyType(self._row["max_ulp"])

    def __repr__(self) -> str:
        bound = {k: v for k, v in self.parameters.items() if v is not self._row["parameters"][k]}
        listed = ", ".join(f"{k}={v!r}" for k, v in bound.items())
        return f"<fastact.{self.name}{f' with {listed}' if listed else ''}>"

    # Other parameters ------------------------------------------------------------------------------

    def bind(self, **parameters: Any) -> Activation:
        """The same activation with parameters fixed.

        Parameters
        ----------
        **parameters : float or array_like
            New values, by name; arrays broadcast with the input.

        Raises
        ------
        TypeError
            If the activation has no such parameter, or the value is not made of real numbers.

        Examples
        --------
        >>> import fastact as fa
        >>> float(fa.leaky_relu.bind(negative_slope=0.5)(-4.0))
        -2.0
        """
        for name, value in parameters.items():
            if name not in self.parameter_names:
                raise errors.unknown_keyword(f"fastact.{self.name}", name, self.parameter_names)
            if np.asarray(value).dtype.kind not in "biuf":
                message = f"fastact.{self.name}: {name} is {value!r}; expected real numbers"
                raise TypeError(message)
        if not parameters:
            return self
        return Activation(self.name, **{**self.parameters, **parameters})

    def __reduce__(self) -> tuple[Any, ...]:
        defaults = self._row["parameters"]
        bound = {k: v for k, v in self.parameters.items() if v is not defaults[k]}
        return _rebuild, (self.name, bound)

    # Learned parameters ----------------------------------------------------------------------------

    @property
    def learned(self) -> Mapping[str, str]:
        """Names of the parameters that can be learned, each with the text of df/dparameter."""
        return MappingProxyType(self._row["learned"])

    def derivative_by(self, parameter: str, x: Any, /, out: Any = None, **kwargs: Any) -> Any:
        """df/dparameter at x, elementwise.

        Parameters
        ----------
        parameter : str
            One of :attr:`learned`.
        x : array_like
            Real numbers, of any shape.
        out : ndarray, optional
            Where to store the result.
        **kwargs
            Values for parameters, and keywords of ufuncs.

        Raises
        ------
        TypeError
            If this is not a learned parameter.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> fa.prelu.derivative_by("weight", np.array([-2.0, 3.0]))
        array([-2.,  0.])
        """
        if parameter not in self.learned:
            known = ", ".join(self.learned) or "none"
            message = f"fastact.{self.name}.derivative_by: {parameter!r} is not a learned parameter"
            raise TypeError(f"{message}; those are: {known}")
        ufunc = getattr(ufuncs, f"{self.name}_derivative_{parameter}")
        return self.by_ufunc(ufunc, (x,), out, kwargs)

    def parameter_gradients(self, grad_y: Any, x: Any, /, **parameters: Any) -> dict[str, Any]:
        """Gradients with respect to the learned parameters, each summed to its parameter's shape.

        Parameters
        ----------
        grad_y, x : array_like
            As for :meth:`backward`.
        **parameters : float or array_like
            Values as they were in the forward pass.

        Returns
        -------
        dict
            By name; sums are taken in float64 and rounded to the dtype of ``grad_y * df/dparameter``.

        Examples
        --------
        >>> import numpy as np
        >>> import fastact as fa
        >>> x = np.array([[-1.0, -2.0], [-3.0, 4.0]])
        >>> fa.prelu.parameter_gradients(np.ones((2, 2)), x, weight=np.array([0.1, 0.2]))
        {'weight': array([-4., -2.])}
        """
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
            elif key in _UFUNC_KEYWORDS:
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
        """value_and_derivative by two ufuncs; both are computed before either `out` is written."""
        if out is None:
            return (
                self.by_ufunc(self.ufunc, (x,), None, kwargs),
                self.by_ufunc(self.derivative_ufunc, (x,), None, kwargs),
            )
        if not (isinstance(out, tuple) and len(out) == 2):
            message = f"fastact.{self.name}.value_and_derivative: out is {type(out).__name__}"
            raise TypeError(f"{message}; expected a pair of arrays")
        held = np.array(x, subok=True)  # the first result may overwrite x
        value = self.by_ufunc(self.ufunc, (held,), out[0], kwargs)
        return value, self.by_ufunc(self.derivative_ufunc, (held,), out[1], kwargs)

    def check_from_output(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """kwargs, if the derivative follows from the output; else a TypeError that says why not."""
        own = kwargs.keys().isdisjoint(self.parameter_names)
        if own and self._output_known_to_suffice:  # evaluating the condition costs as much as 10,000 elements
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
        self._output_known_to_suffice = self._output_known_to_suffice or own
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


_UNBOUND: dict[str, Activation] = {name: Activation(name) for name in _ROWS}


def _rebuild(name: str, parameters: dict[str, Any]) -> Activation:
    return get(name, **parameters)


def names() -> list[str]:
    """Names of all activations, in the order of the table.

    Examples
    --------
    >>> import fastact as fa
    >>> "gelu" in fa.names()
    True
    """
    return list(_UNBOUND)


def get(name: str, **parameters: Any) -> Activation:
    """An activation by name, with parameters fixed if any are given.

    Parameters
    ----------
    name : str
        One of :func:`names`.
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
    >>> fa.get("relu") is fa.relu
    True
    >>> fa.get("leaky_relu", negative_slope=0.2).parameters["negative_slope"]
    0.2
    """
    if name not in _UNBOUND:
        hint = errors.nearest(str(name), _UNBOUND)
        raise ValueError(f"fastact.get: unknown activation {name!r}{hint}; fastact.names() lists all")
    return _UNBOUND[name].bind(**parameters)
