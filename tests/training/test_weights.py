"""Initial weights: their distributions, copies, orthogonality, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

import fastact as fa

pytestmark = pytest.mark.once

SHAPE = (3, 200, 100)  # copies of 200 to 100
STD = {"he": (2 / 200) ** 0.5, "glorot": (2 / 300) ** 0.5, "lecun": (1 / 200) ** 0.5}


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("distribution", ["normal", "uniform", "truncated"])
@pytest.mark.parametrize("name", STD)
def test_standard_deviations_and_distributions(name: str, distribution: str) -> None:
    w = getattr(fa.init, name)(SHAPE, 1.5, rng=generator(), distribution=distribution)
    scaled = (w / (1.5 * STD[name])).ravel()
    assert w.shape == SHAPE
    assert scaled.std() == pytest.approx(1, abs=0.01)  # 60,000 draws: five times the deviation of this
    cut = stats.truncnorm(-2, 2)
    wanted = {
        "normal": stats.norm.cdf,
        "uniform": stats.uniform(-(3**0.5), 2 * 3**0.5).cdf,
        "truncated": lambda t: cut.cdf(t * cut.std()),
    }
    assert stats.kstest(scaled, wanted[distribution]).pvalue > 0.01


def test_the_generator_dtype_and_out_decide() -> None:
    first = fa.init.he((4, 5), rng=generator())
    assert (fa.init.he((4, 5), rng=generator()) == first).all()
    assert (fa.init.he((4, 5), rng=generator(1)) != first).all()
    single = fa.init.he((4, 5), rng=generator(), dtype="float32")
    assert single.dtype == np.float32
    assert (single == first.astype(np.float32)).all()
    out = np.empty((5, 4), np.float32).T
    assert fa.init.he((4, 5), rng=generator(), out=out) is out
    assert (out == single).all()


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 5, 5), (2, 1)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = fa.init.orthogonal(shape, 3.0, rng=generator())
    small = w if shape[-2] <= shape[-1] else np.swapaxes(w, -1, -2)
    product = small @ np.swapaxes(small, -1, -2)
    assert w.shape == shape
    assert np.allclose(product, 9 * np.eye(min(shape[-2:])), atol=1e-13)


def test_orthogonal_matrices_have_no_preferred_sign() -> None:
    """QR alone gives each R a diagonal, and with it each Q a first column, of fixed sign."""
    w = fa.init.orthogonal((2000, 3, 3), rng=generator())
    assert abs(w[:, 0, 0].mean()) < 0.06
    assert abs((np.linalg.det(w) > 0).mean() - 0.5) < 0.06


def test_randomized_asymmetric() -> None:
    w, b = fa.init.randomized_asymmetric((500, 20, 10), rng=generator())
    assert (w.shape, b.shape) == ((500, 20, 10), (500, 10))
    together = np.concatenate([w, b[:, np.newaxis]], axis=1)
    # 20/21 of them have variance .6007^2/20, 1/21 have the second moment of Beta(2, 1), 1/2
    assert np.square(together).mean() == pytest.approx((0.6007**2 + 0.5) / 21, rel=0.02)
    assert (together > 0.7).sum(axis=1).mean() == pytest.approx(1 - 0.7**2, abs=0.03)


def network(activation: Any = "tanh") -> fa.Network:
    rng = generator()
    sizes = [8, 16, 12, 3]
    layers = [(0.1 * rng.normal(size=s), np.zeros(s[1]), activation) for s in pairwise(sizes)]
    return fa.Network(layers)


@pytest.mark.parametrize("rng", [None, generator(3)], ids=["scaled", "orthogonal"])
def test_lsuv(rng: np.random.Generator | None) -> None:
    net, x = network(), 4 * generator(2).normal(size=(50, 8))
    before = net.parameters.copy()
    fa.init.lsuv(net, x, std=1.5, rng=rng)
    h = x
    for layer in net.layers:
        assert (h @ layer.w).std() == pytest.approx(1.5, rel=1e-12)
        h = np.tanh(h @ layer.w + layer.b)
    first = net.layers[0].w
    if rng is None:
        ratio = first / before[: first.size].reshape(first.shape)
        assert np.ptp(ratio) < 1e-12 * ratio.max()
    else:
        product = first @ first.T
        assert np.allclose(product, product[0, 0] * np.eye(8), atol=1e-12)


def test_lsuv_refuses_data_without_variation() -> None:
    with pytest.raises(ValueError, match=r"standard deviation of layer 0 .* is 0"):
        fa.init.lsuv(network(), np.zeros((5, 8)))


@pytest.mark.parametrize("function", [fa.init.he, fa.init.glorot, fa.init.lecun, fa.init.orthogonal])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": (3,)}, ValueError, r"shape is \(3,\); expected \(..., i, o\)"),
        ({"shape": (3, -1)}, ValueError, "shape is"),
        ({"shape": (3, 1.5)}, TypeError, "expected a sequence of int"),
        ({"rng": 0}, TypeError, "rng is of type int; expected a Generator"),
        ({"dtype": "int8"}, TypeError, "dtype is int8; expected float32 or float64"),
        ({"out": np.zeros((2, 2))}, ValueError, r"out has shape \(2, 2\); expected \(2, 3\)"),
    ],
)
def test_refusals(function: Callable[..., Any], arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        function(**{"shape": (2, 3), "rng": generator(), **arguments})


def test_an_unknown_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match="distribution is 'cauchy'; expected one of 'normal'"):
        fa.init.he((2, 3), rng=generator(), distribution="cauchy")


def test_matrices_without_elements() -> None:
    assert fa.init.he((0, 3), rng=generator()).shape == (0, 3)
    assert fa.init.orthogonal((0, 3), rng=generator()).shape == (0, 3)


def test_lsuv_refuses_arrays_that_it_would_strip() -> None:
    net = fa.Network([(np.eye(3), None, "relu")])
    before = net.parameters.copy()
    x = np.ma.array(np.arange(6.0).reshape(2, 3), mask=False)
    with pytest.raises(TypeError, match="x is of type MaskedArray"):
        fa.init.lsuv(net, x)
    assert np.array_equal(net.parameters, before)
