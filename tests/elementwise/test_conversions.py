"""Arrays of any kind of number, in any layout, give the bits of their conversion by NumPy; and results too
large for the caches give the bits of short ones.
"""

from __future__ import annotations

from collections.abc import Callable

import helpers
import numpy as np
import oracle
import pytest
from helpers import Call

import fastact as fa

KINDS = [np.dtype(k) for k in ("?", "b", "B", "h", "H", "i", "I", "q", "Q", "e", ">f4", ">f8", "f", "d")]
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "contiguous": lambda a: a,
    "strided": lambda a: np.repeat(a, 3, axis=1)[:, 1::3],
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "row slice": lambda a: np.concatenate([a, a], axis=1)[:, : a.shape[1]],
}


def numbers(kind: np.dtype, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """All over the small numbers, and the ends of what the dtype holds."""
    generator = np.random.default_rng(seed)
    if kind.kind == "f":
        return generator.normal(0, 3, shape).astype(kind)
    if kind.kind == "b":
        return generator.random(shape) > 0.5
    limits = np.iinfo(kind)
    values = generator.integers(max(limits.min, -9), 9, shape).astype(kind)
    values.flat[:2] = limits.min, limits.max
    return values


def native(kind: np.dtype) -> np.dtype:
    return np.exp.resolve_dtypes((kind.newbyteorder("="), None))[-1]


def check(got: object, want: object) -> None:
    for one, other in zip(helpers.each(got), helpers.each(want), strict=True):
        assert one.dtype == other.dtype
        oracle.assert_same_bits(one, other)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_any_kind_of_number(call: Call, kind: np.dtype) -> None:
    plain = [numbers(kind, (7, 90), seed) for seed in range(call.inputs)]
    want = call(*(np.ascontiguousarray(a.astype(native(kind))) for a in plain))
    for layout in LAYOUTS.values():
        check(call(*(layout(a) for a in plain)), want)


def test_two_kinds_of_numbers(activation: fa.Activation) -> None:
    """The result has the least float dtype that holds both."""
    for first in KINDS:
        for second in KINDS:
            grad, x = numbers(first, (3, 21)), numbers(second, (3, 21), 1)
            dtype = np.result_type(native(first), native(second))
            check(activation.backward(grad, x), activation.backward(grad.astype(dtype), x.astype(dtype)))


def test_parameters_of_another_dtype(activation: fa.Activation) -> None:
    x = numbers(np.dtype("f"), (4, 30))
    for name, value in activation.parameters.items():
        for kind in ("e", ">f4", "d"):
            values = (value * np.linspace(0.5, 2, 30)).astype(kind)
            dtype = np.result_type(x, values)
            want = activation(x.astype(dtype), **{name: values.astype(dtype)})
            check(activation(x, **{name: values}), want)


def test_parameters_of_halves_are_rounded_to_half(activation: fa.Activation) -> None:
    """As NumPy rounds a Python number that meets an array of float16."""
    x = numbers(np.dtype("e"), (1, 200))[0]
    for name, value in activation.parameters.items():
        for number in (
            float(value),
            value * 1.1 + 0.01,
            0.1,
            2.0**-24 * 1.5,
            1 + 2.0**-11,
            1 + 2.0**-11 + 2.0**-40,
        ):
            check(activation(x, **{name: number}), activation(x, **{name: np.float16(number)}))


def test_results_over_inputs_of_another_kind(activation: fa.Activation) -> None:
    """In the same memory, element on element, shifted, or of another size."""
    integers = numbers(np.dtype("q"), (1, 700))[0]
    want = activation(integers)
    for kind, shift in (("q", 0), ("q", 8), ("b", 0)):
        memory = np.zeros(8 * 700 + 8, np.uint8)
        x = memory[shift:][: 700 * np.dtype(kind).itemsize].view(kind)
        x[...] = integers if kind == "q" else np.arange(700) % 50
        expected = want if kind == "q" else activation(x.astype(np.float16)).astype(np.float64)
        out = memory[: 8 * 700].view(np.float64)
        check(activation(x, out=out), expected)


@pytest.mark.usefixtures("restore_threads")
def test_one_value_per_channel(activation: fa.Activation, dtype: type) -> None:
    """Parameters constant along runs give the bits of parameters given in full, defaults among them."""
    for shape in ((2, 3, 20, 20), (2, 3, 5, 5), (40, 3, 70, 40)):
        x = numbers(np.dtype(dtype), (1, int(np.prod(shape)))).reshape(shape)
        for name, value in activation.parameters.items():
            channels = (value * np.array([1, 0.5, 1.5])).astype(dtype)[:, None, None]
            full = np.array(np.broadcast_to(channels, shape))
            for threads in (1, 2):
                fa.set_num_threads(threads)
                check(activation(x, **{name: channels}), activation(x, **{name: full}))
                both = activation.value_and_derivative(x, **{name: channels})
                check(both, activation.value_and_derivative(x, **{name: full}))


LARGE = (
    1_300_003  # float32: more than most processors' own cache, together with float64 more than that of any
)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("large", [LARGE, 4 * LARGE])
def test_results_beyond_the_caches(dtype: type, large: int) -> None:
    """The bits of short calls, wherever in memory results begin, and nothing beside them written."""
    some = [c for c in helpers.calls() if c.name in ("gelu", "relu")]  # with tables, and without
    values = np.tile(helpers.arguments(some[0], 5003, dtype)[0], large // 5003 + 1)[:large]
    for call in some:
        short = helpers.each(call(*[values[:5003]] * call.inputs))
        for start, threads in ((0, 1), (1, 2), (7, 2)):
            fa.set_num_threads(threads)
            memory = [np.full(large + 20, 77, dtype) for _ in range(call.results)]
            out = tuple(m[start + 1 : start + 1 + large] for m in memory)
            call(*[values] * call.inputs, out=out if call.results == 2 else out[0])
            for whole, result, one in zip(memory, out, short, strict=True):
                for begin in range(0, large, 5003):
                    oracle.assert_same_bits(result[begin : begin + 5003], one[: large - begin])
                assert (whole[: start + 1] == 77).all()
                assert (whole[start + 1 + large :] == 77).all()


PATHS = ({}, {"order": "C"}, {"where": True}, {"subok": False})


def test_the_dtype_does_not_depend_on_the_path(activation: fa.Activation) -> None:
    """Straight to C, or through the ufunc: the same dtype and bits for any two kinds of numbers."""
    for first in KINDS:
        for second in KINDS:
            grad, x = numbers(first, (2, 9)), numbers(second, (2, 9), 1)
            want = activation.backward(grad, x)
            for keywords in PATHS:
                check(activation.backward(grad, x, **keywords), want)


def test_parameters_do_not_lose_digits_beside_integers(activation: fa.Activation) -> None:
    """Beside x of 8 bits and a float32 array parameter, the other parameters are float32, not float16."""
    values = activation.parameters
    for kind in ("?", "b", "B"):
        x = numbers(np.dtype(kind), (1, 20))[0]
        for name in values:
            array = np.full(20, values[name], np.float32)
            others = {key: value * 1.1 + 0.013 for key, value in values.items() if key != name}
            want = activation(x.astype(np.float32), **{name: array}, **others)
            for keywords in PATHS:
                check(activation(x, **{name: array}, **others, **keywords), want)
                bound = activation.bind(**{name: array}, **others)
                check(bound(x, **keywords), want)


def test_numbers_of_numpy_are_numbers(activation: fa.Activation, dtype: type) -> None:
    """As parameters, by keyword or bound, straight to C or through the ufunc, alone or in composites."""
    x = numbers(np.dtype(dtype), (1, 30))[0]
    for name in activation.parameters:
        want = activation(x, **{name: 0.1})
        for number in (np.float64(0.1), np.longdouble(0.1).astype(np.float64)):
            for keywords in PATHS:
                check(activation(x, **{name: number}, **keywords), want)
                check(activation.bind(**{name: number})(x, **keywords), want)
            mixture = fa.mixed([activation] * 30)
            check(mixture(x, **{f"unit0_{name}": number}), want)
            check(mixture.bind(**{f"unit0_{name}": number})(x), want)
            check(fa.surrogate(activation, "relu")(x, **{f"forward_{name}": number}), want)
        check(activation(x, **{name: np.int8(1)}), activation(x, **{name: 1.0}))


def test_results_over_array_parameters(activation: fa.Activation, dtype: type) -> None:
    """`out` in the memory of a parameter, element on element, shifted or reversed: as if it were a copy."""
    x = numbers(np.dtype(dtype), (1, 200))[0]
    for name, value in activation.parameters.items():
        values = np.abs(numbers(np.dtype(dtype), (1, 200), 3)[0]) + dtype(value) * dtype(0.5)
        for shift, step in ((0, 1), (1, 1), (-1, 1), (0, -1)):
            for method in ("__call__", "derivative", "backward", "value_and_derivative"):
                arrays = [x] * (2 if method == "backward" else 1)
                want = helpers.each(getattr(activation, method)(*arrays, **{name: values}))
                for slot in range(len(want)):
                    memory = np.zeros(202, dtype)
                    parameter = memory[1:201]
                    parameter[...] = values
                    out = [np.empty_like(x) for _ in want]
                    out[slot] = memory[1 + shift : 201 + shift][::step]
                    target = out[0] if len(out) == 1 else tuple(out)
                    check(getattr(activation, method)(*arrays, **{name: parameter}, out=target), want)
