"""numexpr as a contestant: the row's formula texts, in the words that numexpr knows.

Made from the table; does not know any activation, nor how time is measured.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numexpr
import numpy as np

from fastact.evaluation.speed.cases import Array, Case
from fastact.evaluation.speed.idiom import texts

_RENAMED = {"atan": "arctan"}
_WRITTEN_OUT = {  # what it lacks, or has in float64 only
    "min": "where(v < w, v, w)",
    "max": "where(v > w, v, w)",
    "sign": "where(v > 0, 1, where(v < 0, -1, 0))",
    "sigmoid": "1/(1 + exp(-v))",
    "softplus": "log1p(exp(-abs(v))) + where(v > 0, v, 0)",
    "phi": "exp(-0.5*v*v)*0.3989422804014327",
}
_TYPES = {"float32": float, "float64": np.float64}  # numexpr's own way to name them
_MISSING = {"Phi", "erf"}


class Peer:
    """Compiled numexpr expressions; numexpr has no error function, so not every formula."""

    name = "numexpr"
    limit = None

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """numexpr's number of threads."""
        before = numexpr.set_num_threads(n)
        try:
            yield
        finally:
            numexpr.set_num_threads(before)

    def callable(self, case: Case) -> Callable[[], Any] | None:
        """The expression with its arrays; for value and derivative, one after the other."""
        found, names = texts(case.function, case.direction)
        arrays = dict(zip(names, case.arguments, strict=True))
        calls = [
            _call(ast.parse(text, mode="eval"), arrays, room)
            for text, room in zip(found, case.rooms, strict=True)
        ]
        if None in calls:
            return None
        return calls[0] if len(calls) == 1 else lambda: tuple(call() for call in calls if call)


def _call(tree: ast.Expression, arrays: Mapping[str, Array], result: Array) -> Callable[[], Any] | None:
    """The compiled expression with its arrays; None where numexpr lacks a function, or none is needed."""
    constants = _Constants()
    text = ast.unparse(constants.visit(_Translator().visit(tree)))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    operands = {name: array for name, array in arrays.items() if name in used}
    if not operands or used & _MISSING:
        return None
    operands |= {f"c{i}": np.array(value, result.dtype) for i, value in enumerate(constants.values)}
    expression = numexpr.NumExpr(text, [(name, _TYPES[result.dtype.name]) for name in operands])
    return partial(expression, *operands.values(), out=result, ex_uses_vml=False)


class _Translator(ast.NodeTransformer):
    """Replaces the functions that numexpr calls otherwise, or does not have."""

    def visit_Call(self, node: ast.Call) -> Any:
        """The call in numexpr's words."""
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _WRITTEN_OUT:
            return _Substitution(*node.args).visit(ast.parse(_WRITTEN_OUT[name], mode="eval").body)
        return ast.Call(ast.Name(_RENAMED.get(name, name)), node.args, [])


class _Substitution(ast.NodeTransformer):
    """Puts expressions in place of v and w."""

    def __init__(self, v: ast.expr, w: ast.expr | None = None) -> None:
        self._values = {"v": v, "w": w}

    def visit_Name(self, node: ast.Name) -> Any:
        """The expression, if the name is one of the two."""
        return self._values.get(node.id, node)


class _Constants(ast.NodeTransformer):
    """Makes numbers variables c0, c1, ..., which have the arrays' dtype; literals would make it float64."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        """A whole power stays a literal: it becomes multiplications."""
        node.left = self.visit(node.left)
        if not isinstance(node.op, ast.Pow):
            node.right = self.visit(node.right)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Name:
        """The variable that stands for it."""
        self.values.append(float(str(node.value)))
        return ast.Name(f"c{len(self.values) - 1}")
