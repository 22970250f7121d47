"""Zeros, infinities and NaN, compared by bits, for every entry.

Knows the rules: infinity means the limit; at a zero, and where a limit is zero, the sign is that of the
values nearby; an exact zero is +0; NaN gives NaN. Does not know any activation.
"""

from __future__ import annotations

import ast

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

KEYS = ("formula", "derivative_formula")


def value(activation: fa.Activation, key: str, x: object) -> np.ndarray:
    """f or f' of one number, through the array path, which is that of every number."""
    function = activation if key == "formula" else activation.derivative
    return function(np.array([x]))[0]


def bound(activation: fa.Activation, key: str, dtype: type) -> float:
    return activation.max_ulp[dtype.__name__][KEYS.index(key)]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("sign", [1, -1])
def test_infinity_is_the_limit(activation: fa.Activation, dtype: type, key: str, sign: int) -> None:
    want = oracle.limit(activation.name, key, sign, oracle.defaults(activation.name, dtype))
    expected = dtype(np.nan) if want is None else oracle.rounded(want, dtype)
    oracle.assert_same_bits(value(activation, key, dtype(sign * np.inf)), expected)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("sign", [1, -1])
def test_infinity_is_the_limit_where_a_parameter_is_0(
    activation: fa.Activation, dtype: type, key: str, sign: int
) -> None:
    """0 times infinity is nobody's limit. Where the formula divides by the parameter, nothing is asked."""
    for parameter in activation.parameters:
        values = {
            **dict(zip(activation.parameters, oracle.defaults(activation.name, dtype), strict=True)),
            parameter: 0.0,
        }
        function = (activation if key == "formula" else activation.derivative).__call__
        if oracle.truth(activation.name, key, 1.5 * sign, tuple(values.values())) is None:
            continue
        want = oracle.limit(activation.name, key, sign, tuple(values.values()))
        if want is not None:
            got = function(np.array([dtype(sign * np.inf)]), **values)[0]
            assert got == oracle.rounded(want, dtype), (parameter, got)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("sign", [1, -1])
def test_zero(activation: fa.Activation, dtype: type, key: str, sign: int) -> None:
    parameters = oracle.defaults(activation.name, dtype)
    got, exact = (
        value(activation, key, dtype(sign * 0.0)),
        oracle.truth(activation.name, key, 0.0, parameters),
    )
    if exact == 0:
        near = oracle.truth(activation.name, key, sign * oracle.NEAR_ZERO, parameters)
        oracle.assert_same_bits(got, dtype(-0.0) if -(2.0**-100) < near < 0 else dtype(0))
    else:
        assert oracle.error_in_ulp(got, exact, dtype) <= bound(activation, key, dtype)


def test_nan_gives_nan(activation: fa.Activation, dtype: type) -> None:
    """Of either sign, in every direction; for values and gradients that matter."""
    for nan in (dtype(np.nan), -dtype(np.nan)):
        x = np.full(3, nan)
        assert np.isnan(activation(x)).all()
        assert np.isnan(activation.derivative(x)).all()
        assert np.isnan(activation.backward(np.ones(3, dtype), x)).all()
        assert all(np.isnan(r).all() for r in activation.value_and_derivative(x))
        if activation.output_formula is not None:
            assert np.isnan(activation.backward_from_output(np.ones(3, dtype), x)).all()


def test_nan_parameter_gives_nan_where_it_matters(activation: fa.Activation, dtype: type) -> None:
    """NaN for some x at least, if the text has the parameter at all: one that could be NaN unseen would not
    be used. Bounds, for which it is NaN for all x, are in test_extreme_parameters.py."""
    x = np.linspace(-9, 9, 101).astype(dtype)
    for parameter in activation.parameters:
        both = activation.value_and_derivative(x, **{parameter: np.nan})
        for text, found in zip((activation.formula, activation.derivative_formula), both, strict=True):
            named = any(isinstance(n, ast.Name) and n.id == parameter for n in ast.walk(ast.parse(text)))
            assert np.isnan(found).any() or not named, (parameter, text)


def test_extremes_do_not_overflow(activation: fa.Activation, dtype: type) -> None:
    """The largest and smallest finite numbers and their neighbours: within the bound of the truth, where
    infinity counts as the next number above the largest; never NaN."""
    info = np.finfo(dtype)
    x = [
        s * v
        for b in (info.max, info.tiny, info.smallest_subnormal)
        for s in (1, -1)
        for v in oracle.neighbours(float(b), dtype, 2)
        if v != 0
    ]
    parameters = oracle.defaults(activation.name, dtype)
    for key in KEYS:
        for point in x:
            got, want = (
                value(activation, key, dtype(point)),
                oracle.truth(activation.name, key, point, parameters),
            )
            if want is not None:
                assert oracle.error_in_ulp(got, want, dtype) <= bound(activation, key, dtype), (key, point)
            assert not np.isnan(got)


def test_backward_selects(activation: fa.Activation, dtype: type) -> None:
    """Where f' is 0 nothing passes, not even infinity or NaN; elsewhere they pass."""
    x = helpers.arguments(helpers.Call(activation.name, "derivative", 1, 1), 4000, dtype)[0]
    derivative = activation.derivative(x)
    dead = derivative == 0
    for gradient in (np.inf, -np.inf, np.nan):
        got = activation.backward(np.full(x.shape, gradient, dtype), x)
        oracle.assert_same_bits(got[dead], np.zeros(dead.sum(), dtype))
        with np.errstate(all="ignore"):
            oracle.assert_same_bits(got[~dead], (dtype(gradient) * derivative)[~dead])


def test_backward_multiplies_by_the_derivative_as_rounded(activation: fa.Activation, dtype: type) -> None:
    """Where f' overflows backward is infinite, though a small gradient would make the product finite; the
    help text says so."""
    largest, smallest = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    x = np.array([-largest, 1.5 * np.log(largest), largest], dtype)
    derivative = activation.derivative(x)
    beyond = np.isinf(derivative)
    got = activation.backward(np.full_like(x, smallest), x)
    oracle.assert_same_bits(got[beyond], derivative[beyond])
    assert beyond.any() == (activation.name in ("exp", "square", "relu_squared", "star_relu", "xielu"))
    assert "f'(x) overflows, the result is infinite" in " ".join(activation.documentation().split())
