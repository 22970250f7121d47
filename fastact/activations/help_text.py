"""The help text of every activation.

Knows how a row of the table reads as a docstring, with what follows from it: its range, what other libraries
call it, what its error bounds mean. Does not know any row.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

from fastact.activations.value_range import Interval
from fastact.activations.aliases import ALIASES, Alias, plain

_ROW = """{name}({signature})

{about}

    f(x)  = {formula}
    f'(x) = {derivative_formula}
    kinks: {kinks}
    range: {range}; f(-inf) = {left:g}, f(inf) = {right:g}

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
{learned}Error, f and f': at most {f32[0]} and {f32[1]} ULP in float32 (over all inputs, with default
parameters), {f64[0]} and {f64[1]} ULP in float64; within 2^-20 of a root of f', in float64, 2 ULP of its
largest term. Infinite x gives the limit; NaN gives NaN; no warning is ever raised.
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

Called, differentiated, bound and pickled as every activation; its parameters are those of its parts, under
the part's label. For formulas, sources and error bounds see the help of the parts.
"""


class OnRequest:
    """The docstring of a class, and for its instances a text made when it is asked for.

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
            kind("out", kind.POSITIONAL_OR_KEYWORD, default=None),
            *(kind(name, kind.KEYWORD_ONLY, default=value) for name, value in parameters.items()),
            kind("kwargs", kind.VAR_KEYWORD),
        ]
    )


def of_row(row: Mapping[str, Any], interval: Interval, limits: tuple[float, float]) -> str:
    """The help text of a row of the table.

    Parameters
    ----------
    row : mapping
        As ``_core.rows`` tells it.
    interval : Interval
        The range of f with default parameters.
    limits : tuple of float
        f(-inf) and f(inf).
    """
    parameters = "".join(
        f"{name} : array_like, default {value:g}\n    Broadcasts with `x`.\n"
        for name, value in row["parameters"].items()
    )
    learned = [f"df/d{name} = {text}" for name, text in row["learned"].items()]
    defaults = " with default parameters" if row["parameters"] else ""
    return _ROW.format(
        **{key: row[key] for key in ("name", "formula", "derivative_formula")},
        about=textwrap.fill(row["about"], 100),
        signature=str(signature(row["parameters"]))[1:-1],
        parameters=parameters,
        kinks=row["kinks"] or "none",
        range=f"{interval}{defaults}",
        left=limits[0],
        right=limits[1],
        from_output=_from_output(row),
        learned=f"Learned parameters: {'; '.join(learned)}.\n" if learned else "",
        f32=row["max_ulp"]["float32"],
        f64=row["max_ulp"]["float64"],
        elsewhere=_elsewhere(row["name"]),
    )


def _from_output(row: Mapping[str, Any]) -> str:
    if not row["from_output"]:
        return f".\nNot from the output: {row['output_formula']}."
    condition = "" if row["condition"] == "True" else f", if {row['condition']}"
    return (
        f"\nand ``{row['name']}.backward_from_output(grad_y, y)``: f' = {row['output_formula']}{condition}."
    )


def _elsewhere(name: str) -> str:
    """What other libraries call the row, and what they mean by its name."""
    same = [a for a in ALIASES if a.row == name and not a.theirs]
    other = [a for a in ALIASES if a.theirs and (a.row == name or plain(a.theirs) == plain(name))]
    lines = [f"``{a.name}`` ({a.libraries}){_bound(a)}" for a in same]
    lines += [f"``{a.theirs}`` ({a.libraries}) is ``fastact.{a.name}``{_bound(a, name)}" for a in other]
    return "\nElsewhere:\n\n" + "".join(f"* {line}\n" for line in lines) if lines else ""


def _bound(alias: Alias, name: str = "") -> str:
    """What the alias binds, and its row unless that is the one at hand."""
    row = [alias.row] if name and alias.row != name else []
    said = row + [f"{parameter} = {value:g}" for parameter, value in alias.parameters.items()]
    return f": {', '.join(said)}" if said else ""


def of_parts(activation: Any, about: str, parts: Mapping[str, Any]) -> str:
    """The help text of an activation made of others.

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
        return f"not told ({error})"
