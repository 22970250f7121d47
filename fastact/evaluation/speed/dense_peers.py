"""PyTorch and JAX as contestants on dense layers, as far as they are installed.

Knows their names for activations. Does not know how time is measured.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from fastact.evaluation.speed.dense_cases import DenseCase
from fastact.evaluation.speed.dense_contestants import DenseContestant

Call = Callable[[], Any]

NAMES = ("PyTorch", "JAX")  # as in ``peers``


class _Torch:
    """What PyTorch's ways have in common."""

    def __init__(self) -> None:
        self.torch = importlib.import_module("torch")
        self.peer = importlib.import_module("fastact.evaluation.peers.pytorch").Peer()

    def threads(self, n: int) -> AbstractContextManager[None]:
        """PyTorch's number of threads."""
        limits: AbstractContextManager[None] = self.peer.threads(n)
        return limits

    def tensors(self, case: DenseCase, grad: bool) -> tuple[Any, list[tuple[Any, Any]], Any]:
        """x, weights and biases, grad_y."""
        make = self.torch.tensor
        weights = [
            (make(w, requires_grad=grad), make(b[..., None, :], requires_grad=grad)) for w, b in case.weights
        ]
        return make(case.x, requires_grad=grad), weights, make(case.grad_y)

    def known(self, case: DenseCase) -> bool:
        """Whether it has the activation under this name."""
        return hasattr(self.torch.ops.aten, case.activation)


class Eager(_Torch):
    """PyTorch with autograd."""

    name = "PyTorch"

    def callable(self, case: DenseCase) -> Call | None:
        """Modules do the same calls."""
        if not self.known(case):
            return None
        f = getattr(self.torch.ops.aten, case.activation)
        x, weights, grad_y = self.tensors(case, True)
        wanted = [x, *(tensor for pair in weights for tensor in pair)]

        def both() -> Any:
            h = x
            for w, b in weights:
                h = f(h @ w + b if w.ndim > 2 else self.torch.addmm(b, h, w))
            return self.torch.autograd.grad(h, wanted, grad_y)

        return both


class Operators(_Torch):
    """PyTorch's operators, called below autograd."""

    name = "PyTorch aten"

    def callable(self, case: DenseCase) -> Call | None:
        """One layer after the other, by hand."""
        return self.passes(case) if self.known(case) else None

    def passes(self, case: DenseCase) -> Call | None:
        """Forward and backward as one function of nothing."""
        aten = self.torch.ops.aten
        f = getattr(aten, case.activation)
        chain = {
            "relu": lambda grad, z, y: aten.threshold_backward(grad, y, 0),
            "tanh": lambda grad, z, y: aten.tanh_backward(grad, y),
            "gelu": lambda grad, z, y: aten.gelu_backward(grad, z),
        }.get(case.activation)
        if chain is None:
            return None
        x, weights, grad_y = self.tensors(case, False)

        def both(x: Any, grad_y: Any) -> Any:
            h, kept, found = x, [], []
            for w, b in weights:
                z = h @ w + b if w.ndim > 2 else self.torch.addmm(b, h, w)
                y = f(z)
                kept.append((h, z, y))
                h = y
            grad = grad_y
            for (w, _), (inputs, z, y) in zip(reversed(weights), reversed(kept), strict=True):
                delta = chain(grad, z, y)
                found.append((inputs.mT @ delta, delta.sum(-2)))
                grad = delta @ w.mT
            return grad, found

        chosen = self.wrap(both)
        return lambda: chosen(x, grad_y)

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """As it is."""
        return function


class Compiled(Operators):
    """The same under torch.compile, where that works: it needs a C++ compiler."""

    name = "torch.compile"

    def callable(self, case: DenseCase) -> Call | None:
        """Compiled at the first call; None where that fails."""
        call = super().callable(case)
        try:
            if call is not None:
                call()
        except Exception:  # whatever its compilers raise
            return None
        return call

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compiled for these sizes; the former ones are forgotten, else it would soon compile no more."""
        self.torch.compiler.reset()
        compiled: Callable[..., Any] = self.torch.compile(function, dynamic=False)
        return compiled


class Jax:
    """JAX: forward and vjp under jit."""

    name = "JAX"

    def __init__(self) -> None:
        self.jax = importlib.import_module("jax")
        self.module = importlib.import_module("fastact.evaluation.peers.jax_nn")
        self.peer = self.module.Peer()

    def threads(self, n: int) -> AbstractContextManager[None]:
        """A thread pool of this size."""
        limits: AbstractContextManager[None] = self.peer.threads(n)
        return limits

    def callable(self, case: DenseCase) -> Call | None:
        """The call ends when the results are there."""
        f = self.module._FUNCTIONS.get(case.activation)
        if f is None:
            return None

        def network(x: Any, weights: Any) -> Any:
            for w, b in weights:
                x = f(x @ w + b[..., None, :])
            return x

        def both(x: Any, weights: Any, grad_y: Any) -> Any:
            y, pull_back = self.jax.vjp(network, x, weights)
            return y, pull_back(grad_y)

        put = self.jax.numpy.asarray
        arguments = put(case.x), [(put(w), put(b)) for w, b in case.weights], put(case.grad_y)
        compiled = self.jax.jit(both)
        return lambda: self.jax.block_until_ready(compiled(*arguments))


def installed() -> tuple[list[DenseContestant], dict[str, str]]:
    """The peers that are installed, and for each of the others the package that is missing."""
    found: list[DenseContestant] = []
    absent: dict[str, str] = {}
    for peer in (Eager, Operators, Compiled, Jax):
        try:
            found.append(peer())
        except ModuleNotFoundError as error:
            absent[peer.name] = str(error.name)
    return found, absent
