"""The help text of every activation: its entry in the table as a docstring, and what follows from the entry.

Must not name any activation.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastact.activations.aliases import ALIASES, Alias, plain

_ENTRY = """{name}({signature})

{about}

    f(x)  = {formula}
    f'(x) = {derivative_formula}
    kinks: {kinks}
    range: {range}

Parameters
----------
x : array_like
    Real numbers, of any shape. Integers and booleans are converted as ``numpy.exp`` does.
out : ndarray, optional
    Where to store the result; may be `x` itself. By keyword only, as all that follow.
{parameters}**kwargs
    Keywords of ufuncs: ``where``, ``casting``, ``order``, ``dtype``, ``subok``.

Returns
-------
ndarray or scalar
    Of the broadcast shape; float32 stays float32.

Raises
------
TypeError
    For dtypes other than real numbers, unknown keywords, and parameters passed by position.
ValueError
    For shapes that do not broadcast together, and for an `out` that is read-only or of another shape.

Notes
-----
Also ``{name}.derivative(x)``, ``{name}.backward(grad_y, x)``, ``{name}.value_and_derivative(x)``{from_output}
{learned}Error, f and f': at most {f32[0]} and {f32[1]} ULP in float32 (over all inputs, with default
parameters), {f64[0]} and {f64[1]} ULP in float64; within 2^-20 of a root of f', in float64, 2 ULP of its
largest term. Infinite x gives the limit, and NaN gives NaN, as x and as a parameter. ``backward``
multiplies by f'(x) as rounded: where f'(x) overflows, the result is infinite. No warning is ever raised.
{elsewhere}
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


_PARTS = """{name}

{about}

{parts}
    f(x)  = {formula}
    f'(x) = {derivative_formula}
    kinks: {kinks}
    range: {range}

It has the methods of every activation. Its parameters are those of its parts, each with the part's label
before its name. For sources and error bounds see the help of the parts.
"""


class OnRequest:
    """The docstring of a class, and for its instances a text made on request.

    Parameters
    ----------
    of_class : str or None
        The docstring of the class.
    """

    def __init__(self, of_class: str | None) -> None:
        self._of_class = of_class

    def __get__(self, instance: Any, owner: type) -> str | None:
        return self._of_class if instance is None else str(instance.documentation())


def signature(parameters: Mapping[str, Any]) -> inspect.Signature:
    """How an activation with these parameters is called."""
    kind = inspect.Parameter
    return inspect.Signature(
        [
            kind("x", kind.POSITIONAL_ONLY),
            kind("out", kind.KEYWORD_ONLY, default=None),
            *(kind(name, kind.KEYWORD_ONLY, default=value) for name, value in parameters.items()),
            kind("kwargs", kind.VAR_KEYWORD),
        ]
    )


def of_entry(entry: Mapping[str, Any], activation: Any) -> str:
    """The help text of an entry of the table.

    Parameters
    ----------
    entry : mapping
        As in ``_core.entries``.
    activation : Activation
        The entry with its parameters, defaults or others.
    """
    values = activation.parameters
    learned = [f"df/d{name} = {text}" for name, text in entry["learned"].items()]
    return _ENTRY.format(
        **{key: entry[key] for key in ("name", "formula", "derivative_formula")},
        about=textwrap.fill(entry["about"], 100),
        signature=", ".join(
            ["x", "/", "*", "out=None", *(f"{k}={_short(v)}" for k, v in values.items()), "**kwargs"]
        ),
        parameters="".join(
            f"{name} : array_like, default {_short(value)}\n    Broadcasts with `x`.\n"
            for name, value in values.items()
        ),
        kinks=entry["kinks"] or "none",
        range=_range_and_limits(entry, activation),
        from_output=_from_output(entry),
        learned=f"Learned parameters: {'; '.join(learned)}.\n" if learned else "",
        f32=entry["max_ulp"]["float32"],
        f64=entry["max_ulp"]["float64"],
        elsewhere=_elsewhere(entry["name"]),
    )


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else f"<array of shape {np.shape(value)}>"


def _range_and_limits(entry: Mapping[str, Any], activation: Any) -> str:
    """The range for the parameters at hand, and the limits at infinity."""
    if not all(isinstance(value, float) for value in activation.parameters.values()):
        return "depends on the arrays that are bound"
    left, right = float(activation(-np.inf)), float(activation(np.inf))
    own = " with these parameters" if entry["parameters"] else ""
    return f"{_range(activation)}{own}; f(-inf) = {left:g}, f(inf) = {right:g}"


def _from_output(entry: Mapping[str, Any]) -> str:
    if not entry["from_output"]:
        return f".\n``backward_from_output`` is unavailable: {entry['output_formula']}."
    condition = "" if entry["condition"] == "True" else f", if {entry['condition']}"
    formula = entry["output_formula"]
    return f"\nand ``{entry['name']}.backward_from_output(grad_y, y)``: f' = {formula}{condition}."


def _elsewhere(name: str) -> str:
    """What other libraries call the entry, and what they mean by its name."""
    same = [a for a in ALIASES if a.entry == name and not a.theirs]
    other = [a for a in ALIASES if a.theirs and (a.entry == name or plain(a.theirs) == plain(name))]
    lines = [f"``{a.name}`` ({a.libraries}){_bound(a)}" for a in same]
    lines += [f"``{a.theirs}`` ({a.libraries}) is ``fastact.{a.name}``{_bound(a, name)}" for a in other]
    return "\nElsewhere:\n\n" + "".join(f"* {line}\n" for line in lines) if lines else ""


def _bound(alias: Alias, name: str = "") -> str:
    """What the alias binds, and its entry unless that is the one at hand."""
    entry = [alias.entry] if name and alias.entry != name else []
    said = entry + [f"{parameter} = {value:g}" for parameter, value in alias.parameters.items()]
    return f": {', '.join(said)}" if said else ""


def of_parts(activation: Any, about: str, parts: Mapping[str, Any]) -> str:
    """The help text of a composite activation.

    Parameters
    ----------
    activation : Activation
        The whole.
    about : str
        What it does with its parts.
    parts : mapping
        What each part does, with its activation.
    """
    listed = "".join(f"* {label}: {part!r}\n" for label, part in parts.items())
    kinks = ", ".join(f"{kink:g}" for kink in activation.kinks)
    return _PARTS.format(
        name=activation.name,
        about=about,
        formula=activation.formula,
        derivative_formula=activation.derivative_formula,
        kinks=kinks or "none",
        range=_range(activation),
        parts=listed,
    )


def _range(activation: Any) -> str:
    try:
        return str(activation.range)
    except ValueError as error:
        return f"unknown ({error})"
