"""Errors in ULP of every entry, forward and derivative, against its formula in multiprecision.

Knows the bounds' meaning; does not know their values, which the entries state.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from flint import arb
from mpmath import mp, mpf

import fastact as fa
from fastact.evaluation.accuracy.double import near_roots, term_ratio
from fastact.evaluation.accuracy.points import roots
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.truth import Truth, parts

KEYS = {"forward": "formula", "derivative": "derivative_formula"}
PARAMETER_VALUES = (-3.0, -1.0, -0.25, -1e-3, 0.0, 1e-30, 1e-3, 0.3, 1.7, 5.0, 1e3, 1e30)


class NowhereDefinedError(ArithmeticError):
    """A formula has no value at any of the points."""


@pytest.fixture(params=KEYS)
def direction(request: pytest.FixtureRequest) -> str:
    return request.param


def compute(activation: fa.Activation, direction: str, x: np.ndarray) -> np.ndarray:
    return activation(x) if direction == "forward" else activation.derivative(x)


def eased(
    activation: fa.Activation, direction: str, x: np.ndarray, want: Truth, errors: np.ndarray
) -> np.ndarray:
    """Errors in float64: within 2^-20 of a root of f' (or of f, which a sum such as xielu's has off 0), those
    above the bound in ULP of the largest term."""
    subject = Subject(activation, "f" if direction == "forward" else "f'")
    over = errors > subject.bound("float64")
    if not over.any():
        return errors
    large = np.flatnonzero(over & near_roots(x, roots(subject)))
    errors[large] /= term_ratio(subject, x[large], want.floor[large])
    return errors


def measure(activation: fa.Activation, direction: str, x: np.ndarray) -> tuple[float, str, list[str]]:
    """The largest error in ULP with where it is, and the wrong signs and lost values.

    A zero that another parameter makes exact, such as 0*x, may have either sign.
    """
    dtype = x.dtype.type
    parameters = tuple(float(dtype(v)) for v in activation.parameters.values())
    activation = activation.bind(**dict(zip(activation.parameters, parameters, strict=True)))
    want, signed = oracle.truths(activation.name, KEYS[direction], x, parameters)
    known = ~np.isnan(want.floor)
    if not known.any():
        raise NowhereDefinedError
    got = compute(activation, direction, x)
    errors = np.where(known, oracle.errors_in_ulp(got, want), 0)
    if dtype is np.float64:
        errors = eased(activation, direction, x, want, errors)
    lost = (got == 0) & (np.abs(want.floor) >= np.finfo(dtype).smallest_subnormal)
    default = parameters == oracle.defaults(activation.name, dtype)
    present = (want.floor != 0) | (want.fraction > 0) | default
    opposite = (np.signbit(got) != np.signbit(want.floor)) & (x != 0) & present & signed

    def shown(i: int) -> str:
        return f"f({x[i].item().hex()}) = {got[i].item().hex()}, want {want.near()[i].item().hex()}"

    worst = int(np.argmax(errors))
    return (
        float(errors[worst]),
        f"{errors[worst]:.4f} ULP: {shown(worst)}",
        [shown(i) for i in np.flatnonzero(lost | opposite)],
    )


def bound_of(activation: fa.Activation, direction: str, dtype: type) -> float:
    return activation.max_ulp[dtype.__name__][direction == "derivative"]


def test_within_the_bound_and_the_bound_is_not_far_too_loose(activation: fa.Activation, dtype: type) -> None:
    """The sample is a lower bound of the true maximum, but rounding alone brings thousands of points to
    nearly half an ULP wherever results are inexact: a claim more than four times what is seen is empty.
    float32 makes one claim for f and f' together, which is not empty if either comes near."""
    parameters = oracle.defaults(activation.name, dtype)
    kinks = activation.bind(**dict(zip(activation.parameters, parameters, strict=True))).kinks
    seen = {}
    for direction, key in KEYS.items():
        x = oracle.points(activation.name, key, parameters, kinks, dtype)
        worst, where, wrong = measure(activation, direction, x)
        assert not wrong, (direction, len(wrong), wrong[:5])
        assert worst <= bound_of(activation, direction, dtype), (direction, where)
        seen[direction] = worst
    if dtype is np.float32:
        seen = dict.fromkeys(seen, max(seen.values()))
    for direction, worst in seen.items():
        bound = bound_of(activation, direction, dtype)
        assert bound <= 0.5 or worst >= bound / 4, f"{direction} claims {bound} ULP, but the worst is {worst}"


def test_within_the_bound_at_other_parameters(activation: fa.Activation, direction: str, dtype: type) -> None:
    """One parameter at a time, negative, zero, tiny and huge; where the formula is defined at all."""
    bound = bound_of(activation, direction, dtype)
    moderate = np.linspace(-12, 12, 49).tolist()
    failures = []
    for parameter in activation.parameters:
        for value in PARAMETER_VALUES:
            other = activation.bind(**{parameter: value})
            x = np.array([*oracle.bit_steps(dtype, 40), *moderate], dtype)
            if "sin(" in activation.formula:  # no angle where the product overflows
                x = x[np.abs(x) < np.finfo(dtype).max / max(2 * abs(value), 1)]
            try:
                worst, where, wrong = measure(other, direction, x)
            except NowhereDefinedError:
                continue
            if wrong or worst > bound:
                failures.append(f"{parameter}={value}: {where} {wrong[:2]}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(("smallest", "largest"), [(-149, 128), (-1074, 1024)])
def test_errors_are_counted_in_ulp_of_the_truth(smallest: int, largest: int) -> None:
    """The measures themselves: against known cases, in each range of each format."""
    dtype = np.float32 if largest == 128 else np.float64
    digits, biggest = np.finfo(dtype).nmant, float(np.finfo(dtype).max)
    with mp.workprec(oracle.PRECISION):
        one, eps, beyond, tiny = mpf(1), mpf(2) ** -digits, mpf(2) ** largest, mpf(2) ** smallest
        for got, want, error in (
            (1.0, one + eps, 1),
            (-1.0 - float(eps), -one - eps / 4, 0.75),
            (1.0, one - eps / 4, 0.5),
            (0.0, tiny * 3 / 4, 0.75),
            (np.inf, beyond**2, 0),
            (np.inf, beyond, 0),
            (np.inf, beyond - 1, float(1 / (beyond * eps / 2))),
            (biggest, beyond**2, 1),
            (-np.inf, -(beyond**2), 0),
            (np.nan, one, np.inf),
        ):
            truth = Truth(*(np.array([part]) for part in parts(arb(want))))
            assert oracle.errors_in_ulp(np.array([got], dtype), truth)[0] == pytest.approx(error, abs=1e-15)
            assert oracle.error_in_ulp(got, want, dtype) == pytest.approx(error, abs=1e-15)
        assert oracle.rounded(beyond, dtype) == np.inf
        assert oracle.rounded(-tiny / 4, dtype) == 0
        assert np.signbit(oracle.rounded(-tiny / 4, dtype))
        assert oracle.rounded(one + eps / 2, dtype) == 1


def test_two_truths_agree(activation: fa.Activation, direction: str) -> None:
    """Balls and mpmath, with more bits than cancel in any formula at points of moderate size."""
    parameters, agreed = oracle.defaults(activation.name), 0
    for x in (s * 1.37 * 2.0**e for e in range(-12, 5) for s in (1, -1)):
        with mp.workprec(2 * oracle.PRECISION):
            exact = map(mpf, (x, *parameters))
            second = oracle.evaluate(oracle.compiled(activation.name, KEYS[direction]), *exact)
            if second is not None:
                first = oracle.truth(activation.name, KEYS[direction], x, parameters)
                assert abs(first - second) <= mpf(2) ** -190 * abs(second), x
                agreed += 1
    assert agreed >= 30


def test_root_search_finds_a_known_root() -> None:
    """Were the search for roots to find nothing, the tests around them would be empty."""
    found = [fa.get(n) for n in fa.names() if oracle.roots(n, oracle.defaults(n))]
    assert found
    for activation in found:
        for root in oracle.roots(activation.name, oracle.defaults(activation.name)):
            a, *_, b = activation.derivative(np.array(oracle.neighbours(root, np.float64, 2)))
            assert a <= 0 <= b or b <= 0 <= a


def test_every_change_of_class_is_found() -> None:
    """All those of a bracket, not only the first: log_sigmoid becomes subnormal, then zero, within one."""
    assert oracle.changes(lambda p: (p > 10) + (p > 11) + (p > 33), 0, 100) == [10, 11, 33]
    assert oracle.changes(lambda p: 0, 0, 100) == []
    found = oracle.turning_points("log_sigmoid", "formula", (), np.float64)
    for threshold in (708.3964185322641, 745.1332191019412):
        assert min(abs(x - threshold) for x in found) < 1e-12, threshold
