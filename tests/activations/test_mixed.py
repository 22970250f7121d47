"""``fa.mixed`` computes: one activation for each unit, bit-equal to applying each to its columns alone."""

from __future__ import annotations

import inspect
import tracemalloc
from collections.abc import Callable
from typing import Any

import dask.array as da
import helpers
import numpy as np
import oracle
import pytest
from mixed_cases import FROM_OUTPUT, LISTED, NAMES, UNITS, WITH, by_itself, check, inputs, outs

import fastact as fa
from fastact.activations.formula import compile_formula

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


def test_where_with_a_result_over_the_input(direction: tuple[str, int]) -> None:
    """Elements that are not computed stay, and NumPy has no reason to warn of unset ones."""
    method, count = direction
    f, memory = fa.mixed(["tanh"] * 2 + ["relu"]), np.linspace(-2, 2, 30)
    x, where = memory[:12].reshape(4, 3), np.arange(3) > 0
    want = helpers.each(getattr(f, method)(*[x.copy()] * count))
    results = [memory[1:13].reshape(4, 3), np.empty((4, 3))][: len(want)]
    before = [result.copy() for result in results]
    getattr(f, method)(*[x] * count, out=outs(results), where=where)
    for result, expected, kept in zip(results, want, before, strict=True):
        oracle.assert_same_bits(result[:, 1:], expected[:, 1:])
        oracle.assert_same_bits(result[:, 0], kept[:, 0])


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
