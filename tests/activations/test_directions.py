"""How the directions relate: backward is gradient times derivative, bit for bit; the pair is its two
halves; float16 is float32 rounded; from the output, within an absolute bound.

Does not know any activation, nor true values except for that bound.
"""

from __future__ import annotations

import helpers
import numpy as np
import oracle

import fastact as fa


def inputs(name: str, dtype: type, n: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    gradient, x = helpers.arguments(helpers.Call(name, "backward", 2, 1), n, dtype)
    return gradient, x


def test_backward_is_gradient_times_derivative(activation: fa.Activation, dtype: type) -> None:
    gradient, x = inputs(activation.name, dtype)
    derivative = activation.derivative(x)
    with np.errstate(all="ignore"):
        want = np.where(derivative == 0, dtype(0), gradient * derivative)
    oracle.assert_same_bits(activation.backward(gradient, x), want)


def test_the_pair_is_its_two_halves(activation: fa.Activation, dtype: type) -> None:
    _, x = inputs(activation.name, dtype)
    value, derivative = activation.value_and_derivative(x)
    oracle.assert_same_bits(value, activation(x))
    oracle.assert_same_bits(derivative, activation.derivative(x))


def test_ufuncs_give_the_same_bits(call: helpers.Call, dtype: type) -> None:
    """The ufunc and the direct path are two ways into one kernel."""
    if call.results == 2:
        return  # there is no ufunc with two results
    suffix = "" if call.direction == "forward" else f"_{call.direction}"
    arrays = helpers.arguments(call, 3001, dtype)
    ufunc = getattr(fa.ufuncs, call.name + suffix)
    parameters = tuple(fa.get(call.name).parameters.values())
    oracle.assert_same_bits(ufunc(*arrays, *parameters), call(*arrays))


def test_scalars_give_the_same_bits(call: helpers.Call, dtype: type) -> None:
    arrays = helpers.arguments(call, 40, dtype)
    whole = helpers.each(call(*arrays))
    for i in range(40):
        single = helpers.each(call(*(a[i] for a in arrays)))
        for got, want in zip(single, whole, strict=True):
            assert np.isscalar(got)
            oracle.assert_same_bits(got, want[i])


def test_float16_is_float32_rounded(call: helpers.Call) -> None:
    """All 65,536 inputs."""
    half = np.arange(65536, dtype=np.uint16).view(np.float16)
    arrays = [half] if call.inputs == 1 else [np.roll(half, 12345), half]
    parameters = {k: float(np.float16(v)) for k, v in fa.get(call.name).parameters.items()}
    got = helpers.each(call(*arrays))
    with np.errstate(all="ignore"):
        wide = helpers.each(call(*(a.astype(np.float32) for a in arrays), **parameters))
        for result, want in zip(got, wide, strict=True):
            assert result.dtype == np.float16
            oracle.assert_same_bits(result, want.astype(np.float16))


def test_array_parameters_give_the_same_bits(call: helpers.Call, dtype: type) -> None:
    """One value per element or one for all: the same function."""
    arrays = helpers.arguments(call, (7, 129), dtype)
    parameters = fa.get(call.name).parameters
    for shape in ((7, 129), (129,), (7, 1), (1, 1), (1,)):
        full = {k: np.full(shape, v, dtype) for k, v in parameters.items()}
        for got, want in zip(helpers.each(call(*arrays, **full)), helpers.each(call(*arrays)), strict=True):
            oracle.assert_same_bits(got, want)


def test_varying_parameters_equal_one_call_each(call: helpers.Call, dtype: type) -> None:
    arrays = helpers.arguments(call, (5, 67), dtype)
    for parameter, default in fa.get(call.name).parameters.items():
        column = (default * np.array([1, 0.5, 0.25, 2, 3])).astype(dtype)
        together = helpers.each(call(*arrays, **{parameter: column[:, None]}))
        for i, value in enumerate(column.tolist()):
            alone = helpers.each(call(*(a[i] for a in arrays), **{parameter: value}))
            for got, want in zip(together, alone, strict=True):
                oracle.assert_same_bits(got[i], want)


def test_backward_from_output_within_its_absolute_bound(activation: fa.Activation, dtype: type) -> None:
    """4 eps times the largest abs(f'), against the exact f' at the x that gave y; but for the last few x
    before a kink, which may share the y of the kink."""
    if activation.output_formula is None:
        return  # that it raises is tested with the errors
    parameters = oracle.defaults(activation.name, dtype)
    x = np.concatenate([np.linspace(-30, 30, 601), np.linspace(-2, 2, 201) ** 5]).astype(dtype)
    beside = np.array([abs(x - kink) <= 4 * np.finfo(dtype).eps * abs(kink) for kink in activation.kinks])
    x = x[~(beside & (x != 0)).any(axis=0)] if beside.size else x
    true = [oracle.truth(activation.name, "derivative_formula", p, parameters) for p in x.tolist()]
    got = activation.backward_from_output(np.ones_like(x), activation(x))
    bound = 4 * np.finfo(dtype).eps * float(max(abs(t) for t in true))
    errors = [float(abs(float(g) - t)) for g, t in zip(got, true, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound, f"at x = {x[worst]!r}: {errors[worst] / bound:.2f} times the bound"


def test_backward_from_output_selects(activation: fa.Activation, dtype: type) -> None:
    """Where f'(y) is 0 even an infinite gradient gives 0, as in backward."""
    if activation.output_formula is None:
        return
    y = activation(np.linspace(-40, 40, 2001).astype(dtype))
    derivative = activation.backward_from_output(np.ones_like(y), y)
    got = activation.backward_from_output(np.full_like(y, np.inf), y)
    oracle.assert_same_bits(got[derivative == 0], np.zeros((derivative == 0).sum(), dtype))
    assert np.isinf(got[derivative != 0]).all()
