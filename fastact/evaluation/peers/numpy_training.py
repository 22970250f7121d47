"""Steps of training as a NumPy user writes them. Parameters are views of one array: a step is one update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastact.evaluation.expressions import expression
from fastact.evaluation.train_cases import LEARNING_RATE, Array, TrainCase

Update = Callable[[Array], None]  # given the gradients


def step(case: TrainCase) -> Callable[[], Any]:
    """One step, with all copies in the leading axis of arrays; it returns the parameters."""
    if not case.widths:
        p, g = case.states
        update = _update(case.optimizer, p)

        def update_alone() -> Array:
            update(g)
            return p

        return update_alone
    parameters, weights = _flat(case.weights)
    gradients, targets = _flat(case.weights)
    update, backward = _update(case.optimizer, parameters), _backward(case, weights, targets)

    def one_step() -> list[tuple[Array, Array]]:
        backward()
        update(gradients)
        return weights

    return one_step


def _flat(weights: list[tuple[Array, Array]]) -> tuple[Array, list[tuple[Array, Array]]]:
    """One array with the values of all, and views of it in their shapes."""
    arrays = [array for pair in weights for array in pair]
    flat = np.concatenate([array.ravel() for array in arrays])
    ends = np.cumsum([array.size for array in arrays])[:-1]
    views = [part.reshape(array.shape) for part, array in zip(np.split(flat, ends), arrays, strict=True)]
    return flat, list(zip(views[::2], views[1::2], strict=True))


def _backward(
    case: TrainCase, weights: list[tuple[Array, Array]], targets: list[tuple[Array, Array]]
) -> Callable[[], None]:
    """What writes the gradients of the mean loss of each copy."""
    both = expression(case.function, "value_and_derivative", "numpy", case.dtype)
    x, target, scalar = case.x, case.target, np.dtype(case.dtype).type
    rows = np.arange(case.rows)

    def backward() -> None:
        h, kept, slopes = x, [], []
        for number, (w, b) in enumerate(weights):
            kept.append(h)
            z = h @ w + b
            if number < len(weights) - 1:
                h, slope = both(z)
                slopes.append(slope)
        if case.output == "softmax":
            g = np.exp(z - z.max(-1, keepdims=True))
            g /= g.sum(-1, keepdims=True)
            g[..., rows, target] -= 1
            g *= scalar(1 / case.rows)
        else:
            g = (z - target) * scalar(2 / target.size)
        for number in reversed(range(len(weights))):
            dw, db = targets[number]
            np.matmul(np.swapaxes(kept[number], -1, -2), g, out=dw)
            np.sum(g, axis=-2, keepdims=db.ndim > 1, out=db)
            if number:
                g = (g @ np.swapaxes(weights[number][0], -1, -2)) * slopes[number - 1]

    return backward


def _update(optimizer: str, parameters: Array) -> Update:
    scalar = parameters.dtype.type
    rate = scalar(LEARNING_RATE)
    if optimizer == "SGD":

        def descend(gradients: Array) -> None:
            parameters[...] -= rate * gradients

        return descend
    m, v, steps = np.zeros_like(parameters), np.zeros_like(parameters), 0

    def adapt(gradients: Array) -> None:
        nonlocal steps
        steps += 1
        m[...] = scalar(0.9) * m + scalar(0.1) * gradients
        v[...] = scalar(0.999) * v + scalar(0.001) * gradients * gradients
        root = np.sqrt(v * scalar(1 / (1 - 0.999**steps))) + scalar(1e-8)
        parameters[...] -= rate * scalar(1 / (1 - 0.9**steps)) * m / root

    return adapt
