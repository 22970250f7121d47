"""Arrays of any kind of number, in any layout, give the bits of their conversion by NumPy; and results too
large for the caches give the bits of short ones.

Knows NumPy's dtypes and layouts; does not know any activation or true value.
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
