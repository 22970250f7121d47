"""Every function of rows, gated pair and loss, called forward and backward in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fastact as fa
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.gated import GATED
from fastact.rowwise.losses import LOSSES
from fastact.rowwise.resizing import RESIZING

OF_LABELS = ("softmax_cross_entropy", "nll")
NAMES = [*FUNCTIONS, *RESIZING, "gumbel_softmax", *GATED, "gated tanh", *LOSSES, *OF_LABELS]


class Inputs(NamedTuple):
    """Arrays of one shape and dtype: elements, gradients and targets."""

    x: Any
    g: Any
    t: Any


def inputs(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Inputs:
    rng = np.random.default_rng(seed)
    x, g = (rng.normal(0, 2, shape).astype(dtype) for _ in range(2))
    return Inputs(x, g, rng.choice([-1.0, 1.0], shape).astype(dtype))


def function(name: str) -> Any:
    return fa.gated("tanh") if name == "gated tanh" else getattr(fa, name)


def first(a: Any, axis: int, divisor: int) -> Any:
    """The first part of an array along an axis."""
    return a[(slice(None),) * (axis % a.ndim) + (slice(a.shape[axis] // divisor),)]


def calls(name: str, axis: int) -> dict[str, Callable[[Inputs], Any]]:
    """Each direction of a function along an axis, as a function of inputs."""
    f = function(name)
    if name in (*GATED, "gated tanh"):
        return {
            "forward": lambda i: f(i.x, axis=axis),
            "backward": lambda i: f.backward(first(i.g, axis, 2), i.x, axis=axis),
            "two": lambda i: f(i.x, i.g),
            "backward of two": lambda i: f.backward(i.t, i.x, i.g)[0],
            "backward of the second": lambda i: f.backward(i.t, i.x, i.g)[1],
        }
    if name in LOSSES:
        return {
            reduction: lambda i, reduction=reduction: f.value_and_gradient(
                i.x, abs(i.t) if name in ("kl_divergence", "poisson") else i.t, reduction=reduction
            )[reduction != "none"]
            for reduction in ("none", "sum", "mean")
        }
    if name in OF_LABELS:
        return {
            reduction: lambda i, reduction=reduction: f.value_and_gradient(
                i.x, labels(i, axis), axis=axis, reduction=reduction
            )[reduction != "none"]
            for reduction in ("none", "sum", "mean")
        }
    if name == "gumbel_softmax":
        return {
            "forward": lambda i: f(i.x, noise=i.g, axis=axis),
            "hard": lambda i: f(i.x, noise=i.g, axis=axis, hard=True),
            "backward": lambda i: f.backward(i.t, i.x, noise=i.g, axis=axis),
            "from output": lambda i: f.backward_from_output(i.t, abs(i.x), axis=axis),
        }
    if name == "maxout":
        return {
            "forward": lambda i: f(i.x, pieces=2, axis=axis),
            "backward": lambda i: f.backward(first(i.g, axis, 2), i.x, pieces=2, axis=axis),
        }
    if name == "crelu":
        return {
            "forward": lambda i: f(i.x, axis=axis),
            "backward": lambda i: f.backward(np.concatenate([i.g, i.t], axis), i.x, axis=axis),
            "from output": lambda i: f.backward_from_output(i.g, abs(i.x), axis=axis),
        }
    if name == "logsumexp":
        return {
            "forward": lambda i: f(i.x, axis=axis),
            "backward": lambda i: f.backward(i.g.take(0, axis), i.x, axis=axis),
        }
    return {
        "forward": lambda i: f(i.x, axis=axis),
        "backward": lambda i: f.backward(i.g, i.x, axis=axis),
        "from output": lambda i: f.backward_from_output(i.g, abs(i.x), axis=axis),
    }


def labels(i: Inputs, axis: int) -> np.ndarray:
    """A class for each row, in the layout that reducing the inputs gives."""
    return np.abs(i.t.take(0, axis) * i.g.take(0, axis) * 7).astype(np.int64) % i.x.shape[axis]


# of one value for all rows, or without an axis: results do not change with the order of axes
def has_axis(name: str, direction: str) -> bool:
    """Whether an axis matters to the call, and its result has the axes of the inputs or lacks that one."""
    return name not in LOSSES and "two" not in direction and "second" not in direction


def keeps_axes(name: str, direction: str) -> bool:
    """Whether the result has the axis of rows."""
    return not (name == "logsumexp" and direction == "forward") and not (
        name in OF_LABELS and direction == "none"
    )
