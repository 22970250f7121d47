"""The formula texts of the table as functions: exact (mpmath, flint), NumPy, or pure Python.

Must not depend on the compiled kernels: these functions are the reference of the tests (mpmath) and of error
measurements (flint), and what benchmarks compare with (NumPy, pure Python).
"""

from __future__ import annotations

import ast
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Literal

from fastact.errors import scipy_module

Arithmetic = Literal["mpmath", "flint", "numpy", "python"]


def _mpmath_names() -> dict[str, Any]:
    import mpmath

    mp = mpmath.mp
    return {
        **{name: getattr(mp, name) for name in (*_SHARED, "erf", "atan")},
        # mpmath refuses arguments such as e^(10^9); there these are what they are below
        "tanh": lambda x: mp.tanh(x) if abs(x) < 2**40 else mp.sign(x),
        "cosh": lambda x: mp.cosh(x) if abs(x) < 2**40 else mp.inf,
        "number": mp.mpf,
        "abs": abs,
        "where": lambda condition, a, b: a if condition else b,
        "min": min,
        "max": max,
        "sign": mp.sign,
        "pi": mp.pi,
        "unrounded": _unrounded,
        "Phi": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
        "phi": lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
        "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
        "softplus": lambda x: mp.log1p(mp.exp(-abs(x))) + max(x, mp.zero),
    }


def _flint_names() -> dict[str, Any]:
    """Balls that contain the exact value (Johansson's Arb).

    The exponential functions are taken at no more than 2^40 in size, where a ball would become all numbers:
    exp(2^40) and its inverse are as good as their limits to anything that float64 can hold. Comparisons are
    between x and parameters, which are exact; a constant such as pi has more bits than are ever asked for.
    """
    from flint import arb, ctx

    limit = arb(2) ** 40

    def of_ball(name: str) -> Callable[[Any], Any]:
        method = getattr(arb, name)
        return lambda x: method(arb(x))

    def growing(name: str) -> Callable[[Any], Any]:
        method = getattr(arb, name)
        return lambda x: method(x if abs(x) < limit else arb(x).max(-limit).min(limit))

    with ctx.workprec(_MOST_BITS):
        pi, root_half = arb.pi(), arb(0.5).sqrt()
        density = 1 / (2 * pi).sqrt()
    exp, log1p, erfc = growing("exp"), of_ball("log1p"), of_ball("erfc")
    return {
        **{name: of_ball(name) for name in (*_SHARED, "erf", "atan")},
        **{name: growing(name) for name in ("exp", "expm1", "cosh")},
        "number": arb,
        "abs": abs,
        "where": lambda condition, a, b: a if condition else b,
        "min": lambda a, b: arb(a).min(arb(b)),
        "max": lambda a, b: arb(a).max(arb(b)),
        "sign": of_ball("sgn"),
        "unrounded": _unrounded,
        "pi": pi,
        "Phi": lambda x: erfc(-x * root_half) / 2,
        "phi": lambda x: exp(-x * x / 2) * density,
        "sigmoid": lambda x: 1 / (1 + exp(-x)),
        "softplus": lambda x: log1p(exp(-abs(x))) + arb(x).max(arb(0)),
    }


def _numpy_names() -> dict[str, Any]:
    import numpy as np

    special = scipy_module("special", "an activation's formula, evaluated by NumPy,")
    return {
        **{name: getattr(np, name) for name in (*_SHARED, "where", "sign", "abs", "pi")},
        "min": np.minimum,
        "max": np.maximum,
        "atan": np.arctan,
        "unrounded": lambda value, p, q: np.where(
            (value == p / q) | (value == np.float32(p / q)), np.asarray(value).dtype.type(p / q), value
        ),
        "erf": special.erf,
        "Phi": special.ndtr,
        "phi": lambda x: np.exp(-0.5 * x * x) * (2 * np.pi) ** -0.5,
        "sigmoid": special.expit,
        "softplus": lambda x: np.logaddexp(0, x),
    }


def _python_names() -> dict[str, Any]:
    return {
        **{name: getattr(math, name) for name in (*_SHARED, "erf", "atan", "pi")},
        "abs": abs,
        "where": lambda condition, a, b: a if condition else b,
        "min": min,
        "max": max,
        "sign": lambda x: float((x > 0) - (x < 0)),
        "unrounded": _unrounded,
        "Phi": lambda x: math.erfc(-x / math.sqrt(2)) / 2,
        "phi": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
        "softplus": lambda x: math.log1p(math.exp(-abs(x))) + max(x, 0),
    }


def _unrounded(value: Any, p: int, q: int) -> Any:
    """p/q, in the value's arithmetic, if it is what was rounded to float64 or float32; else the value."""
    nearest = p / q, struct.unpack("f", struct.pack("f", p / q))[0]
    return type(value)(p) / q if value in nearest else value


_SHARED = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "cosh")
_MOST_BITS = 8192  # of the constants of balls: more than the 2100 that sums of float64 numbers span
_NAMES: Mapping[Arithmetic, Callable[[], dict[str, Any]]] = {
    "mpmath": _mpmath_names,
    "flint": _flint_names,
    "numpy": _numpy_names,
    "python": _python_names,
}


class _ExactNumbers(ast.NodeTransformer):
    """Makes 1.5 in a text number(1.5), or a product of two such would be rounded as floats are."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """A call of number for floats; integers and text stay."""
        return ast.Call(ast.Name("number", ast.Load()), [node], []) if isinstance(node.value, float) else node


def compile_formula(
    text: str, arguments: tuple[str, ...], arithmetic: Arithmetic, **names: Any
) -> Callable[..., Any]:
    """Make a formula text a function of the named arguments.

    Parameters
    ----------
    text : str
        A formula as the table writes it, such as ``"x*sigmoid(x)"``.
    arguments : tuple of str
        Names of the function's arguments, in order, such as ``("x", "beta")``.
    arithmetic : {"mpmath", "flint", "numpy", "python"}
        ``"mpmath"`` evaluates at mpmath's working precision, ``"flint"`` in balls (``flint.arb``) at
        ``flint.ctx.prec`` bits, ``"numpy"`` on arrays with the functions a NumPy and SciPy user would reach
        for, ``"python"`` on single floats with :mod:`math`.
    **names
        Further names that the text may use, such as fixed parameters; they hide what it meant before.

    Examples
    --------
    >>> silu = compile_formula("x*sigmoid(x)", ("x",), "python")
    >>> silu(0.0), silu(1000.0)
    (0.0, 1000.0)
    >>> compile_formula("max(x, slope*x)", ("x",), "python", slope=0.5)(-4.0)
    -2.0
    """
    source = ast.parse(f"lambda {', '.join(arguments)}: {text}", mode="eval")
    if arithmetic in ("mpmath", "flint"):
        source = ast.fix_missing_locations(_ExactNumbers().visit(source))
    code = compile(source, "<formula>", "eval")
    function: Callable[..., Any] = eval(code, {"__builtins__": {}, **_NAMES[arithmetic](), **names})
    return function
