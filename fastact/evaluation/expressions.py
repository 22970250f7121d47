"""Activations as expressions that a user would write without fastact: NumPy arrays, or lists of floats.

The expressions are the table's formulas, with constants computed beforehand and in the dtype of the arrays.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

import numpy as np

from fastact.activations.base import Activation
from fastact.activations.formula import compile_formula

ARGUMENTS = {  # of each direction
    "forward": ("x",),
    "backward": ("grad_y", "x"),
    "backward_from_output": ("grad_y", "y"),
    "value_and_derivative": ("x",),
}


def expression(
    function: Activation, direction: str, arithmetic: Literal["numpy", "python"], dtype: str
) -> Callable[..., Any]:
    """One direction of an activation as a function of arrays or of lists of floats, made from its formulas.

    Examples
    --------
    >>> import fastact as fa
    >>> expression(fa.relu, "backward", "python", "float64")([5.0, 5.0], [-1.0, 2.0])
    [0.0, 5.0]
    """
    found, arguments = texts(function, direction)
    if arithmetic == "numpy":
        return _over_arrays(found, arguments, dtype)
    element = compile_formula(f"({', '.join(found)})", arguments, "python")
    return lambda *lists: list(map(element, *lists))


def texts(function: Activation, direction: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The formula of each result of a direction, parameters inserted, and the names of its arguments.

    Examples
    --------
    >>> import fastact as fa
    >>> texts(fa.abs, "backward")
    (('grad_y * sign(x)',), ('grad_y', 'x'))
    """
    arguments = ARGUMENTS[direction]
    found = {
        "forward": (function.formula,),
        "backward": (f"grad_y*({function.derivative_formula})",),
        "backward_from_output": (f"grad_y*({function.output_formula})",),
        "value_and_derivative": (function.formula, function.derivative_formula),
    }[direction]
    return tuple(fold_constants(text, arguments, function.parameters) for text in found), arguments


def fold_constants(text: str, variables: Collection[str], parameters: Mapping[str, float]) -> str:
    """The formula with parameters inserted and every constant part computed.

    Otherwise each call would compute ``sqrt(2)``, a float64 scalar that turns float32 arrays into float64.

    Examples
    --------
    >>> fold_constants("exp(x/sqrt(4)) + 2*slope", ("x",), {"slope": 3.0})
    'exp(x / 2.0) + 6.0'
    """
    return ast.unparse(_Folder(variables, parameters).visit(ast.parse(text, mode="eval")))


class _Folder(ast.NodeTransformer):
    def __init__(self, variables: Collection[str], parameters: Mapping[str, float]) -> None:
        self._variables = variables
        self._parameters = parameters

    def visit(self, node: ast.AST) -> Any:
        """The node, or its value if it is constant."""
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant) and self._is_constant(node):
            return ast.Constant(compile_formula(ast.unparse(node), (), "python", **self._parameters)())
        if isinstance(node, ast.Call):  # the name of the function is not a constant
            node.args = [self.visit(argument) for argument in node.args]
            return node
        return self.generic_visit(node)

    def _is_constant(self, node: ast.AST) -> bool:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        return names.isdisjoint(self._variables)


def _over_arrays(found: tuple[str, ...], arguments: tuple[str, ...], dtype: str) -> Callable[..., Any]:
    scalar = np.dtype(dtype).type

    def where(condition: Any, a: Any, b: Any) -> Any:
        """np.where, which makes float64 of two Python numbers unless one of them has the dtype."""
        return np.where(condition, scalar(a) if isinstance(a, int | float) else a, b)

    names = {"where": where, "full_like": np.full_like}
    probe = np.ones(2, dtype)

    def new_array(text: str) -> str:
        """The formula, extended to give a new array where it is a constant or x itself."""
        if "grad_y" in arguments:
            return text
        value = compile_formula(text, arguments, "numpy", **names)(probe)
        return text if isinstance(value, np.ndarray) and value is not probe else f"full_like(x, {text})"

    return compile_formula(f"({', '.join(map(new_array, found))})", arguments, "numpy", **names)
