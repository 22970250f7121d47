"""Losses and gradients of PyTorch, as data that tests compare with: every reduction, weights, ignored labels.

    python tools/torch_losses.py --write        # needs PyTorch, which tests do not

Each case names the function of fastact that means the same, with its arguments and its keywords.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

DATA = Path(__file__).resolve().parent.parent / "tests/data/torch_losses.json"
REDUCTIONS = ("mean", "sum", "none")


def tensor(value: Any) -> Any:
    """A tensor of an array; other values stay."""
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def case(
    name: str, function: Any, x: Any, target: Any, ours: dict[str, Any], **theirs: Any
) -> dict[str, Any]:
    """The loss, and the gradient of its sum with respect to x."""
    leaf = torch.from_numpy(x).requires_grad_()
    loss = function(leaf, tensor(target), **{key: tensor(value) for key, value in theirs.items()})
    loss.sum().backward()
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in ours.items()}
    return {
        "name": name,
        "x": x.tolist(),
        "target": target.tolist(),
        "keywords": plain,
        "loss": loss.detach().numpy().tolist(),
        "gradient": leaf.grad.numpy().tolist(),
    }


def of_elements(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Element-wise losses."""
    x, shape = rng.normal(0, 2, (3, 4)), (3, 4)
    weight, real = rng.uniform(0.2, 3, shape), rng.normal(0, 1, shape)
    p = rng.dirichlet(np.ones(4), 3)
    p[0, 1] = 0.0
    counts = rng.poisson(2, shape).astype(float)
    for reduction in REDUCTIONS:
        by: dict[str, Any] = {"reduction": reduction}
        for more in ({}, {"weight": weight}):
            both = {**by, **more}
            yield case("mse", functional.mse_loss, x, real, both, **both)
            yield case("huber", functional.huber_loss, x, real, {**both, "delta": 0.7}, **both, delta=0.7)
            for pos in ({}, {"pos_weight": np.array([0.5, 1, 2, 3.5])}):
                every = {**both, **pos}
                f = functional.binary_cross_entropy_with_logits
                yield case("sigmoid_binary_cross_entropy", f, x, p, every, **every)
        yield case("kl_divergence", functional.kl_div, x, p, by, **by)
        yield case("poisson", functional.poisson_nll_loss, x, counts, by, log_input=True, **by)


def of_labels(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Losses of classifiers."""
    x, labels, weight = rng.normal(0, 2, (5, 4)), np.array([0, 3, 1, 1, 2]), rng.uniform(0.2, 3, 4)
    q = rng.dirichlet(np.ones(4), 5)
    options = [{}, {"weight": weight}, {"ignore_index": 1}, {"weight": weight, "ignore_index": 1}]
    for reduction in REDUCTIONS:
        for more in options:
            both: dict[str, Any] = {"reduction": reduction, **more}
            yield case("nll", functional.nll_loss, x, labels, both, **both)
            for smoothing in (0.0, 0.2):
                every = {**both, "label_smoothing": smoothing}
                yield case("softmax_cross_entropy", functional.cross_entropy, x, labels, every, **every)
        soft = {"reduction": reduction, "weight": weight, "label_smoothing": 0.1}
        yield case("softmax_cross_entropy", functional.cross_entropy, x, q, soft, **soft)
    inner, of_inner = rng.normal(0, 2, (2, 4, 3)), rng.integers(0, 4, (2, 3))
    for name, f in (("nll", functional.nll_loss), ("softmax_cross_entropy", functional.cross_entropy)):
        yield case(name, f, inner, of_inner, {"axis": 1, "weight": weight}, weight=weight)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", required=True, help=f"write {DATA.name}")
    parser.parse_args()
    rng = np.random.default_rng(0)
    cases = [*of_elements(rng), *of_labels(rng)]
    lines = ",\n".join(json.dumps(one) for one in cases)
    DATA.write_text(f'{{"torch": "{torch.__version__}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
