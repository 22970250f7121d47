"""Fixed point: against exact arithmetic, at its ends, and for each dtype."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once


def nearest(x: float, m: int, f: int, signed: bool) -> Fraction:
    """By exact arithmetic: round is to the even integer."""
    low, high = (-(2 ** (m + f)) if signed else 0), 2 ** (m + f) - 1
    return Fraction(min(max(round(Fraction(x) * 2**f), low), high), 2**f)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("m", "f"), [(3, 5), (0, 7), (8, 0), (2, 3), (0, 1)])
@pytest.mark.parametrize("signed", [True, False])
def test_against_exact_arithmetic(dtype: str, m: int, f: int, signed: bool) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 2.0**m, 300), np.arange(-40, 40) / 2 ** (f + 1)]).astype(dtype)
    found = fa.fixed_point(x, m, f, signed=signed)
    assert found.dtype == dtype
    assert [Fraction(float(v)) for v in found] == [nearest(float(v), m, f, signed) for v in x]


@pytest.mark.parametrize(("dtype", "precision"), [("float16", 11), ("float32", 24), ("float64", 53)])
@pytest.mark.parametrize("bits", [(0, 63), (63, 0), (10, 30), (4, 8), (0, 12)])
def test_the_greatest_number_is_below_the_power(dtype: str, precision: int, bits: tuple[int, int]) -> None:
    m, f = bits
    x = np.array([-np.inf, np.inf, np.nan], dtype)
    low, high, nan = fa.fixed_point(x, m, f).astype(float)
    assert math.isnan(nan)
    if m < 16 or dtype != "float16":
        assert low == -(2.0**m)
        assert high == (2 ** min(m + f, precision) - 1) * 2.0 ** (m - min(m + f, precision))
    assert fa.fixed_point(x, m, f, signed=False)[0] == 0


def test_other_inputs() -> None:
    assert fa.fixed_point(2.3, 3, 1) == 2.5
    assert fa.fixed_point(np.array([[3, 300]]), 3, 5).tolist() == [[3, 7.96875]]
    assert fa.fixed_point([], 3, 5).shape == (0,)
    assert not np.signbit(fa.fixed_point([-0.01, -0.0], 3, 2)).any()
    assert fa.fixed_point(1e300, 0, 63) == 1 - 2.0**-53


@pytest.mark.parametrize(
    ("values", "bits"),
    [
        ("relu6", 3),
        ("sigmoid", 0),
        ("tanh", 0),
        (fa.hard_tanh.bind(min_value=-4, max_value=4.5), 3),
        (fa.mixed(["relu6", "sin"]), 3),
        ([0.0], 0),
        ([1.0], 0),
        ([1.0001], 1),
        ([8.0], 3),
        ([-8.5, 1], 4),
        (np.float32(5), 3),
        ([], None),
        ([np.nan], None),
        ("relu", None),
        ("exp", None),
    ],
)
def test_integer_bits(values: Any, bits: int | None) -> None:
    if bits is None:
        with pytest.raises(ValueError, match=r"expected (one with bounds|finite numbers)"):
            fa.fixed_point_bits(values)
    else:
        assert fa.fixed_point_bits(values) == bits


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (([1], -1, 2), ValueError, "integer_bits is -1"),
        (([1], 3, -2), ValueError, "fraction_bits is -2"),
        (([1], 0, 0), ValueError, "there are 0 bits"),
        (([1], 60, 4), ValueError, "there are 64 bits"),
        (([1], 3.5, 4), TypeError, "integer"),
        ((["a"], 3, 4), TypeError, "dtype"),
        ((np.ma.array([1.0]), 3, 4), TypeError, "MaskedArray"),
    ],
)
def test_refusals(arguments: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        fa.fixed_point(*arguments)
