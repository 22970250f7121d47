"""What PyTorch's optimisers and normalisation make of given numbers, for tests that must not need PyTorch.

    python tools/torch_fixtures.py         # writes tests/data/optimizers.json, norms.json; needs torch 2.13

Gradients depend on the parameters, so that errors of early steps persist.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

FOLDER = Path(__file__).resolve().parent.parent / "tests/data"
STEPS = 200
SIZE = 23
# class and arguments as torch names them; with "eps_hat" and "lion" by plain tensor operations below
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.03}),
    "sgd_decay": ("SGD", {"lr": 0.03, "weight_decay": 0.1}),
    "sgd_momentum": ("SGD", {"lr": 0.02, "momentum": 0.9}),
    "sgd_dampening": ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05}),
    "sgd_nesterov": ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam_decay": ("Adam", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1}),
    "adamw": ("AdamW", {"lr": 0.02}),
    "adamw_decay": ("AdamW", {"lr": 0.02, "betas": [0.85, 0.99], "weight_decay": 0.3}),
    "amsgrad": ("Adam", {"lr": 0.02, "amsgrad": True}),
    "amsgrad_decoupled": ("AdamW", {"lr": 0.02, "betas": [0.8, 0.9], "weight_decay": 0.2, "amsgrad": True}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop_momentum": ("RMSprop", {"lr": 0.003, "alpha": 0.9, "momentum": 0.7, "weight_decay": 0.02}),
    "rmsprop_centered": ("RMSprop", {"lr": 0.003, "alpha": 0.95, "eps": 1e-4, "centered": True}),
    "rmsprop_all": ("RMSprop", {"lr": 0.002, "centered": True, "momentum": 0.5, "eps": 1e-3}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad_all": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.02, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-6},
    ),
    "adam_eps_hat": ("AdamEpsHat", {"lr": 0.02, "eps": 1e-3}),
    "lion": ("Lion", {"lr": 0.005, "weight_decay": 0.1}),
    "clip_value": ("Adam", {"lr": 0.01, "clip_value": 0.4}),
    "clip_norm": ("SGD", {"lr": 0.05, "momentum": 0.9, "clip_norm": 1.5}),
}


def start() -> torch.Tensor:
    """The parameters before the first step."""
    return torch.cos(torch.arange(SIZE, dtype=torch.float64)) * 2


def gradient(p: torch.Tensor, step: int) -> torch.Tensor:
    """Of an oscillating function, with scales from 1e-3 to 10."""
    i = torch.arange(SIZE, dtype=torch.float64)
    return (0.5 * p + torch.sin(1.3 * i + 0.7 * step)) * torch.pow(
        torch.tensor(10.0, dtype=torch.float64), i % 5 - 3
    )


def keras_adam(lr: float, eps: float) -> Callable[[torch.Tensor, torch.Tensor, int], None]:
    """Adam with eps added to the root of the uncorrected mean."""
    m = torch.zeros(SIZE, dtype=torch.float64)
    v = torch.zeros(SIZE, dtype=torch.float64)

    def step(p: torch.Tensor, g: torch.Tensor, t: int) -> None:
        m.add_((g - m) * (1 - 0.9))
        v.add_((g * g - v) * (1 - 0.999))
        rate = lr * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        p.sub_(m * rate / (v.sqrt() + eps))

    return step


def lion(lr: float, weight_decay: float) -> Callable[[torch.Tensor, torch.Tensor, int], None]:
    """Algorithm 2 of the paper, with its betas."""
    m = torch.zeros(SIZE, dtype=torch.float64)

    def step(p: torch.Tensor, g: torch.Tensor, t: int) -> None:
        direction = torch.sign(m * 0.9 + g * (1 - 0.9))
        p.sub_(lr * (direction + weight_decay * p))
        m.copy_(m * 0.99 + g * (1 - 0.99))

    return step


def run(kind: str, options: dict[str, Any]) -> torch.Tensor:
    """The parameters after all steps."""
    options = dict(options)
    clip_value, clip_norm = options.pop("clip_value", None), options.pop("clip_norm", None)
    p = start().requires_grad_()
    own = {"AdamEpsHat": keras_adam, "Lion": lion}
    if kind in own:
        plain = own[kind](**options)
    else:
        optimizer = getattr(torch.optim, kind)([p], foreach=False, **options)
    for step in range(1, STEPS + 1):
        with torch.no_grad():
            p.grad = gradient(p, step)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_([p], clip_value)
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([p], clip_norm)
        if kind in own:
            with torch.no_grad():
                plain(p, p.grad, step)
        else:
            optimizer.step()
    return p.detach()


# Normalisation ------------------------------------------------------------------------------------

BATCHES = 20
SHAPE = (5, 3)


def waves(batch: int, phase: float) -> torch.Tensor:
    """Numbers of different size and mean in each column."""
    i = torch.arange(SHAPE[0] * SHAPE[1], dtype=torch.float64)
    wave = torch.sin(1.1 * i + 0.37 * batch + phase).reshape(SHAPE)
    return wave * torch.tensor([0.01, 1.0, 100.0], dtype=torch.float64) + torch.tensor([1.0, 0.0, -30.0])


def run_module(module: Any, batches: int) -> list[dict[str, Any]]:
    """Results and gradients of each batch."""
    found = []
    for batch in range(batches):
        x = waves(batch, 0.0).requires_grad_()
        module.zero_grad()
        y = module(x)
        y.backward(waves(batch, 2.0))
        gradients = {f"d{name}": p.grad.tolist() for name, p in module.named_parameters()}
        found.append({"y": y.tolist(), "dx": x.grad.tolist(), **gradients})
    return found


def norms() -> dict[str, Any]:
    """Layer norm, RMS norm, and batch norm with its running statistics, in training and after it."""
    weight, bias = [1.5, -0.5, 0.25], [0.1, 0.2, -3.0]
    modules = {
        "layer_norm": torch.nn.LayerNorm(SHAPE[1], dtype=torch.float64),
        "rms_norm": torch.nn.RMSNorm(SHAPE[1], dtype=torch.float64),
        "batch_norm": torch.nn.BatchNorm1d(SHAPE[1], dtype=torch.float64),
    }
    found: dict[str, Any] = {"weight": weight, "bias": bias}
    with torch.no_grad():
        for module in modules.values():
            module.weight.copy_(torch.tensor(weight, dtype=torch.float64))
            if hasattr(module, "bias") and module.bias is not None:
                module.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    for name, module in modules.items():
        found[name] = run_module(module, BATCHES if name == "batch_norm" else 4)
    trained = modules["batch_norm"]
    found["running_mean"], found["running_var"] = trained.running_mean.tolist(), trained.running_var.tolist()
    trained.eval()
    found["evaluation"] = run_module(trained, 2)
    return found


def main() -> None:
    """Write all cases."""
    found = {
        name: {"class": kind, "options": options, "parameters": run(kind, options).tolist()}
        for name, (kind, options) in CASES.items()
    }
    document = {"torch": torch.__version__, "start": start().tolist(), "steps": STEPS, "cases": found}
    (FOLDER / "optimizers.json").write_text(json.dumps(document, indent=1) + "\n")
    (FOLDER / "norms.json").write_text(json.dumps(norms()) + "\n")


if __name__ == "__main__":
    main()
