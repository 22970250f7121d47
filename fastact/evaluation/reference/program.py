"""A formula text as a program of double-double operations: registers, steps and constants.

Must not depend on the kernels.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from fastact.evaluation._reference import OPERATIONS, Program
from fastact.evaluation.accuracy.truth import Oracle, truth

CODES = {name: code for code, name in enumerate(OPERATIONS)}
UNARY = {
    "abs": "absolute",
    "sign": "sign",
    "sqrt": "square_root",
    "exp": "exponential",
    "expm1": "exponential_minus_1",
    "log1p": "logarithm_plus_1",
    "tanh": "hyperbolic_tangent",
    "cosh": "hyperbolic_cosine",
    "sin": "sine",
    "cos": "cosine",
    "atan": "arctangent",
    "erf": "error_function",
}
BINARY = {"min": "minimum", "max": "maximum"}
OPERATORS: Mapping[type, str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "divide"}
# functions that are formulas themselves, of the argument `a`
DEFINED = {
    "log": "log1p(a - 1)",
    "sigmoid": "1/(1 + exp(-a))",
    "softplus": "log1p(exp(-abs(a))) + max(a, 0)",
    "Phi": "erfc(-a/sqrt(2))/2",
    "phi": "exp(-a*a/2)/sqrt(2*pi)",
}
EXACT_TO = 2.0**-78  # relative error of a constant that is no rational number
INFINITE = (2.0**1000, float("inf"))  # bounds of log2 of an infinite parameter, see beyond.h
LARGEST_POWER = 16

Constant = tuple[float, float, float]  # hi, lo and a bound of the error
Value = tuple[str, int]  # ("x", 0), ("constant", index) or ("step", index)


class UnsupportedError(ValueError):
    """A text holds what a program cannot do."""


@dataclass
class Code:
    """What a text compiles to, before registers are assigned; equal steps and constants are listed once."""

    parameters: Mapping[str, float]
    oracle: Oracle | None = None
    constants: dict[Constant, Value] = field(default_factory=dict)
    steps: dict[tuple[Any, ...], Value] = field(default_factory=dict)  # (operation, *operands)

    def constant(self, value: Constant) -> Value:
        """A constant."""
        return self.constants.setdefault(value, ("constant", len(self.constants)))

    def step(self, operation: str, *operands: Value) -> Value:
        """The result of an operation."""
        return self.steps.setdefault((operation, *operands), ("step", len(self.steps)))

    def visit(self, node: ast.expr, names: Mapping[str, Value]) -> Value:
        """The value of an expression, in which `names` are known."""
        if names.keys().isdisjoint(_names(node)):
            return self.constant(self._folded(node))
        match node:
            case ast.Name(name):
                return names[name]
            case ast.UnaryOp(ast.USub(), operand):
                return self.step("negative", self.visit(operand, names))
            case ast.BinOp(base, ast.Pow(), ast.Constant(int(exponent))):
                return self._power(self.visit(base, names), exponent)
            case ast.BinOp(
                ast.BinOp(a, ast.Pow(), ast.Constant(int(n))),
                ast.Div(),
                ast.BinOp(c, ast.Mult(), ast.BinOp(b, ast.Pow(), ast.Constant(int(m)))),
            ) if n == m:  # a**n/(c*b**n) = (a/b)**n/c, which keeps the distance of a/b from 1
                quotient = self.step("divide", self.visit(a, names), self.visit(b, names))
                return self.step("divide", self._power(quotient, n), self.visit(c, names))
            case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
                operands = self.visit(left, names), self.visit(right, names)
                return self.step(OPERATORS[type(operator)], *operands)
            case ast.Call(ast.Name("where"), [ast.Compare(left, [comparison], [right]), yes, no]):
                sides = self.visit(left, names), self.visit(right, names)
                return self._choice(comparison, *sides, self.visit(yes, names), self.visit(no, names))
            case ast.Call(ast.Name(name), arguments):
                return self._call(name, [self.visit(each, names) for each in arguments])
        raise UnsupportedError(f"the reference cannot compute {ast.unparse(node)}")

    def _call(self, name: str, values: list[Value]) -> Value:
        if name in DEFINED:
            return self.visit(ast.parse(DEFINED[name], mode="eval").body, {"a": values[0]})
        operation = "error_function_complement" if name == "erfc" else UNARY.get(name) or BINARY.get(name)
        if operation is None:
            raise UnsupportedError(f"the reference knows no function {name}")
        return self.step(operation, *values)

    def _power(self, base: Value, exponent: int) -> Value:
        if not 1 <= exponent <= LARGEST_POWER:
            raise UnsupportedError(f"the reference cannot compute powers of {exponent}")
        value = base
        for _ in range(exponent - 1):
            value = self.step("mul", value, base)
        return value

    def _choice(self, comparison: ast.cmpop, left: Value, right: Value, yes: Value, no: Value) -> Value:
        """A choice by the sign of a difference."""
        if isinstance(comparison, ast.Lt | ast.LtE):
            left, right = right, left
        operation = {
            ast.Gt: "where_positive",
            ast.Lt: "where_positive",
            ast.GtE: "where_not_negative",
            ast.LtE: "where_not_negative",
        }.get(type(comparison))
        if operation is None:
            raise UnsupportedError("the reference compares by >, >=, < and <= only")
        return self.step(operation, self.step("sub", left, right), yes, no)

    def _folded(self, node: ast.expr) -> Constant:
        """The value of an expression without x."""
        match node:
            case ast.Name(name) if np.isinf(self.parameters.get(name, 0.0)):
                return self.parameters[name], *INFINITE
            case ast.UnaryOp(ast.USub(), ast.Name(name)) if np.isinf(self.parameters.get(name, 0.0)):
                return -self.parameters[name], *INFINITE
        exact = self._rational(node)
        if exact is not None:
            hi = float(exact)
            lo = float(exact - Fraction(hi))
            return hi, lo, 0.0 if Fraction(hi) + Fraction(lo) == exact else abs(hi) * 2.0**-100
        hi, lo = self._by_oracle(node)
        return hi, lo, abs(hi) * EXACT_TO

    def _by_oracle(self, node: ast.expr) -> tuple[float, float]:
        found = truth(ast.unparse(node), self.parameters, np.array([0.0]), self.oracle)
        hi, fraction = float(found.floor[0]), float(found.fraction[0])
        return hi, float(np.copysign(fraction * np.spacing(abs(hi)), hi))

    def _rational(self, node: ast.expr) -> Fraction | None:
        """The value where arithmetic on rational numbers gives it; None otherwise."""
        match node:
            case ast.Constant(int(value)):
                return Fraction(value)
            case ast.Constant(float(value)) if self._by_oracle(node) == (value, 0.0):
                return Fraction(value)
            case ast.Name(name) if name in self.parameters:
                value = self.parameters[name]
                return Fraction(value) if np.isfinite(value) else None
            case ast.UnaryOp(ast.USub(), operand):
                inner = self._rational(operand)
                return None if inner is None else -inner
            case ast.BinOp(left, operator, right) if type(operator) in _RATIONAL:
                a, b = self._rational(left), self._rational(right)
                if a is not None and b is not None and not (isinstance(operator, ast.Div) and b == 0):
                    return _RATIONAL[type(operator)](a, b)
        return None


_RATIONAL: Mapping[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def compile_text(text: str, parameters: Mapping[str, float], oracle: Oracle | None = None) -> Program:
    """The program of a formula in ``x`` and parameters.

    Raises
    ------
    UnsupportedError
        For a function or operator that programs do not have.
    """
    code = Code(parameters, oracle)
    result = code.visit(ast.parse(text, mode="eval").body, {"x": ("x", 0)})
    return _assigned(code, result)


def _assigned(code: Code, result: Value) -> Program:
    """Steps on as few registers as hold the values that are still needed."""
    last = {operand: i for i, step in enumerate(code.steps) for operand in step[1:]}
    last[result] = len(code.steps)
    register: dict[Value, int] = {("x", 0): 0}
    register |= {value: 1 + i for i, value in enumerate(code.constants.values())}
    used, free = len(register), list[int]()
    steps = []
    for i, (step, value) in enumerate(code.steps.items()):
        if not free:
            free.append(used)
            used += 1
        register[value] = free.pop()
        operands = [register[operand] for operand in step[1:]]
        a, b, c = [*operands, -1, -1, -1][:3]
        steps.append((CODES[step[0]], register[value], a, b, c))
        free += [register[v] for v in {*step[1:]} if v[0] == "step" and last[v] == i]
    return Program(steps, list(code.constants), used, register[result])
