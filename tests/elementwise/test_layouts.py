"""Any layout of any operand gives the bits of fresh contiguous arrays, and nothing else is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import helpers
import numpy as np
import oracle
import pytest
from helpers import Call

import fastact as fa

VECTOR = 16  # elements of the widest vector of float32
LENGTHS = range(4 * VECTOR + 2)


def check(got: object, want: object) -> None:
    for one, other in zip(helpers.each(got), helpers.each(want), strict=True):
        oracle.assert_same_bits(one, other)


def out_keyword(call: Call, arrays: list[np.ndarray]) -> object:
    return arrays[0] if call.results == 1 else tuple(arrays)


def spread(array: np.ndarray) -> np.ndarray:
    wide = np.full((*array.shape[:-1], array.shape[-1] * 3), 99, array.dtype)
    view = wide[..., 1::3]
    view[...] = array
    return view


def unaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    view = memory.view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "strided": spread,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "fortran": np.asfortranarray,
    "unaligned": unaligned,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
    "masked view": lambda a: np.lib.stride_tricks.as_strided(a.copy(), a.shape, a.strides),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_of_any_layout(call: Call, dtype: type, layout: str) -> None:
    """All inputs, and each alone; the inputs stay as they were."""
    plain = helpers.arguments(call, (6, 43), dtype)
    want = call(*plain)
    changed = [LAYOUTS[layout](a) for a in plain]
    check(call(*changed), want)
    for i in range(call.inputs):
        check(call(*plain[:i], changed[i], *plain[i + 1 :]), want)
    for one, before in zip(changed, plain, strict=True):
        oracle.assert_same_bits(one, before)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "read-only"])
def test_results_of_any_layout(call: Call, dtype: type, layout: str) -> None:
    plain = helpers.arguments(call, (6, 43), dtype)
    want = call(*plain)
    out = [LAYOUTS[layout](np.zeros((6, 43), dtype)) for _ in range(call.results)]
    got = call(*plain, out=out_keyword(call, out))
    for one, given in zip(helpers.each(got), out, strict=True):
        assert one is given
    check(got, want)


def test_results_between_strides_are_untouched(call: Call, dtype: type) -> None:
    plain = helpers.arguments(call, 57, dtype)
    out = [np.full(57 * 3, 99, dtype) for _ in range(call.results)]
    call(*plain, out=out_keyword(call, [o[1::3] for o in out]))
    for array in out:
        assert (array[0::3] == 99).all()
        assert (array[2::3] == 99).all()


def test_every_length_with_canaries(call: Call, dtype: type) -> None:
    """Nothing before or after is written, and an element's bits do not depend on the length or on where
    in memory it stands."""
    longest = helpers.arguments(call, LENGTHS[-1], dtype)
    want = helpers.each(call(*longest))
    for n in LENGTHS:
        start = n % 5
        memory = [np.full(n + 12, 77, dtype) for _ in range(call.results)]
        out = [m[start + 1 : start + 1 + n] for m in memory]
        call(*(a[:n] for a in longest), out=out_keyword(call, out))
        for array, result, full in zip(memory, out, want, strict=True):
            oracle.assert_same_bits(result, full[:n])
            assert (array[: start + 1] == 77).all()
            assert (array[start + 1 + n :] == 77).all()


def test_position_does_not_matter(call: Call, dtype: type) -> None:
    plain = helpers.arguments(call, 300, dtype)
    want = helpers.each(call(*plain))
    for start in (1, 2, 7, 15, 17, 255, 299):
        for got, whole in zip(helpers.each(call(*(a[start:] for a in plain))), want, strict=True):
            oracle.assert_same_bits(got, whole[start:])


@pytest.mark.parametrize("n", [1, 15, 16, 100, 1000])
def test_in_place(call: Call, dtype: type, n: int) -> None:
    """The output may be any of the inputs."""
    plain = helpers.arguments(call, n, dtype)
    want = helpers.each(call(*plain))
    for i in range(call.inputs):
        for slot in range(call.results):
            fresh = [a.copy() for a in plain]
            out = [np.empty(n, dtype) for _ in range(call.results)]
            out[slot] = fresh[i]
            call(*fresh, out=out_keyword(call, out))
            for got, expected in zip(out, want, strict=True):
                oracle.assert_same_bits(got, expected)


def placed(values: np.ndarray, elements: int) -> np.ndarray:
    """A copy that begins so many elements after the begin of a cache line."""
    memory = np.zeros(values.size + 64, values.dtype)
    copy = memory[-memory.ctypes.data % 64 // values.itemsize + elements :][: values.size]
    copy[...] = values
    return copy


@pytest.mark.parametrize("shift", [0, 3])
def test_in_place_of_inputs_and_parameters_both_results(call: Call, dtype: type, shift: int) -> None:
    """Wherever in a cache line: results that differ there may be computed one after the other."""
    if call.results == 1:
        return
    plain = helpers.arguments(call, 700, dtype)
    defaults = helpers.activation_of(call).parameters
    plain += [np.linspace(0.5, 2, 700).astype(dtype) * dtype(default) for default in defaults.values()]

    def run(arrays: Sequence[np.ndarray], out: tuple[np.ndarray, ...]) -> None:
        bound = dict(zip(defaults, arrays[call.inputs :], strict=True))
        call(*arrays[: call.inputs], **bound, out=out)

    want = np.empty(700, dtype), np.empty(700, dtype)
    run(plain, want)
    for over in product([None, *range(len(plain))], repeat=2):
        if over[0] is not None and over[0] == over[1]:
            continue
        arrays = [placed(a, shift * k) for k, a in enumerate(plain)]
        fresh = [placed(np.empty(700, dtype), shift * k) for k in (5, 6)]
        out = tuple(new if i is None else arrays[i] for new, i in zip(fresh, over, strict=True))
        run(arrays, out)
        for got, expected in zip(out, want, strict=True):
            oracle.assert_same_bits(got, expected)


@pytest.mark.parametrize("n", [8, 700])
@pytest.mark.parametrize("shift", [1, -1, 5, -16])
def test_partial_overlap(call: Call, dtype: type, n: int, shift: int) -> None:
    """An output that overlaps an input, but shifted: as if the input had been copied first."""
    for i in range(call.inputs):
        plain = helpers.arguments(call, n, dtype)
        want = helpers.each(call(*plain))
        memory = np.zeros(n + 40, dtype)
        plain[i] = memory[20 : 20 + n]
        plain[i][...] = helpers.arguments(call, n, dtype)[i]
        out = [memory[20 + shift : 20 + shift + n], *(np.empty(n, dtype) for _ in range(call.results - 1))]
        call(*plain, out=out_keyword(call, out))
        for got, expected in zip(out, want, strict=True):
            oracle.assert_same_bits(got, expected)


def test_overlap_of_a_reversed_view(call: Call, dtype: type) -> None:
    plain = helpers.arguments(call, 501, dtype)
    want = helpers.each(call(*plain))
    memory = plain[-1].copy()
    out = [memory[::-1], *(np.empty(501, dtype) for _ in range(call.results - 1))]
    call(*plain[:-1], memory, out=out_keyword(call, out))
    for got, expected in zip(out, want, strict=True):
        oracle.assert_same_bits(got, expected)


def test_results_that_overlap_each_other(call: Call, dtype: type) -> None:
    """Written one after the other: the last result is whole."""
    if call.results == 1:
        return
    plain = helpers.arguments(call, 64, dtype)
    memory = np.zeros(65, dtype)
    call(*plain, out=(memory[:-1], memory[1:]))
    oracle.assert_same_bits(memory[1:], call(*plain)[1])


def test_inputs_broadcast(call: Call, dtype: type) -> None:
    if call.inputs < 2:
        return
    for shapes in (((5, 1), (1, 33)), ((1,), (4, 9)), ((3, 1, 7), (6, 1)), ((0,), (4, 0)), ((1, 1), (1,))):
        first, second = (helpers.arguments(call, s, dtype, seed)[0] for seed, s in enumerate(shapes))
        full = [np.array(a) for a in np.broadcast_arrays(first, second)]
        check(call(first, second), call(*full))


def test_parameters_broadcast(call: Call, dtype: type) -> None:
    """As the inputs do: the result takes the common shape."""
    plain = helpers.arguments(call, (3, 1), dtype)
    full = [np.repeat(a, 20, axis=1) for a in plain]
    for parameter, default in helpers.activation_of(call).parameters.items():
        row = (default * np.linspace(0.5, 2, 20)).astype(dtype)
        check(call(*plain, **{parameter: row}), call(*full, **{parameter: np.tile(row, (3, 1))}))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 5, 2), (1,), (1, 1, 1), (2,) * 10])
def test_shapes(call: Call, dtype: type, shape: tuple[int, ...]) -> None:
    plain = helpers.arguments(call, shape, dtype)
    for result in helpers.each(call(*plain)):
        assert np.shape(result) == shape
        assert result.dtype == dtype
    flat = helpers.each(call(*(a.reshape(-1) for a in plain)))
    for got, want in zip(helpers.each(call(*plain)), flat, strict=True):
        oracle.assert_same_bits(np.ravel(got), want)


def test_fortran_order_is_kept(call: Call, dtype: type) -> None:
    plain = [np.asfortranarray(a) for a in helpers.arguments(call, (5, 7), dtype)]
    for result in helpers.each(call(*plain)):
        assert result.flags.f_contiguous


# Arrays that come from memory ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "hard_swish", "softsign", "snake"])
@pytest.mark.parametrize("into", ["elsewhere", "the gradients"])
def test_arrays_from_memory_get_the_bits_of_short_ones(name: str, into: str) -> None:
    """What is fetched ahead, step by step or between tiles, and what is streamed, changes no result."""
    n, part = 4_000_037, 9_973
    random = np.random.default_rng(3)
    x = (3 * random.standard_normal(n, np.float32)).astype(np.float32)
    grad_y = random.standard_normal(n, np.float32)
    f = fa.get(name)
    starts = (0, 1024 * 1000 - 64, n - part)
    want = [f.backward(grad_y[i : i + part], x[i : i + part]) for i in starts]
    values = [f(x[i : i + part]) for i in starts]
    y = f(x, out=np.ones_like(x))
    got = f.backward(grad_y, x, out=np.ones_like(x) if into == "elsewhere" else grad_y)
    for i, one, value in zip(starts, want, values, strict=True):
        oracle.assert_same_bits(got[i : i + part], one)
        oracle.assert_same_bits(y[i : i + part], value)


@pytest.mark.parametrize("name", ["relu", "sigmoid"])
def test_other_directions_on_arrays_from_memory(name: str) -> None:
    """Two results that begin at different places in their lines, and the backward pass from the output."""
    n, part = 4_000_037, 9_973
    x = np.random.default_rng(4).standard_normal(n, np.float32)
    memory = np.ones((2, n + 8), np.float32)
    f = fa.get(name)
    y, d = f.value_and_derivative(x, out=(memory[0, 3:-5], memory[1, 5:-3]))
    grad_x = f.backward_from_output(x, y, out=np.ones_like(x))
    for i in (0, 1024 * 1000 - 64, n - part):
        some = slice(i, i + part)
        for got, want in zip((y, d), f.value_and_derivative(x[some]), strict=True):
            oracle.assert_same_bits(got[some], want)
        oracle.assert_same_bits(grad_x[some], f.backward_from_output(x[some], y[some]))
