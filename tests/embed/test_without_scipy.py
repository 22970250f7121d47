"""An environment without SciPy: everything works but what says that it needs SciPy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = pytest.mark.once
HIDDEN = "import sys; sys.modules['scipy'] = None\nimport numpy as np, fastact as fa\n"


@pytest.mark.parametrize("isa", ["sse2", "the best"])
def test_dense_layers_use_their_own_kernels(python: Callable[..., str], isa: str) -> None:
    code = """
rng = np.random.default_rng(0)
x, w, b = (rng.normal(size=s) for s in ((200, 70), (70, 90), (90,)))
y, saved = fa.dense_forward(x, w, b, activation="tanh")
dx, dw, db = fa.dense_backward(np.ones_like(y), x, w, saved)
d = 1 - np.tanh(x @ w + b)**2
pairs = (y, np.tanh(x @ w + b)), (dx, d @ w.T), (dw, x.T @ d), (db, d.sum(0))
print(max(np.abs(got - expected).max() for got, expected in pairs))
"""
    chosen = {"FASTACT_ISA": isa} if isa == "sse2" else {}
    if isa not in ("the best", *python("-c", "import fastact; print(*fastact.isas())").split()):
        pytest.skip("this machine does not have SSE2")
    assert float(python("-c", HIDDEN + code, **chosen)) < 1e-11


def test_initial_weights_and_facts(python: Callable[..., str]) -> None:
    code = """
from fastact.evaluation.machine import facts
print(fa.init.he((64, 32), rng=np.random.default_rng(0)).shape, facts()["scipy"], sep=";")
"""
    assert python("-c", HIDDEN + code) == "(64, 32);not installed"


CALLS = ["init.gain('relu')", "init.he((64, 32), distribution='truncated', rng=np.random.default_rng(0))"]


@pytest.mark.parametrize("call", CALLS)
def test_what_needs_scipy_says_so(python: Callable[..., str], call: str) -> None:
    code = f"try:\n    fa.{call}\nexcept ModuleNotFoundError as error:\n    print(error)"
    assert "needs SciPy, which is not installed; pip install scipy" in python("-c", HIDDEN + code)
