"""The texts of the entries agree with each other: f' is the derivative of f, at kinks one of its two sides or
the subgradient of least norm, and f'(y) is f'(x). All in multiprecision: no kernel is called here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import oracle
import pytest
from mpmath import mp, mpf

import fastact as fa
from fastact.activations.formula import compile_formula

pytestmark = pytest.mark.once

POINTS = tuple(s * (k + 0.3711) * 2.0**e for e in range(-7, 4) for k in (1, 1.37, 1.81) for s in (1, -1))
STEP = mpf(2) ** -150


def constants(name: str, parameters: tuple[float, ...]) -> list[float]:
    """Where f may break: zero, every number in the texts, every parameter; both signs and quotients."""
    entry = oracle.ENTRIES[name]
    text = f"{entry['formula']} {entry['derivative_formula']}"
    numbers = {float(n) for n in re.findall(r"\d+\.?\d*(?:e-?\d+)?", text)} | set(parameters)
    found = {0.0} | numbers | {a / b for a in numbers for b in numbers if b != 0}
    return sorted({s * n for n in found for s in (1, -1)})


def kinks_of(name: str, parameters: tuple[float, ...]) -> list[Fraction]:
    """Exactly, as quotients of the parameters need not be floats."""
    entry = oracle.ENTRIES[name]
    exact = map(Fraction, parameters)
    text = f"({entry['kinks']},)" if entry["kinks"] else "()"
    found = compile_formula(text, tuple(entry["parameters"]), "python")(*exact)
    return [Fraction(kink) for kink in found]


def at_exactly(name: str, key: str, x: Fraction, parameters: tuple[float, ...]) -> mpf:
    """The value at a rational number. Lines between two quotients need no more than rational arithmetic."""
    if Fraction(float(x)) == x:
        return oracle.truth(name, key, float(x), parameters)
    value = Fraction(oracle.compiled(name, key, "python")(x, *map(Fraction, parameters)))
    return mpf(value.numerator) / value.denominator


def sides(name: str, key: str, x: Fraction, parameters: tuple[float, ...]) -> tuple[mpf, mpf, mpf]:
    """One-sided limits and the value at x."""
    with mp.workprec(oracle.PRECISION):
        middle = mpf(x.numerator) / x.denominator
        left, right = (oracle.truth(name, key, middle + step, parameters) for step in (-STEP, STEP))
        at = at_exactly(name, key, x, parameters)
    assert None not in (left, at, right)
    return left, at, right


def assert_slope(name: str, x: float, parameters: tuple[float, ...]) -> None:
    """f'(x) is what mpmath's numerical differentiation makes of f, with enough bits that f' is seen in f."""
    f = oracle.compiled(name, "formula")
    want = oracle.truth(name, "derivative_formula", x, parameters)
    unseen = max(0, -mpmath.mag(want)) if want else 0
    with mp.workprec(oracle.PRECISION + 2 * unseen):
        exact = tuple(map(mpf, parameters))
        numeric = mp.diff(lambda p: mpf(f(p, *exact)), mpf(x))
        assert abs(numeric - want) <= mpf(10) ** -25 * max(abs(want), abs(numeric)), x


def test_derivative_text_is_the_derivative_of_the_formula(activation: fa.Activation) -> None:
    """Wherever no break is near."""
    parameters = oracle.defaults(activation.name)
    breaks = [*constants(activation.name, parameters), *activation.kinks]
    away = [x for x in POINTS if all(abs(x - k) >= 1e-6 for k in breaks)]
    assert len(away) > len(POINTS) // 2
    for x in away:
        assert_slope(activation.name, x, parameters)


def test_derivative_text_holds_for_other_parameters(activation: fa.Activation) -> None:
    """The same with every parameter moved off its default."""
    if not activation.parameters:
        return  # the test above is the whole of it
    parameters = tuple(value * 1.25 + 0.015625 for value in oracle.defaults(activation.name))
    for x in POINTS:
        left, at, right = (
            oracle.truth(activation.name, "derivative_formula", x + h, parameters) for h in (-1e-9, 0, 1e-9)
        )
        if abs(left - right) <= 1e-6 * (1 + abs(at)):  # no break is near
            assert_slope(activation.name, x, parameters)


def test_derivative_at_a_kink_is_of_one_side_or_of_least_norm(activation: fa.Activation) -> None:
    """The entries state a convention where f' jumps: that of the formula's own case there, which is a
    one-sided limit, or the subgradient of least norm. Anything else would be a slip."""
    parameters = oracle.defaults(activation.name)
    for kink in kinks_of(activation.name, parameters):
        left, at, right = sides(activation.name, "derivative_formula", kink, parameters)
        least = max(min(left, right), min(max(left, right), mpf(0)))
        allowed = (left, right, least)
        assert any(abs(at - a) < 1e-20 for a in allowed), f"f'({kink}) is {at}, not one of {allowed}"


def test_something_jumps_at_a_kink(activation: fa.Activation) -> None:
    """f or f', with default parameters, or at least with others."""
    default = oracle.defaults(activation.name)
    moved = tuple(v * 1.25 + 0.015625 for v in default)
    pairs = zip(kinks_of(activation.name, default), kinks_of(activation.name, moved), strict=True)
    for kinks in pairs:
        jumps = []
        for kink, parameters in zip(kinks, (default, moved), strict=True):
            for key in ("formula", "derivative_formula"):
                left, _, right = sides(activation.name, key, kink, parameters)
                jumps.append(abs(left - right))
        assert max(jumps) > 1e-9, f"neither f nor f' jumps at {kinks[0]}"


def test_every_jump_is_at_a_stated_kink(activation: fa.Activation) -> None:
    """For default parameters, and for others that move kinks elsewhere."""
    for scale in (1.0, 1.25):
        parameters = tuple(value * scale for value in oracle.defaults(activation.name))
        stated = kinks_of(activation.name, parameters)
        for x in {*map(Fraction, constants(activation.name, parameters)), *stated}:
            for key in ("formula", "derivative_formula"):
                left, _, right = sides(activation.name, key, x, parameters)
                assert abs(left - right) < 1e-9 or x in stated, f"{key} jumps at {x}"


def test_kinks_are_stated_to_the_nearest_float(activation: fa.Activation) -> None:
    exact = kinks_of(activation.name, oracle.defaults(activation.name))
    for stated, kink in zip(activation.kinks, exact, strict=True):
        assert abs(Fraction(stated) - kink) <= Fraction(2) ** -51 * abs(kink)


def test_output_formula_gives_the_derivative(activation: fa.Activation) -> None:
    """f'(y) at the exact y = f(x), for default parameters and, where the condition holds, others.

    Exact y still loses digits as f saturates, so agreement is absolute.
    """
    entry = oracle.ENTRIES[activation.name]
    if not entry["from_output"]:
        assert activation.output_formula is None
        assert entry["output_formula"], "the entry must say why not"
        return
    from_output = oracle.compiled(activation.name, "output_formula", argument="y")
    default = oracle.defaults(activation.name)
    for scale in (1.0, 0.5, 3.0) if default else (1.0,):
        parameters = tuple(value * scale for value in default)
        if not condition_holds(entry, parameters):
            continue
        beside = [k + s * 2.0**-40 for k in activation.kinks for s in (1, -1)] if scale == 1 else []
        for x in (*POINTS, *beside):
            y, want = (
                oracle.truth(activation.name, k, x, parameters) for k in ("formula", "derivative_formula")
            )
            with mp.workprec(oracle.PRECISION):
                got = mpf(from_output(y, *map(mpf, parameters)))
                assert abs(got - want) <= mpf(2) ** -120 * (1 + abs(want)), (
                    f"x = {x}, parameters {parameters}"
                )


def condition_holds(entry: dict[str, Any], parameters: tuple[float, ...]) -> bool:
    return bool(compile_formula(entry["condition"], tuple(entry["parameters"]), "python")(*parameters))


def test_condition_holds_for_the_default_parameters(activation: fa.Activation) -> None:
    entry = oracle.ENTRIES[activation.name]
    if entry["from_output"]:
        assert condition_holds(entry, oracle.defaults(activation.name))


def test_arithmetics_agree(activation: fa.Activation) -> None:
    """The same text in balls, NumPy and pure Python, as far as floats go."""
    names = ("x", *activation.parameters)
    x = np.array([p for p in POINTS if abs(p) < 8])
    parameters = oracle.defaults(activation.name)
    for key, text in (("formula", activation.formula), ("derivative_formula", activation.derivative_formula)):
        want = [float(oracle.truth(activation.name, key, p, parameters)) for p in x.tolist()]
        python = without_overflow(compile_formula(text, names, "python"), x, parameters)
        with np.errstate(all="ignore"):
            array = compile_formula(text, names, "numpy")(x, *parameters)
        known = ~np.isnan(python)
        assert known.mean() > 0.9
        np.testing.assert_allclose(python[known], np.array(want)[known], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(np.broadcast_to(array, x.shape), want, rtol=1e-11, atol=1e-13)


def without_overflow(f: Callable[..., float], x: np.ndarray, parameters: tuple[float, ...]) -> np.ndarray:
    """f at each x; NaN where pure Python raises OverflowError, which other arithmetics do not."""
    found = np.full(x.shape, np.nan)
    for i, point in enumerate(x.tolist()):
        with suppress(OverflowError):
            found[i] = f(point, *parameters)
    return found
