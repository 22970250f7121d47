"""Steps of training with PyTorch: modules' operators, autograd, and its fused optimisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from fastact.evaluation.train_cases import LEARNING_RATE, TrainCase

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "relu": torch.relu,
}


def step(case: TrainCase) -> Callable[[], Any] | None:
    """One step; copies are in the leading axis. It returns the parameters."""
    if not case.widths:
        return _alone(case)
    function = _FUNCTIONS.get(case.activation)
    if function is None:
        return None
    weights = [tuple(torch.tensor(array, requires_grad=True) for array in pair) for pair in case.weights]
    x = torch.tensor(case.x).expand(*([case.copies] if case.copies > 1 else []), *case.x.shape)
    loss_of = _loss(case)
    optimizer = _optimizer(case.optimizer, [array for pair in weights for array in pair])

    def one_step() -> Any:
        h = x
        for number, (w, b) in enumerate(weights):
            h = torch.baddbmm(b, h, w) if w.ndim > 2 else torch.addmm(b, h, w)
            if number < len(weights) - 1:
                h = function(h)
        loss = loss_of(h)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return weights

    return one_step


def _loss(case: TrainCase) -> Callable[[Any], Any]:
    """The sum over the copies of mean losses."""
    target = torch.tensor(case.target)
    if case.output == "softmax":
        labels = target.repeat(case.copies)
        return lambda z: functional.cross_entropy(z.reshape(-1, z.shape[-1]), labels) * case.copies
    every = target.expand(*([case.copies] if case.copies > 1 else []), *target.shape)
    return lambda z: functional.mse_loss(z, every) * case.copies


def _optimizer(name: str, parameters: list[Any]) -> Any:
    kind = torch.optim.SGD if name == "SGD" else torch.optim.Adam
    return kind(parameters, lr=LEARNING_RATE, fused=True)


def _alone(case: TrainCase) -> Callable[[], Any]:
    p, g = map(torch.tensor, case.states)
    p.requires_grad_()
    p.grad = g
    optimizer = _optimizer(case.optimizer, [p])

    def update_alone() -> Any:
        optimizer.step()
        return p

    return update_alone
