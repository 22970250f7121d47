"""numexpr as a contestant: the row's formula texts, in the words that numexpr knows.

Made from the table; does not know any activation, nor how time is measured.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numexpr
import numpy as np

from fastact.benchmarks.cases import Case
from fastact.benchmarks.idiom import texts

_RENAMED = {"min": "minimum", "max": "maximum", "atan": "arctan"}
_WRITTEN_OUT = {
    "sigmoid": "1/(1 + exp(-v))",
    "softplus": "log1p(exp(-abs(v))) + maximum(v, 0)",
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
        found, arguments = texts(case.function, case.direction)
        trees = [ast.parse(text, mode="eval") for text in found]
        if any(isinstance(n, ast.Name) and n.id in _MISSING for tree in trees for n in ast.walk(tree)):
            return None
        signature = [(name, _TYPES[case.dtype]) for name in arguments]
        calls = []
        for tree in trees:
            expression = numexpr.NumExpr(ast.unparse(_Translator().visit(tree)), signature)
            calls.append(partial(expression, *case.arguments, out=np.empty_like(case.x), ex_uses_vml=False))
        return calls[0] if len(calls) == 1 else lambda: tuple(call() for call in calls)


class _Translator(ast.NodeTransformer):
    """Replaces the functions that numexpr calls otherwise, or does not have."""

    def visit_Call(self, node: ast.Call) -> Any:
        """The call in numexpr's words."""
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _WRITTEN_OUT:
            return _Substitution(node.args[0]).visit(ast.parse(_WRITTEN_OUT[name], mode="eval").body)
        return ast.Call(ast.Name(_RENAMED.get(name, name)), node.args, [])


class _Substitution(ast.NodeTransformer):
    """Puts an expression in place of v."""

    def __init__(self, value: ast.expr) -> None:
        self._value = value

    def visit_Name(self, node: ast.Name) -> Any:
        """The value, if this is v."""
        return self._value if node.id == "v" else node
