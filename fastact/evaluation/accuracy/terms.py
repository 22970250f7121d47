"""The largest term of a formula's sum, where terms cancel: products and quotients distribute over sums."""

from __future__ import annotations

import ast
from itertools import product


def _terms(node: ast.expr) -> list[ast.expr]:
    """Expressions whose sum, up to their signs, is the given one."""
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub(), right):
            return _terms(left) + _terms(right)
        case ast.BinOp(left, ast.Mult(), right):
            return [ast.BinOp(a, ast.Mult(), b) for a, b in product(_terms(left), _terms(right))]
        case ast.BinOp(left, ast.Div(), right):
            return [ast.BinOp(a, ast.Div(), right) for a in _terms(left)]
        case ast.UnaryOp(ast.USub(), operand):
            return _terms(operand)
    return [node]


def _largest(node: ast.expr) -> ast.expr:
    """An expression for the size of the largest term."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "where":
        condition, *cases = node.args
        return ast.Call(node.func, [condition, *map(_largest, cases)], [])
    sizes: list[ast.expr] = [ast.Call(ast.Name("abs"), [term], []) for term in _terms(node)]
    largest = sizes[0]
    for size in sizes[1:]:
        largest = ast.Call(ast.Name("max"), [largest, size], [])
    return largest


def largest_term(text: str) -> str:
    """A formula for the size of the largest term of a formula, products multiplied out.

    Examples
    --------
    >>> largest_term("exp(x)*(1 - x)")
    'max(abs(exp(x) * 1), abs(exp(x) * x))'
    >>> largest_term("where(x > 0, 1, 2*x + 3)")
    'where(x > 0, abs(1), max(abs(2 * x), abs(3)))'
    """
    return ast.unparse(_largest(ast.parse(text, mode="eval").body))
