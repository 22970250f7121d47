"""``fa.mixed`` as an object, and its errors."""

from __future__ import annotations

import copy
import pickle
import pydoc

import numpy as np
import oracle
import pytest
from mixed_cases import FROM_OUTPUT, LISTED, NAMES, UNITS, WITH, inputs

import fastact as fa
from fastact.activations.formula import compile_formula

# About ----------------------------------------------------------------------------------------------


def test_equal_neighbours_are_one_group() -> None:
    name = WITH[0]
    key = next(iter(fa.get(name).parameters))
    listed = [
        NAMES[0],
        fa.get(NAMES[0]),
        *(fa.get(name, **{key: 0.5}) for _ in range(3)),
        fa.get(name, **{key: 2.0}),
    ]
    mixture = fa.mixed(iter(listed))
    assert list(mixture.parts) == ["unit0", "unit2", "unit5"]
    assert mixture.units == 6
    assert mixture.name == f"mixed(2*{NAMES[0]}, 3*{name}, 1*{name})"
    assert repr(mixture) == f"<fastact.mixed(2*{NAMES[0]}, 3*{name} with {key}=0.5, 1*{name} with {key}=2.0)>"


def test_about() -> None:
    f = fa.mixed(LISTED)
    assert isinstance(f, fa.Activation)
    assert f.units == UNITS
    assert f.output_formula is None
    parts = [fa.get(name) for name in NAMES]
    assert set(f.kinks) == {kink for part in parts for kink in part.kinks}
    assert (f.range.low, f.range.high) == (min(p.range.low for p in parts), max(p.range.high for p in parts))
    for dtype, bounds in f.max_ulp.items():
        assert bounds == tuple(max(p.max_ulp[dtype][k] for p in parts) for k in range(2))
    shown = pydoc.render_doc(f, renderer=pydoc.plaintext)
    for text in (f.name, f.formula, f.derivative_formula, str(f.range)):
        assert text in shown
    assert (
        "range: unknown"
        in fa.mixed([fa.get(WITH[0], **dict.fromkeys(fa.get(WITH[0]).parameters, np.ones(1)))]).__doc__
    )
    assert fa.get(f) is f
    assert not hasattr(f, "ufunc")


def test_formulas_evaluate_by_unit() -> None:
    """In x and the index of the unit."""
    x, unit = np.full(UNITS, 0.7), np.arange(UNITS)
    f = fa.mixed(LISTED)
    for text, want in ((f.formula, f(x)), (f.derivative_formula, f.derivative(x))):
        function = compile_formula(text, ("x", "unit", *f.parameters), "python")
        got = [function(0.7, k, *f.parameters.values()) for k in unit]
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)
    g = fa.mixed(FROM_OUTPUT)
    y = g(np.full(len(FROM_OUTPUT), 0.3)).tolist()
    function = compile_formula(g.output_formula, ("y", "unit", *g.parameters), "numpy")
    with np.errstate(invalid="ignore"):  # texts of other units, which do not count
        got = [function(y[k], k, *g.parameters.values()) for k in range(len(FROM_OUTPUT))]
    np.testing.assert_allclose(got, g.derivative(np.full(len(FROM_OUTPUT), 0.3)), rtol=1e-12)


def test_copies_and_pickles() -> None:
    f = fa.mixed([*LISTED, fa.get(WITH[0], **dict.fromkeys(fa.get(WITH[0]).parameters, np.ones(1)))])
    x = inputs(np.float64, (3, UNITS + 1))
    twins = [pickle.loads(pickle.dumps(f, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in (*twins, copy.copy(f), copy.deepcopy(f)):
        assert (twin.name, twin.units, repr(twin)) == (f.name, f.units, repr(f))
        oracle.assert_same_bits(twin(x), f(x))


def test_surrogates_and_mixtures_together(dtype: type) -> None:
    f, g = fa.get(NAMES[1]), fa.get(NAMES[-1])
    x, s = inputs(dtype, (5, 4)), fa.surrogate(f, g)
    mixture = fa.mixed([s, s, g, g])
    oracle.assert_same_bits(mixture(x)[:, :2], f(x[:, :2]))
    oracle.assert_same_bits(mixture.derivative(x), g.derivative(x))
    both = fa.surrogate(fa.mixed([f, f, g, g]), g)
    assert both.units == 4
    oracle.assert_same_bits(both(x), fa.mixed([f, f, g, g])(x))
    oracle.assert_same_bits(both.backward(x, x), g.backward(x, x))
    with pytest.raises(ValueError, match=r"forward has 4 units, backward 3; expected as many"):
        fa.surrogate(fa.mixed([f] * 4), fa.mixed([f] * 3))
    with pytest.raises(ValueError, match=r"mixed\(.*\) has units of its own"):
        fa.mixed([fa.mixed([f, g])] * 2)


# Bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (UNITS - 1,), (UNITS, 2), (UNITS, 1), (3, 0)])
def test_a_last_axis_that_is_not_the_units(
    direction: tuple[str, int], dtype: type, shape: tuple[int, ...]
) -> None:
    method, count = direction
    bad = np.zeros(shape, dtype)
    with pytest.raises(ValueError, match="expected a last axis") as caught:
        getattr(fa.mixed(LISTED), method)(*[bad] * count)
    blamed = "fastact.mixed" + ("" if method == "__call__" else f".{method}")
    assert str(caught.value).startswith(f"{blamed}: x has shape {shape}; expected a last axis of {UNITS}")
    with pytest.raises(ValueError, match=f"{'y' if count > 1 else 'x'} has shape|x has shape"):
        getattr(fa.mixed(LISTED), method)(*[0.5] * count)


def test_shapes_that_do_not_broadcast() -> None:
    f = fa.mixed(LISTED)
    with pytest.raises(
        ValueError, match=rf"do not broadcast together: grad_y \(3, {UNITS}\), x \(2, {UNITS}\)"
    ):
        f.backward(np.zeros((3, UNITS)), np.zeros((2, UNITS)))
    with pytest.raises(ValueError, match=r"do not broadcast together: grad_y \(7,\)"):
        f.backward(np.zeros(7), np.zeros(UNITS))


@pytest.mark.parametrize("name", WITH)
def test_array_parameters_that_do_not_fit(name: str) -> None:
    for key in fa.get(name).parameters:
        bad, mixture = np.ones(3), fa.mixed([name] * 2)
        message = rf"unit0_{key} has shape \(3,\); expected a last axis of 2, or of 1"
        with pytest.raises(ValueError, match=message):
            fa.mixed([fa.get(name, **{key: bad})] * 2)
        with pytest.raises(ValueError, match=message):
            mixture.bind(**{f"unit0_{key}": bad})
        with pytest.raises(ValueError, match=message):
            mixture(np.zeros(2), **{f"unit0_{key}": bad})
        with pytest.raises(TypeError, match=f"{key} is 'text'; expected real numbers"):
            mixture.bind(**{f"unit0_{key}": "text"})


def test_not_real_numbers(direction: tuple[str, int]) -> None:
    method, count = direction
    f = fa.mixed(LISTED)
    for bad in (np.zeros(UNITS, complex), np.array(["a"] * UNITS), [None] * UNITS):
        with pytest.raises(TypeError, match=r"has dtype .*expected float16"):
            getattr(f, method)(*[bad] * count)
    with pytest.raises(TypeError, match="is not an array of numbers"):
        getattr(f, method)(*[[[1, 2], [3]]] * count)


def test_bad_results_change_nothing(direction: tuple[str, int]) -> None:
    method, count = direction
    f = fa.mixed(LISTED)
    arrays = [inputs(np.float64, seed=seed) for seed in range(count)]
    before = [a.tobytes() for a in arrays]
    read_only = np.zeros((5, UNITS))
    read_only.flags.writeable = False
    for bad, message in (
        (np.zeros((4, UNITS)), rf"out has shape \(4, {UNITS}\); expected \(5, {UNITS}\)"),
        (read_only, "out is read-only"),
        ([0.0], "out is a list"),
        (np.zeros((5, UNITS), int), "out has dtype int64; expected a float dtype"),
    ):
        out = (arrays[0], bad) if method == "value_and_derivative" else bad
        with pytest.raises((ValueError, TypeError), match=message):
            getattr(f, method)(*arrays, out=out)
        assert [a.tobytes() for a in arrays] == before


def test_other_errors() -> None:
    f, x = fa.mixed(LISTED), np.zeros(UNITS)
    with pytest.raises(ValueError, match="activations is empty"):
        fa.mixed([])
    with pytest.raises(ValueError, match="unknown activation 'nonsense'"):
        fa.mixed([NAMES[0], "nonsense"])
    with pytest.raises(TypeError, match="unexpected keyword 'nonsense'"):
        f(x, nonsense=1)
    with pytest.raises(TypeError, match=r"bind: unexpected keyword 'where'"):
        f.bind(where=True)
    with pytest.raises(TypeError, match="expected a pair of arrays"):
        f.value_and_derivative(x, out=x)
    refused = next(k for k, name in enumerate(LISTED) if fa.get(name).output_formula is None)
    with pytest.raises(TypeError, match=rf"units {refused} to .*the output does not determine it"):
        f.backward_from_output(x, x)
