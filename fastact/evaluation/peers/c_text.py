"""The table's formulas as the C loops that a user would write: ``y[i] = 1/(1 + exp(-x[i]))``.

What is cheap under ``-ffast-math`` is preferred to what is accurate: exp(u) - 1 for expm1(u), 1 - sigmoid(u)
for sigmoid(-u), 1 - tanh(u)^2 for 1/cosh(u)^2.
"""

from __future__ import annotations

import ast

from fastact.activations.base import Activation
from fastact.evaluation.expressions import texts

_RESULTS = {"value_and_derivative": ("y", "d")}  # other directions have one result
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<="}

# not <tgmath.h>: what its nested macros expand to takes seconds to compile
_MATH = ("exp", "log", "sqrt", "sin", "cos", "tanh", "atan", "erf", "pow", "fabs", "log1p")
_HELPERS = """\
#define FUNCTION static inline real
FUNCTION where(int c, real a, real b) { return c ? a : b; }
FUNCTION min(real a, real b) { return a < b ? a : b; }
FUNCTION max(real a, real b) { return a > b ? a : b; }
FUNCTION sign(real x) { return (real)((x > 0) - (x < 0)); }
FUNCTION sigmoid(real x) { return 1/(1 + exp(-x)); }
FUNCTION softplus(real x) { return max(x, 0) + log(1 + exp(-fabs(x))); }
FUNCTION Phi(real x) { return (real)0.5*(1 + erf(x*(real)0.7071067811865476)); }
FUNCTION phi(real x) { return exp((real)-0.5*x*x)*(real)0.3989422804014327; }
"""
_REALS = {"float32": "float", "float64": "double"}
_CALLED = {"abs": "fabs"}  # other functions have the same name in C


def beginning(dtype: str) -> str:
    """What comes before loops: the type of their elements, and the functions that formulas call."""
    lines = ["#include <stddef.h>", "#include <math.h>", f"typedef {_REALS[dtype]} real;"]
    if dtype == "float32":
        lines += [f"#define {name} {name}f" for name in _MATH]
    return "\n".join([*lines, _HELPERS])


def loop(name: str, activation: Activation, direction: str) -> str:
    """A C function of arrays of ``real`` for one direction, parameters inserted.

    Examples
    --------
    >>> import fastact as fa
    >>> print(loop("f", fa.silu, "forward"))
    void f(const real *restrict x_, real *restrict y_, size_t n) {
        for (size_t i = 0; i < n; i++) {
            real x = x_[i];
            y_[i] = (x * sigmoid(x));
        }
    }
    """
    found, arguments = texts(activation, direction)
    results = _RESULTS.get(direction, ("result",) if "y" in arguments else ("y",))
    pointers = [f"const real *restrict {name}_" for name in arguments]
    pointers += [f"real *restrict {name}_" for name in results]
    lines = [f"void {name}({', '.join(pointers)}, size_t n) {{", "    for (size_t i = 0; i < n; i++) {"]
    lines += [f"        real {name} = {name}_[i];" for name in arguments]
    for result, text in zip(results, found, strict=True):
        lines.append(f"        {result}_[i] = {_expression(ast.parse(text, mode='eval').body)};")
    return "\n".join([*lines, "    }", "}"])


def _expression(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return str(value)
        case ast.Constant(value=value):
            return f"(real){float(value)!r}"  # type: ignore[arg-type]
        case ast.Name(id=name):
            return name
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_expression(operand)})"
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return f"{_expression(left)} {_COMPARISONS[type(operator)]} {_expression(right)}"
        case ast.BinOp(op=ast.Div(), left=left, right=ast.BinOp(ast.Call(ast.Name("cosh"), [u]), ast.Pow())):
            return f"({_expression(left)} * (1 - tanh({_expression(u)})*tanh({_expression(u)})))"
        case ast.BinOp(op=ast.Pow(), left=base, right=power):
            return f"pow({_expression(base)}, {_real(_expression(power))})"
        case ast.BinOp(op=operator, left=left, right=right):
            return f"({_real(_expression(left))} {_OPERATORS[type(operator)]} {_expression(right)})"
        case ast.Call(func=ast.Name(id="sigmoid"), args=[ast.UnaryOp(operand=u)]):
            return f"(1 - sigmoid({_expression(u)}))"
        case ast.Call(func=ast.Name(id="expm1"), args=[u]):
            return f"(exp({_expression(u)}) - 1)"
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return f"{_CALLED.get(name, name)}({', '.join(map(_expression, arguments))})"
    raise ValueError(f"{ast.unparse(node)} has no translation to C")


def _real(text: str) -> str:
    """An integer as a floating-point number: 1/2 is a half, and pow computes in the type of its base."""
    return f"(real){text}" if text.lstrip("-").isdecimal() else text
