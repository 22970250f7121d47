"""``fa.mixed``: one activation for each unit, bit-equal to applying each to its columns by itself.

Mixtures of all rows of the table at once; does not know any.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
import tracemalloc
from collections.abc import Callable
from typing import Any

import dask.array as da
import helpers
import numpy as np
import oracle
import pytest

import fastact as fa
from fastact.activations.formula import compile_formula

NAMES = fa.names()
LISTED = [name for k, name in enumerate(NAMES) for _ in range(1 + k % 3)]  # groups of 1, 2 and 3 units
UNITS = len(LISTED)
FROM_OUTPUT = [name for name in LISTED if fa.get(name).output_formula is not None]
DIRECTIONS = (("__call__", 1), ("derivative", 1), ("backward", 2), ("value_and_derivative", 1))


def inputs(dtype: type, shape: tuple[int, ...] = (5, UNITS), seed: int = 0) -> np.ndarray:
    return helpers.arguments(helpers.Call(NAMES[0], "forward", 1, 1), shape, dtype, seed)[0]


def by_itself(listed: list[Any], method: str, *arrays: Any, **keywords: Any) -> tuple[np.ndarray, ...]:
    """Each activation applied to its own column alone."""
    columns = [
        helpers.each(
            getattr(fa.get(one), method)(*(np.asarray(a)[..., k : k + 1] for a in arrays), **keywords)
        )
        for k, one in enumerate(listed)
    ]
    return tuple(np.concatenate(results, axis=-1) for results in zip(*columns, strict=True))


def check(got: Any, want: tuple[np.ndarray, ...]) -> None:
    for one, other in zip(helpers.each(got), want, strict=True):
        oracle.assert_same_bits(one, other)


@pytest.fixture(params=DIRECTIONS, ids=lambda d: d[0])
def direction(request: pytest.FixtureRequest) -> tuple[str, int]:
    return request.param


# Bits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(UNITS,), (1, UNITS), (7, UNITS), (2, 3, UNITS), (0, UNITS), (1000, UNITS)]
)
def test_the_bits_of_each_by_itself(direction: tuple[str, int], dtype: type, shape: tuple[int, ...]) -> None:
    method, count = direction
    arrays = [inputs(dtype, shape, seed) for seed in range(count)]
    check(getattr(fa.mixed(LISTED), method)(*arrays), by_itself(LISTED, method, *arrays))


def test_from_the_output(dtype: type) -> None:
    grad_y, y = (inputs(dtype, (5, len(FROM_OUTPUT)), seed) for seed in range(2))
    want = by_itself(FROM_OUTPUT, "backward_from_output", grad_y, y)
    check(fa.mixed(FROM_OUTPUT).backward_from_output(grad_y, y), want)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "strided": lambda a: np.repeat(a, 3, axis=-1)[..., ::3],
    "fortran": np.asfortranarray,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "half": lambda a: np.clip(a, -100, 100).astype(np.float16),
    "integers": lambda a: np.clip(np.nan_to_num(a), -100, 100).astype(np.int16),
    "booleans": lambda a: a > 0,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_of_any_layout_and_dtype(direction: tuple[str, int], dtype: type, layout: str) -> None:
    method, count = direction
    with np.errstate(all="ignore"):
        arrays = [LAYOUTS[layout](inputs(dtype, seed=seed)) for seed in range(count)]
    check(getattr(fa.mixed(LISTED), method)(*arrays), by_itself(LISTED, method, *arrays))


def test_lists_and_numbers() -> None:
    f, x = fa.mixed(LISTED), np.linspace(-3, 3, UNITS)
    check(f(x.tolist()), by_itself(LISTED, "__call__", x))
    narrow = x.astype(np.float32)
    for grad_y in (2, 0.5, True, np.float32(0.5)):
        got = f.backward(grad_y, narrow)
        check(got, by_itself(LISTED, "backward", np.full(UNITS, grad_y, np.float32), narrow))
    assert f.backward(np.float64(0.5), narrow).dtype == np.float64


def test_gradients_broadcast(dtype: type) -> None:
    f, x = fa.mixed(LISTED), inputs(dtype, (4, 1, UNITS))
    for shape in ((UNITS,), (1,), (3, 1), (4, 3, UNITS), (4, 1, 1), ()):
        grad_y = np.asarray(inputs(dtype, shape, 1))
        full = [np.array(a) for a in np.broadcast_arrays(grad_y, x)]
        check(f.backward(grad_y, x), by_itself(LISTED, "backward", *full))


def test_fortran_order_is_kept() -> None:
    x = np.asfortranarray(inputs(np.float32))
    assert fa.mixed(LISTED)(x).flags.f_contiguous


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_dask_arrays(direction: tuple[str, int], scheduler: str) -> None:
    method, count = direction
    arrays = [inputs(np.float32, (8, UNITS), seed) for seed in range(count)]
    lazy = [da.from_array(a, chunks=(4, 10)) for a in arrays]
    f = fa.mixed(LISTED)
    for got, want in zip(
        helpers.each(getattr(f, method)(*lazy)), helpers.each(getattr(f, method)(*arrays)), strict=True
    ):
        assert isinstance(got, da.Array)
        oracle.assert_same_bits(got.compute(scheduler=scheduler), want)


class Marked(np.ndarray):
    """A subclass that ufuncs give back."""


def test_subclasses() -> None:
    f, x = fa.mixed(LISTED), inputs(np.float32)
    got = f(x.view(Marked))
    assert type(got) is Marked
    check(np.asarray(got), helpers.each(f(x)))
    masked = f(np.ma.masked_where(np.isnan(x) | (x > 1), x))
    assert (masked.mask == (np.isnan(x) | (x > 1))).all()


# Results --------------------------------------------------------------------------------------------


def outs(results: list[np.ndarray]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


@pytest.mark.parametrize("shift", [0, 1, -1, UNITS, "reversed"])
def test_results_may_overlap_inputs(direction: tuple[str, int], dtype: type, shift: Any) -> None:
    """In place; and shifted or reversed, as if the input had been copied."""
    method, count = direction
    f, n = fa.mixed(LISTED), 5 * UNITS
    for position in range(count):
        arrays = [inputs(dtype, seed=seed) for seed in range(count)]
        want = helpers.each(getattr(f, method)(*arrays))
        for slot in range(len(want)):
            memory = np.zeros(n + 2 * UNITS, dtype)
            operand = memory[UNITS : UNITS + n].reshape(5, UNITS)
            operand[...] = arrays[position]
            results = [np.empty((5, UNITS), dtype) for _ in want]
            if shift == "reversed":
                results[slot] = operand[::-1, ::-1]
            else:
                results[slot] = memory[UNITS + shift : UNITS + shift + n].reshape(5, UNITS)
            got = getattr(f, method)(*arrays[:position], operand, *arrays[position + 1 :], out=outs(results))
            for one, given, expected in zip(helpers.each(got), results, want, strict=True):
                assert one is given
                oracle.assert_same_bits(given, expected)


def test_results_that_overlap_each_other(dtype: type) -> None:
    """Written one after the other: the last one is whole."""
    f, x, memory = fa.mixed(LISTED), inputs(dtype, (UNITS,)), np.zeros(UNITS + 1, dtype)
    f.value_and_derivative(x, out=(memory[:-1], memory[1:]))
    oracle.assert_same_bits(memory[1:], f.derivative(x))


def test_results_of_another_dtype_or_layout(direction: tuple[str, int]) -> None:
    method, count = direction
    f, arrays = fa.mixed(LISTED), [inputs(np.float32, seed=seed) for seed in range(count)]
    want = helpers.each(getattr(f, method)(*arrays))
    wide = [np.empty((5, UNITS)) for _ in want]
    getattr(f, method)(*arrays, out=outs(wide))
    spread = [np.full((10, 3 * UNITS), 9, np.float32) for _ in want]
    getattr(f, method)(*arrays, out=outs([s[::2, 1::3] for s in spread]))
    for result, sparse, expected in zip(wide, spread, want, strict=True):
        with np.errstate(under="ignore"):
            oracle.assert_same_bits(result.astype(np.float32), expected)
        oracle.assert_same_bits(sparse[::2, 1::3], expected)
        assert (sparse[1::2] == 9).all()
        assert (sparse[:, 0::3] == 9).all()


def test_keywords_of_ufuncs(direction: tuple[str, int]) -> None:
    method, count = direction
    f, arrays = fa.mixed(LISTED), [inputs(np.float32, seed=seed) for seed in range(count)]
    want = helpers.each(getattr(f, method)(*arrays))
    for where in (arrays[0] > 0, np.arange(UNITS) % 2 == 0, np.arange(5)[:, None] > 2):
        results = [np.full((5, UNITS), 9, np.float32) for _ in want]
        getattr(f, method)(*arrays, out=outs(results), where=where)
        for result, expected in zip(results, want, strict=True):
            full = np.broadcast_to(where, result.shape)
            oracle.assert_same_bits(result[full], expected[full])
            assert (result[~full] == 9).all()
    for result in helpers.each(getattr(f, method)(*arrays, dtype=np.float64)):
        assert result.dtype == np.float64


def test_no_temporaries_of_the_size_of_the_input() -> None:
    f, x = fa.mixed(LISTED), np.ones((2000, UNITS), np.float32)
    f(x)
    tracemalloc.start()
    f(x)
    new = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    f.backward(x, x, out=x)
    in_place = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert new < 1.25 * x.nbytes
    assert in_place < 0.25 * x.nbytes


# Parameters -----------------------------------------------------------------------------------------

WITH = [name for name in NAMES if fa.get(name).parameters]


@pytest.mark.parametrize("name", WITH)
def test_parameters(name: str, dtype: type) -> None:
    """Bound before, bound after, and by keyword: scalars, or one value for each unit of the group."""
    other, x, key = NAMES[0], inputs(dtype, (4, 5)), next(iter(fa.get(name).parameters))
    mixture = fa.mixed([other, other, *[name] * 3])
    assert list(mixture.parameters) == [f"unit2_{p}" for p in fa.get(name).parameters]
    assert list(inspect.signature(mixture).parameters) == ["x", "out", *mixture.parameters, "kwargs"]
    for value in (0.75, np.array([0.5, 0.75, 1.5], dtype), np.array([[0.5], [1], [2], [3]], dtype)):
        part = fa.get(name, **{key: value})
        want = np.concatenate([fa.get(other)(x[:, :2]), part(x[:, 2:])], axis=1)
        bound = mixture.bind(**{f"unit2_{key}": value})
        assert type(bound) is type(mixture)
        assert bound.parameters[f"unit2_{key}"] is value
        for got in (
            fa.mixed([other, other, part, part, part])(x),
            bound(x),
            mixture(x, **{f"unit2_{key}": value}),
        ):
            oracle.assert_same_bits(got, want)
        in_place = x.copy()
        oracle.assert_same_bits(bound(in_place, out=in_place), want)
    assert mixture.bind() is mixture
    assert dict(mixture.parameters) == {f"unit2_{p}": v for p, v in fa.get(name).parameters.items()}


def test_array_parameters_widen_all(dtype: type) -> None:
    name = WITH[0]
    key = next(iter(fa.get(name).parameters))
    part, x = fa.get(name, **{key: np.array([0.5, 0.75])}), inputs(dtype, (3, 4))
    got = fa.mixed([NAMES[0]] * 2 + [part] * 2)(x)
    assert got.dtype == np.float64
    oracle.assert_same_bits(got[:, :2], fa.get(NAMES[0])(x[:, :2]).astype(np.float64))
    oracle.assert_same_bits(got[:, 2:], part(x[:, 2:]))
    lead = part.bind(**{key: np.full((3, 1), 0.5)})  # varies along the batch only
    mixture = fa.mixed([NAMES[0], lead])
    oracle.assert_same_bits(mixture(np.ones(2))[:, 1:], lead(np.ones(1)))
    assert mixture(np.ones(2)).shape == (3, 2)


@pytest.mark.parametrize("name", [name for name in NAMES if fa.get(name).learned])
def test_learned_parameters(name: str) -> None:
    f, rng = fa.get(name), np.random.default_rng(4)
    mixture = fa.mixed([NAMES[0], name, name, NAMES[0]])
    x, grad_y = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    assert dict(mixture.learned).keys() == {f"unit1_{p}" for p in f.learned}
    want = f.parameter_gradients(grad_y[:, 1:3], x[:, 1:3])
    assert mixture.parameter_gradients(grad_y, x) == {f"unit1_{p}": v for p, v in want.items()}
    for parameter, text in mixture.learned.items():
        own = parameter.removeprefix("unit1_")
        for out in (None, np.empty((6, 4))):
            terms = mixture.derivative_by(parameter, x, out=out)
            oracle.assert_same_bits(terms[:, 1:3], f.derivative_by(own, x[:, 1:3]))
            assert (terms[:, [0, 3]] == 0).all()
        masked = np.full((6, 4), 9.0)
        mixture.derivative_by(parameter, x, out=masked, where=x > 0)
        oracle.assert_same_bits(masked, np.where(x > 0, terms, 9.0))
        again = compile_formula(text, ("x", *mixture.parameters), "numpy")(x, *mixture.parameters.values())
        np.testing.assert_allclose(
            terms[:, 1:3], np.broadcast_to(again, x.shape)[:, 1:3], rtol=1e-12, atol=1e-14
        )
        values = np.array([f.parameters[own], f.parameters[own] + 0.5])
        got = mixture.parameter_gradients(grad_y, x, **{parameter: values})[parameter]
        alone = f.parameter_gradients(grad_y[:, 1:3], x[:, 1:3], **{own: values})[own]
        oracle.assert_same_bits(got, alone)
    with pytest.raises(TypeError, match="is not a learned parameter; those are: unit1_"):
        mixture.derivative_by(next(iter(f.learned)), x)


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
