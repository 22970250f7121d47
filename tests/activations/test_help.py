"""``help`` of every activation: its range is right, and what other libraries call it is there.

The range comes from the kernels; here it is held against the exact values of the formula. Loops over the
table; does not know any row.
"""

from __future__ import annotations

import pydoc
import re

import numpy as np
import oracle
import pytest
from mpmath import mp, mpf

import fastact as fa
from fastact.activations.formula import compile_formula
from fastact.activations.value_range import Interval

pytestmark = pytest.mark.once

MODERATE = np.linspace(-4, 4, 161)  # no exact value has settled by rounding to 200 bits
OTHERS = (-2.0, -0.5, 0.25, 3.0)


def values(name: str, points: list[float], **parameters: float) -> list[mpf]:
    """Exact values of f at points, parameters as they are bound."""
    bound = tuple(fa.get(name, **parameters).parameters.values())
    found = [oracle.truth(name, "formula", x, bound) for x in points]
    return [value for value in found if value is not None]


def points(activation: fa.Activation) -> list[float]:
    """Moderate ones, kinks, and where the kernels say the extremes are."""
    fine = np.linspace(-4, 4, 100_001)
    y = activation(fine)
    return [*MODERATE.tolist(), *activation.kinks, float(fine[y.argmin()]), float(fine[y.argmax()])]


def test_kernel_values_lie_in_the_range(activation: fa.Activation, dtype: type) -> None:
    """Special values, bit patterns of all sizes, and many where the action is; to rounding."""
    rng = np.random.default_rng(5)
    x = np.concatenate(
        [
            oracle.bit_steps(dtype, 5000),
            oracle.binade_edges(dtype),
            rng.normal(0, 3, 20_000),
            activation.kinks,
        ]
    )
    with np.errstate(all="ignore"):
        x = np.concatenate([x.astype(dtype), np.array([0.0, -0.0, np.inf, -np.inf], dtype)])
    y = activation(x)
    low, high = (dtype(end) for end in activation.range[:2])
    tolerance = 2 * np.finfo(dtype).eps
    y = y[~np.isnan(y)]
    assert (y >= low - tolerance * abs(low) if np.isfinite(low) else y >= low).all()
    assert (y <= high + tolerance * abs(high) if np.isfinite(high) else y <= high).all()


def check_ends(interval: Interval, found: list[mpf], limits: list[mpf | None]) -> None:
    """Exact values approach the ends, and equal them exactly if these belong to the range."""
    for end, has, extreme, sign in (
        (interval.low, interval.has_low, min(found), 1),
        (interval.high, interval.has_high, max(found), -1),
    ):
        size = max(abs(mpf(end)), mpf(1)) if mp.isfinite(end) else mpf(1)
        assert sign * (extreme - end) >= -1e-15 * size
        if has:
            assert abs(extreme - end) <= 1e-8 * size, "no value is near an end that is said to be reached"
        else:
            assert extreme != end, "an end that is said not to be reached is a value"
            reached = [value for value in (*limits, *found) if value is not None]
            assert any(value == end or abs(value - end) < 1e-5 * size for value in reached)


def test_the_ends_are_the_true_ones(activation: fa.Activation) -> None:
    parameters = tuple(activation.parameters.values())
    limits = [oracle.limit(activation.name, "formula", sign, parameters) for sign in (-1, 1)]
    check_ends(activation.range, values(activation.name, points(activation)), limits)


@pytest.mark.parametrize("value", OTHERS)
def test_the_range_follows_the_parameters(activation: fa.Activation, value: float) -> None:
    for parameter in activation.parameters:
        bound = activation.bind(**{parameter: value})
        x = np.concatenate(
            [np.linspace(-30, 30, 20_001), *(2.0**k * np.array([-1, 1]) for k in range(-60, 100))]
        )
        y = bound(x)
        if np.isnan(y).any():
            with pytest.raises(ValueError, match=r"f\(.*\) is NaN"):
                _ = bound.range
            continue
        low, high, has_low, has_high = bound.range
        assert (y >= low - 1e-14 * abs(low) if np.isfinite(low) else y >= low).all()
        assert (y <= high + 1e-14 * abs(high) if np.isfinite(high) else y <= high).all()
        for end, has, extreme in ((low, has_low, y.min()), (high, has_high, y.max())):
            if has:
                assert abs(extreme - end) <= 1e-5 * max(1, abs(end))
            elif np.isfinite(end):
                assert abs(extreme - end) <= 1e-2 * max(1, abs(end))
            else:
                assert abs(extreme) > 1e8
                assert (extreme > 0) == (end > 0)


def test_range_wants_numbers_for_parameters(activation: fa.Activation) -> None:
    for parameter in activation.parameters:
        with pytest.raises(ValueError, match=rf"range: {parameter} has shape \(2,\); expected a number"):
            _ = activation.bind(**{parameter: np.ones(2)}).range


def test_intervals_print_their_ends() -> None:
    assert str(Interval(-1.0, 0.25, True, False)) == "[-1, 0.25)"
    assert str(Interval(0.0, 1.0, False, True).join(Interval(-2.0, 1.0, False, False))) == "(-2, 1]"


def test_help_contains_the_entry(activation: fa.Activation) -> None:
    text = pydoc.render_doc(activation, renderer=pydoc.plaintext)
    entry = oracle.ENTRIES[activation.name]
    for part in (
        entry["formula"],
        entry["derivative_formula"],
        str(activation.range),
        *entry["learned"].values(),
    ):
        assert part in text
    assert f"kinks: {entry['kinks'] or 'none'}" in text
    assert re.search(rf"at most {entry['max_ulp']['float32'][0]} .* ULP in float32", text)
    assert entry["output_formula"] in text
    assert " ".join(entry["about"].split()) in " ".join(text.split())
    limits = f"f(-inf) = {float(activation(-np.inf)):g}, f(inf) = {float(activation(np.inf)):g}"
    assert limits in text


@pytest.mark.parametrize("name", fa.aliases())
def test_help_lists_what_others_call_it(name: str) -> None:
    alias = fa.aliases()[name]
    shown = [fa.get(alias.entry).__doc__]
    if alias.theirs:
        shown.append(fa.get(alias.theirs).__doc__)
    for text in shown:
        line = next(line for line in text.splitlines() if f"``{name}``" in line or f".{name}``" in line)
        assert f"({alias.libraries})" in line
        for parameter, value in alias.parameters.items():
            assert f"{parameter} = {value:g}" in line
    assert (alias.entry in line) or fa.get(alias.theirs or alias.entry).name == alias.entry


def test_help_shows_the_parameters_at_hand(activation: fa.Activation) -> None:
    """Numbers as defaults, arrays by their shape; the range and the limits are those for them."""
    for parameter in activation.parameters:
        shown = activation.bind(**{parameter: 0.875}).__doc__
        assert f"{parameter}=0.875" in shown.splitlines()[0]
        assert f"{parameter} : array_like, default 0.875\n" in shown
        assert str(activation.bind(**{parameter: 0.875}).range) in shown
        shown = activation.bind(**{parameter: np.ones(3)}).__doc__
        assert f"{parameter}=<array of shape (3,)>" in shown.splitlines()[0]
        assert "range: depends on the arrays" in shown


def test_help_of_an_alias_shows_its_own_default() -> None:
    assert "negative_slope : array_like, default 0.2\n" in fa.tensorflow_leaky_relu.__doc__
    assert "negative_slope : array_like, default 0.01\n" in fa.leaky_relu.__doc__


def test_help_of_the_package_fits_two_screens() -> None:
    """It lists what there is: all functions, and how to see all activations."""
    shown = pydoc.render_doc(fa, renderer=pydoc.plaintext)
    assert len(shown.splitlines()) < 100
    listed = set(re.findall(r"\w+", shown))
    functions = {name for name in dir(fa) if not isinstance(getattr(fa, name), fa.Activation)}
    assert {name for name in functions if not name.startswith("__")} - listed <= {"Activation", "Saved"}


def test_kinks_of_array_parameters(activation: fa.Activation) -> None:
    """All of them; none where a parameter has moved it to infinity."""
    for parameter, default in activation.parameters.items():
        both = activation.bind(**{parameter: np.array([default + 1, default + 2])}).kinks
        each = [activation.bind(**{parameter: default + k}).kinks for k in (1, 2)]
        assert set(both) == {kink for kinks in each for kink in kinks}
        assert all(np.isfinite(activation.bind(**{parameter: 0.0}).kinks))


def test_classes_have_their_own_documentation() -> None:
    for kind in (fa.Activation, type(fa.get(fa.names()[0])), type(fa.surrogate(*fa.names()[:2]))):
        assert isinstance(kind.__doc__, str)
        assert kind.__doc__.strip()


def test_the_formula_texts_of_help_evaluate(activation: fa.Activation) -> None:
    text = activation.__doc__
    shown = re.search(r"f\(x\)  = (.*)", text)[1]
    f = compile_formula(shown, ("x", *activation.parameters), "python")
    got = f(0.375, *activation.parameters.values())
    assert abs(got - activation(0.375)) < 1e-14
