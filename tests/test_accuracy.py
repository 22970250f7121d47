"""Errors in ULP of every row, forward and derivative, against its formula in multiprecision.

Knows the bounds' meaning; does not know their values, which the rows state.
"""

from __future__ import annotations

import bisect

import numpy as np
import oracle
import pytest
from mpmath import mpf

import fastact as fa

KEYS = {"forward": "formula", "derivative": "derivative_formula"}
PARAMETER_VALUES = (-3.0, -1.0, -0.25, -1e-3, 0.0, 1e-30, 1e-3, 0.3, 1.7, 5.0, 1e3, 1e30)


@pytest.fixture(params=KEYS)
def direction(request: pytest.FixtureRequest) -> str:
    return request.param


class Nearby:
    """Within 2^-20 of a root of f' the float64 bound is 2 ULP of the largest term of f'. The formula texts
    do not say what their terms are; the largest abs(f') within 1 of the root is no larger than twice it,
    and stands in for it."""

    def __init__(self, name: str, parameters: tuple[float, ...]) -> None:
        self.name, self.parameters = name, parameters
        self.roots = sorted(oracle.roots(name, parameters))

    def scale(self, x: float) -> mpf | None:
        """The largest abs(f') near the root that x is near to, else None."""
        at = bisect.bisect(self.roots, x)
        for root in self.roots[max(at - 1, 0) : at + 1]:
            if abs(x - root) <= 2.0**-20:
                around = [root + k / 8 for k in range(-8, 9)]
                values = [oracle.truth(self.name, KEYS["derivative"], p, self.parameters) for p in around]
                return max(abs(v) for v in values if v is not None)
        return None


def compute(activation: fa.Activation, direction: str, x: np.ndarray) -> np.ndarray:
    return activation(x) if direction == "forward" else activation.derivative(x)


def measure(activation: fa.Activation, direction: str, x: np.ndarray) -> tuple[float, str, list[str]]:
    """The largest error in ULP with where it is, and the wrong signs and lost values.

    A zero that another parameter makes exact, such as 0*x, may have either sign.
    """
    dtype = x.dtype.type
    parameters = tuple(float(dtype(v)) for v in activation.parameters.values())
    near_root = (
        Nearby(activation.name, parameters) if (direction, dtype) == ("derivative", np.float64) else None
    )
    worst, where, wrong, known = 0.0, "", [], 0
    for point, got in zip(x.tolist(), compute(activation, direction, x), strict=True):
        want = oracle.truth(activation.name, KEYS[direction], point, parameters)
        if want is None:
            continue
        known += 1
        shown = f"f({point.hex()}) = {float(got).hex()}, want {oracle.rounded(want, dtype).item().hex()}"
        lost = got == 0 and abs(want) >= oracle.ulp(mpf(0), dtype)
        sign_is_given = point != 0 and (want != 0 or parameters == oracle.defaults(activation.name, dtype))
        if lost or (sign_is_given and bool(np.signbit(got)) != bool(want < 0)):
            wrong.append(shown)
        error = oracle.error_in_ulp(got, want, dtype)
        if near_root and error > 0.5 and (scale := near_root.scale(point)) is not None:
            error *= float(oracle.ulp(want, dtype) / oracle.ulp(max(scale, abs(want)), dtype))
        if error > worst:
            worst, where = error, f"{error:.4f} ULP: {shown}"
    assert known, "the formula is nowhere defined"
    return worst, where, wrong


def bound_of(activation: fa.Activation, direction: str, dtype: type) -> float:
    return activation.max_ulp[dtype.__name__][direction == "derivative"]


def test_within_the_bound_and_the_bound_is_not_far_too_loose(
    activation: fa.Activation, direction: str, dtype: type
) -> None:
    """The sample is a lower bound of the true maximum, but rounding alone brings thousands of points to
    nearly half an ULP wherever results are inexact: a claim more than four times what is seen is empty."""
    parameters = oracle.defaults(activation.name, dtype)
    kinks = activation.bind(**dict(zip(activation.parameters, parameters, strict=True))).kinks
    x = oracle.points(activation.name, KEYS[direction], parameters, kinks, dtype)
    worst, where, wrong = measure(activation, direction, x)
    bound = bound_of(activation, direction, dtype)
    assert not wrong, wrong[:5]
    assert worst <= bound, where
    assert bound <= 0.5 or worst >= bound / 4, f"claims {bound} ULP, but the worst is {where}"


def test_within_the_bound_at_other_parameters(activation: fa.Activation, direction: str, dtype: type) -> None:
    """One parameter at a time, negative, zero, tiny and huge; where the formula is defined at all."""
    bound = bound_of(activation, direction, dtype)
    moderate = np.linspace(-12, 12, 49).tolist()
    failures = []
    for parameter in activation.parameters:
        for value in PARAMETER_VALUES:
            other = activation.bind(**{parameter: value})
            x = np.array([*oracle.bit_steps(dtype, 40), *moderate], dtype)
            try:
                worst, where, wrong = measure(other, direction, x)
            except AssertionError as error:
                if "nowhere defined" not in str(error):
                    raise
                continue
            if wrong or worst > bound:
                failures.append(f"{parameter}={value}: {where} {wrong[:2]}")
    assert not failures, "\n".join(failures)


def test_errors_are_counted_in_ulp_of_the_truth() -> None:
    """The measure itself: against known cases, in each range of each format."""
    for dtype, smallest, largest in ((np.float32, -149, 128), (np.float64, -1074, 1024)):
        digits = np.finfo(dtype).nmant
        assert oracle.error_in_ulp(1.0, mpf(1) + mpf(2) ** -digits, dtype) == 1
        assert oracle.error_in_ulp(0.0, mpf(2) ** smallest * 3 / 4, dtype) == 0.75
        assert oracle.error_in_ulp(np.inf, mpf(2) ** 2000, dtype) == 0
        assert oracle.error_in_ulp(np.inf, mpf(2) ** largest, dtype) == 0
        assert oracle.error_in_ulp(float(np.finfo(dtype).max), mpf(2) ** 2000, dtype) == 1
        assert oracle.error_in_ulp(np.nan, mpf(1), dtype) == np.inf
        assert oracle.rounded(mpf(2) ** largest, dtype) == np.inf
        assert oracle.rounded(-(mpf(2) ** (smallest - 2)), dtype) == 0
        assert np.signbit(oracle.rounded(-(mpf(2) ** (smallest - 2)), dtype))
        assert oracle.rounded(mpf(1) + mpf(2) ** (-digits - 1), dtype) == 1


def test_root_search_finds_a_known_root() -> None:
    """Were the search for roots to find nothing, the tests around them would be empty."""
    found = [fa.get(n) for n in fa.names() if oracle.roots(n, oracle.defaults(n))]
    assert found
    for activation in found:
        for root in oracle.roots(activation.name, oracle.defaults(activation.name)):
            a, *_, b = activation.derivative(np.array(oracle.neighbours(root, np.float64, 2)))
            assert a <= 0 <= b or b <= 0 <= a
