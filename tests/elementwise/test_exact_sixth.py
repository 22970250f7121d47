"""hard_sigmoid's default slope is 1/6, which no float is: results are compared with (x + 3)/6 in rationals.

Does not know the formula texts, nor the oracle that evaluates them.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import fastact as fa

SIXTHS = (1 / 6, float(np.float32(1 / 6)))


def around_the_kinks(dtype: type) -> np.ndarray:
    """-3 and 3, numbers at all distances from them, and a dense sample of the slope."""
    distances = 1.3 * 2.0 ** -np.arange(60.0)
    near = [s * 3 + t * d for s in (1, -1) for t in (1, -1) for d in distances]
    return np.array([-3, 3, *near, *np.linspace(-3.5, 3.5, 2001)], dtype)


def exact(x: float, slope: Fraction = Fraction(1, 6), offset: Fraction = Fraction(1, 2)) -> Fraction:
    return min(max(slope * Fraction(x) + offset, Fraction(0)), Fraction(1))


def assert_rounded(x: np.ndarray, y: np.ndarray, want: list[Fraction]) -> None:
    """Each result is the number nearest to the exact value."""
    for point, got, value in zip(x.tolist(), y.tolist(), want, strict=True):
        unit = Fraction(float(np.spacing(y.dtype.type(float(value)))))
        assert abs(Fraction(got) - value) <= unit / 2, (point, got, float(value))


def test_values_are_rounded_from_the_exact_ones(dtype: type) -> None:
    x = around_the_kinks(dtype)
    assert_rounded(x, fa.hard_sigmoid(x), [exact(point) for point in x.tolist()])


def test_kinks_are_at_3(dtype: type) -> None:
    x = np.array([-3, 3, np.nextafter(dtype(-3), dtype(0)), np.nextafter(dtype(3), dtype(0))], dtype)
    sixth = dtype(1 / 6)
    assert fa.hard_sigmoid(x[:2]).tolist() == [0, 1]
    assert fa.hard_sigmoid.kinks == (-3, 3)
    for derivative in (
        fa.hard_sigmoid.derivative(x),
        fa.hard_sigmoid.value_and_derivative(x)[1],
        fa.hard_sigmoid.backward(np.ones_like(x), x),
    ):
        assert derivative.tolist() == [0, 0, sixth, sixth]


@pytest.mark.parametrize("slope", SIXTHS)
def test_either_rounded_sixth_means_it(dtype: type, slope: float) -> None:
    """As a number, as an array of either dtype, and beside other slopes."""
    x = around_the_kinks(dtype)
    want, slopes = fa.hard_sigmoid.value_and_derivative(x), np.full(x.shape, slope, dtype)
    assert fa.hard_sigmoid.bind(slope=slope).kinks == (-3, 3)
    assert (fa.hard_sigmoid(x, slope=slope) == want[0]).all()
    mixed = np.where(np.arange(x.size) % 2, slopes, dtype(0.2))
    for given, where in ((slopes, slice(None)), (mixed, slice(1, None, 2))):
        value, derivative = fa.hard_sigmoid.value_and_derivative(x, slope=given)
        assert (value == want[0])[where].all()
        assert (derivative == want[1])[where].all()


def test_other_slopes_are_what_they_are(dtype: type) -> None:
    """The number next to 1/6, and 0.2, with another offset."""
    x = around_the_kinks(dtype)
    for slope in (np.nextafter(dtype(1 / 6), dtype(1)), dtype(0.2)):
        want = [exact(point, Fraction(float(slope)), Fraction(1, 4)) for point in x.tolist()]
        assert_rounded(x, fa.hard_sigmoid(x, slope=slope, offset=0.25), want)


def test_offsets_that_sixths_multiply_inexactly(dtype: type) -> None:
    x = around_the_kinks(dtype)
    offset = dtype(0.3)
    want = [exact(point, offset=Fraction(float(offset))) for point in x.tolist()]
    assert_rounded(x, fa.hard_sigmoid(x, offset=offset), want)
