"""PyTorch's own test cases of row-wise functions and losses: the data of tests/rowwise/test_torch_cases.py.

    python tools/torch_cases.py --write        # needs torch and expecttest, which tests do not

They are the sample inputs of PyTorch's operator tests (OpInfo), in float64, with PyTorch's results and
gradients. Left out are numbers without axes, which fastact's functions of rows refuse, options that fastact
does not have, equal options of another name, and large samples.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

DATA = Path(__file__).resolve().parent.parent / "tests/data/torch_cases.json"
MOST = 200  # elements
ROWS = {
    "softmax": "softmax",
    "nn.functional.softmin": "softmin",
    "log_softmax": "log_softmax",
    "logsumexp": "logsumexp",
    "nn.functional.glu": "glu",
}
LOSSES = {
    "nn.functional.cross_entropy": "softmax_cross_entropy",
    "nn.functional.nll_loss": "nll",
    "nn.functional.binary_cross_entropy_with_logits": "sigmoid_binary_cross_entropy",
    "nn.functional.mse_loss": "mse",
    "nn.functional.huber_loss": "huber",
    "nn.functional.kl_div": "kl_divergence",
    "nn.functional.poisson_nll_loss": "poisson",
}
OF_LABELS = ("softmax_cross_entropy", "nll")


def plain(value: Any) -> Any:
    """Lists of the values of a tensor."""
    return value.detach().tolist() if torch.is_tensor(value) else value


def keywords_of_row(sample: Any) -> dict[str, Any]:
    """The axis, and whether it is kept."""
    names = ("axis", "keepdims")
    return dict(zip(names, sample.args, strict=False))


def keywords_of_loss(name: str, sample: Any) -> dict[str, Any] | None:
    """None where fastact has no such option."""
    given = {key: plain(value) for key, value in sample.kwargs.items()}
    if name == "poisson" and (
        not given.pop("log_input") or given.pop("full") or given.pop("eps", None) is not None
    ):
        return None
    if given.pop("log_target", False):
        return None
    if name in OF_LABELS:
        given["axis"] = 0 if sample.input.ndim == 1 else 1
        if not sample.args[0].is_floating_point():  # the label that does not count unless one is named
            given.setdefault("ignore_index", -100)
    return given


def differentiated(op: Any, sample: Any) -> tuple[Any, Any, Any]:
    """The result, a gradient with respect to it, and that with respect to the input."""
    x = sample.input.detach().requires_grad_()
    y = op(x, *sample.args, **sample.kwargs)
    grad = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    return y, grad, torch.autograd.grad(y, x, grad)[0]


def differentiated_loss(op: Any, sample: Any) -> tuple[Any, Any]:
    """The loss, and the gradient of the sum of it."""
    x = sample.input.detach().requires_grad_()
    loss = op(x, *sample.args, **sample.kwargs)
    return loss, torch.autograd.grad(loss.sum(), x)[0]


def cases() -> Iterator[dict[str, Any]]:
    """All of them."""
    torch.manual_seed(0)
    for op in op_db:
        if op.name not in {**ROWS, **LOSSES} or op.variant_test_name:
            continue
        for sample in op.sample_inputs("cpu", torch.float64, requires_grad=True):
            if sample.input.numel() > MOST or (op.name in ROWS and sample.input.ndim == 0):
                continue
            head = {"x": plain(sample.input), "shape": list(sample.input.shape)}
            if op.name in ROWS:
                y, grad, slope = differentiated(op, sample)
                found = {"name": ROWS[op.name], "keywords": keywords_of_row(sample), **head}
                yield {
                    **found,
                    "grad_y": plain(grad),
                    "y": plain(y),
                    "y_shape": list(y.shape),
                    "grad_x": plain(slope),
                }
                continue
            name = LOSSES[op.name]
            keywords = keywords_of_loss(name, sample)
            if keywords is not None:
                loss, slope = differentiated_loss(op, sample)
                found = {"name": name, "keywords": keywords, **head, "target": plain(sample.args[0])}
                yield {**found, "loss": plain(loss), "grad_x": plain(slope)}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", required=True, help=f"write {DATA.name}")
    parser.parse_args()
    found = {json.dumps(one): None for one in cases()}  # PyTorch repeats some
    lines = ",\n".join(found)
    DATA.write_text(f'{{"torch": "{torch.__version__}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(found)} cases")


if __name__ == "__main__":
    main()
