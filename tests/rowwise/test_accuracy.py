"""Errors of row-wise functions against exact arithmetic, on random and extreme rows."""

from __future__ import annotations

from collections.abc import Iterator

import exact_rows
import numpy as np
import pytest
from mpmath import mp, mpf

import fastact as fa

ROWS = range(12)
VARIANTS = {"softmax": {}, "softmin": {"sign": -1}, "quiet_softmax": {"quiet": True}}


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """For probabilities near 0 and 1 that differ from these in hundreds of places."""
    with mp.workdps(700):
        yield


def row(seed: int, dtype: type) -> tuple[np.ndarray, np.ndarray, float]:
    """x, a gradient, and a temperature."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, 50))
    scale = 10.0 ** generator.uniform(-3, 2)
    x = generator.normal(0, scale, n) + generator.choice([0, 10, -300])
    temperature = float(dtype(generator.choice([1, 1, 0.7, 10 ** generator.uniform(-1, 2)])))
    return x.astype(dtype), generator.normal(size=n).astype(dtype), temperature


def bound(name: str, dtype: type) -> float:
    return getattr(fa, name).max_ulp[np.dtype(dtype).name]


@pytest.mark.parametrize("seed", ROWS)
@pytest.mark.parametrize("name", VARIANTS)
def test_probabilities(name: str, dtype: type, seed: int) -> None:
    x, _, temperature = row(seed, dtype)
    want = exact_rows.softmax(x, temperature, **VARIANTS[name])
    got = getattr(fa, name)(x, temperature=temperature)
    assert max(map(exact_rows.ulps, got, want)) <= bound(name, dtype)


@pytest.mark.parametrize("seed", ROWS)
@pytest.mark.parametrize("name", VARIANTS)
def test_gradients_of_probabilities(name: str, dtype: type, seed: int) -> None:
    """In ULP of the largest of the terms p_i g_i, p_i p_j g_j and the result; 0 where p is."""
    x, g, temperature = row(seed, dtype)
    p = exact_rows.softmax(x, temperature, **VARIANTS[name])
    grad = exact_rows.reals(g)
    factor = mpf(VARIANTS[name].get("sign", 1)) / mpf(temperature)
    dot = mp.fsum(a * b for a, b in zip(p, grad, strict=True))
    largest = max(abs(a * b) for a, b in zip(p, grad, strict=True))
    got = getattr(fa, name).backward(g, x, temperature=temperature)
    for i, (result, share) in enumerate(zip(got, p, strict=True)):
        if float(share) < float(np.finfo(dtype).smallest_subnormal) / 2:
            assert result == 0
            continue
        terms = [factor * share * grad[i], factor * share * largest]
        assert exact_rows.ulps(result, factor * share * (grad[i] - dot), *terms) <= bound(name, dtype)


@pytest.mark.parametrize("seed", ROWS)
def test_logarithms(dtype: type, seed: int) -> None:
    x, g, temperature = row(seed, dtype)
    want, grad = exact_rows.log_softmax(x, temperature), exact_rows.reals(g)
    got = fa.log_softmax(x, temperature=temperature)
    assert max(map(exact_rows.ulps, got, want)) <= bound("log_softmax", dtype)
    total = mp.fsum(grad)
    slopes = fa.log_softmax.backward(g, x, temperature=temperature)
    for result, log_p, one in zip(slopes, want, grad, strict=True):
        terms = [one / temperature, mp.exp(log_p) * total / temperature]
        assert exact_rows.ulps(result, terms[0] - terms[1], *terms) <= bound("log_softmax", dtype) + 0.6


@pytest.mark.parametrize("seed", ROWS)
def test_logsumexp(dtype: type, seed: int) -> None:
    x, _, _ = row(seed, dtype)
    want, most = exact_rows.logsumexp(x), mpf(float(x.max()))
    assert exact_rows.ulps(fa.logsumexp(x), want, most, want - most) <= bound("logsumexp", dtype)
    slopes = fa.logsumexp.backward(dtype(1), x)
    shares = exact_rows.softmax(x)
    assert max(map(exact_rows.ulps, slopes, shares)) <= bound("logsumexp", dtype)


@pytest.mark.parametrize("seed", ROWS)
def test_cross_entropy(dtype: type, seed: int) -> None:
    """Of each label: losses and gradients, tiny ones too."""
    x, _, _ = row(seed, dtype)
    p = exact_rows.softmax(x)
    for label in {0, int(x.argmax()), int(x.argmin())}:
        loss, gradient = fa.softmax_cross_entropy.value_and_gradient(x[np.newaxis], [label])
        assert exact_rows.ulps(loss, -mp.log(p[label])) <= bound("log_softmax", dtype)
        for i, result in enumerate(gradient[0]):
            assert exact_rows.ulps(result, p[i] - (i == label)) <= bound("softmax", dtype)


def test_a_long_row(dtype: type) -> None:
    x = np.random.default_rng(0).normal(0, 2, 10**6).astype(dtype)
    wide = np.longdouble(x) - np.longdouble(x.max())
    e = np.exp(wide)
    want = e / e.sum()
    error = np.abs(fa.softmax(x) - want) / np.spacing(want.astype(dtype))
    assert error.max() <= bound("softmax", dtype)


@pytest.mark.parametrize("grad", [1e3, 1e20, 1e100, 1e200])
def test_gradients_of_probabilities_that_vanish_are_kept(dtype: type, grad: float) -> None:
    """p rounds to 0 and p (g - sum(g p)) does not."""
    least = {np.float32: -104.0, np.float64: -746.0}[dtype]
    grad = min(grad, 1e30) if dtype is np.float32 else grad
    x, g = np.array([0, least], dtype), np.array([0, grad], dtype)
    assert fa.softmax(x)[1] == 0
    p = mp.exp(least) / (1 + mp.exp(least))
    exact = p * (1 - p) * mp.mpf(float(g[1]))
    result = fa.softmax.backward(g, x)[1]
    assert exact_rows.ulps(result, exact) <= bound("softmax", dtype)


def test_losses_of_certain_predictions_keep_their_digits() -> None:
    loss = fa.softmax_cross_entropy(np.array([[100.0, 0.0]]), [0])
    exact = mp.log1p(mp.exp(-100))
    assert exact_rows.ulps(loss, exact) <= bound("log_softmax", np.float64)
