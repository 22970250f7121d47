"""PyTorch: its operators, called below autograd with existing results; dense layers in three ways."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from fastact.activations.base import Activation
from fastact.evaluation.cases import Array, DenseCase, ElementwiseCase
from fastact.evaluation.peers import base
from fastact.evaluation.row_cases import RowCase


class _Parameter(NamedTuple):
    """A parameter that the operator takes as a tensor of one element."""

    name: str


# Operators of torch.ops.aten, or functions, with their arguments: "x", "y" and "grad_y" stand for tensors,
# other strings for parameters of the activation, a dict at the end for keywords. The forward operator comes
# first; a backward operator that takes "y" is backward_from_output.
_OPERATORS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "relu": (
        ("relu", "x"),
        ("threshold_backward", "grad_y", "x", 0),
        ("threshold_backward", "grad_y", "y", 0),
    ),
    "relu6": (("relu6", "x"),),
    "leaky_relu": (
        ("leaky_relu", "x", "negative_slope"),
        ("leaky_relu_backward", "grad_y", "x", "negative_slope", False),
        ("leaky_relu_backward", "grad_y", "y", "negative_slope", True),
    ),
    "prelu": (("prelu", "x", _Parameter("weight")),),
    "threshold": (
        ("threshold", "x", "threshold", "value"),
        ("threshold_backward", "grad_y", "x", "threshold"),
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
    "tanh_shrink": ((torch.nn.functional.tanhshrink, "x"),),
    "softplus": (("softplus", "x", "beta", 20.0), ("softplus_backward", "grad_y", "x", "beta", 20.0)),
    "softsign": ((torch.nn.functional.softsign, "x"),),
    "soft_shrink": (("softshrink", "x", "lambd"), ("softshrink_backward", "grad_y", "x", "lambd")),
    "hard_shrink": (("hardshrink", "x", "lambd"), ("hardshrink_backward", "grad_y", "x", "lambd")),
    "silu": (("silu", "x"), ("silu_backward", "grad_y", "x")),
    "gelu": (("gelu", "x"), ("gelu_backward", "grad_y", "x")),
    "gelu_tanh": (
        ("gelu", "x", {"approximate": "tanh"}),
        ("gelu_backward", "grad_y", "x", {"approximate": "tanh"}),
    ),
    "mish": (("mish", "x"), ("mish_backward", "grad_y", "x")),
    "hard_swish": (("hardswish", "x"), ("hardswish_backward", "grad_y", "x")),
    "abs": (("abs", "x"),),
    "square": (("square", "x"),),
    "exp": (("exp", "x"),),
    "sign": (("sign", "x"),),
    "sin": (("sin", "x"),),
    "arctan": (("arctan", "x"),),
}
_TENSORS = ("x", "y", "grad_y")


class _Operator:
    """One operator with the activation's parameters bound; called with tensors by name."""

    def __init__(self, entry: tuple[Any, ...], activation: Activation) -> None:
        self._function, *words = entry
        self._keywords: dict[str, Any] = words.pop() if isinstance(words[-1], dict) else {}
        self.takes = {word for word in words if word in _TENSORS}
        named = {name: name for name in _TENSORS} | dict(activation.parameters)
        self._arguments = [named[word] if isinstance(word, str) else word for word in words]
        self._parameters = activation.parameters

    def __call__(self, **tensors: Any) -> Any:
        """Compute, with a new tensor for the result."""
        arguments = self._with(tensors)
        if callable(self._function):
            return self._function(*arguments, **self._keywords)
        return getattr(torch.ops.aten, self._function)(*arguments, **self._keywords)

    def bound(self, tensors: Mapping[str, Any], result: Array) -> base.Call:
        """The call with its arguments and, where there is an overload for it, the tensor for the result."""
        arguments = self._with(tensors)
        if callable(self._function):
            return partial(self._function, *arguments, **self._keywords)
        overloads = getattr(torch.ops.aten, self._function)
        for name in ("out", "grad_input"):
            if name in overloads.overloads():
                into = {name: torch.from_numpy(result)}
                return partial(getattr(overloads, name), *arguments, **self._keywords, **into)
        return partial(overloads.default, *arguments, **self._keywords)

    def _with(self, tensors: Mapping[str, Any]) -> list[Any]:
        """The arguments, with tensors in place of their names."""
        found = []
        for argument in self._arguments:
            if isinstance(argument, str):
                found.append(tensors[argument])
            elif isinstance(argument, _Parameter):
                dtype = next(iter(tensors.values())).dtype
                found.append(torch.tensor([self._parameters[argument.name]], dtype=dtype))
            else:
                found.append(argument)
        return found


def _operators(activation: Activation) -> tuple[_Operator | None, _Operator | None, _Operator | None]:
    """Forward, backward and backward from the output; None where PyTorch has none."""
    entries = _OPERATORS.get(activation.name, ())
    passed = {
        getattr(word, "name", word) for entry in entries for word in entry if not isinstance(word, dict)
    }
    if not entries or not base.passes_all(activation, passed):
        return None, None, None
    forward, *backward = (_Operator(entry, activation) for entry in entries)
    from_input = next((operator for operator in backward if "x" in operator.takes), None)
    from_output = next((operator for operator in backward if "y" in operator.takes), None)
    return forward, from_input, from_output


class Peer(base.Peer):
    """PyTorch's operators."""

    name = "PyTorch"
    package = "torch"

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """PyTorch's number of threads."""
        before = torch.get_num_threads()
        torch.set_num_threads(n)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """The operator with its tensors; for value and derivative, forward and then backward."""
        forward, from_input, from_output = _operators(case.function)
        tensors = {name: _shared(getattr(case, name)) for name in case.argument_names}
        if case.direction != "value_and_derivative":
            chosen = {"forward": forward, "backward": from_input, "backward_from_output": from_output}
            operator = chosen[case.direction]
            return operator.bound(tensors, case.results[0]) if operator else None
        derivative = from_input or from_output
        if forward is None or derivative is None:
            return None
        tensors["grad_y"] = torch.ones_like(tensors["x"])
        if "y" in derivative.takes:
            tensors["y"] = _shared(case.y)
        first, second = forward.bound(tensors, case.results[0]), derivative.bound(tensors, case.results[1])
        return lambda: (first(), second())

    def function(self, activation: Activation, direction: str) -> base.Function | None:
        """The forward operator, or its derivative by autograd."""
        f = _operators(activation)[0]
        if f is None:
            return None

        def forward(x: Array, out: Array) -> None:
            out[:] = f(x=torch.from_numpy(x)).numpy()

        def derivative(x: Array, out: Array) -> None:
            tensor = torch.from_numpy(x).requires_grad_()
            y = f(x=tensor)
            out[:] = torch.autograd.grad(y, tensor, torch.ones_like(y))[0].numpy()

        return forward if direction == "f" else derivative

    def rows(self, case: RowCase) -> base.Call | None:
        """Operators on rows; losses with autograd, as they are trained with."""
        return _on_rows(case)

    def train(self) -> Mapping[str, base.Way]:
        """Autograd and a fused optimiser."""
        from fastact.evaluation.peers import torch_training

        return {self.name: base.Way(torch_training.step)}

    def dense(self) -> Mapping[str, Callable[[DenseCase], base.Call | None]]:
        """By autograd, by operators below autograd, and these compiled."""
        return {"PyTorch": _autograd, "PyTorch aten": _by_operators, "torch.compile": _compiled}


def _shared(array: Array) -> Any:
    """A tensor that shares the memory. PyTorch warns about read-only arrays; nothing writes to these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(array)


# Rows ---------------------------------------------------------------------------------------------

_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "softmax_cross_entropy": torch.nn.functional.cross_entropy,
    "nll": torch.nn.functional.nll_loss,
    "sigmoid_binary_cross_entropy": torch.nn.functional.binary_cross_entropy_with_logits,
    "mse": torch.nn.functional.mse_loss,
    "huber": torch.nn.functional.huber_loss,
    "kl_divergence": torch.nn.functional.kl_div,
    "poisson": torch.nn.functional.poisson_nll_loss,
}


def _pair(gate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def forward(x: Any) -> Any:
        a, b = x.chunk(2, -1)
        return gate(a) * b

    return forward


_BY_AUTOGRAD: dict[str, Callable[..., Any]] = {
    "maxout": lambda x, pieces: x.unflatten(-1, (-1, pieces)).amax(-1),
    "crelu": lambda x: torch.cat((x.relu(), x.neg().relu()), -1),
    "gumbel_softmax": lambda x, noise: torch.softmax(x + noise, -1).to(x.dtype),
    "glu": partial(torch.nn.functional.glu, dim=-1),
    "swiglu": _pair(torch.nn.functional.silu),
    "geglu": _pair(torch.nn.functional.gelu),
    "geglu_tanh": _pair(partial(torch.nn.functional.gelu, approximate="tanh")),
    "reglu": _pair(torch.nn.functional.relu),
    "bilinear": _pair(lambda a: a),
}


def _by_graph(case: RowCase, tensors: Sequence[Any]) -> base.Call | None:
    """Forward, or the backward of a graph that is there already."""
    if case.direction == "backward_from_output":
        return None
    keywords = {k: _shared(v) if isinstance(v, np.ndarray) else v for k, v in case.keywords.items()}
    function = partial(_BY_AUTOGRAD[case.name], **keywords)
    if case.direction == "forward":
        return partial(function, tensors[0])
    grad_y, x = tensors[0], tensors[1].clone().requires_grad_()
    y = function(x)
    return lambda: torch.autograd.grad(y, x, grad_y, retain_graph=True)[0]


def _on_rows(case: RowCase) -> base.Call | None:
    tensors = [_shared(array) for array in case.arguments]
    if case.name in _BY_AUTOGRAD:
        return _by_graph(case, tensors)
    if case.name in _LOSSES:
        x, target = tensors[0].clone().requires_grad_(), tensors[1]
        loss = _LOSSES[case.name]

        def value_and_gradient() -> Any:
            value = loss(x, target)
            return value, torch.autograd.grad(value, x)[0]

        return value_and_gradient
    softmax, log_softmax = torch.ops.aten._softmax, torch.ops.aten._log_softmax
    by_softmax, by_log = torch.ops.aten._softmax_backward_data, torch.ops.aten._log_softmax_backward_data
    dtype = tensors[0].dtype
    calls: dict[tuple[str, str], Callable[..., Any]] = {
        ("softmax", "forward"): lambda x: softmax(x, -1, False),
        ("softmax", "backward"): lambda g, x: by_softmax(g, softmax(x, -1, False), -1, dtype),
        ("softmax", "backward_from_output"): lambda g, y: by_softmax(g, y, -1, dtype),
        ("log_softmax", "forward"): lambda x: log_softmax(x, -1, False),
        ("log_softmax", "backward"): lambda g, x: by_log(g, log_softmax(x, -1, False), -1, dtype),
        ("log_softmax", "backward_from_output"): lambda g, y: by_log(g, y, -1, dtype),
        ("logsumexp", "forward"): lambda x: torch.logsumexp(x, -1),
    }
    call = calls.get((case.name, case.direction))
    return partial(call, *tensors) if call else None


# Dense layers --------------------------------------------------------------------------------------


def _tensors(case: DenseCase, grad: bool) -> tuple[Any, list[tuple[Any, Any]], Any]:
    """x, weights and biases, grad_y."""
    make = partial(torch.tensor, requires_grad=grad)
    return make(case.x), [(make(w), make(b)) for w, b in case.weights], torch.tensor(case.grad_y)


def _linear(x: Any, w: Any, b: Any) -> Any:
    return x @ w + b if w.ndim > 2 else torch.addmm(b, x, w)


def _autograd(case: DenseCase) -> base.Call | None:
    """The calls that modules make."""
    f = _operators(case.function)[0]
    if f is None:
        return None
    x, weights, grad_y = _tensors(case, True)
    wanted = [x, *(tensor for pair in weights for tensor in pair)]

    def forward_and_backward() -> Any:
        h = x
        for w, b in weights:
            h = f(x=_linear(h, w, b))
        return torch.autograd.grad(h, wanted, grad_y)

    return forward_and_backward


def _passes(case: DenseCase) -> Callable[[Any, Any], Any] | None:
    """Forward and backward, layer by layer, as a function of x and grad_y."""
    f, from_input, from_output = _operators(case.function)
    f_backward = from_output or from_input
    if f is None or f_backward is None:
        return None
    _, weights, _ = _tensors(case, False)

    def forward_and_backward(x: Any, grad_y: Any) -> Any:
        h, kept, found = x, [], []
        for w, b in weights:
            z = _linear(h, w, b)
            y = f(x=z)
            kept.append((h, z, y))
            h = y
        grad = grad_y
        for (w, _), (inputs, z, y) in zip(reversed(weights), reversed(kept), strict=True):
            delta = f_backward(grad_y=grad, x=z, y=y)
            found.append((inputs.mT @ delta, delta.sum(-2)))
            grad = delta @ w.mT
        return grad, found

    return forward_and_backward


def _by_operators(case: DenseCase) -> base.Call | None:
    passes = _passes(case)
    x, _, grad_y = _tensors(case, False)
    return partial(passes, x, grad_y) if passes else None


def _compiled(case: DenseCase) -> base.Call | None:
    """Compiled for these sizes; None where compiling fails, as it does without a C++ compiler."""
    passes = _passes(case)
    if passes is None:
        return None
    torch.compiler.reset()  # its cache of sizes is limited
    x, _, grad_y = _tensors(case, False)
    call = partial(torch.compile(passes, dynamic=False), x, grad_y)
    try:
        call()
    except Exception:  # whatever its compilers raise
        return None
    return call
