"""JAX as a contestant: its functions and their derivatives by autodiff, compiled.

Knows JAX's names. Does not know how time is measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.extend.backend
import jax.numpy as jnp

from fastact.evaluation.speed.cases import Case

# each gets x and the activation's parameters by name
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "celu": jax.nn.celu,
    "selu": lambda x, **_: jax.nn.selu(x),
    "sigmoid": jax.nn.sigmoid,
    "log_sigmoid": jax.nn.log_sigmoid,
    "hard_sigmoid": lambda x, **_: jax.nn.hard_sigmoid(x),
    "tanh": jnp.tanh,
    "hard_tanh": lambda x, **_: jax.nn.hard_tanh(x),
    "softplus": lambda x, beta: jax.nn.softplus(beta * x) / beta,
    "softsign": jax.nn.soft_sign,
    "silu": jax.nn.silu,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    "mish": jax.nn.mish,
    "hard_swish": jax.nn.hard_silu,
    "squareplus": lambda x, b: jax.nn.squareplus(x, b),
    "sparse_plus": jax.nn.sparse_plus,
    "sparse_sigmoid": jax.nn.sparse_sigmoid,
    "abs": jnp.abs,
    "square": jnp.square,
    "exp": jnp.exp,
    "sin": jnp.sin,
    "arctan": jnp.arctan,
}


class Peer:
    """JAX's functions under ``jax.jit``; it always makes new arrays."""

    name = "JAX"
    limit = None

    def __init__(self) -> None:
        """Let JAX have float64 at all."""
        jax.config.update("jax_enable_x64", True)

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """A new thread pool, which JAX makes as large as the number of CPUs it sees at that moment."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(before)[:n])
        try:
            jax.extend.backend.clear_backends()
            jnp.zeros(1).block_until_ready()
        finally:
            os.sched_setaffinity(0, before)
        yield

    def callable(self, case: Case) -> Callable[[], Any] | None:
        """The compiled function; the call ends when the result is there."""
        if case.activation not in _FUNCTIONS or case.direction == "backward_from_output":
            return None
        function = partial(_FUNCTIONS[case.activation], **case.function.parameters)

        def backward(grad_y: Any, x: Any) -> Any:
            return jax.vjp(function, x)[1](grad_y)[0]

        def both(x: Any) -> Any:
            y, pull_back = jax.vjp(function, x)
            return y, pull_back(jnp.ones_like(y))[0]

        chosen = {"forward": function, "backward": backward, "value_and_derivative": both}[case.direction]
        compiled = jax.jit(chosen)
        arguments = [jnp.asarray(array) for array in case.arguments]
        return lambda: jax.block_until_ready(compiled(*arguments))
