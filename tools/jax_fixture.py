"""Losses and gradients of several networks by JAX's vmap(value_and_grad), for tests that must not need JAX.

    python tools/jax_fixture.py         # writes tests/data/jax_copies.json

Parameters follow from a formula, which the test repeats.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

FILE = Path(__file__).resolve().parent.parent / "tests/data/jax_copies.json"
COPIES, ROWS, WIDTHS, STEPS, LR = 3, 7, [4, 6, 5, 3], 3, 0.25
ACTIVATIONS = {
    "tanh": jnp.tanh,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "softplus": jax.nn.softplus,
}


def waves(shape: tuple[int, ...], phase: float) -> np.ndarray:
    """Numbers from -1 to 1."""
    return np.sin(1.7 * np.arange(np.prod(shape)) + phase).reshape(shape)


def start() -> list[tuple[np.ndarray, np.ndarray]]:
    """w and b of each layer, with an axis for copies."""
    return [(waves((COPIES, i, o), i), waves((COPIES, 1, o), 9 + o)) for i, o in pairwise(WIDTHS)]


def normalised(z: Any) -> Any:
    """Batch norm in training, with weight 1 and bias 0."""
    return (z - z.mean(axis=0)) / jnp.sqrt(z.var(axis=0) + 1e-5)


def loss_of(activation: Any, norm: bool, output: str, layers: Any, x: Any, target: Any) -> Any:
    """Of one network."""
    h = x
    for i, (w, b) in enumerate(layers):
        z = h @ w + b
        last = i == len(layers) - 1
        h = z if last else activation(normalised(z) if norm else z)
    if output == "softmax":
        return -jnp.take_along_axis(jax.nn.log_softmax(h), target[:, None], axis=1).mean()
    return ((h - target) ** 2).mean()


def run(name: str, norm: bool, output: str, of_each: bool) -> dict[str, Any]:
    """Some steps of gradient descent of all copies, which share data or have their own."""
    lead = (COPIES, ROWS) if of_each else (ROWS,)
    x = waves((*lead, WIDTHS[0]), 0.5)
    labels = np.arange(np.prod(lead)).reshape(lead) ** 2 % WIDTHS[-1]
    target = labels if output == "softmax" else waves((*lead, WIDTHS[-1]), 2.5)

    def one(layers: Any, x: Any, target: Any) -> Any:
        return loss_of(ACTIVATIONS[name], norm, output, layers, x, target)

    axes = (0, 0 if of_each else None, 0 if of_each else None)
    every = jax.jit(jax.vmap(jax.value_and_grad(one), in_axes=axes))
    layers, losses, first = start(), [], None
    for _ in range(STEPS):
        loss, gradients = every(layers, x, target)
        first = gradients if first is None else first
        losses.append(loss.tolist())
        layers = jax.tree.map(lambda p, g: p - LR * g, layers, gradients)
    assert first is not None
    flat = [
        np.concatenate([np.ravel(a[c]) for w, b in first for a in (w, b)]).tolist() for c in range(COPIES)
    ]
    end = [
        np.concatenate([np.ravel(a[c]) for w, b in layers for a in (w, b)]).tolist() for c in range(COPIES)
    ]
    settings = {"activation": name, "norm": norm, "output": output, "of_each": of_each}
    return {**settings, "losses": losses, "gradients": flat, "end": end}


def main() -> None:
    """Write all cases."""
    jax.config.update("jax_enable_x64", True)
    cases = [
        run(name, norm, output, of_each)
        for name in ACTIVATIONS
        for norm, output in ((False, "softmax"), (True, "softmax"), (False, "identity"))
        for of_each in (False, True)
    ]
    settings = {"copies": COPIES, "rows": ROWS, "widths": WIDTHS, "steps": STEPS, "lr": LR}
    FILE.write_text(json.dumps({"jax": jax.__version__, **settings, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
