"""Steps of training with JAX: compiled for one step, or for many by ``lax.scan``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from fastact.evaluation.train_cases import LEARNING_RATE, TrainCase

SCANNED = 128  # steps of one call
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
}


def step(case: TrainCase) -> Callable[[], Any] | None:
    """One step for a call, which returns the parameters."""
    advance, state = _advance(case), _start(case)
    compiled = jax.jit(advance)

    def one_step() -> Any:
        nonlocal state
        state = jax.block_until_ready(compiled(state))
        return state[0]

    return one_step


def scan(case: TrainCase) -> Callable[[], Any] | None:
    """SCANNED steps for a call."""
    if not case.widths:
        return None
    advance, state = _advance(case), _start(case)
    compiled = jax.jit(lambda s: jax.lax.scan(lambda t, _: (advance(t), None), s, None, SCANNED)[0])

    def many_steps() -> Any:
        nonlocal state
        state = jax.block_until_ready(compiled(state))
        return state[0]

    return many_steps


def _start(case: TrainCase) -> Any:
    """Parameters, both moments, and the number of steps."""
    found: Any = case.weights if case.widths else case.states[0]
    parameters = jax.tree.map(jnp.asarray, found)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return parameters, zeros, zeros, jnp.zeros((), case.dtype)


def _advance(case: TrainCase) -> Callable[[Any], Any]:
    if case.widths:
        gradients = _gradients(case)
    else:
        g = jnp.asarray(case.states[1])
        gradients = lambda parameters: g  # noqa: E731
    rule = _descend if case.optimizer == "SGD" else _adapt
    return lambda state: rule(state, gradients(state[0]))


def _gradients(case: TrainCase) -> Callable[[Any], Any]:
    function, last = _FUNCTIONS[case.activation], len(case.widths) - 2
    x, target = jnp.asarray(case.x), jnp.asarray(case.target)

    def loss(parameters: Any) -> Any:
        h = x
        for number, (w, b) in enumerate(parameters):
            h = h @ w + b
            h = function(h) if number < last else h
        if case.output == "softmax":
            return -jnp.mean(jax.nn.log_softmax(h)[jnp.arange(case.rows), target])
        return jnp.mean((h - target) ** 2)

    gradient: Callable[[Any], Any] = jax.grad(loss)
    return jax.vmap(gradient) if case.copies > 1 else gradient


def _descend(state: Any, gradients: Any) -> Any:
    parameters = jax.tree.map(lambda p, g: p - LEARNING_RATE * g, state[0], gradients)
    return parameters, *state[1:]


def _adapt(state: Any, gradients: Any) -> Any:
    parameters, m, v, steps = state
    steps = steps + 1
    m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradients)
    v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradients)
    first, second = 1 - 0.9**steps, 1 - 0.999**steps

    def moved(p: Any, a: Any, b: Any) -> Any:
        return p - LEARNING_RATE * (a / first) / (jnp.sqrt(b / second) + 1e-8)

    return jax.tree.map(moved, parameters, m, v), m, v, steps
