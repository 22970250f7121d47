"""Training of networks: losses and gradients of any layers, targets and weights, and what a step changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import reference
import row_reference
from calls import EPS
from operands import FLOATS, INTEGERS, Choices, Operands
from row_calls import wide

import fastact as fa

SMOOTH = ("tanh", "sigmoid", "gelu", "silu", "arctan", "mish")
OUTPUTS = {
    "softmax": "softmax_cross_entropy",
    "softmax_cross_entropy": "softmax_cross_entropy",
    "sigmoid": "sigmoid_binary_cross_entropy",
    "identity": "mse",
    "huber": "huber",
    "hinge": "hinge",
    "poisson": "poisson",
    "kl_divergence": "kl_divergence",
    "nll": "nll",
}


class TrainingCalls:
    """A network that is trained, and a copy of its weights in float64."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.dtype = np.dtype(choices.of(FLOATS[1:]))
        self.output = choices.of(list(OUTPUTS))
        self.loss_name = OUTPUTS[self.output]
        widths = [choices.of([3, 1, 2, 5]) for _ in range(choices.integer(2, 4))]
        self.names = [choices.of(SMOOTH) for _ in widths[2:]] + [None]
        activation = self.names[:-1] or "relu"
        seed = choices.integer(0, 99)
        self.net = fa.Network.create(widths, activation, output=self.output, dtype=self.dtype, seed=seed)
        self.widths = widths
        self.lr = 0.125
        self.net.optimizer = fa.optim.SGD(lr=self.lr)

    def batch(self) -> None:
        """Samples, targets and their weights, of any dtype and layout."""
        choices = self.choices
        self.operands = Operands(choices, self.dtype)
        lead = choices.of([(4,), (1,), (), (2, 3), (17,), (60,)])
        like = {"least": -8, "most": 8}
        self.x = self.operands.input((*lead, self.widths[0]), self.any_dtype(), **like)
        self.target = self.any_target((*lead, self.widths[-1]))
        self.weights = None
        if choices.often(3):
            self.weights = self.operands.input(lead, choices.of([self.dtype, np.int64]), least=1, most=24)

    def any_dtype(self) -> Any:
        return self.dtype if not self.choices.often(3) else self.choices.of([*FLOATS, *INTEGERS])

    def any_target(self, shape: tuple[int, ...]) -> np.ndarray:
        choices = self.choices
        if self.loss_name in ("softmax_cross_entropy", "nll"):
            if self.loss_name == "nll" or not choices.often(3):
                generator = np.random.default_rng(choices.integer(0, 2**16))
                labels = generator.integers(0, shape[-1], shape[:-1])
                return np.asarray(labels).astype(choices.of(INTEGERS[1:]))
            return self.operands.input(shape, choices.of(FLOATS), least=0, most=8)
        if self.loss_name == "hinge":
            signs = np.random.default_rng(choices.integer(0, 2**16)).choice([-1, 1], shape)
            return signs.astype(choices.of([*FLOATS, np.int8]))
        target = self.operands.input(shape, self.any_dtype(), least=0, most=8)
        return target[..., 0] if shape[-1] == 1 and choices.often(2) else target

    # In float64 --------------------------------------------------------------------------------------

    def expected(self) -> tuple[float, list[np.ndarray]]:
        """The loss, and the gradients with respect to w and b of each layer."""
        h = wide(self.x).reshape(-1, self.widths[0])
        inputs, slopes = [], []
        for layer, name in zip(self.net.layers, self.names, strict=True):
            inputs.append(h)
            z = h @ wide(layer.w) + wide(layer.b)
            slopes.append(np.ones_like(z) if name is None else reference.slope(name, z, {}))
            h = z if name is None else reference.value(name, z, {})
        loss, delta = self.loss_and_slope(h)
        gradients: list[np.ndarray] = []
        for layer, h, slope in zip(reversed(self.net.layers), inputs[::-1], slopes[::-1], strict=True):
            delta = delta * slope
            gradients[:0] = [h.T @ delta, delta.sum(axis=0)]
            delta = delta @ wide(layer.w).T
        return loss, gradients

    def loss_and_slope(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean of the losses of samples, weighted, and its derivative by z."""
        rows, n = z.shape
        weights = np.ones(rows) if self.weights is None else wide(self.weights).ravel()
        factors = (weights / weights.sum())[:, np.newaxis]
        if self.loss_name in ("softmax_cross_entropy", "nll"):
            compute = row_reference.likelihood if self.loss_name == "nll" else row_reference.cross_entropy
            hot = wide(self.target).reshape(rows, -1)
            if self.target.dtype.kind != "f":
                hot = row_reference.one_hot(self.target.reshape(rows).astype(int), n)
            each, slope = compute(z, hot)
            return float((each * factors[:, 0]).sum()), slope * factors
        parameter = 1.0
        with np.errstate(all="ignore"):
            each, slope = row_reference.LOSSES[self.loss_name](
                z, wide(self.target).reshape(rows, n), parameter
            )
        return float((each * factors).sum() / n), slope * factors / n

    # Calls -------------------------------------------------------------------------------------------

    def check(self) -> None:
        """The loss and the gradients, or a step."""
        loss, gradients = self.expected()
        flat = np.concatenate([g.ravel() for g in gradients])
        before = wide(self.net.parameters)
        size = 1 + np.abs(flat).max() + np.abs(loss)
        arguments = (self.x, self.target, *([] if self.weights is None else [self.weights]))
        self.operands.freeze()
        kind = self.choices.integer(0, 2)
        with np.errstate(all="raise"):
            if kind == 0:
                found = self.net.loss(*arguments)
            elif kind == 1:
                found, own = self.net.loss_and_gradients(*arguments)
                self.near(own, flat, size, "gradients")
                assert np.array_equal(own, self.net.gradients)
            else:
                found = self.net.step(*arguments)
        self.operands.check_unchanged()
        assert found.dtype == self.dtype
        self.near(found, loss, size, "loss")
        after = before - self.lr * flat if kind == 2 else before
        self.near(self.net.parameters, after, size, "parameters")

    def near(self, got: Any, want: Any, size: float, what: str) -> None:
        bound = 100 * EPS[self.dtype.itemsize] * size
        close = np.abs(np.asarray(got, np.float64) - want) <= bound
        text = f"{what} of {self.net!r} for x {self.x!r}, target {self.target!r}, weights {self.weights!r}"
        assert np.all(close), f"{text}: {got}, expected {want}"
