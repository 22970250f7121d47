"""numexpr: the table's formulas as compiled expressions over arrays, in numexpr's functions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numexpr
import numpy as np

from fastact.evaluation.cases import Array, ElementwiseCase
from fastact.evaluation.expressions import texts
from fastact.evaluation.peers import base

_RENAMED = {"atan": "arctan"}
_WRITTEN_OUT = {  # functions that numexpr lacks, or has in float64 only
    "min": "where(v < w, v, w)",
    "max": "where(v > w, v, w)",
    "sign": "where(v > 0, 1, where(v < 0, -1, 0))",
    "sigmoid": "1/(1 + exp(-v))",
    "softplus": "log1p(exp(-abs(v))) + where(v > 0, v, 0)",
    "phi": "exp(-0.5*v*v)*0.3989422804014327",
}
_TYPES = {"float32": float, "float64": np.float64}  # numexpr's names of dtypes
_MISSING = {"Phi", "erf"}


class Peer(base.Peer):
    """Compiled numexpr expressions; formulas with an error function are left out, since it has none."""

    name = "numexpr"
    package = "numexpr"

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """numexpr's number of threads."""
        before = numexpr.set_num_threads(n)
        try:
            yield
        finally:
            numexpr.set_num_threads(before)

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """The expression with its arrays; for value and derivative, two expressions."""
        found, names = texts(case.function, case.direction)
        arrays = dict(zip(names, case.arguments, strict=True))
        calls = [
            _call(ast.parse(text, mode="eval"), arrays, result)
            for text, result in zip(found, case.results, strict=True)
        ]
        if None in calls:
            return None
        return calls[0] if len(calls) == 1 else lambda: tuple(call() for call in calls if call)


def _call(tree: ast.Expression, arrays: Mapping[str, Array], result: Array) -> Callable[[], Any] | None:
    """The expression with its arrays; None for a constant, and where numexpr lacks a function."""
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
    """Replaces functions that numexpr lacks or names differently."""

    def visit_Call(self, node: ast.Call) -> Any:
        """The call in numexpr's functions."""
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
        """The expression in place of v or w."""
        return self._values.get(node.id, node)


class _Constants(ast.NodeTransformer):
    """Replaces numbers by variables c0, c1, ... of the arrays' dtype; with literals, results are float64."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        """An integer power stays a literal, which numexpr expands to multiplications."""
        node.left = self.visit(node.left)
        if not isinstance(node.op, ast.Pow):
            node.right = self.visit(node.right)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Name:
        """The variable in place of the number."""
        self.values.append(float(str(node.value)))
        return ast.Name(f"c{len(self.values) - 1}")
