"""Thinc's results for softmax, maxout and losses: the data of tests/rowwise/test_thinc_rows.py.

    python tools/thinc_rows.py --write        # needs thinc, which tests do not
    python tools/thinc_rows.py --tests        # Thinc's own tests of softmax and maxout, computed by fastact

Inputs are those of Thinc's tests where these have any. Each case names the function of fastact that means the
same: the gradient of Thinc's CategoricalCrossentropy, for the softmax of logits, is that of
softmax_cross_entropy; that of L2Distance is half of mse's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import thinc
from thinc.api import CategoricalCrossentropy, L2Distance, NumpyOps, Ops
from thinc.tests import test_loss
from thinc.tests.layers import test_softmax

DATA = Path(__file__).resolve().parent.parent / "tests/data/thinc_rows.json"
OPS = NumpyOps()
# of Thinc's packages that tests of backends are in
TESTS = [
    ["thinc.tests.backends.test_ops", "-k", "maxout or softmax"],
    ["thinc.tests.layers.test_softmax"],
]


def case(name: str, result: Any, *inputs: Any, factor: float = 1.0, **keywords: Any) -> dict[str, Any]:
    """`result` is `factor` times what fastact gives."""
    return {
        "name": name,
        "keywords": keywords,
        "inputs": [np.asarray(value).tolist() for value in inputs],
        "result": np.asarray(result).tolist(),
        "factor": factor,
    }


def of_softmax() -> Iterator[dict[str, Any]]:
    """Forward, and backward from the output."""
    x = np.arange(-10, 10, 0.2, dtype="f").reshape(10, 10)
    grad = np.eye(10, dtype="f")
    for temperature in (0.5, 1.0, 2.0):
        y = OPS.softmax(x, temperature=temperature)
        yield case("softmax", y, x, temperature=temperature)
        slopes = OPS.backprop_softmax(y, grad, temperature=temperature)
        yield case("softmax.backward", slopes, grad, x, temperature=temperature)
    yield case("softmax", test_softmax.outputs, test_softmax.inputs)


def of_maxout() -> Iterator[dict[str, Any]]:
    """Thinc's pieces are the last axis of their own; here they follow each other."""
    rng = np.random.default_rng(0)
    for units, pieces in ((4, 2), (3, 3), (2, 5)):
        x = rng.normal(size=(5, units, pieces)).astype("f")
        grad = rng.normal(size=(5, units)).astype("f")
        best, which = OPS.maxout(x)
        slopes = OPS.backprop_maxout(grad, which, pieces)
        yield case("maxout", best, x.reshape(5, -1), pieces=pieces)
        yield case("maxout.backward", slopes.reshape(5, -1), grad, x.reshape(5, -1), pieces=pieces)


def of_losses() -> Iterator[dict[str, Any]]:
    """Gradients: Thinc's losses are sums of their squares."""
    rng = np.random.default_rng(1)
    labels = [test_loss.labels1, np.array([3, 0, 1])]
    for x, of_x in zip((rng.normal(size=(4, 3)).astype("f"), test_softmax.inputs), labels, strict=True):
        guesses = OPS.softmax(x)
        for normalize, reduction in ((True, "mean"), (False, "sum")):
            found = CategoricalCrossentropy(normalize=normalize).get_grad(guesses, of_x)
            yield case("softmax_cross_entropy", found, x, of_x, reduction=reduction)
            one_hot = np.eye(x.shape[1], dtype="f")[of_x]
            yield case("softmax_cross_entropy", found, x, one_hot, reduction=reduction)
        found = CategoricalCrossentropy(normalize=False, missing_value=0).get_grad(guesses, of_x)
        yield case("softmax_cross_entropy", found, x, of_x, reduction="sum", ignore_index=0)
    full, guesses = test_loss.labels1_full.astype("f"), test_loss.guesses1.astype("f")
    found = L2Distance(normalize=False).get_grad(guesses, full)
    yield case("mse", found, guesses, full, factor=0.5, reduction="sum")


def run_tests() -> int:
    """Thinc's own tests, whose operations are fastact's."""
    import pytest

    import fastact as fa

    def softmax(self: Any, x: Any, *, inplace: bool = False, axis: int = -1, temperature: float = 1.0) -> Any:
        return fa.softmax(x, axis=axis, temperature=temperature, out=x if inplace else None)

    def backprop_softmax(self: Any, y: Any, grad: Any, *, axis: int = -1, temperature: float = 1.0) -> Any:
        return fa.softmax.backward_from_output(grad, y, axis=axis, temperature=temperature)

    def maxout(self: Any, x: Any) -> tuple[Any, Any]:
        return fa.maxout(x, pieces=x.shape[-1])[..., 0], x.argmax(-1)

    def backprop_maxout(self: Any, grad: Any, which: Any, pieces: int) -> Any:
        x = np.zeros((*grad.shape, pieces), grad.dtype)
        np.put_along_axis(x, which[..., np.newaxis], 1, axis=-1)
        return fa.maxout.backward(grad[..., np.newaxis], x, pieces=pieces)

    for kind in (Ops, NumpyOps):
        for method in (softmax, backprop_softmax, maxout, backprop_maxout):
            setattr(kind, method.__name__, method)
    return max(int(pytest.main(["-q", "-rs", "-p", "no:cacheprovider", "--pyargs", *a])) for a in TESTS)


def main() -> int:
    """Write the file, or run the tests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--write", action="store_true", help=f"write {DATA.name}")
    either.add_argument("--tests", action="store_true", help="run Thinc's own tests")
    if parser.parse_args().tests:
        return run_tests()
    found = [*of_softmax(), *of_maxout(), *of_losses()]
    lines = ",\n".join(json.dumps(one) for one in found)
    DATA.write_text(f'{{"thinc": "{thinc.__version__}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(found)} cases")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
