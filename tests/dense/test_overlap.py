"""Results in arrays that overlap inputs, parameters or each other, in any layout, against NumPy in
float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dense_cases import gradients, layer, pre_activation
from hypothesis import given, settings
from hypothesis import strategies as st

import fastact as fa


def leaky(slope: Any) -> fa.Activation:
    return fa.get("leaky_relu", negative_slope=slope)


@pytest.mark.parametrize("shift", range(-3, 4))
def test_result_over_a_parameter(shift: int, dtype: type) -> None:
    """One slope for each column, in memory that the result covers in part."""
    case = layer(4, 5, 6, dtype)
    memory = np.linspace(0.1, 0.9, 40).astype(dtype)
    slope, out = memory[10:16], memory[10 + shift : 34 + shift].reshape(4, 6)
    want, saved = fa.dense_forward(*case.arrays, activation=leaky(slope.copy()))
    before = memory.copy()
    assert np.array_equal(fa.dense(*case.arrays, activation=leaky(slope), out=out), want)
    memory[...] = before
    y, kept = fa.dense_forward(*case.arrays, activation=leaky(slope), out=out)
    assert np.array_equal(y, want)
    memory[...] = before
    wants = fa.dense_backward(case.grad_y, case.x, case.w, saved)
    db = memory[10 + shift : 16 + shift]
    got = fa.dense_backward(case.grad_y, case.x, case.w, kept, out=(None, None, db))
    for a, b in zip(got, wants, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "made", [fa.surrogate("step", leaky(np.full(6, 0.5))), leaky(np.full((4, 6), 0.5))], ids=repr
)
def test_result_over_a_parameter_in_two_steps(made: fa.Activation) -> None:
    """Composite activations, and parameters that vary along the batch."""
    case = layer(4, 5, 6, np.float64)
    parameter = next(iter(made.parameters.values()))
    want, saved = fa.dense_forward(*case.arrays, activation=made)
    wants = fa.dense_backward(case.grad_y, case.x, case.w, saved)
    out = parameter if parameter.ndim == 2 else None
    outs = (None, None, parameter if parameter.ndim == 1 else None)
    got = fa.dense_backward(case.grad_y, case.x, case.w, saved, out=outs)
    for a, b in zip(got, wants, strict=True):
        assert np.array_equal(a, b)
    if out is not None:
        assert np.array_equal(fa.dense(*case.arrays, activation=made, out=out), want)


def test_parameter_gradients_before_results_overwrite_grad_y() -> None:
    case = layer(6, 6, 6, np.float64)
    prelu = fa.get("prelu", weight=np.full(6, 0.25))
    _, saved = fa.dense_forward(*case.arrays, activation=prelu)
    want = fa.dense_backward(case.grad_y, case.x, case.w, saved, need_parameters=True)
    got = fa.dense_backward(
        case.grad_y, case.x, case.w, saved, out=(case.grad_y, None, None), need_parameters=True
    )
    assert got[0] is case.grad_y
    assert np.array_equal(got[3]["weight"], want[3]["weight"])
    got = fa.dense_backward(
        want[0], case.x, case.w, saved, out=(saved.array, None, None), need_parameters=True
    )
    assert got[0] is saved.array


class Arena:
    """Arrays of any strides at any places of one piece of memory."""

    def __init__(self, draw: Any, dtype: type, size: int) -> None:
        self.draw, self.memory = draw, np.zeros(size, dtype)

    def array(self, *shape: int) -> np.ndarray:
        """A view with random order of axes, steps and directions."""
        draw = self.draw
        steps = [draw(st.integers(1, 2)) for _ in shape]
        spans = [max(1, n) * step for n, step in zip(shape, steps, strict=True)]
        order = draw(st.permutations(range(len(shape))))
        total = int(np.prod(spans))
        start = draw(st.integers(0, self.memory.size - total))
        view = self.memory[start : start + total].reshape([spans[i] for i in order])
        view = view.transpose(np.argsort(order))
        view = view[tuple(slice(0, max(1, n) * step, step) for n, step in zip(shape, steps, strict=True))]
        view = view[tuple(slice(0, n) for n in shape)]
        return view[tuple(slice(None, None, draw(st.sampled_from([1, -1]))) for _ in shape)]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_overlap_and_layout(data: Any) -> None:
    """All operands and results in one piece of memory: results are those of copies, and close to NumPy's."""
    draw = data.draw
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    n, i, o = (draw(st.integers(1, 5)) for _ in range(3))
    name, by_column = draw(st.sampled_from(["tanh", "relu", "leaky_relu", None])), draw(st.booleans())
    arena = Arena(draw, dtype, 250)
    arena.memory[...] = np.random.default_rng(draw(st.integers(0, 99))).normal(size=250)
    x, w, grad_y = arena.array(n, i), arena.array(i, o), arena.array(n, o)
    b = arena.array(*draw(st.sampled_from([(o,), (1, o)])))
    slope = arena.array(o)

    def activation(values: np.ndarray) -> Any:
        return leaky(values) if name == "leaky_relu" and by_column else name

    case = type(layer(1, 1, 1, dtype))(*(a.copy() for a in (x, w, b, grad_y)))
    before, slope_before = arena.memory.copy(), slope.copy()
    plain, kept = fa.dense_forward(*case.arrays, activation=activation(slope_before))
    y, _ = fa.dense_forward(x, w, b, activation=activation(slope), out=arena.array(n, o))
    assert np.allclose(y, plain, rtol=1e-4, atol=1e-5)  # products may be rounded otherwise in another layout
    arena.memory[...] = before
    wants = fa.dense_backward(case.grad_y, case.x, case.w, kept)
    _, saved = fa.dense_forward(x, w, b, activation=activation(slope))
    outs = [arena.array(*a.shape) for a in wants]
    which = draw(st.integers(0, 2))
    accumulate = draw(st.booleans()) and not (
        np.shares_memory(outs[0], outs[1])
        or np.shares_memory(outs[0], outs[2])
        or np.shares_memory(outs[1], outs[2])
    )
    held = outs[which].copy()
    got = fa.dense_backward(grad_y, x, w, saved, out=tuple(outs), accumulate=accumulate)
    if which == 2 or not any(np.shares_memory(outs[which], later) for later in outs[which + 1 :]):
        want = wants[which] + held if accumulate else wants[which]
        assert np.allclose(got[which], want, rtol=1e-4, atol=1e-4)
    z = pre_activation(case)
    function = fa.identity if name is None else fa.get(name)
    if name == "leaky_relu" and by_column:
        function = leaky(slope_before.astype(np.float64))
    assert np.allclose(plain, function(z), rtol=1e-4, atol=1e-4)
    if np.min(np.abs(z)) > 1e-3:
        for a, c in zip(wants, gradients(case, function.backward(case.grad_y.astype(float), z)), strict=True):
            assert np.allclose(a, c, rtol=1e-4, atol=1e-3)
