"""PyTorch as a contestant: its operators, called below autograd, into tensors that exist already.

Knows PyTorch's names and argument orders. Does not know how time is measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from fastact.evaluation.speed.cases import Array, Case

Operator = tuple[Any, ...]

# Operators of torch.ops.aten with their arguments; "x", "y" and "grad_y" stand for tensors, other words for
# parameters of the activation. First the forward one; a backward one that reads "y" is from the output.
_OPERATORS: dict[str, tuple[Operator, ...]] = {
    "relu": (
        ("relu", "x"),
        ("threshold_backward", "grad_y", "x", 0),
        ("threshold_backward", "grad_y", "y", 0),
    ),
    "leaky_relu": (
        ("leaky_relu", "x", "negative_slope"),
        ("leaky_relu_backward", "grad_y", "x", "negative_slope", False),
        ("leaky_relu_backward", "grad_y", "y", "negative_slope", True),
    ),
    "elu": (
        ("elu", "x", "alpha"),
        ("elu_backward", "grad_y", "alpha", 1.0, 1.0, False, "x"),
        ("elu_backward", "grad_y", "alpha", 1.0, 1.0, True, "y"),
    ),
    "selu": (("selu", "x"),),
    "celu": (("celu", "x", "alpha"),),
    "sigmoid": (("sigmoid", "x"), ("sigmoid_backward", "grad_y", "y")),
    "log_sigmoid": (("log_sigmoid", "x"),),
    "hard_sigmoid": (("hardsigmoid", "x"), ("hardsigmoid_backward", "grad_y", "x")),
    "tanh": (("tanh", "x"), ("tanh_backward", "grad_y", "y")),
    "hard_tanh": (
        ("hardtanh", "x", "min_value", "max_value"),
        ("hardtanh_backward", "grad_y", "x", "min_value", "max_value"),
    ),
    "softplus": (("softplus", "x", "beta", 20.0), ("softplus_backward", "grad_y", "x", "beta", 20.0)),
    "soft_shrink": (("softshrink", "x", "lambd"), ("softshrink_backward", "grad_y", "x", "lambd")),
    "hard_shrink": (("hardshrink", "x", "lambd"), ("hardshrink_backward", "grad_y", "x", "lambd")),
    "silu": (("silu", "x"), ("silu_backward", "grad_y", "x")),
    "gelu": (("gelu", "x"), ("gelu_backward", "grad_y", "x")),
    "mish": (("mish", "x"), ("mish_backward", "grad_y", "x")),
    "hard_swish": (("hardswish", "x"), ("hardswish_backward", "grad_y", "x")),
    "abs": (("abs", "x"),),
    "square": (("square", "x"),),
    "exp": (("exp", "x"),),
    "sin": (("sin", "x"),),
    "arctan": (("arctan", "x"),),
}


class Peer:
    """PyTorch's own operators."""

    name = "PyTorch"
    limit = None

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """PyTorch's number of threads."""
        before = torch.get_num_threads()
        torch.set_num_threads(n)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def callable(self, case: Case) -> Callable[[], Any] | None:
        """The operator with its tensors; for value and derivative, forward and then backward."""
        forward, *backward = _OPERATORS.get(case.activation, ((),))
        from_x = next((operator for operator in backward if "x" in operator), None)
        from_y = next((operator for operator in backward if "y" in operator), None)
        tensors = {name: _shared(getattr(case, name)) for name in case.argument_names}
        if case.direction == "forward":
            return _bind(forward, tensors, case, 0) if forward else None
        if case.direction == "backward":
            return _bind(from_x, tensors, case, 0) if from_x else None
        if case.direction == "backward_from_output":
            return _bind(from_y, tensors, case, 0) if from_y else None
        derivative = from_x or from_y
        if derivative is None:
            return None
        tensors["grad_y"] = torch.ones_like(tensors["x"])
        if derivative is from_y:
            tensors["y"] = _shared(case.y)
        first, second = _bind(forward, tensors, case, 0), _bind(derivative, tensors, case, 1)
        return lambda: (first(), second())


def _shared(array: Array) -> Any:
    """A tensor over the same memory. PyTorch warns of read-only arrays; nothing writes to these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(array)


def _bind(operator: Operator, tensors: dict[str, Any], case: Case, number: int) -> Callable[[], Any]:
    """The operator with its arguments and, where it has an overload for that, the place of its result."""
    name, *words = operator
    known = {**tensors, **case.function.parameters}
    arguments = [known[word] if isinstance(word, str) else word for word in words]
    overloads = getattr(torch.ops.aten, name)
    for overload in ("out", "grad_input"):
        if overload in overloads.overloads():
            result = torch.from_numpy(case.rooms[number])
            return partial(getattr(overloads, overload), *arguments, **{overload: result})
    return partial(overloads.default, *arguments)
