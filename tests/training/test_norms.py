"""Normalisation against PyTorch (tools/torch_fixtures.py), rational numbers, differences; layouts."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

FIXTURES = json.loads((helpers.ROOT / "tests/data/norms.json").read_text())
WEIGHT, BIAS = np.array(FIXTURES["weight"]), np.array(FIXTURES["bias"])
NORMS = ["layer_norm", "rms_norm", "batch_norm"]


def waves(batch: int, phase: float) -> np.ndarray:
    i = np.arange(15, dtype=np.float64)
    return np.sin(1.1 * i + 0.37 * batch + phase).reshape(5, 3) * [0.01, 1.0, 100.0] + [1.0, 0.0, -30.0]


def is_near(got: Any, wanted: Any, tolerance: float = 1e-12) -> bool:
    wanted = np.array(wanted)
    return bool(np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max())


def arguments(name: str) -> tuple[np.ndarray, ...]:
    return (WEIGHT,) if name == "rms_norm" else (WEIGHT, BIAS)


def check_batch(name: str, batch: int, expected: dict[str, Any], **keywords: Any) -> None:
    """Gradients after the forward pass, as there."""
    norm, x, more = getattr(fa, name), waves(batch, 0.0), arguments(name)
    assert is_near(norm(x, *more, **keywords), expected["y"])
    gradients = norm.backward(waves(batch, 2.0), x, *more, **keywords)
    assert len(gradients) == 1 + len(more)
    for got, key in zip(gradients, ("dx", "dweight", "dbias"), strict=False):
        assert is_near(got, expected[key], 1e-11)


# PyTorch ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_rows_are_those_of_torch(name: str) -> None:
    for batch, expected in enumerate(FIXTURES[name]):
        check_batch(name, batch, expected)


def test_20_batches_and_their_running_statistics_are_those_of_torch() -> None:
    mean, var = np.zeros(3), np.ones(3)
    assert len(FIXTURES["batch_norm"]) == 20
    for batch, expected in enumerate(FIXTURES["batch_norm"]):
        check_batch("batch_norm", batch, expected)
        fa.batch_norm(waves(batch, 0.0), running_mean=mean, running_var=var)
    assert is_near(mean, FIXTURES["running_mean"])
    assert is_near(var, FIXTURES["running_var"])
    for batch, expected in enumerate(FIXTURES["evaluation"]):
        check_batch("batch_norm", batch, expected, running_mean=mean, running_var=var, training=False)
    assert is_near(mean, FIXTURES["running_mean"])


# Accuracy -----------------------------------------------------------------------------------------


def exact_rows(x: np.ndarray, eps: float) -> np.ndarray:
    """Layer norm with sums in rational numbers."""
    rows = []
    for row in x:
        exact = [Fraction(float(v)) for v in row]
        mean = sum(exact) / len(exact)
        variance = sum((v - mean) ** 2 for v in exact) / len(exact) + Fraction(eps)
        rows.append([float(v - mean) / float(variance) ** 0.5 for v in exact])
    return np.array(rows)


@pytest.mark.parametrize(("dtype", "ulps"), [(np.float32, 0.51), (np.float64, 4)])
@pytest.mark.parametrize("n", [1, 2, 7, 16, 33, 100])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_rows_and_columns_are_accurate_far_from_0(dtype: type, ulps: float, n: int, offset: float) -> None:
    """The mean is subtracted with more digits than it has in float64."""
    x = (np.random.default_rng(n).normal(size=(4, n)) + offset).astype(dtype)
    wanted = exact_rows(x, 1e-5)
    unit = np.spacing(np.abs(wanted).astype(dtype)).astype(float)
    columns = fa.batch_norm(np.ascontiguousarray(x.T)).T if n > 1 else fa.layer_norm(x)
    for got in (fa.layer_norm(x), columns):
        assert (np.abs(got - wanted) <= ulps * unit).all()


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("name", NORMS)
def test_gradients_are_those_of_differences(name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    x, grad_y = rng.normal(size=shape), rng.normal(size=shape)
    size = (3,) if name == "batch_norm" else shape[-1:]
    operands = [x, *(rng.normal(size=size) for _ in arguments(name))]
    norm = getattr(fa, name)
    settings: list[dict[str, Any]] = [{}]
    if name == "batch_norm":
        running = {"running_mean": rng.normal(size=3), "running_var": rng.random(3), "training": False}
        settings.append(running)
    for keywords in settings:
        gradients = norm.backward(grad_y, *operands, eps=0.1, **keywords)
        for k, gradient in enumerate(gradients):
            differences = np.empty_like(gradient)
            for i in np.ndindex(gradient.shape):
                moved = [[a.copy() for a in operands] for _ in range(2)]
                moved[0][k][i] += 1e-5
                moved[1][k][i] -= 1e-5
                above, below = (norm(*m, eps=0.1, **keywords) for m in moved)
                differences[i] = (grad_y * (above - below)).sum() / 2e-5
            assert np.abs(gradient - differences).max() < 1e-8


# Layouts, threads, dtypes -------------------------------------------------------------------------


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NORMS)
def test_bits_do_not_depend_on_threads(name: str, dtype: type) -> None:
    rng = np.random.default_rng(6)
    x, grad_y = rng.normal(size=(2, 700, 333)).astype(dtype)
    more = [rng.normal(size=333).astype(dtype) for _ in arguments(name)]
    norm, results = getattr(fa, name), []
    for threads in (1, 2, 3):
        fa.set_num_threads(threads)
        results.append([norm(x, *more), *norm.backward(grad_y, x, *more)])
    for other in results[1:]:
        assert all((a == b).all() for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("name", NORMS)
def test_bits_do_not_depend_on_layout(name: str) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(4, 6, 5))
    more = [rng.normal(size=6 if name == "batch_norm" else 5) for _ in arguments(name)]
    norm = getattr(fa, name)
    expected, gradients = norm(x, *more), norm.backward(x[::-1], x, *more)
    wide = np.zeros((4, 6, 10))
    wide[..., ::2] = x
    for same in (np.asfortranarray(x), wide[..., ::2], x.astype(">f8")):
        assert (norm(same, *more) == expected).all()
        out = np.empty_like(same)
        assert norm(x, *more, out=out) is out
        assert (out == expected).all()
        again = norm.backward(np.asfortranarray(x[::-1]), same, *more)
        assert all((a == b).all() for a, b in zip(gradients, again, strict=True))
    inplace = x.copy()
    assert (norm(inplace, *more, out=inplace) == expected).all()
    memory = np.concatenate([[0.0], x.ravel()])
    shifted = norm(memory[1:].reshape(x.shape), *more, out=memory[:-1].reshape(x.shape))
    assert (shifted == expected).all()


def test_several_last_axes_and_another_axis() -> None:
    rng = np.random.default_rng(8)
    x, weight = rng.normal(size=(3, 4, 5)), rng.normal(size=(4, 5))
    flat = fa.layer_norm(x.reshape(3, 20), weight.ravel(), np.ones(20))
    assert (fa.layer_norm(x, weight, np.ones((4, 5))).reshape(3, 20) == flat).all()
    last = fa.batch_norm(x, axis=-1)
    assert (last == np.moveaxis(fa.batch_norm(np.moveaxis(x, -1, 1)), 1, -1)).all()


@pytest.mark.parametrize("name", NORMS)
def test_dtypes_of_results(name: str) -> None:
    norm, x = getattr(fa, name), np.array([[1, 2, 4], [3, 5, 9]])
    assert norm(x).dtype == np.float64
    assert norm(x.astype(np.float32)).dtype == np.float32
    half = norm.backward(x.astype(np.float16), x.astype(np.float16), np.ones(3, np.float16))
    assert [None if a is None else a.dtype for a in half][:2] == [np.float16] * 2
    assert norm(x.astype(np.float32), np.ones(3)).dtype == np.float64
    assert all(a is None for a in norm.backward(x, x)[1:])
    assert pickle.loads(pickle.dumps(norm)) is norm


def test_weights_that_share_memory_with_out() -> None:
    memory = np.arange(1.0, 13.0)
    x, weight = np.random.default_rng(9).normal(size=(4, 3)), memory[3:6]
    expected = fa.layer_norm(x, weight.copy())
    assert (fa.layer_norm(x, weight, out=memory.reshape(4, 3)) == expected).all()


# Special rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("name", NORMS)
def test_nan_stays_in_its_row_or_column(name: str, bad: float) -> None:
    x = np.random.default_rng(10).normal(size=(7, 5))
    expected = getattr(fa, name)(x)
    x[2, 3] = bad
    y = getattr(fa, name)(x)
    spoilt = np.zeros(x.shape, bool)
    spoilt[(slice(None), 3) if name == "batch_norm" else (2, slice(None))] = True
    assert np.isnan(y[spoilt]).all()
    assert (y[~spoilt] == expected[~spoilt]).all()


def test_constant_rows_are_0() -> None:
    x = np.full((3, 4), 0.1)
    assert (fa.layer_norm(x) == 0).all()
    assert (fa.batch_norm(x) == 0).all()
    assert (fa.rms_norm(np.zeros((2, 2))) == 0).all()


@pytest.mark.parametrize("name", NORMS)
def test_arrays_without_elements(name: str) -> None:
    norm = getattr(fa, name)
    assert norm(np.zeros((2, 0))).shape == (2, 0)
    if name != "batch_norm":
        assert norm(np.zeros((0, 3))).shape == (0, 3)
        dx, dweight, *_ = norm.backward(np.zeros((0, 3)), np.zeros((0, 3)), np.ones(3))
        assert dx.shape == (0, 3)
        assert (dweight == 0).all()


# Refusals -----------------------------------------------------------------------------------------

SHARED = np.ones(3)
ONES = np.ones((4, 3))
REFUSED = [
    ("layer_norm", (np.ma.ones((4, 3)),), {}, TypeError, "x is of type MaskedArray"),
    ("layer_norm", (ONES, np.ma.ones(3)), {}, TypeError, "weight is of type MaskedArray"),
    ("layer_norm", (ONES, np.ones(4)), {}, ValueError, r"weight has shape \(4,\); expected \(3,\)"),
    ("layer_norm", (ONES, np.ones(3), np.ones((4, 3))), {}, ValueError, "bias has shape"),
    ("layer_norm", (ONES, np.ones((2, 4, 3))), {}, ValueError, "shapes are x"),
    ("layer_norm", (1.0,), {}, ValueError, "shapes are x"),
    ("layer_norm", (ONES,), {"eps": -1.0}, ValueError, "eps is -1.0"),
    ("layer_norm", (ONES,), {"eps": None}, TypeError, "eps is None"),
    ("layer_norm", (ONES,), {"eps": np.nan}, ValueError, "eps is nan"),
    ("layer_norm", (ONES,), {"out": np.ones(3)}, ValueError, "out has shape"),
    ("layer_norm", (ONES.astype(complex),), {}, TypeError, "x has dtype complex128"),
    ("rms_norm", (ONES,), {"eps": "1"}, TypeError, "eps is '1'"),
    ("rms_norm", (ONES, np.ones(2)), {}, ValueError, "weight has shape"),
    ("batch_norm", (np.ones(3),), {}, ValueError, r"x has shape \(3,\); expected at least two axes"),
    ("batch_norm", (np.ones((1, 3)),), {}, ValueError, r"x has shape \(1, 3\), one sample of each"),
    ("batch_norm", (ONES, np.ones(4)), {}, ValueError, "weight has shape"),
    ("batch_norm", (ONES,), {"training": False}, ValueError, "running_mean is None"),
    ("batch_norm", (ONES,), {"training": 1}, TypeError, "training is 1"),
    ("batch_norm", (ONES,), {"momentum": 1.5}, ValueError, "momentum is 1.5"),
    ("batch_norm", (ONES,), {"momentum": None}, TypeError, "momentum is None"),
    ("batch_norm", (ONES,), {"axis": 2}, ValueError, "axis is 2"),
    ("batch_norm", (ONES,), {"axis": None}, TypeError, "axis is None"),
    ("batch_norm", (ONES,), {"running_mean": [0.0] * 3}, TypeError, "running_mean is of type list"),
    ("batch_norm", (ONES,), {"running_mean": np.zeros(2)}, ValueError, "running_mean has shape"),
    (
        "batch_norm",
        (ONES,),
        {"running_mean": np.broadcast_to(0.0, 3), "running_var": np.ones(3)},
        ValueError,
        "running_mean is read-only",
    ),
    (
        "batch_norm",
        (ONES,),
        {"running_mean": SHARED, "running_var": SHARED},
        ValueError,
        "running_mean shares memory with running_var",
    ),
    (
        "batch_norm",
        (ONES,),
        {"running_var": np.ones(3, np.float32)},
        TypeError,
        "running_var has dtype float32",
    ),
]


@pytest.mark.once
@pytest.mark.parametrize(("name", "given", "keywords", "error", "message"), REFUSED)
def test_refusals(
    name: str, given: tuple[Any, ...], keywords: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=f"fastact.{name}: {message}"):
        getattr(fa, name)(*given, **keywords)


def test_running_statistics_are_only_read_in_evaluation() -> None:
    mean, variance = np.full(3, 0.5), np.full(3, 2.0)
    for array in (mean, variance):
        array.flags.writeable = False
    found = fa.batch_norm(ONES, running_mean=mean, running_var=variance, training=False)
    assert np.allclose(found, 0.5 / np.sqrt(2 + 1e-5), rtol=1e-14)


@pytest.mark.once
@pytest.mark.parametrize("name", NORMS)
def test_a_gradient_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"fastact.{name}.backward: grad_y has shape \(3,\); expected"):
        getattr(fa, name).backward(np.ones(3), ONES)
