"""Derivatives by learned parameters: against their formula texts, and gradients against finite sums.

Loops over the compiled table; does not know any activation.
"""

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
