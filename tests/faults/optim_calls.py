"""Updates of optimisers: arrays of any layout, gradients over other arrays, several steps in a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from calls import EPS, plain
from operands import FLOATS, Choices, Operands
from row_calls import SHAPES, wide

import fastact as fa

Rule = Callable[[np.ndarray, np.ndarray, dict[str, Any], int], np.ndarray]


# Rules in float64, as PyTorch has them: the new parameters from the old ones; `s` holds states -----------


def sgd(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    g, momentum = g + s["weight_decay"] * p, s["momentum"]
    if not momentum:
        return p - s["lr"] * g
    s["v"] = g if t == 1 else momentum * s["v"] + (1 - s["dampening"]) * g
    return p - s["lr"] * (g + momentum * s["v"] if s["nesterov"] else s["v"])


def adam(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    if s["decoupled"]:
        p = p * (1 - s["lr"] * s["weight_decay"])
    else:
        g = g + s["weight_decay"] * p
    first, second = s["betas"]
    s["m"] = first * s.get("m", 0.0) + (1 - first) * g
    s["v"] = second * s.get("v", 0.0) + (1 - second) * g * g
    m = s["m"] / (1 - first**t)
    if s["eps_hat"]:
        return p - s["lr"] * np.sqrt(1 - second**t) * m / (np.sqrt(s["v"]) + s["eps"])
    return p - s["lr"] * m / (np.sqrt(s["v"] / (1 - second**t)) + s["eps"])


def rmsprop(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    g, alpha = g + s["weight_decay"] * p, s["alpha"]
    s["q"] = alpha * s.get("q", 0.0) + (1 - alpha) * g * g
    s["mean"] = alpha * s.get("mean", 0.0) + (1 - alpha) * g
    root = np.sqrt(np.maximum(s["q"] - s["mean"] ** 2, 0) if s["centered"] else s["q"]) + s["eps"]
    s["v"] = s["momentum"] * s.get("v", 0.0) + g / root
    return p - s["lr"] * s["v"]


def adagrad(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    g = g + s["weight_decay"] * p
    s["sum"] = s.get("sum", s["initial_accumulator_value"]) + g * g
    return p - s["lr"] / (1 + (t - 1) * s["lr_decay"]) * g / (np.sqrt(s["sum"]) + s["eps"])


def lion(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    first, second = s["betas"]
    m = s.get("m", 0.0)
    s["m"] = second * m + (1 - second) * g
    return p * (1 - s["lr"] * s["weight_decay"]) - s["lr"] * np.sign(first * m + (1 - first) * g)


RULES: dict[str, tuple[Rule, dict[str, list[Any]]]] = {
    "SGD": (
        sgd,
        {"momentum": [0.0, 0.5], "dampening": [0.0, 0.25], "nesterov": [False]},
    ),
    "Adam": (
        adam,
        {"betas": [(0.5, 0.75)], "eps": [0.125], "decoupled": [False, True], "eps_hat": [False, True]},
    ),
    "AdamW": (adam, {"betas": [(0.5, 0.75)], "eps": [0.125], "eps_hat": [False, True]}),
    "RMSProp": (
        rmsprop,
        {"alpha": [0.5], "eps": [0.125], "momentum": [0.0, 0.5], "centered": [False, True]},
    ),
    "Adagrad": (adagrad, {"lr_decay": [0.0, 0.5], "initial_accumulator_value": [0.0, 1.0], "eps": [0.125]}),
    "Lion": (lion, {"betas": [(0.5, 0.75)]}),  # so that signs do not depend on rounding
}


class UpdateCalls:
    """An optimiser with arrays of parameters, and what NumPy knows of them."""

    def __init__(self, choices: Choices, name: str) -> None:
        self.choices, self.name = choices, name
        self.operands = Operands(choices, choices.of(FLOATS[1:]))
        self.rule, numbers = RULES[name]
        options = {k: choices.of(v) for k, v in numbers.items()}
        options |= {"lr": choices.of([0.125, 0.5]), "weight_decay": choices.of([0.0, 0.25])}
        if name == "SGD" and options["momentum"] and choices.often(2):
            options |= {"nesterov": True, "dampening": 0.0}
        self.clipping: dict[str, Any] = {"clip_value": None, "clip_norm": None}
        if choices.often(3):
            self.clipping["clip_value"] = 2.0
        if name != "Lion" and choices.often(3):
            self.clipping["clip_norm"] = choices.of([1.0, 100.0])
        self.optimizer = getattr(fa.optim, name)(**options, **self.clipping)
        if name == "AdamW":
            options["decoupled"] = True
        self.listed = choices.often(2)
        self.parameters = [self.changeable() for _ in range(choices.integer(1, 3) if self.listed else 1)]
        self.states = [dict(options) for _ in self.parameters]
        self.wants = [wide(p) for p in self.parameters]

    def changeable(self) -> np.ndarray:
        """An array of parameters, of any layout, in memory of its own."""
        choices = self.choices.again()
        shape = choices.of([*SHAPES, (), (300,)])
        array = np.zeros(shape, self.operands.base)
        if array.ndim and choices.often(2):
            array = np.zeros((2 * shape[0], *shape[1:]), self.operands.base)[::2]
        if choices.often(4):
            array = array[::-1] if array.ndim else array
        if choices.often(4):
            array = np.asfortranarray(array)
        if choices.often(10):
            array = array.astype(array.dtype.newbyteorder("S"))
        array[...] = np.random.default_rng(choices.integer(0, 2**16)).integers(-32, 33, shape) / 8
        return array

    def gradients(self) -> list[np.ndarray]:
        """Some are the parameters themselves, or of another dtype or layout."""
        found = []
        for parameters in self.parameters:
            kind = self.operands.base if not self.choices.often(4) else self.choices.of(FLOATS)
            same = self.choices.often(6)
            found.append(parameters if same else self.operands.input(parameters.shape, kind))
        others = [p for p in self.parameters if p.ndim]
        if others and self.choices.often(4):  # a gradient that another array's update changes
            other = self.choices.of(others)
            for i, p in enumerate(self.parameters):
                if p.shape == other.shape:
                    found[i] = other[::-1]
        return found

    def update(self, step: int) -> None:
        given = self.gradients()
        gradients = [wide(g) for g in given]
        norm = np.sqrt(sum(float((g * g).sum()) for g in gradients))
        limit, value = self.clipping["clip_norm"], self.clipping["clip_value"]
        if limit is not None:
            gradients = [g * min(1.0, limit / (norm + 1e-6)) for g in gradients]
        if value is not None:
            gradients = [np.clip(g, -value, value) for g in gradients]
        self.operands.freeze()
        with np.errstate(all="raise"):
            if self.listed:
                self.optimizer.update(self.parameters, given)
            else:
                self.optimizer.update(self.parameters[0], given[0])
        self.operands.check_unchanged()
        for i, (g, state) in enumerate(zip(gradients, self.states, strict=True)):
            self.wants[i] = self.rule(self.wants[i], g, state, step)
            bound = 20 * EPS[self.parameters[i].itemsize] * (4 + np.abs(self.wants[i]))
            close = np.abs(plain(self.parameters[i]) - self.wants[i]) <= bound
            assert close.all(), f"{self.optimizer!r}, step {step}: {self.parameters[i]} != {self.wants[i]}"
            self.wants[i] = wide(self.parameters[i])  # so that errors do not add up
