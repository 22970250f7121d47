"""Errors of gated pairs against the table's formulas in ball arithmetic, on ordinary and extreme factors."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from mpmath import mp, mpf

import fastact as fa
from fastact.rowwise.gated import Gated

NAMED = {
    "glu": ("sigmoid", True),
    "swiglu": ("silu", False),
    "geglu": ("gelu", False),
    "geglu_tanh": ("gelu_tanh", False),
    "reglu": ("relu", False),
    "bilinear": ("identity", False),
}


def sample(seed: int, dtype: type, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gates, other factors of any size and gradients."""
    rng = np.random.default_rng(seed)
    a = rng.normal(0, 10.0 ** rng.uniform(-2, 1.4, count))
    b, g = rng.normal(size=(2, count)) * 10.0 ** rng.uniform(-9, 9, (2, count))
    return a.astype(dtype), b.astype(dtype), g.astype(dtype)


def check(got: np.floating, want: mpf, bound: float, dtype: type) -> None:
    assert oracle.error_in_ulp(float(got), want, dtype) <= bound, (got, want)


def check_pair(
    pair: Gated,
    entry: str,
    given: tuple[np.ndarray, np.ndarray, np.ndarray],
    parameters: tuple[float, ...] = (),
) -> int:
    """How many elements were compared: those whose f and f' are normal numbers in float64."""
    a, b, g = given
    dtype, bound, compared = a.dtype.type, pair.max_ulp[a.dtype.name], 0
    y, (to_a, to_b) = pair(a, b), pair.backward(g, a, b)
    for i in range(len(a)):
        f = oracle.truth(entry, "formula", float(a[i]), parameters)
        d = oracle.truth(entry, "derivative_formula", float(a[i]), parameters)
        if f is None or d is None or not all(v == 0 or 1e-307 < abs(v) < 1e307 for v in (f, d)):
            continue
        factor, grad = mpf(float(b[i])), mpf(float(g[i]))
        for got, want in ((y[i], f * factor), (to_a[i], grad * factor * d), (to_b[i], grad * f)):
            check(got, want, bound, dtype)
        compared += 1
    return compared


def test_every_activation(name: str, dtype: type) -> None:
    parameters = oracle.defaults(name, dtype)
    with mp.workprec(oracle.PRECISION):
        assert check_pair(fa.gated(name), name, sample(1, dtype, 16), parameters) > 8


@pytest.mark.parametrize("name", NAMED)
def test_named_pairs(name: str, dtype: type) -> None:
    entry, swapped = NAMED[name]
    a, b, g = sample(2, dtype, 60)
    assert fa.gated(entry).max_ulp == getattr(fa, name).max_ulp
    assert getattr(fa, name).max_ulp["float32"] <= 1
    assert getattr(fa, name).max_ulp["float64"] <= 4
    with mp.workprec(oracle.PRECISION):
        assert check_pair(fa.gated(entry), entry, (a, b, g)) > 50
    both = (b, a) if swapped else (a, b)
    assert np.array_equal(getattr(fa, name)(*both), fa.gated(entry)(a, b))
    grads = getattr(fa, name).backward(g, *both)
    assert np.array_equal(grads[::-1] if swapped else grads, fa.gated(entry).backward(g, a, b))


@pytest.mark.parametrize("entry", ["silu", "quick_gelu", "sigmoid", "gelu"])
def test_tails_and_roots(entry: str, dtype: type) -> None:
    """What would vanish in float32 before it is multiplied; gradients beside the roots of f'."""
    a = [-14.5, -60.0, -87.5, -104.5, -150.0, -37.0, 17.5, 40.0, 90.0, -1e-30, 1e-45, 0.0]
    for root in (-1.2784645427610738, -0.7511413872867648, -0.7517916243494656):
        a += oracle.neighbours(float(dtype(root)), dtype, 3)
    gates = np.array(a, dtype)
    factors = np.resize(np.array([1e30, -1e-20, 3.0, 1e38], dtype), gates.shape)
    with mp.workprec(oracle.PRECISION):
        assert check_pair(fa.gated(entry), entry, (gates, factors, factors[::-1].copy())) > 20


@pytest.mark.parametrize("beta", [1e-3, 0.25, 1.702, 30.0, -2.0, 0.0])
def test_swish(beta: float, dtype: type) -> None:
    pair = fa.gated(fa.swish.bind(beta=beta))
    with mp.workprec(oracle.PRECISION):
        assert check_pair(pair, "swish", sample(3, dtype, 40), (float(dtype(beta)),)) > 20


LIMITS = [(1.702, 7.0, 1.0), (1.0, None, 1.0), (0.5, 2.5, -0.3), (1.0, 1e30, 0.0)]


@pytest.mark.parametrize(("alpha", "limit", "offset"), LIMITS)
def test_limit_alpha_offset(alpha: float, limit: float | None, offset: float, dtype: type) -> None:
    a, b, g = sample(4, dtype, 60)
    b = np.where(np.abs(b) > 1e3, b / dtype(1e6), b)
    keywords = {"alpha": alpha, "limit": limit, "offset": offset}
    y, (to_a, to_b) = fa.swiglu(a, b, **keywords), fa.swiglu.backward(g, a, b, **keywords)
    bound, most = fa.swiglu.max_ulp[a.dtype.name], mpf(limit or "1e4000")
    beta = 1.702 if alpha == 1.702 else float(dtype(alpha))
    with mp.workprec(oracle.PRECISION):
        for i in range(len(a)):
            gate, factor = min(mpf(float(a[i])), most), max(-most, min(mpf(float(b[i])), most)) + mpf(offset)
            f = oracle.truth("swish", "formula", float(gate), (beta,))
            d = oracle.truth("swish", "derivative_formula", float(gate), (beta,))
            assert f is not None
            assert d is not None
            check(y[i], f * factor, bound, dtype)
            check(to_a[i], mpf(float(g[i])) * factor * d * (a[i] < most), bound, dtype)
            check(to_b[i], mpf(float(g[i])) * f * (abs(b[i]) < most), bound, dtype)


def test_partial_products_that_leave_the_range_of_float64() -> None:
    """g b over- or underflows, or b f' does, and g b f' does not."""
    cases = [(1e200, -700.0, 1e200), (1e-280, 3.0, 1e-40), (1e-300, 2.0, 1e300), (1e300, 2.0, 1e-300)]
    cases += [(1e250, -690.0, 1e-4), (1e308, -600.0, -1e308), (1e-320, 5.0, 1e20)]
    with mp.workprec(oracle.PRECISION):
        for grad, gate, factor in cases:
            to_gate, _ = fa.swiglu.backward(*np.array([[grad], [gate], [factor]]))
            d = oracle.truth("silu", "derivative_formula", gate, ())
            check(to_gate[0], mpf(grad) * mpf(factor) * d, 4, np.float64)


def test_infinite_and_missing_values(dtype: type) -> None:
    inf, nan = np.inf, np.nan
    a = np.array([-inf, inf, nan, -inf, 1, 1, 1], dtype)
    b = np.array([2, 2, 2, nan, inf, nan, -inf], dtype)
    y = fa.swiglu(a, b)
    assert np.array_equal(y, np.array([-0.0, inf, nan, nan, inf, nan, -inf], dtype), equal_nan=True)
    assert np.signbit(y[0])
    to_a, to_b = fa.swiglu.backward(np.ones_like(a), a, b)
    assert np.array_equal(to_a[:4], np.array([0, 2, nan, nan], dtype), equal_nan=True)
    assert np.array_equal(to_b[:3], np.array([0, inf, nan], dtype), equal_nan=True)
    for pair, gate in ((fa.swiglu, -inf), (fa.reglu, -1), (fa.geglu, -inf), (fa.gated("sigmoid"), -inf)):
        for grad in (inf, nan):  # a derivative of 0 times anything
            gradients = pair.backward(dtype(grad), dtype(gate), dtype(3))
            assert [float(one) for one in gradients] == [0, 0]
        assert float(pair.backward(dtype(inf), dtype(1), dtype(0))[0]) == 0
    limited = fa.swiglu.backward(*np.array([[inf, 1], [9, nan], [-8, nan]], dtype), limit=7)
    assert np.array_equal(limited, np.array([[0, nan], [0, nan]], dtype), equal_nan=True)
