"""gumbel_softmax: exact values and gradients for given noise, the distribution of samples, arguments."""

from __future__ import annotations

import doctest
import pickle
from typing import Any

import exact_rows
import numpy as np
import pytest
from mpmath import mp, mpf

import fastact as fa

X = np.zeros((3, 4))


@pytest.mark.parametrize("tau", [1.0, 0.1, 7.5])
def test_values_and_gradients(tau: float, dtype: type) -> None:
    """Of x + noise, rounded to float64: that error is below 2^-53 max(abs(x + noise))/tau, relative to y."""
    rng = np.random.default_rng(1)
    x, g = rng.normal(0, 3, (2, 9)).astype(dtype)
    noise = rng.gumbel(size=9)
    with mp.workdps(60):
        p = exact_rows.softmax(np.float64(x) + noise, tau)
        mean = mp.fsum(mpf(float(v)) * one for v, one in zip(g, p, strict=True))
        y = fa.gumbel_softmax(x, noise=noise, tau=tau)
        slopes = fa.gumbel_softmax.backward(g, x, noise=noise, tau=tau)
        bound = 1 if dtype is np.float32 else 4
        for i in range(9):
            want = p[i] * (mpf(float(g[i])) - mean) / mpf(tau)
            assert exact_rows.ulps(y[i], p[i]) <= bound
            assert exact_rows.ulps(slopes[i], want, p[i] * float(np.abs(g).max()) / tau) <= bound
    assert y.dtype == slopes.dtype == dtype
    given = fa.gumbel_softmax.backward_from_output(g, y, tau=tau)
    assert np.allclose(given, slopes, rtol=1e-5, atol=1e-6)


@pytest.mark.once
def test_samples_have_the_probabilities_of_softmax() -> None:
    """Within 5 standard deviations, for a fixed seed."""
    x, n = np.array([0.0, 1.0, -1.0, 2.5]), 40_000
    rng = np.random.default_rng(5)
    samples = fa.gumbel_softmax(np.tile(x, (n, 1)), rng=rng, hard=True)
    p = fa.softmax(x)
    assert np.all(samples.sum(-1) == 1)
    assert set(np.unique(samples)) == {0, 1}
    assert np.all(np.abs(samples.mean(0) - p) < 5 * np.sqrt(p * (1 - p) / n))


def test_noise_axes_and_results(dtype: type) -> None:
    x = np.random.default_rng(2).normal(size=(4, 5, 3)).astype(dtype)
    noise = np.random.default_rng(3).gumbel(size=x.shape)
    for axis in (0, 1, -1, (0, 2), None):
        y = fa.gumbel_softmax(x, rng=np.random.default_rng(3), axis=axis, tau=0.7)
        assert np.array_equal(y, fa.gumbel_softmax(x, noise=noise, axis=axis, tau=0.7))
        hard = fa.gumbel_softmax(x, noise=noise, axis=axis, tau=0.7, hard=True)
        assert np.array_equal(hard == 1, y == y.max(axis, keepdims=True))
        assert hard.dtype == dtype
    same = x.copy()
    assert fa.gumbel_softmax(same, noise=noise, out=same) is same
    assert np.array_equal(same, fa.gumbel_softmax(x, noise=noise))
    lost = x.copy()
    lost[0, 0, 0] = np.nan
    for flag in (True, False):
        assert np.isnan(fa.gumbel_softmax(lost, noise=noise, hard=flag)[0, 0]).all()
    assert fa.gumbel_softmax(x.astype("f2"), noise=noise).dtype == "f2"


@pytest.mark.once
def test_the_object() -> None:
    assert pickle.loads(pickle.dumps(fa.gumbel_softmax)) is fa.gumbel_softmax
    parsed = doctest.DocTestParser().get_doctest(type(fa.gumbel_softmax).__doc__ or "", {}, "x", None, None)
    assert doctest.DocTestRunner().run(parsed).failed == 0
    assert "gumbel_softmax" in dir(fa)


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fa.gumbel_softmax(X), TypeError, ["neither of rng and noise"]),
        (lambda: fa.gumbel_softmax(X, rng=np.random.default_rng(), noise=X), TypeError, ["both"]),
        (lambda: fa.gumbel_softmax(X, rng=0), TypeError, ["rng is of type int", "Generator"]),
        (lambda: fa.gumbel_softmax(X, noise=X[0]), ValueError, ["noise has shape (4,)", "(3, 4)"]),
        (lambda: fa.gumbel_softmax(X, noise=X, tau=0), ValueError, ["tau is 0"]),
        (lambda: fa.gumbel_softmax(X, noise=X, tau="a"), TypeError, ["tau is 'a'"]),
        (lambda: fa.gumbel_softmax(X, noise=X, hard=1), TypeError, ["hard is 1"]),
        (lambda: fa.gumbel_softmax(X, noise=X, out=X[:2]), ValueError, ["out has shape (2, 4)"]),
        (lambda: fa.gumbel_softmax(X.astype(complex), noise=X), TypeError, ["x has dtype complex128"]),
        (lambda: fa.gumbel_softmax(np.ma.array(X), noise=X), TypeError, ["MaskedArray"]),
        (lambda: fa.gumbel_softmax.backward(X[0], X, noise=X), ValueError, ["grad_y has shape (4,)"]),
        (lambda: fa.gumbel_softmax.backward(X, X, noise=None), TypeError, ["noise is None"]),
    ],
)
def test_errors(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
