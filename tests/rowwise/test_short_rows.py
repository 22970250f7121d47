"""Several short rows are computed at once: with the bits of each alone, which other kernels compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp

import fastact as fa

LENGTHS = (1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33)
ROWS = 21  # a whole group of any instruction set, and some more


def rows_of(n: int, kind: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Elements and gradients; of some kinds with infinities, NaN, ties and huge numbers."""
    rng = np.random.default_rng(n)
    x, g = rng.normal(0, 3, (ROWS, n)), rng.normal(size=(ROWS, n))
    share = rng.random(x.shape)
    if kind == 1:
        x = np.round(x)
    if kind == 2:
        x[share < 0.3] = -np.inf
        g[share > 0.9] = np.inf
    if kind == 3:
        x[share < 0.05], x[share > 0.95] = np.inf, np.nan
    if kind == 4:
        x *= 1e30
    return x.astype(dtype), g.astype(dtype)


def check(call: Any, *arrays: np.ndarray) -> None:
    """All rows in one call against a call for each."""
    together = call(*arrays)
    for i in range(ROWS):
        alone = call(*(a[i : i + 1] for a in arrays))
        for one, whole in zip(np.atleast_1d(alone), together[i : i + 1], strict=True):
            assert np.array_equal(one, whole, equal_nan=True)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("name", ["softmax", "softmin", "quiet_softmax", "log_softmax", "logsumexp"])
def test_rows_together_and_alone(name: str, kind: int, dtype: type) -> None:
    f = getattr(fa, name)
    keywords = {} if name == "logsumexp" or kind != 1 else {"temperature": 0.7}
    for n in LENGTHS:
        x, g = rows_of(n, kind, dtype)
        check(lambda x: f(x, **keywords), x)
        if name == "logsumexp":
            check(f.backward, g[:, 0].copy(), x)
            continue
        check(lambda g, x: f.backward(g, x, **keywords), g, x)
        check(lambda g, y: f.backward_from_output(g, y, **keywords), g, f(x, **keywords))
        same, grad = x.copy(), g.copy()
        f(same, out=same, **keywords)
        f.backward(grad, x, out=grad, **keywords)
        assert np.array_equal(same, f(x, **keywords), equal_nan=True)
        assert np.array_equal(grad, f.backward(g, x, **keywords), equal_nan=True)


@pytest.mark.parametrize("kind", range(5))
def test_losses_together_and_alone(kind: int, dtype: type) -> None:
    call = fa.softmax_cross_entropy.value_and_gradient
    for n in LENGTHS:
        x, _ = rows_of(n, kind, dtype)
        labels = np.arange(ROWS) % n
        for weight in (None, np.arange(n) / 2):  # a weight of 0, and some above 1
            check(lambda x, t, w=weight: call(x, t, reduction="none", weight=w)[0], x, labels)
            check(lambda x, t, w=weight: call(x, t, reduction="none", weight=w)[1], x, labels)
        same = x.copy()
        loss, gradient = call(x, labels)
        loss_of_same, _ = call(same, labels, out=same)
        assert np.array_equal(loss, loss_of_same, equal_nan=True)
        assert np.array_equal(gradient, same, equal_nan=True)


def test_logarithms_keep_their_digits(dtype: type) -> None:
    """log(1 + r) for r from tiny to huge: rows of a 0 and of one other element, and of many equal ones."""
    other = -np.logspace(-8, 1.9, 200)
    x = np.stack([np.zeros_like(other), other], 1).astype(dtype)
    bound = {np.float32: 2, np.float64: 4}[dtype]
    losses = fa.softmax_cross_entropy(x, np.zeros(len(x), np.int64), reduction="none")
    sums = fa.logsumexp(x)
    with mp.workdps(100), np.errstate(under="ignore"):
        for row, loss, total, y in zip(x, losses, sums, fa.log_softmax(x), strict=True):
            want = mp.log1p(mp.exp(mp.mpf(float(row[1]))))
            for got in (loss, total, -y[0]):
                assert abs(mp.mpf(float(got)) - want) <= bound * float(np.spacing(dtype(float(want))))
    for n in (2, 3, 7, 16, 1000, 10**6):
        got = fa.logsumexp(np.zeros((1, n), dtype))[0]
        assert abs(float(got) - np.log(n)) <= np.spacing(dtype(np.log(n)))
