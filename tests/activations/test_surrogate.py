"""``fa.surrogate``: the value of one activation, the gradient of another, in every direction, bit for bit.

Every entry of the table is once on either side.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
import re

import dask.array as da
import helpers
import numpy as np
import oracle
import pytest

import fastact as fa
from fastact.activations.formula import compile_formula

NAMES = fa.names()
PAIRS = [(name, NAMES[(k + 7) % len(NAMES)]) for k, name in enumerate(NAMES)]


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[fa.Activation, fa.Activation]:
    return tuple(fa.get(name) for name in request.param)


def inputs(dtype: type, shape: tuple[int, ...] = (6, 43), seed: int = 0) -> np.ndarray:
    return helpers.arguments(helpers.Call(NAMES[0], "forward", 1, 1), shape, dtype, seed)[0]


def test_every_direction(pair: tuple[fa.Activation, fa.Activation], dtype: type) -> None:
    f, g = pair
    s, x, grad_y = fa.surrogate(f, g), inputs(dtype), inputs(dtype, seed=1)
    oracle.assert_same_bits(s(x), f(x))
    oracle.assert_same_bits(s.derivative(x), g.derivative(x))
    oracle.assert_same_bits(s.backward(grad_y, x), g.backward(grad_y, x))
    value, slope = s.value_and_derivative(x)
    oracle.assert_same_bits(value, f(x))
    oracle.assert_same_bits(slope, g.derivative(x))


def test_parameters_of_both(pair: tuple[fa.Activation, fa.Activation]) -> None:
    """By keyword and bound, under the label of their part."""
    f, g = pair
    s, x = fa.surrogate(f, g), np.linspace(-3, 3, 50)
    mine = {k: float(v) * 1.5 + 0.25 for k, v in f.parameters.items()}
    theirs = {k: float(v) * 0.5 + 0.125 for k, v in g.parameters.items()}
    every = {f"forward_{k}": v for k, v in mine.items()} | {f"backward_{k}": v for k, v in theirs.items()}
    assert list(s.parameters) == list(every)
    assert list(inspect.signature(s).parameters) == ["x", "out", *every, "kwargs"]
    bound = s.bind(**every)
    assert dict(bound.parameters) == every
    assert type(bound) is type(s)
    oracle.assert_same_bits(s(x, **every), f(x, **mine))
    oracle.assert_same_bits(bound(x), f(x, **mine))
    oracle.assert_same_bits(s.derivative(x, **every), g.derivative(x, **theirs))
    oracle.assert_same_bits(bound.backward(x, x), g.backward(x, x, **theirs))
    oracle.assert_same_bits(bound.value_and_derivative(x)[1], g.derivative(x, **theirs))
    assert s.bind() is s
    assert dict(s.parameters) == {
        **{f"forward_{key}": value for key, value in f.parameters.items()},
        **{f"backward_{key}": value for key, value in g.parameters.items()},
    }


def test_learned_parameters_are_those_of_the_value(pair: tuple[fa.Activation, fa.Activation]) -> None:
    f, g = pair
    s, x, grad_y = fa.surrogate(f, g), inputs(np.float64), inputs(np.float64, seed=1)
    x, grad_y = np.nan_to_num(x, posinf=3, neginf=-3), np.nan_to_num(grad_y, posinf=1, neginf=1)
    x, grad_y = np.clip(x, -5, 5), np.clip(grad_y, -5, 5)
    assert list(s.learned) == [f"forward_{name}" for name in f.learned]
    if not f.learned:
        with pytest.raises(TypeError, match=rf"{re.escape(s.name)}.parameter_gradients: (it|none)"):
            s.parameter_gradients(grad_y, x)
        return
    want = f.parameter_gradients(grad_y, x)
    got = s.parameter_gradients(grad_y, x, **{f"backward_{k}": v for k, v in g.parameters.items()})
    assert got == {f"forward_{name}": value for name, value in want.items()}
    for name, text in s.learned.items():
        direct = s.derivative_by(name, x)
        oracle.assert_same_bits(direct, f.derivative_by(name.removeprefix("forward_"), x))
        again = compile_formula(text, ("x", *s.parameters), "numpy")(x, *s.parameters.values())
        np.testing.assert_allclose(direct, np.broadcast_to(again, x.shape), rtol=1e-13, atol=1e-300)
    with pytest.raises(TypeError, match="is not a learned parameter; those are"):
        s.derivative_by("backward_nonsense", x)


def test_about(pair: tuple[fa.Activation, fa.Activation]) -> None:
    f, g = pair
    s = fa.surrogate(f, g)
    assert isinstance(s, fa.Activation)
    assert s.name == f"surrogate({f.name}, {g.name})"
    assert repr(s) == f"<fastact.{s.name}>"
    assert s.range == f.range
    assert set(s.kinks) == {*f.kinks, *g.kinks}
    for dtype, (value, slope) in s.max_ulp.items():
        assert (value, slope) == (f.max_ulp[dtype][0], g.max_ulp[dtype][1])
    arguments = ("x", *s.parameters)
    for text, part in ((s.formula, f), (s.derivative_formula, g.derivative)):
        got = compile_formula(text, arguments, "python")(0.7, *s.parameters.values())
        assert abs(got - part(0.7)) < 1e-14
    shown = pydoc.render_doc(s, renderer=pydoc.plaintext)
    for part in (s.formula, s.derivative_formula, str(s.range), f.name, g.name):
        assert part in shown
    for part in s.parameters:
        other = repr(s.bind(**{part: 0.75}))
        assert part.split("_", 1)[1] + "=0.75" in other
    assert fa.get(s) is s
    assert not hasattr(s, "ufunc")
    assert not hasattr(s, "backward_from_output_ufunc")
    assert len({s: 1, fa.surrogate(f, g): 2}) == 1


def test_copies_and_pickles(pair: tuple[fa.Activation, fa.Activation]) -> None:
    s = fa.surrogate(*pair)
    s, x = s.bind(**dict.fromkeys(s.parameters, 0.75)), np.linspace(-3, 3, 20)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(s, protocol))
        assert (twin.name, dict(twin.parameters)) == (s.name, dict(s.parameters))
        oracle.assert_same_bits(twin.backward(x, x), s.backward(x, x))
    for twin in (copy.copy(s), copy.deepcopy(s)):
        assert dict(twin.parameters) == dict(s.parameters)


# Results --------------------------------------------------------------------------------------------


def test_out(pair: tuple[fa.Activation, fa.Activation], dtype: type) -> None:
    s, x = fa.surrogate(*pair), inputs(dtype)
    want = s.value_and_derivative(x)
    out = np.empty_like(x)
    assert s(x, out=out) is out
    oracle.assert_same_bits(out, want[0])
    for first in range(2):  # the input may be either result
        results = [np.empty_like(x), np.empty_like(x)]
        results[first] = x.copy()
        got = s.value_and_derivative(results[first], out=tuple(results))
        for one, given, expected in zip(got, results, want, strict=True):
            assert one is given
            oracle.assert_same_bits(one, expected)
    where = x > 0
    masked = np.full_like(x, 7)
    s(x, out=masked, where=where)
    oracle.assert_same_bits(masked[where], want[0][where])
    assert (masked[~where] == 7).all()


def test_bad_results_change_nothing(pair: tuple[fa.Activation, fa.Activation]) -> None:
    s, x = fa.surrogate(*pair), np.linspace(-2, 2, 4)
    before = x.copy()
    read_only = np.zeros(4)
    read_only.flags.writeable = False
    for bad, message in (
        (np.zeros(3), r"out has shape \(3,\); expected \(4,\)"),
        (read_only, "read-only"),
        ([0.0] * 4, "out is a list"),
        (np.zeros(4, int), "expected a float dtype"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            s.value_and_derivative(x, out=(x, bad))
        oracle.assert_same_bits(x, before)
    with pytest.raises(TypeError, match="expected a pair of arrays"):
        s.value_and_derivative(x, out=x)
    with pytest.raises(TypeError, match="unexpected keyword 'nonsense'"):
        s(x, nonsense=1)
    with pytest.raises(TypeError, match=r"bind: unexpected keyword 'where'"):
        s.bind(where=True)


def test_second_result_is_checked_before_the_first_is_written(activation: fa.Activation) -> None:
    """The same, for activations of the table."""
    x = np.linspace(-2, 2, 4)
    before = x.copy()
    with pytest.raises(ValueError, match=r"out has shape \(3,\); expected \(4,\)"):
        activation.value_and_derivative(x, out=(x, np.zeros(3)))
    oracle.assert_same_bits(x, before)


def test_lists_integers_and_dask(pair: tuple[fa.Activation, fa.Activation]) -> None:
    s, x = fa.surrogate(*pair), np.array([[-2, -1, 0], [1, 2, 3]])
    oracle.assert_same_bits(s(x.tolist()), s(x.astype(float)))
    oracle.assert_same_bits(s.derivative(x), s.derivative(x.astype(float)))
    lazy = da.from_array(x.astype(np.float32), chunks=(1, 3))
    for got, want in zip(
        s.value_and_derivative(lazy), s.value_and_derivative(x.astype(np.float32)), strict=True
    ):
        assert isinstance(got, da.Array)
        oracle.assert_same_bits(got.compute(scheduler="synchronous"), want)


def test_results_over_array_parameters(dtype: type) -> None:
    """Of either part, bound or given: the second result is computed from what the parameter was."""
    x, slopes = np.linspace(-3, 3, 40).astype(dtype), np.linspace(0.1, 2, 40).astype(dtype)
    s = fa.surrogate("prelu", "leaky_relu")
    for parameter in s.parameters:
        want = s.value_and_derivative(x, **{parameter: slopes})
        for first in range(2):
            for is_bound in (False, True):
                memory = slopes.copy()
                results = [np.empty_like(x), np.empty_like(x)]
                results[first] = memory
                if is_bound:
                    s.bind(**{parameter: memory}).value_and_derivative(x, out=tuple(results))
                else:
                    s.value_and_derivative(x, out=tuple(results), **{parameter: memory})
                for one, expected in zip(results, want, strict=True):
                    oracle.assert_same_bits(one, expected)


def test_spelling_of_the_same_activation() -> None:
    """The same by value: numbers of any type, arrays by identity."""
    slope = np.array([0.5, 0.75])
    y = np.array([-1.0, 2.0])
    for one, other in ((0.25, np.float64(0.25)), (slope, slope)):
        f, g = (fa.leaky_relu.bind(negative_slope=v) for v in (one, other))
        assert fa.surrogate(f, g).output_formula == "where(y > 0, 1, backward_negative_slope)"
    oracle.assert_same_bits(fa.surrogate(f, g).backward_from_output(y, y), np.array([-0.5, 2.0]))


# From the output ------------------------------------------------------------------------------------


def all_pairs() -> list[tuple[str, str]]:
    return [(f, g) for f in NAMES for g in NAMES]


def test_from_the_output_where_it_is_exact(dtype: type) -> None:
    """Wherever it is offered for two different activations, it gives the bits of the backward pass; for the
    same one twice it is that of the activation. Inputs are others than those that decide."""
    rng = np.random.default_rng(3)
    with np.errstate(all="ignore"):
        wide = np.ldexp(rng.normal(0, 1, 3000), rng.integers(-1100, 1000, 3000)).astype(dtype)
    x = np.concatenate(
        [wide, rng.normal(0, 3, 3000).astype(dtype), np.array([0, -0.0, np.inf, np.nan], dtype)]
    )
    grad_y, offered = rng.normal(size=x.size).astype(dtype), 0
    for f, g in all_pairs():
        s = fa.surrogate(f, g)
        if s.output_formula is None:
            continue
        offered += 1
        got, y = s.backward_from_output(grad_y, s(x)), s(x)
        if f == g:
            oracle.assert_same_bits(got, fa.get(f).backward_from_output(grad_y, y))
        else:
            oracle.assert_same_bits(got, s.backward(grad_y, x))
    assert offered > len(NAMES)


def test_from_the_output_elsewhere_is_an_error_with_its_reason() -> None:
    """It is refused for two different activations only where there is an input whose slope differs from the
    slope at the output."""
    refused = 0
    for f, g in all_pairs():
        s = fa.surrogate(f, g)
        if s.output_formula is not None:
            continue
        refused += 1
        with pytest.raises(TypeError, match="the output does not determine it: ") as caught:
            s.backward_from_output(1.0, 1.0)
        if f != g:
            assert str(caught.value).startswith(f"fastact.{s.name}.backward_from_output")
            assert any(slopes_differ(fa.get(f), fa.get(g), kind) for kind in helpers.DTYPES)
    assert refused > len(NAMES)


def slopes_differ(f: fa.Activation, g: fa.Activation, dtype: type) -> bool:
    with np.errstate(all="ignore"):
        at = np.array([*f.kinks, *g.kinks, 0], dtype)
        beside = (np.nextafter(at, dtype(side)) for side in (-np.inf, np.inf))
        powers = np.ldexp(1.0, np.arange(-1074, 1023)).astype(dtype)
        x = np.concatenate([at, *beside, powers, -powers, np.linspace(-9, 9, 2001).astype(dtype)])
        return not np.array_equal(g.derivative(f(x)), g.derivative(x))


def test_from_the_output_depends_on_parameters() -> None:
    """A slope that turns the sign is noticed: bound, by keyword, in arrays; and then forgotten."""
    kinked = [n for n in NAMES if fa.get(n).kinks == (0.0,) and list(fa.get(n).parameters) != []]
    f = next(n for n in kinked if fa.get(n).output_formula and fa.get(n)(-1.0) < 0)
    parameter = next(iter(fa.get(f).parameters))
    g = next(n for n in kinked if n != f and fa.get(n).derivative(-1.0) != fa.get(n).derivative(1.0))
    s, y = fa.surrogate(f, g), np.array([-1.0, 2.0])
    want = s.backward_from_output(y, y)
    for bad in (-1.0, np.array([1.0, -1.0])):
        with pytest.raises(TypeError, match="does not determine"):
            s.backward_from_output(y, y, **{f"forward_{parameter}": bad})
        with pytest.raises(TypeError, match="does not determine"):
            s.bind(**{f"forward_{parameter}": bad}).backward_from_output(y, y)
    oracle.assert_same_bits(s.backward_from_output(y, y), want)
    good = np.array([0.5, 0.75])
    oracle.assert_same_bits(s.backward_from_output(y, y, **{f"forward_{parameter}": good}), want)


def test_surrogates_of_surrogates(dtype: type) -> None:
    f, g, h = (fa.get(name) for name in NAMES[3:6])
    x = inputs(dtype)
    s = fa.surrogate(fa.surrogate(f, g), fa.surrogate(g, h))
    oracle.assert_same_bits(s(x), f(x))
    oracle.assert_same_bits(s.derivative(x), h.derivative(x))
    assert all(key.startswith(("forward_forward_", "forward_back", "backward_")) for key in s.parameters)
    assert s.check_from_output.__doc__


def test_unknown_names() -> None:
    for arguments in (("nonsense", NAMES[0]), (NAMES[0], "nonsense")):
        with pytest.raises(ValueError, match="unknown activation 'nonsense'"):
            fa.surrogate(*arguments)
