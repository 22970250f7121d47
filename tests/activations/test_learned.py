"""Derivatives by learned parameters: against their formula texts, and gradients against finite sums.

Loops over the compiled table.
"""

from fractions import Fraction

import numpy as np
import pytest

import fastact as fa
from fastact.activations.formula import compile_formula

LEARNED = [(name, p) for name in fa.names() for p in fa.get(name).learned]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "parameter"), LEARNED)
def test_derivative_by_parameter_is_its_text(name: str, parameter: str, dtype: type) -> None:
    f = fa.get(name)
    x = np.concatenate([np.linspace(-9, 9, 181), np.random.default_rng(1).normal(0, 2, 200)]).astype(dtype)
    text = compile_formula(f.learned[parameter], ("x", *f.parameters), "numpy")
    wide = [np.float64(dtype(v)) for v in f.parameters.values()]
    want = np.broadcast_to(text(x.astype(np.float64), *wide), x.shape)
    got = f.derivative_by(parameter, x)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, want, rtol=16 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("name", "parameter"), LEARNED)
def test_text_is_the_derivative_of_the_formula(name: str, parameter: str) -> None:
    """By central differences of the activation itself, in float64."""
    f = fa.get(name)
    x, h, value = np.linspace(-3.3, 3.2, 40), 1e-6, f.parameters[parameter]
    up, down = f(x, **{parameter: value + h}), f(x, **{parameter: value - h})
    np.testing.assert_allclose((up - down) / (2 * h), f.derivative_by(parameter, x), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 1), (2, 3, 5)])
@pytest.mark.parametrize(("name", "parameter"), LEARNED)
def test_gradients_have_the_shape_of_the_parameter(name: str, parameter: str, shape: tuple[int, ...]) -> None:
    f, rng = fa.get(name), np.random.default_rng(2)
    x, grad_y = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5))
    value = np.full(shape, f.parameters[parameter])
    got = f.parameter_gradients(grad_y, x, **{parameter: value})[parameter]
    terms = grad_y * f.derivative_by(parameter, x, **{parameter: np.broadcast_to(value, x.shape)})
    assert np.shape(got) == shape
    padded = (1,) * (3 - len(shape)) + shape
    stretched = tuple(i for i in range(3) if padded[i] == 1 and x.shape[i] != 1)
    np.testing.assert_allclose(got, terms.sum(stretched).reshape(shape), rtol=1e-13)


def test_not_a_learned_parameter_is_an_error_that_lists_those() -> None:
    with pytest.raises(TypeError, match=r"prelu\.derivative_by: 'beta' is not a learned.*weight"):
        fa.prelu.derivative_by("beta", 1.0)
    with pytest.raises(TypeError, match=r"gelu\.derivative_by: it has no parameters"):
        fa.gelu.derivative_by("beta", 1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_slopes_give_zero(dtype: type) -> None:
    """Also for infinite and NaN gradients, as backward does; no warning is raised."""
    x = np.array([1.0, 2.0, -3.0, 4.0], dtype)
    grad_y = np.array([np.inf, np.nan, 2.0, -np.inf], dtype)
    got = fa.prelu.parameter_gradients(grad_y, x)["weight"]
    assert got == -6
    assert got.dtype == dtype
    got = fa.prelu.parameter_gradients(grad_y, x, weight=np.full(4, 0.25, dtype))["weight"]
    np.testing.assert_array_equal(got, [0, 0, -6, 0])
    assert np.isnan(fa.prelu.parameter_gradients(grad_y, -x)["weight"])
    assert fa.prelu.parameter_gradients(np.full(4, np.inf, dtype), -np.abs(x))["weight"] == -np.inf


def test_sums_are_rounded_once() -> None:
    """Of float32 data: products and sums in float64; of float64 data: as if sums were exact."""
    rng = np.random.default_rng(6)
    for dtype, size in ((np.float32, 100_001), (np.float64, 30_011)):
        x = -np.abs(rng.normal(size=size)).astype(dtype)
        grad_y = rng.normal(size=size).astype(dtype)
        grad_y[::7] *= dtype(1e7)
        products = [Fraction(float(g)) * Fraction(float(v)) for g, v in zip(grad_y, x, strict=True)]
        if dtype is np.float64:
            products = [Fraction(float(g * v)) for g, v in zip(grad_y, x, strict=True)]
        got = fa.prelu.parameter_gradients(grad_y, x)["weight"]
        assert got == dtype(float(sum(products)))
        wide = fa.prelu.parameter_gradients(grad_y, x, dtype=np.float64)["weight"]
        assert wide.dtype == np.float64
        assert abs(Fraction(float(wide)) - sum(products)) <= abs(sum(products)) * Fraction(2) ** -44


@pytest.mark.parametrize(("shape", "parameter"), [((20_001,), ()), ((15_001, 2), (2,)), ((2, 9_001), (2, 1))])
def test_sums_that_cancel(shape: tuple[int, ...], parameter: tuple[int, ...]) -> None:
    """Every sum is of pairs that cancel, and 1e-20: its error is of the order of eps**2 times the terms."""
    axis = 1 if parameter == (2, 1) else 0
    half = np.random.default_rng(7).normal(size=[n // 2 if k == axis else n for k, n in enumerate(shape)])
    rest = np.full([1 if k == axis else n for k, n in enumerate(shape)], -1e-20)
    grad_y = np.concatenate([half, -half, rest], axis=axis)
    got = fa.prelu.parameter_gradients(grad_y, np.full(shape, -1.0), weight=np.full(parameter, 0.25))[
        "weight"
    ]
    np.testing.assert_allclose(got, np.full(parameter, 1e-20), rtol=1e-6)


def test_gradients_of_lists_and_numbers() -> None:
    assert fa.prelu.parameter_gradients(2.0, [-1.0, 3.0, -2.0]) == {"weight": -6.0}
    assert fa.prelu.parameter_gradients([1, 1, 1], np.float32([-1, 3, -2]))["weight"].dtype == np.float64
    assert fa.prelu.parameter_gradients(2, np.float32([-1, 3, -2]))["weight"].dtype == np.float32
    assert fa.prelu.parameter_gradients(np.ones(0), np.ones(0)) == {"weight": 0.0}
    empty = fa.prelu.parameter_gradients(np.ones((4, 0)), np.ones((4, 0)), weight=np.ones(0))["weight"]
    assert empty.shape == (0,)
