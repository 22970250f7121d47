"""What a dense layer keeps between its two passes, and how little of it will do.

Knows how to read from a row's formulas whether the output determines the derivative without loss. Does not
know any row, nor how a layer is computed.
"""

from __future__ import annotations

import ast
import re
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from fastact._dense import Prepared, Saved
from fastact.activations.base import Activation
from fastact.activations.formula import compile_formula
from fastact.activations.registry import get
from fastact.activations.builtin import Builtin

KINDS = {"nothing": 0, "input": 1, "output": 2, "bits": 3}  # fa_saving
_FLOAT32_OVERFLOWS = 2.0**128 - 2.0**103  # the least that rounds to infinity
_by_name: dict[str, Prepared] = {}
_by_activation: WeakKeyDictionary[Builtin, Prepared | None] = WeakKeyDictionary()


def prepared(activation: Any) -> Prepared | None:
    """An activation (or its name) as C takes it at once; None where more must be looked at."""
    if isinstance(activation, str):
        if activation not in _by_name:
            try:
                found = prepared(get(activation))
            except ValueError:
                found = None
            if found is None:
                return None
            _by_name[activation] = found
        return _by_name[activation]
    if not isinstance(activation, Builtin):
        return None
    if activation not in _by_activation:
        _by_activation[activation] = _prepare(activation)
    return _by_activation[activation]


def _prepare(activation: Builtin) -> Prepared | None:
    values = activation.parameter_values
    if not all(type(v) in (int, float) and not abs(v) >= _FLOAT32_OVERFLOWS for v in values):
        return None
    kind = kind_to_save("", activation, None)
    return Prepared(activation, kind, KINDS[kind], values)


def check_saved(function: str, saved: Saved, activation: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError unless a forward pass with this activation, shape and dtype saved it."""
    if not same_activation(saved.activation, activation):
        message = f"{function}: saved was made with activation {saved.activation!r}"
        raise ValueError(f"{message}; this call has {activation!r}")
    was_shape, was_dtype = (*saved.array.shape[:-1], saved.columns), saved.array.dtype
    if was_shape != shape or (was_dtype != dtype and saved.kind != "bits"):
        was = f"shape {was_shape} and dtype {was_dtype}"
        raise ValueError(f"{function}: saved has {was}; expected {shape} and {dtype}")


def same_activation(a: Any, b: Any) -> bool:
    """Whether two activations compute the same: one object, or of one kind and name with equal parameters."""
    if a is b:
        return True
    if not (isinstance(a, Activation) and type(a) is type(b) and a.name == b.name):
        return False
    return all(np.array_equal(value, b.parameters[name]) for name, value in a.parameters.items())


def kind_to_save(function: str, activation: Builtin, wanted: str | None) -> str:
    """The kind to save: what is wanted, if possible, or by default the least without loss."""
    if wanted is None:
        return _least_kind(activation)
    if wanted == "output":
        activation.check_from_output({})
    elif wanted == "bits":
        bit_values(function, activation)
    elif wanted != "input":
        raise ValueError(f"{function}: save is {wanted!r}; expected 'input', 'output' or 'bits'")
    return wanted


def bit_values(function: str, activation: Builtin) -> tuple[float, float]:
    """The two values that the derivative has; TypeError where it has others."""
    numbers = all(np.ndim(v) == 0 for v in activation.parameter_values)
    values = _leaves(ast.parse(activation.derivative_formula, mode="eval").body)
    if not numbers or len(values) > 2 or any(re.search(r"\bx\b", v) for v in values):
        message = f"{function}: save is 'bits'; the derivative of {activation!r} has more than two values"
        raise TypeError(message)
    found = [compile_formula(v, activation.parameter_names, "python") for v in values]
    first, *rest = (float(f(*activation.parameter_values)) for f in found)
    return (rest[0] if rest else first), first


def _leaves(node: ast.expr) -> list[str]:
    """The distinct texts among which nested calls of where() choose."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "where":
        return list(dict.fromkeys(text for branch in node.args[1:] for text in _leaves(branch)))
    return [ast.unparse(node)]


def _least_kind(activation: Builtin) -> str:
    if activation.learned or not follows_exactly(activation):
        return "input"
    try:
        activation.check_from_output({})
    except TypeError:  # not for these parameters
        return "input"
    return "output"


def follows_exactly(activation: Builtin) -> bool:
    """Whether the derivative from the output equals the derivative from the input, bit for bit.

    It does where its formula is the derivative's with y in place of x, and x stands in nothing but strict
    comparisons: then f keeps which side of each kink x is on. (A comparison with equality would mistake an x
    whose output underflows for the kink.) It also does where f' = f.
    """
    from_output, from_input = activation.output_formula, activation.derivative_formula
    if from_output is None:
        return False
    if from_output == "y":
        return from_input == activation.formula
    if "=" in from_input or re.sub(r"\by\b", "x", from_output) != from_input:
        return False
    return not re.search(r"\bx\b", re.sub(r"\bx\b *[<>] *\w+", "", from_input))
