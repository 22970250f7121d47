"""Results of PyTorch for row-wise functions and gated pairs: the cases of tests/rowwise/test_peer_cases.py.

    python tools/peer_cases.py        # tests/data/peer_cases.json; needs torch, and not fastact

Each case is an expression in float64, its value at x, and its gradient for a gradient g of the value. glu has
the shapes and axes of PyTorch's own module tests, (5, 6) along the last axis and (5, 6, 7) along the second.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

PATH = Path(__file__).resolve().parent.parent / "tests/data/peer_cases.json"
Tensor = Any
Expression = Callable[[Tensor], Tensor]


def gated(activation: Expression) -> Expression:
    """Of the first half of the last axis."""

    def expression(x: Tensor) -> Tensor:
        a, b = x.chunk(2, -1)
        return activation(a) * b

    return expression


def gpt_oss(x: Tensor) -> Tensor:
    """As in openai/gpt-oss, with halves instead of alternating columns."""
    gate, linear = x.chunk(2, -1)
    gate, linear = gate.clamp(max=2.5), linear.clamp(-2.5, 2.5)
    return gate * torch.sigmoid(1.702 * gate) * (linear + 1)


CASES: list[tuple[str, tuple[int, ...], dict[str, Any], Expression]] = [
    ("glu", (5, 6), {"axis": -1}, lambda x: functional.glu(x, -1)),
    ("glu", (5, 6, 7), {"axis": 1}, lambda x: functional.glu(x, 1)),
    ("swiglu", (4, 6), {}, gated(functional.silu)),
    ("swiglu", (4, 6), {"alpha": 1.702, "limit": 2.5, "offset": 1.0}, gpt_oss),
    ("geglu", (4, 6), {}, gated(functional.gelu)),
    ("geglu_tanh", (4, 6), {}, gated(lambda a: functional.gelu(a, approximate="tanh"))),
    ("reglu", (4, 6), {}, gated(functional.relu)),
    ("bilinear", (4, 6), {}, gated(lambda a: a)),
    ("softmax", (3, 4, 2), {"axis": 1}, lambda x: functional.softmax(x, 1)),
    ("softmin", (4, 5), {"axis": -1}, lambda x: functional.softmin(x, -1)),
    ("log_softmax", (3, 4, 2), {"axis": 1}, lambda x: functional.log_softmax(x, 1)),
    ("logsumexp", (3, 4, 2), {"axis": (0, 2)}, lambda x: torch.logsumexp(x, (0, 2))),
]


def main() -> None:
    """Write the cases."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for name, shape, keywords, expression in CASES:
        x = torch.randn(shape, generator=generator, dtype=torch.float64).mul(2).round(decimals=3)
        x.requires_grad_()
        y = expression(x)
        g = torch.randn(y.shape, generator=generator, dtype=torch.float64).round(decimals=3)
        (slope,) = torch.autograd.grad(y, x, g)
        arrays = {"x": x, "g": g, "y": y, "grad_x": slope}
        case = {key: value.detach().tolist() for key, value in arrays.items()}
        found.append({"name": name, "keywords": keywords, **case})
    text = ",\n".join(json.dumps(case) for case in found)
    PATH.write_text(f'{{"torch": "{torch.__version__}", "cases": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
