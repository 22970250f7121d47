"""Element-wise losses against exact arithmetic, and their limits, reductions, layouts and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import exact_losses
import exact_rows
import numpy as np
import pytest
from mpmath import mp, mpf

import fastact as fa
from fastact.rowwise.losses import LOSSES

NAMES = list(LOSSES)
INF, NAN = np.inf, np.nan
PARAMETERS = {"sigmoid_binary_cross_entropy": {"pos_weight": 2.5}, "huber": {"delta": 1.25}}


@pytest.fixture(autouse=True)
def many_digits() -> Iterator[None]:
    """For probabilities near 0 and 1 that differ from these in hundreds of places."""
    with mp.workdps(400):
        yield


def targets(name: str, generator: np.random.Generator, n: int) -> np.ndarray:
    """Some that the loss is made for."""
    if name == "hinge":
        return generator.choice([-1.0, 1.0], n)
    if name == "poisson":
        return generator.poisson(3, n).astype(float)
    if name in ("mse", "huber"):
        return generator.normal(0, 2, n)
    return np.where(generator.random(n) < 0.5, generator.random(n), generator.choice([0.0, 1.0], n))


def data(name: str, dtype: type, n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Elements of many sizes, some of them extreme, and targets."""
    generator = np.random.default_rng(seed)
    x = generator.normal(0, 1, n) * 10.0 ** generator.uniform(-4, 2, n)
    if name == "poisson":
        x = np.clip(x, -1e3, 80)
    x[: n // 10] = generator.choice([-700.0, -90.0, 40.0, -37.0, 1e-30, 0.0], n // 10)
    t = targets(name, generator, n)
    if name in ("mse", "huber", "hinge"):
        t[-3:], x[-3:] = np.sign(t[-3:]) if name == "hinge" else t[-3:], t[-3:] * [1, 1 + 1e-6, 1 - 1e-6]
    return x.astype(dtype), t.astype(dtype)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_elements(name: str, dtype: type, seed: int) -> None:
    x, t = data(name, dtype, seed=seed)
    f, parameters = getattr(fa, name), PARAMETERS.get(name, {})
    each, gradient = f.value_and_gradient(x, t, reduction="none", **parameters)
    assert each.dtype == gradient.dtype == dtype
    bound = f.max_ulp[np.dtype(dtype).name]
    exact = getattr(exact_losses, name)
    for loss, slope, one_x, one_t in zip(each, gradient, x, t, strict=True):
        want = exact(mpf(float(one_x)), mpf(float(one_t)), *map(mpf, parameters.values()))
        assert exact_rows.ulps(loss, want.loss, *want.terms_of_loss) <= bound
        assert exact_rows.ulps(slope, want.gradient, *want.terms_of_gradient) <= bound


@pytest.mark.parametrize("name", NAMES)
def test_reductions(name: str, dtype: type) -> None:
    """Sums in exact arithmetic of the losses that float64 gives; "mean" divides as PyTorch does."""
    x, t = data(name, dtype, 1000)
    weight = np.random.default_rng(1).random(1000)
    f = getattr(fa, name)
    each = f(x.astype(np.float64), t.astype(np.float64), reduction="none")
    gradient = f.value_and_gradient(x.astype(np.float64), t.astype(np.float64), reduction="sum")[1]
    for w in (None, weight):
        factors = np.ones(1000) if w is None else w
        total = float(mp.fsum(mpf(a) * mpf(b) for a, b in zip(each, factors, strict=True)))
        size = float(mp.fsum(mpf(abs(a)) * mpf(b) for a, b in zip(each, factors, strict=True)))
        divisor = weight.sum() if name == "mse" and w is not None else 1000
        unit = 4 * np.finfo(dtype).eps
        for reduction, by in (("sum", 1), ("mean", divisor)):
            loss, slopes = f.value_and_gradient(x, t, weight=w, reduction=reduction)
            assert type(loss) is dtype
            assert abs(loss - total / by) <= unit * size / by
            with np.errstate(under="ignore"):
                want = gradient * factors / by
                assert np.allclose(slopes, want, rtol=1e-5 if dtype is np.float32 else 1e-14, atol=1e-37)
            assert f(x, t, weight=w, reduction=reduction) == loss


@pytest.mark.parametrize("name", LOSSES)
def test_mean_over_a_batch(name: str, dtype: type) -> None:
    """The sum divided by the length of the first axis."""
    x, t = (a.reshape(8, 6) for a in data(name, dtype, 48))
    f, tolerance = getattr(fa, name), 1e-5 if dtype is np.float32 else 1e-14
    loss, slopes = f.value_and_gradient(x, t, reduction="batchmean")
    total, of_total = f.value_and_gradient(x, t, reduction="sum")
    assert type(loss) is dtype
    assert np.isclose(loss, total / 8, rtol=tolerance)
    assert np.allclose(slopes, of_total / 8, rtol=tolerance, atol=1e-37)
    assert np.isnan(f(x[:0], t[:0], reduction="batchmean"))


@pytest.mark.parametrize(
    ("name", "x", "t", "loss", "gradient"),
    [
        ("sigmoid_binary_cross_entropy", INF, 1, 0, 0),
        ("sigmoid_binary_cross_entropy", INF, 0, INF, 1),
        ("sigmoid_binary_cross_entropy", -INF, 0, 0, 0),
        ("sigmoid_binary_cross_entropy", -INF, 1, INF, -1),
        ("sigmoid_binary_cross_entropy", INF, 0.25, INF, 0.75),
        ("sigmoid_binary_cross_entropy", 0, 0.5, np.log(2), 0),
        ("sigmoid_binary_cross_entropy", NAN, 1, NAN, NAN),
        ("mse", INF, 1, INF, INF),
        ("mse", 2, -INF, INF, INF),
        ("mse", INF, INF, NAN, NAN),
        ("huber", -INF, 1, INF, -1),
        ("huber", 3, 2, 0.5, 1),
        ("huber", NAN, 2, NAN, NAN),
        ("hinge", INF, 1, 0, 0),
        ("hinge", -INF, 1, INF, -1),
        ("hinge", 1, 1, 0, 0),
        ("hinge", -1, -1, 0, 0),
        ("hinge", NAN, 1, NAN, NAN),
        ("hinge", 1, NAN, NAN, NAN),
        ("kl_divergence", -INF, 0, 0, 0),
        ("kl_divergence", -5, 0, 0, 0),
        ("kl_divergence", -INF, 0.5, INF, -0.5),
        ("kl_divergence", NAN, 0, NAN, NAN),
        ("kl_divergence", -1, NAN, NAN, NAN),
        ("kl_divergence", -1, -1, NAN, 1),
        ("poisson", -INF, 0, 0, 0),
        ("poisson", -INF, 2, INF, -2),
        ("poisson", INF, 2, INF, INF),
        ("poisson", INF, 0, INF, INF),
        ("poisson", NAN, 0, NAN, NAN),
        ("poisson", 1, NAN, NAN, NAN),
    ],
)
def test_limits(name: str, x: float, t: float, loss: float, gradient: float, dtype: type) -> None:
    got = getattr(fa, name).value_and_gradient(np.array([x], dtype), np.array([t], dtype))
    assert np.allclose(got[0], loss, rtol=1e-6, atol=0, equal_nan=True)
    assert np.array_equal(got[1], [gradient], equal_nan=True)
    assert got[0] != 0 or not np.signbit(got[0])


@pytest.mark.parametrize("name", NAMES)
def test_elements_without_weight_hold_anything(name: str, dtype: type) -> None:
    x, t = data(name, dtype, 40)
    weight = np.ones(40)
    weight[::3] = 0
    want = getattr(fa, name).value_and_gradient(x, t, weight=weight, reduction="sum")
    x[::3], t[::3] = NAN, NAN
    got = getattr(fa, name).value_and_gradient(x, t, weight=weight, reduction="sum")
    assert got[0] == want[0]
    assert np.array_equal(got[1], want[1])
    assert not got[1][::3].any()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_add_up(name: str, dtype: type) -> None:
    f, x = getattr(fa, name), np.empty((0, 3), dtype)
    assert np.isnan(f(x, x))
    assert f(x, x, reduction="sum") == 0
    assert f.value_and_gradient(x, x, reduction="none")[1].shape == (0, 3)
    ones = np.ones(3, dtype)
    loss, gradient = f.value_and_gradient(ones, ones, weight=0)
    assert np.isnan(loss) if name == "mse" else loss == 0
    assert np.isnan(gradient).all() if name == "mse" else not gradient.any()


@pytest.mark.parametrize("name", NAMES)
def test_layouts_and_threads(name: str, dtype: type, restore_threads: None) -> None:
    """The same bits for any strides and any number of threads, and for results over arguments."""
    x, t = (a.reshape(300, 400) for a in data(name, dtype, 120_000))
    f = getattr(fa, name)
    fa.set_num_threads(1)
    loss, gradient = f.value_and_gradient(x, t)
    fa.set_num_threads(3)
    for a, b in ((x, t), (np.asfortranarray(x), t), (np.repeat(x, 2, 1)[:, ::2], t[::-1][::-1])):
        got = f.value_and_gradient(a, b)
        assert got[0] == loss
        assert np.array_equal(got[1], gradient)
    for place in (0, 1):
        arrays = [x.copy(), t.copy()]
        again, result = f.value_and_gradient(*arrays, out=arrays[place])
        assert again == loss
        assert result is arrays[place]
        assert np.array_equal(result, gradient)
    shifted = np.concatenate([np.zeros(7, dtype), x.ravel()])
    again, _ = f.value_and_gradient(shifted[7:].reshape(x.shape), t, out=shifted[:-7].reshape(x.shape))
    assert again == loss
    assert np.array_equal(shifted[:-7].reshape(x.shape), gradient)


@pytest.mark.parametrize("shape", [(), (4,), (3, 1), (3, 4), (1, 1)])
def test_weights_of_positives(shape: tuple[int, ...], dtype: type) -> None:
    x, t = (a.reshape(3, 4) for a in data("sigmoid_binary_cross_entropy", dtype, 12))
    pos_weight = np.random.default_rng(0).uniform(0.5, 4, shape).astype(np.float32)
    f = fa.sigmoid_binary_cross_entropy
    loss, gradient = f.value_and_gradient(x, t, pos_weight=pos_weight, reduction="none")
    every = np.broadcast_to(pos_weight, (3, 4))
    for i in np.ndindex(3, 4):
        one = f.value_and_gradient(x[i], t[i], pos_weight=every[i], reduction="sum")
        assert loss[i] == one[0]
        assert gradient[i] == one[1]


@pytest.mark.once
def test_dtypes() -> None:
    x = np.float32([0.5, -1, 2])
    for t in (np.array([1, 0, 1]), np.array([True, False, True]), np.uint8([1, 0, 1])):
        assert type(fa.mse(x, t)) is np.float32
    assert type(fa.mse(x, np.array([1.0, 0, 1]))) is np.float64
    assert type(fa.mse([1, 2], [0, 4])) is np.float64
    loss, gradient = fa.mse.value_and_gradient(x.astype(np.float16), np.float16([0, 300, 0]))
    assert type(loss) is np.float16
    assert gradient.dtype == np.float16
    assert fa.mse(np.float16([300]), np.float16([0])) == INF
    assert fa.mse(np.float32([1e30]), np.float32([0])) == INF
    assert fa.softmax_cross_entropy(np.float32([[3e38, -3e38]]), np.array([1])) == INF
    assert fa.mse(2.0, 1.0) == 1
    given = np.empty(3, np.float16)
    assert fa.mse.value_and_gradient(x, x + 3, out=given)[1] is given
    assert np.array_equal(given, np.float16([-2, -2, -2]))


X = np.zeros((2, 3))


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: fa.mse(X, X[0]),
            ValueError,
            ["fastact.mse", "target has shape (3,)", "(2, 3)", "prediction"],
        ),
        (lambda: fa.mse(X, 0.0), ValueError, ["target has shape ()"]),
        (lambda: fa.mse(None, X), TypeError, ["prediction is None"]),
        (
            lambda: fa.sigmoid_binary_cross_entropy(X.astype(complex), X),
            TypeError,
            ["logits has dtype complex"],
        ),
        (
            lambda: fa.mse(X, X, weight=np.ones(2)),
            ValueError,
            ["weight has shape (2,)", "broadcasts to (2, 3)"],
        ),
        (lambda: fa.mse(X, X, weight=np.ones((4, 2, 3))), ValueError, ["weight has shape (4, 2, 3)"]),
        (lambda: fa.mse(X, X, reduction="avg"), ValueError, ["'avg'", "'mean'"]),
        (lambda: fa.mse(1.0, 2.0, reduction="batchmean"), ValueError, ["prediction has no axes"]),
        (lambda: fa.nll(X, [0, 0, 0], reduction="batchmean"), ValueError, ["'batchmean'", "'mean'"]),
        (lambda: fa.mse(X, X, delta=1), TypeError, ["'delta'", "weight, reduction"]),
        (lambda: fa.mse(X, X, out=X), TypeError, ["'out'"]),
        (
            lambda: fa.mse.value_and_gradient(X, X, out=X[0]),
            ValueError,
            ["value_and_gradient: out has shape"],
        ),
        (lambda: fa.huber(X, X, delta=0), ValueError, ["delta is 0", "positive"]),
        (lambda: fa.huber(X, X, delta=NAN), ValueError, ["delta is nan"]),
        (lambda: fa.huber(X, X, delta=[1.0]), TypeError, ["delta is [1.0]"]),
        (
            lambda: fa.sigmoid_binary_cross_entropy(X, X, pos_weight=np.ones(2)),
            ValueError,
            ["pos_weight has shape (2,)"],
        ),
        (lambda: fa.hinge(X, X), ValueError, ["target[0, 0] is 0.0", "-1 or 1"]),
        (lambda: fa.mse(np.ma.array(X), X), TypeError, ["prediction", "MaskedArray"]),
        (lambda: fa.mse(X, np.ma.array(X)), TypeError, ["target", "MaskedArray"]),
        (lambda: fa.mse(X, X, weight=np.ma.array(X)), TypeError, ["weight", "MaskedArray"]),
    ],
)
def test_errors(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in ["fastact.", *words]:
        assert word in str(caught.value)
