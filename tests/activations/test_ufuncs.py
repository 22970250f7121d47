"""NumPy's rules hold: genuine ufuncs, and activations that follow the same rules."""

from __future__ import annotations

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

BUILTIN = [np.dtype(c) for c in "?bBhHiIlLqQefd"]


def ufuncs_of(name: str) -> list[np.ufunc]:
    activation = fa.get(name)
    kinds = ("ufunc", "derivative_ufunc", "backward_ufunc", "backward_from_output_ufunc")
    return [u for u in (getattr(activation, kind) for kind in kinds) if u is not None]


class Tagged(np.ndarray):
    """A trivial subclass."""


def test_ufuncs_are_genuine(name: str) -> None:
    for ufunc in ufuncs_of(name):
        assert isinstance(ufunc, np.ufunc)
        assert ufunc.nout == 1
        assert ufunc is getattr(fa.ufuncs, ufunc.__name__)
        assert ufunc.__name__ in fa.ufuncs.__all__
        assert [t.partition("->")[2] for t in ufunc.types] == ["e", "f", "d"]


def test_ufuncs_lists_all_and_nothing_else() -> None:
    every = [u.__name__ for name in fa.names() for u in ufuncs_of(name)]
    every += [f"{name}_derivative_{p}" for name in fa.names() for p in fa.get(name).learned]
    assert sorted(every) == sorted(fa.ufuncs.__all__)
    with pytest.raises(AttributeError, match=r"has no ufunc 'nothing_such'"):
        _ = fa.ufuncs.nothing_such


@pytest.mark.once
@pytest.mark.parametrize("dtype", BUILTIN, ids=str)
def test_dtypes_resolve_as_for_exp(name: str, dtype: np.dtype) -> None:
    """With parameters of the same dtype: what a Python float does to integers is another rule."""
    want = np.exp.resolve_dtypes((dtype, None))[-1]
    n_parameters = len(fa.get(name).parameters)
    for ufunc in ufuncs_of(name):
        arrays = (dtype,) * (ufunc.nin - n_parameters)
        resolved = ufunc.resolve_dtypes((*arrays, *(dtype,) * n_parameters, None))
        assert resolved[-1] == want


@pytest.mark.once
@pytest.mark.parametrize("dtype", BUILTIN, ids=str)
def test_results_have_the_dtype_of_exp(call: helpers.Call, dtype: np.dtype) -> None:
    x = np.array([0, 1], dtype)
    want = np.exp(x).dtype
    for result in helpers.each(call(*[x] * call.inputs)):
        assert result.dtype == want
    plain, converted = [x] * call.inputs, [x.astype(want)] * call.inputs
    for got, one in zip(helpers.each(call(*plain)), helpers.each(call(*converted)), strict=True):
        oracle.assert_same_bits(got, one)


def test_python_numbers_and_lists(activation: fa.Activation) -> None:
    assert type(activation(1.5)) is np.float64
    assert type(activation(1)) is np.float64
    assert type(activation(True)) is np.float16
    assert activation([1, 2]).dtype == np.float64
    oracle.assert_same_bits(activation([[0.5], [2.0]]), activation(np.array([[0.5], [2.0]])))


def test_numbers_as_parameters_are_weak(call: helpers.Call) -> None:
    """A number, Python's or NumPy's, leaves float32 as it is; a float64 array does not."""
    arrays = helpers.arguments(call, 9, np.float32)
    for parameter, default in helpers.activation_of(call).parameters.items():
        for weak in (float(default), 1, True, np.float64(default), np.int64(1)):
            for result in helpers.each(call(*arrays, **{parameter: weak})):
                assert result.dtype == np.float32
        for strong in (np.full(9, default), np.array(default)):
            for result in helpers.each(call(*arrays, **{parameter: strong})):
                assert result.dtype == np.float64
        narrow = np.float16(default)
        for result in helpers.each(call(*arrays, **{parameter: narrow})):
            assert result.dtype == np.float32


def test_parameters_beyond_float32_become_infinite(
    activation: fa.Activation,
) -> None:
    """As NumPy treats a Python float that float32 cannot hold, but without its warning."""
    x = np.array([-1, 1], np.float32)
    for parameter in activation.parameters:
        want = activation(x, **{parameter: np.float32(np.inf)})
        oracle.assert_same_bits(activation(x, **{parameter: 1e300}), want)


def test_out(call: helpers.Call, dtype: type) -> None:
    arrays = helpers.arguments(call, 20, dtype)
    want = helpers.each(call(*arrays))
    out = tuple(np.zeros(20, dtype) for _ in want)
    result = helpers.each(call(*arrays, out=out if call.results == 2 else out[0]))
    for got, given, one in zip(result, out, want, strict=True):
        assert got is given
        oracle.assert_same_bits(got, one)
    if call.results == 1:
        assert call(*arrays, out=out) is out[0]
        assert call(*arrays, out=(None,)).dtype == dtype


def test_out_of_a_wider_dtype(call: helpers.Call) -> None:
    """Computed in the inputs' dtype, as any ufunc does, then converted."""
    arrays = helpers.arguments(call, 20, np.float32)
    out = tuple(np.zeros(20) for _ in range(call.results))
    call(*arrays, out=out if call.results == 2 else out[0])
    for got, want in zip(out, helpers.each(call(*arrays)), strict=True):
        oracle.assert_same_bits(got, want.astype(np.float64))


def test_where(call: helpers.Call, dtype: type) -> None:
    arrays = helpers.arguments(call, 31, dtype)
    mask = np.arange(31) % 3 == 0
    out = tuple(np.full(31, 7, dtype) for _ in range(call.results))
    call(*arrays, out=out if call.results == 2 else out[0], where=mask)
    for got, want in zip(out, helpers.each(call(*arrays)), strict=True):
        oracle.assert_same_bits(got, np.where(mask, want, dtype(7)))


def test_dtype_and_casting(call: helpers.Call) -> None:
    arrays = helpers.arguments(call, 20, np.float32)
    wide = helpers.each(call(*arrays, dtype=np.float64))
    for got, want in zip(wide, helpers.each(call(*(a.astype(np.float64) for a in arrays))), strict=True):
        oracle.assert_same_bits(got, want)
    doubles = [a.astype(np.float64) for a in arrays]
    with pytest.raises(TypeError, match=r"same_kind|float32|safe"):
        call(*doubles, dtype=np.float32, casting="safe")
    for result in helpers.each(call(*doubles, dtype=np.float32, casting="same_kind")):
        assert result.dtype == np.float32


def test_order_and_subok(call: helpers.Call) -> None:
    arrays = helpers.arguments(call, (4, 5), np.float64)
    for result in helpers.each(call(*arrays, order="F")):
        assert result.flags.f_contiguous
    tagged = [a.view(Tagged) for a in arrays]
    for result in helpers.each(call(*tagged)):
        assert type(result) is Tagged
    for result in helpers.each(call(*tagged, subok=False)):
        assert type(result) is np.ndarray


def test_masked_arrays(call: helpers.Call) -> None:
    arrays = helpers.arguments(call, 10, np.float64)
    mask = np.arange(10) % 4 == 1
    masked = [np.ma.MaskedArray(a, mask) for a in arrays]
    for got, want in zip(helpers.each(call(*masked)), helpers.each(call(*arrays)), strict=True):
        assert isinstance(got, np.ma.MaskedArray)
        np.testing.assert_array_equal(got.mask, mask)
        oracle.assert_same_bits(got.data[~mask], want[~mask])


def test_array_ufunc_protocol(call: helpers.Call) -> None:
    """Objects with __array_ufunc__ get the ufunc itself."""
    seen = []

    class Duck:
        def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **keywords: object) -> str:
            seen.append((ufunc, method, len(inputs)))
            return "answered"

    answers = helpers.each(
        call(*[Duck()] * call.inputs)
        if call.direction != "value_and_derivative"
        else (call.function.__self__.ufunc(Duck(), *parameters_of(call)),)
    )
    assert set(answers) == {"answered"}
    assert all(isinstance(u, np.ufunc) and method == "__call__" for u, method, _ in seen)


def parameters_of(call: helpers.Call) -> tuple[float, ...]:
    return tuple(helpers.activation_of(call).parameters.values())


def test_methods_of_ufuncs(activation: fa.Activation) -> None:
    """`at` computes in place by index, for activations without parameters."""
    if activation.parameters:
        return
    x = np.array([-1.5, 0.25, 2.0])
    changed = x.copy()
    activation.ufunc.at(changed, [0, 2])
    oracle.assert_same_bits(changed, np.array([activation(-1.5), 0.25, activation(2.0)]))
