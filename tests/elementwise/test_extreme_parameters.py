"""Values, derivatives and slopes by parameters at parameters as small and as large as a dtype has them.

The truth is the formula text in ball arithmetic. Where it has no value at a parameter of 0, it is the limit,
if there is one. Does not know any activation, but for angles, which are not asked for where they overflow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import oracle
import pytest
from flint import arb

import fastact as fa
from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.truth import ENOUGH, decided

SIZES = {
    np.float32: (1e-45, 1e-40, 1.2e-38, 1e-30, 1e-10, 1e10, 1e30, 3.4028235e38),
    np.float64: (5e-324, 1e-320, 2.3e-308, 1e-160, 1e-30, 1e30, 1e160, 1.7976931348623157e308),
}
AS_ZERO = arb(2) ** -6000  # next to which a limit at 0 is looked for
WHOLE = 4400  # bits that hold any sum of two products of floats exactly, so that comparisons are certain
LINES = {"where", "min", "max", "abs", "sign", "unrounded"}  # texts without other functions need them
ULP = {np.float32: (1.0, 1.0), np.float64: (1.5, 2.0)}  # of f and f', for any parameters
LEARNED_ULP = 4.0  # slopes by parameters have no bound of their own
SHARE = 0.2  # of the results that are checked, beside infinities, NaNs and zeros, which all are


@lru_cache(None)
def numbers(dtype: type) -> np.ndarray:
    """Extreme and moderate numbers of both signs."""
    positive = [0.0, *SIZES[dtype], 1e-8, 0.3, 1.0, 2.5, 30.0, 1e4]
    return np.array(sorted({s * v for v in positive for s in (1, -1)}), dtype)


def parameters_of(activation: fa.Activation, dtype: type) -> Iterator[dict[str, float]]:
    """One parameter at a time is extreme, or 0."""
    usual = dict(zip(activation.parameters, oracle.defaults(activation.name, dtype), strict=True))
    for name in usual:
        for value in (0.0, *SIZES[dtype], *(-size for size in SIZES[dtype])):
            yield {**usual, name: float(dtype(value))}


def results(activation: fa.Activation, x: np.ndarray) -> Iterator[tuple[str, np.ndarray, int | None]]:
    """What is computed: its text, the results, and which bound it has."""
    yield activation.formula, activation(x), 0
    yield activation.derivative_formula, activation.derivative(x), 1
    for parameter, text in activation.learned.items():
        yield text, activation.derivative_by(parameter, x), None


@lru_cache(None)
def function_of(text: str, parameters: tuple[str, ...]) -> tuple[Callable[..., Any], int]:
    """A text in balls, and the bits that it needs."""
    calls = set(re.findall(r"(\w+)\(", text))
    return compile_formula(text, ("x", *parameters), "flint"), WHOLE if calls <= LINES else ENOUGH


def exact(text: str, x: float, parameters: dict[str, float]) -> arb | None:
    """The value, or the limit; None where there is neither."""
    function = function_of(text, tuple(parameters))
    found = attempt(*function, x, [arb(value) for value in parameters.values()])
    if found is not None or all(parameters.values()):
        return found
    near = [[AS_ZERO, -AS_ZERO] if v == 0 else [arb(v)] for v in parameters.values()]
    sides = [attempt(*function, x, list(chosen)) for chosen in product(*near)]
    if any(side is None for side in sides):
        return None
    alike = all(abs(side - sides[0]) <= abs(sides[0]) * arb(2) ** -70 for side in sides)
    return sides[0] if alike or all(abs(side) < arb(2) ** -1200 for side in sides) else None


def attempt(function: Callable[..., Any], bits: int, x: float, values: list[arb]) -> arb | None:
    try:
        return decided(function, arb(x), values, bits)
    except (ArithmeticError, ValueError):
        return None


def size_of_error(got: float, want: arb, dtype: type) -> float:
    """In ULP, where infinity counts as the next number above the largest."""
    if abs(want) > arb(2) ** 1100:
        want = arb(2) ** 1100 * (1 if want > 0 else -1)
    return oracle.error_in_ulp(got, oracle.from_ball(want), dtype)


@pytest.mark.parametrize("name", [name for name in fa.names() if fa.get(name).parameters])
def test_results_are_the_exact_ones_or_limits(name: str, dtype: type) -> None:
    """Within the bounds of the dtype."""
    x, random, failures = numbers(dtype), np.random.default_rng(0), []
    for parameters in parameters_of(fa.get(name), dtype):
        with np.errstate(all="ignore"):
            angles = np.abs(x) * dtype(2 * max(map(abs, parameters.values())))
        for text, got, which in results(fa.get(name).bind(**parameters), x):
            most = LEARNED_ULP if which is None else ULP[dtype][which]
            chosen = ~np.isfinite(got) | (got == 0) | (random.random(x.size) < SHARE)
            if "sin(" in text:
                chosen &= np.isfinite(angles)
            for point, result in zip(x[chosen].tolist(), got[chosen].tolist(), strict=True):
                want = exact(text, point, parameters)
                if want is not None and not size_of_error(result, want, dtype) <= most:
                    failures.append(f"{text} at {point!r}, {parameters}: {result!r}, want {want.str(17)}")
    assert not failures, f"{len(failures)}: " + "\n".join(failures[:: max(1, len(failures) // 8)])


@pytest.mark.parametrize(("name", "parameter"), [("squareplus", "b"), ("isru", "alpha"), ("isrlu", "alpha")])
def test_from_output_within_its_absolute_bound(name: str, parameter: str, dtype: type) -> None:
    """4 eps, since f' is at most 1; squares of neither outputs nor units overflow."""
    activation, y = fa.get(name), numbers(dtype)
    text, most = re.sub(r"\by\b", "x", activation.output_formula), arb(4 * float(np.finfo(dtype).eps))
    for value in (*SIZES[dtype], 0.3, 1.0, 4.0):
        bound = {parameter: float(dtype(value))}
        got = activation.bind(**bound).backward_from_output(np.ones_like(y), y)
        for point, result in zip(y.tolist(), got.tolist(), strict=True):
            want = exact(text, point, bound)
            assert abs(arb(result) - want) <= most, (point, bound, result, want)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("clipped_relu", "max_value"),
        ("hard_tanh", "min_value"),
        ("hard_tanh", "max_value"),
        ("clipped_linear", "min_value"),
        ("clipped_linear", "max_value"),
        ("clipped_linear", "slope"),
        ("threshold", "threshold"),
        ("thresholded_relu", "alpha"),
        ("soft_shrink", "lambd"),
        ("hard_shrink", "lambd"),
    ],
)
def test_a_bound_of_nan_gives_nan(name: str, parameter: str, dtype: type) -> None:
    """For every x, in every direction, as a number and as an array."""
    x = numbers(dtype)
    for nan in (dtype(np.nan), np.full(x.shape, np.nan, dtype)):
        activation = fa.get(name).bind(**{parameter: nan})
        found = [activation(x), activation.backward(np.ones_like(x), x), *activation.value_and_derivative(x)]
        assert all(np.isnan(result).all() for result in found)


def test_a_limit_at_zero_is_found() -> None:
    """Were limits not found, nothing would be asked where the text divides by 0; were any, too much."""
    assert abs(exact("sin(p*x)/p", 2.0, {"p": 0.0}) - 2) < 1e-30
    assert exact("x/p", 2.0, {"p": 0.0}) is None
    assert size_of_error(1.0, arb(1) + arb(2) ** -52, np.float64) == 1
    assert size_of_error(float("nan"), arb(1), np.float64) == float("inf")
    assert size_of_error(1e308, arb(2) ** 1200, np.float64) > 1e12
    assert size_of_error(float("inf"), arb(2) ** 1200, np.float64) == 0
