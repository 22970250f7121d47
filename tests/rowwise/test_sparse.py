"""sparsemax, entmax15 and hardmax against exact arithmetic, on random, adversarial and extreme rows."""

from __future__ import annotations

from collections.abc import Iterator

import exact_rows
import numpy as np
import pytest
from mpmath import mp, mpf

import fastact as fa

EXACT = {"sparsemax": exact_rows.sparsemax, "entmax15": exact_rows.entmax15}
INF, NAN = np.inf, np.nan


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """For elements as small as the least subnormal number beside those of 1e38."""
    with mp.workdps(420):
        yield


def rows(dtype: type) -> Iterator[np.ndarray]:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = rng.normal(0, 10.0 ** rng.uniform(-4, 1.5), int(rng.integers(1, 60))) + rng.choice([0, 10, -300])
        yield x.astype(dtype)
        yield (np.round(x * 4) / 4).astype(dtype)  # with ties
    yield np.full(37, 0.1, dtype)
    yield np.array([3, 3 - 1, 3 - 1e-3, -1e30], dtype)
    yield np.array([1e30, 1, 0], dtype)
    yield np.array([0, -1, np.nextafter(dtype(-1), dtype(0)), np.nextafter(dtype(-1), dtype(-2))], dtype)
    yield np.array([0, -2, np.nextafter(dtype(-2), dtype(0)), 1e-30, -1e-30], dtype)
    yield np.array([-0.25, -1.25, -1.2499999, 1e-38, -1e-45] * 3, dtype)
    yield -np.geomspace(1e-20, 4, 50).astype(dtype)
    yield -np.sqrt(np.arange(65) / 64).astype(dtype)


def bound(name: str, dtype: type) -> float:
    return getattr(fa, name).max_ulp[np.dtype(dtype).name]


@pytest.mark.parametrize("name", EXACT)
def test_probabilities(name: str, dtype: type) -> None:
    """In ULP of the result, except where the difference is far below the rounding error of tau in double."""
    f, power = getattr(fa, name), 1 + (name == "entmax15")
    for x in rows(dtype):
        want, threshold = EXACT[name](x)
        depth = max(exact_rows.reals(x)) / power - threshold
        for got, one in zip(f(x), want, strict=True):
            assert (got > 0) == (one > 0) or one < depth**power * mpf(2) ** (-50 * power)
            term = depth**power * mpf(2) ** -40
            assert exact_rows.ulps(got, one, term) <= bound(name, dtype), (x, got, one)


@pytest.mark.parametrize("name", EXACT)
def test_gradients(name: str, dtype: type) -> None:
    """In ULP of the largest of the terms s_i g_i and s_i mean(g); 0 outside the support."""
    f, rng = getattr(fa, name), np.random.default_rng(1)
    for x in rows(dtype):
        g = rng.normal(size=x.shape).astype(dtype)
        p = EXACT[name](x)[0]
        slopes = [mpf(v > 0) if name == "sparsemax" else mp.sqrt(v) for v in p]
        grad = exact_rows.reals(g)
        mean = mp.fsum(s * v for s, v in zip(slopes, grad, strict=True)) / mp.fsum(slopes)
        largest = max(map(abs, grad))
        if min(v for v in p if v > 0) < 1e-14:  # in the support or not: beyond what float64 tells
            continue
        y = f(x)
        for result in (f.backward(g, x), f.backward_from_output(g, y)):
            for got, s, one in zip(result, slopes, grad, strict=True):
                assert exact_rows.ulps(got, s * (one - mean), s * largest) <= bound(name, dtype), x
                assert got == 0 or s != 0


@pytest.mark.parametrize("name", EXACT)
def test_infinite_and_missing_elements(name: str, dtype: type) -> None:
    f = getattr(fa, name)
    for x, want in (
        ([INF, 1, -INF], [1, 0, 0]),
        ([-INF, 1, -INF], [0, 1, 0]),
        ([INF, 1, INF], [NAN] * 3),
        ([NAN, 1, 0], [NAN] * 3),
        ([0, -50, NAN], [NAN] * 3),
        ([-INF, -INF], [NAN] * 2),
        ([-5], [1]),
    ):
        row, g = np.array(x, dtype), np.array([1, INF, 3][: len(x)], dtype)
        y = f(row)
        assert np.array_equal(y, np.array(want, dtype), equal_nan=True)
        lost = np.where(y == 0, 0, np.nan if np.isnan(want[0]) else 0)
        got = f.backward(g, row)
        assert np.array_equal(got[y == 0], lost[y == 0])
        assert np.isnan(got).all() == np.isnan(want[0])


@pytest.mark.parametrize("name", EXACT)
def test_masks(name: str, dtype: type) -> None:
    x = np.random.default_rng(3).normal(size=(4, 9)).astype(dtype)
    mask = np.arange(36).reshape(4, 9) % 4 != 0
    mask[3] = False
    y = getattr(fa, name)(x, where=mask)
    for i in range(3):
        assert np.allclose(y[i][mask[i]], getattr(fa, name)(x[i][mask[i]]), rtol=4 * np.finfo(dtype).eps)
    assert np.all(y[~mask] == 0)
    assert np.all(getattr(fa, name).backward(x, x, where=mask)[~mask] == 0)


@pytest.mark.parametrize("n", [5, 16, 33, 64])
def test_elements_at_the_threshold_have_no_share(n: int, dtype: type) -> None:
    """Multiples of 1/8, of which the thresholds are exact: shares and gradients without rounding."""
    rng = np.random.default_rng(n)
    for _ in range(200):
        x, g = (rng.integers(-48, 49, n) / 8 for _ in range(2))
        ordered = np.sort(x)[::-1]
        sums = np.cumsum(ordered) - 1
        size = np.flatnonzero(np.arange(1, n + 1) * ordered > sums)[-1] + 1
        support = size * x > sums[size - 1]
        y = fa.sparsemax(x.astype(dtype))
        assert np.array_equal(y > 0, support)
        want = np.where(support, g - g[support].mean(), 0)
        for found in (
            fa.sparsemax.backward(g.astype(dtype), x.astype(dtype)),
            fa.sparsemax.backward_from_output(g.astype(dtype), y),
        ):
            assert np.allclose(found, want, rtol=1e-6, atol=1e-6)


def test_tiny_shares(dtype: type) -> None:
    """They are accurate, too: differences and sums keep what doubles lose."""
    x = np.array([-1e-20, -1], dtype)
    assert fa.sparsemax(x)[1] == pytest.approx(5e-21, rel=1e-6, abs=0)
    for seed in range(40):
        x = np.random.default_rng(seed).normal(size=seed + 3).astype(dtype)
        _, tau = EXACT["entmax15"](x)
        x = np.append(x, np.nextafter(dtype(float(2 * tau)), dtype(9)))
        y, want = fa.entmax15(x), EXACT["entmax15"](x)[0]
        for got, exact in zip(y, want, strict=True):
            term = mpf(2) ** (-90 if dtype is np.float64 else -150)  # the threshold's own error
            assert exact_rows.ulps(got, exact, term) <= fa.entmax15.max_ulp[x.dtype.name]


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("scale", [1e-3, 1.0])
def test_long_rows(name: str, scale: float, dtype: type) -> None:
    """A sum of 1, and the condition that determines y: it is (z - tau)^power with one tau."""
    x = np.random.default_rng(4).normal(0, scale, 300_000).astype(dtype)
    y = getattr(fa, name)(x)
    power = 1 + (name == "entmax15")
    z, wide = np.longdouble(x) / power, np.longdouble(y)
    assert abs(wide.sum() - 1) < 1e-6 if dtype is np.float32 else 1e-14
    tau = (z - wide ** (1 / np.longdouble(power)))[y > 0]
    assert np.ptp(tau) <= 4 * np.spacing(np.max(np.abs(z)).astype(dtype))
    assert np.max(z[y == 0], initial=-np.inf) <= tau.min() + np.spacing(tau.min().astype(dtype))


def test_hardmax(dtype: type) -> None:
    """The cases of ONNX's operator tests, ties, infinities, and NaN."""
    x = np.array([[3, 0, 1, 2], [2, 5, 1, 0], [0, 1, 3, 2], [0, 1, 2, 3]], dtype)
    assert np.array_equal(fa.hardmax(x), np.eye(4, dtype=dtype)[[0, 1, 2, 3]])
    assert np.array_equal(fa.hardmax(x, axis=0), np.eye(4, dtype=dtype)[[0, 1, 2, 3]].T)
    for row, first in (([3, 3, 3, 1], 0), ([-INF, -INF], 0), ([1, INF, INF], 1), ([-0.0, 0.0], 0), ([7], 0)):
        one = np.array(row, dtype)
        y = fa.hardmax(one)
        assert y.tolist() == [float(i == first) for i in range(len(row))]
        assert not fa.hardmax.backward(np.full_like(one, INF), one).any()
        assert fa.hardmax(one, out=one) is one
        assert np.array_equal(one, y)
    assert np.isnan(fa.hardmax(np.array([1, NAN, 2], dtype))).all()
    assert np.isnan(fa.hardmax.backward(np.ones(2, dtype), np.array([NAN, 2], dtype))).all()
    assert np.all(fa.hardmax(x, where=np.zeros(4, bool)) == 0)
    long = np.random.default_rng(0).normal(size=(3, 1001)).astype(dtype)
    assert np.array_equal(fa.hardmax(long).argmax(-1), long.argmax(-1))
    assert np.all(fa.hardmax(long).sum(-1) == 1)
