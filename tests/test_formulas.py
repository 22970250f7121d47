"""The texts of the rows agree with each other: f' is the derivative of f, at kinks the subgradient of
least norm, and f'(y) is f'(x). All in multiprecision: no kernel is called here.

Does not know any activation.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import oracle
from mpmath import mp, mpf

import fastact as fa
from fastact.formula import compile_formula

POINTS = tuple(s * (k + 0.3711) * 2.0**e for e in range(-7, 4) for k in (1, 1.37, 1.81) for s in (1, -1))
STEP = mpf(2) ** -150


def constants(name: str) -> list[float]:
    """Where f may break: zero, every number in the texts, every parameter; both signs and quotients."""
    row = oracle.ROWS[name]
    text = f"{row['formula']} {row['derivative_formula']}"
    numbers = {float(n) for n in re.findall(r"\d+\.?\d*(?:e-?\d+)?", text)} | set(row["parameters"].values())
    found = {0.0} | numbers | {a / b for a in numbers for b in numbers if b != 0}
    return sorted({s * n for n in found for s in (1, -1)})


def sides(name: str, key: str, x: float, parameters: tuple[float, ...] | None = None) -> tuple[mpf, mpf, mpf]:
    """One-sided limits and the value at x, with default parameters if none are given."""
    parameters = oracle.defaults(name) if parameters is None else parameters
    with mp.workprec(oracle.PRECISION):
        near = (mpf(x) - STEP, mpf(x), mpf(x) + STEP)
        values = [oracle.truth(name, key, p, parameters) for p in near]
    assert None not in values
    return values[0], values[1], values[2]


def test_derivative_text_is_the_derivative_of_the_formula(activation: fa.Activation) -> None:
    """By mpmath's numerical differentiation, wherever no break is near."""
    parameters = tuple(map(mpf, oracle.defaults(activation.name)))
    f = oracle.compiled(activation.name, "formula")
    breaks = [*constants(activation.name), *activation.kinks]
    checked = 0
    for x in POINTS:
        if any(abs(x - k) < 1e-6 for k in breaks):
            continue
        want = oracle.truth(activation.name, "derivative_formula", x, oracle.defaults(activation.name))
        with mp.workprec(oracle.PRECISION):
            numeric = mp.diff(lambda p: mpf(f(p, *parameters)), mpf(x))
            assert abs(numeric - want) <= mpf(10) ** -25 * max(abs(want), abs(numeric)), x
        checked += 1
    assert checked > len(POINTS) // 2


def test_derivative_text_holds_for_other_parameters(activation: fa.Activation) -> None:
    """The same with every parameter moved off its default."""
    if not activation.parameters:
        return  # the test above is the whole of it
    parameters = tuple(value * 1.25 + 0.015625 for value in oracle.defaults(activation.name))
    exact = tuple(map(mpf, parameters))
    f = oracle.compiled(activation.name, "formula")
    for x in POINTS:
        around = [
            oracle.truth(activation.name, "derivative_formula", x + h, parameters) for h in (-1e-9, 0, 1e-9)
        ]
        if abs(around[0] - around[2]) > 1e-6 * (1 + abs(around[1])):
            continue  # a break is near
        with mp.workprec(oracle.PRECISION):
            numeric = mp.diff(lambda p: mpf(f(p, *exact)), mpf(x))
            assert abs(numeric - around[1]) <= mpf(10) ** -25 * max(abs(around[1]), abs(numeric)), x


def test_derivative_at_a_kink_is_the_subgradient_of_least_norm(activation: fa.Activation) -> None:
    for kink in activation.kinks:
        left, at, right = sides(activation.name, "derivative_formula", kink)
        low, high = min(left, right), max(left, right)
        least = max(low, min(high, mpf(0)))
        assert abs(at - least) < 1e-20, f"f'({kink}) is {at}, between {low} and {high}"


def test_derivative_jumps_at_a_kink(activation: fa.Activation) -> None:
    """With default parameters, or at least with others."""
    default = oracle.defaults(activation.name)
    moved = activation.bind(
        **dict(zip(activation.parameters, (v * 1.25 + 0.015625 for v in default), strict=True))
    )
    for one, other in zip(activation.kinks, moved.kinks, strict=True):
        jumps = []
        for kink, parameters in ((one, default), (other, tuple(moved.parameters.values()))):
            left, _, right = sides(activation.name, "derivative_formula", kink, parameters)
            jumps.append(abs(left - right))
        assert max(jumps) > 1e-9, f"f' does not jump at {one}"


def test_every_jump_of_the_derivative_is_a_stated_kink(activation: fa.Activation) -> None:
    for x in constants(activation.name):
        left, _, right = sides(activation.name, "derivative_formula", x)
        assert abs(left - right) < 1e-9 or x in activation.kinks, f"f' jumps at {x}"


def test_output_formula_gives_the_derivative(activation: fa.Activation) -> None:
    """f'(y) at the exact y = f(x), for default parameters and, where the condition holds, others.

    Exact y still loses digits as f saturates, so agreement is absolute.
    """
    row = oracle.ROWS[activation.name]
    if not row["from_output"]:
        assert activation.output_formula is None
        assert row["output_formula"], "the row must say why not"
        return
    from_output = oracle.compiled(activation.name, "output_formula", "y")
    default = oracle.defaults(activation.name)
    for scale in (1.0, 0.5, 3.0) if default else (1.0,):
        parameters = tuple(value * scale for value in default)
        if not condition_holds(row, parameters):
            continue
        for x in (*POINTS, *activation.kinks) if scale == 1 else POINTS:
            y, want = (
                oracle.truth(activation.name, k, x, parameters) for k in ("formula", "derivative_formula")
            )
            with mp.workprec(oracle.PRECISION):
                got = mpf(from_output(y, *map(mpf, parameters)))
                assert abs(got - want) <= mpf(2) ** -120 * (1 + abs(want)), (
                    f"x = {x}, parameters {parameters}"
                )


def condition_holds(row: dict[str, Any], parameters: tuple[float, ...]) -> bool:
    return bool(compile_formula(row["condition"], tuple(row["parameters"]), "python")(*parameters))


def test_condition_holds_for_the_default_parameters(activation: fa.Activation) -> None:
    row = oracle.ROWS[activation.name]
    if row["from_output"]:
        assert condition_holds(row, oracle.defaults(activation.name))


def test_arithmetics_agree(activation: fa.Activation) -> None:
    """The same text in mpmath, NumPy and pure Python."""
    names = ("x", *activation.parameters)
    x = np.array([p for p in POINTS if abs(p) < 8])
    for key, text in (("formula", activation.formula), ("derivative_formula", activation.derivative_formula)):
        parameters = oracle.defaults(activation.name)
        want = [float(oracle.truth(activation.name, key, p, parameters)) for p in x.tolist()]
        python = [compile_formula(text, names, "python")(p, *parameters) for p in x.tolist()]
        with np.errstate(all="ignore"):
            array = compile_formula(text, names, "numpy")(x, *parameters)
        np.testing.assert_allclose(python, want, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(np.broadcast_to(array, x.shape), want, rtol=1e-11, atol=1e-13)
