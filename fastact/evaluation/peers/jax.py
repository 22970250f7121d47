"""JAX: its functions, and their derivatives by automatic differentiation, compiled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import jax
import jax.extend.backend
import jax.numpy as jnp

from fastact.activations.base import Activation
from fastact.evaluation.cases import Array, DenseCase, ElementwiseCase
from fastact.evaluation.peers import base

# the function of x, and the names of the activation's parameters that it takes next
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "relu": (jax.nn.relu,),
    "relu6": (jax.nn.relu6,),
    "leaky_relu": (jax.nn.leaky_relu, "negative_slope"),
    "elu": (jax.nn.elu, "alpha"),
    "celu": (jax.nn.celu, "alpha"),
    "selu": (jax.nn.selu,),
    "sigmoid": (jax.nn.sigmoid,),
    "log_sigmoid": (jax.nn.log_sigmoid,),
    "hard_sigmoid": (jax.nn.hard_sigmoid,),
    "tanh": (jnp.tanh,),
    "hard_tanh": (jax.nn.hard_tanh,),
    "softplus": (lambda x, beta: jax.nn.softplus(beta * x) / beta, "beta"),
    "softsign": (jax.nn.soft_sign,),
    "silu": (jax.nn.silu,),
    "gelu": (partial(jax.nn.gelu, approximate=False),),
    "gelu_tanh": (partial(jax.nn.gelu, approximate=True),),
    "mish": (jax.nn.mish,),
    "hard_swish": (jax.nn.hard_silu,),
    "squareplus": (jax.nn.squareplus, "b"),
    "sparse_plus": (jax.nn.sparse_plus,),
    "sparse_sigmoid": (jax.nn.sparse_sigmoid,),
    "abs": (jnp.abs,),
    "square": (jnp.square,),
    "exp": (jnp.exp,),
    "sign": (jnp.sign,),
    "sin": (jnp.sin,),
    "arctan": (jnp.arctan,),
}


class Peer(base.Peer):
    """Functions under ``jax.jit``; each call creates its results."""

    name = "JAX"
    package = "jax"

    def __init__(self) -> None:
        """Enable float64."""
        jax.config.update("jax_enable_x64", True)

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """A new thread pool: JAX makes it as large as the number of CPUs available at that moment."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(before)[:n])
        try:
            jax.extend.backend.clear_backends()
            jnp.zeros(1).block_until_ready()
        finally:
            os.sched_setaffinity(0, before)
        yield

    def sequential(self) -> AbstractContextManager[Any]:
        """All threads share one pool, which stays as large as it is."""
        return nullcontext()

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """The compiled function; the call ends when its result is available."""
        function = _function(case.function)
        if function is None or case.direction == "backward_from_output":
            return None
        chosen = {
            "forward": function,
            "backward": lambda grad_y, x: jax.vjp(function, x)[1](grad_y)[0],
            "value_and_derivative": lambda x: _value_and_derivative(function, x),
        }[case.direction]
        compiled = jax.jit(chosen)
        arguments = [jnp.asarray(array) for array in case.arguments]
        return lambda: jax.block_until_ready(compiled(*arguments))

    def function(self, activation: Activation, direction: str) -> base.Function | None:
        """The compiled function or its derivative."""
        function = _function(activation)
        if function is None:
            return None
        derivative = lambda x: _value_and_derivative(function, x)[1]  # noqa: E731
        compiled = jax.jit(function if direction == "f" else derivative)

        def call(x: Array, out: Array) -> None:
            out[:] = compiled(x.copy())  # x is written again while JAX may still hold its memory

        return call

    def train(self) -> Mapping[str, base.Way]:
        """Compiled steps, one for a call or many."""
        from fastact.evaluation.peers import jax_training

        return {
            self.name: base.Way(jax_training.step),
            f"{self.name} scan": base.Way(jax_training.scan, jax_training.SCANNED),
        }

    def dense(self) -> Mapping[str, Callable[[DenseCase], base.Call | None]]:
        """Forward and vjp in one compiled function."""
        return {self.name: _layers}


def _function(activation: Activation) -> Callable[[Any], Any] | None:
    """The function of x with its parameters; None where JAX has none."""
    function, *names = _FUNCTIONS.get(activation.name, (None,))
    if function is None or not base.passes_all(activation, names):
        return None
    values = [activation.parameters[name] for name in names]
    return lambda x: function(x, *values)


def _value_and_derivative(function: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    y, pull_back = jax.vjp(function, x)
    return y, pull_back(jnp.ones_like(y))[0]


def _layers(case: DenseCase) -> base.Call | None:
    function = _function(case.function)
    if function is None:
        return None

    def network(x: Any, weights: Any) -> Any:
        for w, b in weights:
            x = function(x @ w + b)
        return x

    def forward_and_backward(x: Any, weights: Any, grad_y: Any) -> Any:
        y, pull_back = jax.vjp(network, x, weights)
        return y, pull_back(grad_y)

    put = jnp.asarray
    arguments = put(case.x), [(put(w), put(b)) for w, b in case.weights], put(case.grad_y)
    compiled = jax.jit(forward_and_backward)
    return lambda: jax.block_until_ready(compiled(*arguments))
