"""Random shapes, layouts and overlaps: each call equals itself on fresh contiguous copies."""

from __future__ import annotations

import helpers
import numpy as np
import oracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EFFORT = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CALLS = st.sampled_from(helpers.calls())
DTYPES = st.sampled_from(helpers.DTYPES)
EXTENTS = st.sampled_from([0, 1, 2, 3, 5, 15, 16, 17, 33])


@st.composite
def views(draw: st.DrawFn, shape: tuple[int, ...], dtype: type, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An array of the shape in some layout, and the array that owns its memory."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([1, 1, 1, 2, 3, -1, -2])) for _ in shape]
    offset = draw(st.integers(0, 3))
    stored = tuple(shape[axis] * abs(steps[axis]) + offset for axis in order)
    call = helpers.Call("", "", 1, 1)
    base = helpers.arguments(call, stored, dtype, seed)[0]
    window = base[(..., *(slice(offset, None) for _ in stored))]
    view = window.transpose(np.argsort(order).astype(int))
    view = view[(..., *(slice(None, None, step) for step in steps))]
    view = view[(..., *(slice(0, extent) for extent in shape))]
    assert view.shape == shape
    return base, view


@st.composite
def broadcastable(draw: st.DrawFn, count: int) -> list[tuple[int, ...]]:
    """`count` shapes that broadcast together."""
    full = tuple(draw(st.lists(EXTENTS, max_size=4)))
    shapes = []
    for _ in range(count):
        kept = draw(st.integers(0, len(full))) if draw(st.booleans()) else 0
        shapes.append(tuple(1 if draw(st.integers(0, 4)) == 0 else extent for extent in full[kept:]))
    return shapes


def compare(got: object, want: object) -> None:
    for one, other in zip(helpers.each(got), helpers.each(want), strict=True):
        oracle.assert_same_bits(one, other)


@EFFORT
@given(data=st.data(), call=CALLS, dtype=DTYPES)
def test_views_of_inputs_and_parameters(data: st.DataObject, call: helpers.Call, dtype: type) -> None:
    """Against every operand broadcast in full and copied."""
    parameters = helpers.activation_of(call).parameters
    shapes = data.draw(broadcastable(call.inputs + len(parameters)))
    made = [data.draw(views(shape, dtype, seed)) for seed, shape in enumerate(shapes)]
    inputs = [view for _, view in made[: call.inputs]]
    keywords = {}
    for (key, default), (_, view) in zip(parameters.items(), made[call.inputs :], strict=True):
        view[...] = dtype(default) * (1 + np.arange(view.size, dtype=dtype).reshape(view.shape) % 3)
        keywords[key] = view
    bases = [base.copy() for base, _ in made]
    got = call(*inputs, **keywords)
    full = [np.array(a) for a in np.broadcast_arrays(*inputs, *keywords.values())]
    want = call(*full[: call.inputs], **dict(zip(keywords, full[call.inputs :], strict=True)))
    compare(got, want)
    for (base, _), before in zip(made, bases, strict=True):
        oracle.assert_same_bits(base, before)


@EFFORT
@given(data=st.data(), call=CALLS, dtype=DTYPES, shape=st.lists(EXTENTS, max_size=4).map(tuple))
def test_views_of_results(
    data: st.DataObject, call: helpers.Call, dtype: type, shape: tuple[int, ...]
) -> None:
    """Results go to the view, and nowhere else in the memory it is a view of."""
    inputs = helpers.arguments(call, shape, dtype)
    want = call(*inputs)
    made = [data.draw(views(shape, dtype, seed)) for seed in range(call.results)]
    bases = [base.copy() for base, _ in made]
    out = tuple(view for _, view in made)
    compare(call(*inputs, out=out if call.results == 2 else out[0]), want)
    for (base, view), before, result in zip(made, bases, helpers.each(want), strict=True):
        at = (view.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // base.itemsize
        expected = before.copy()
        strides = view.strides
        flat = expected.reshape(-1)
        if view.size:
            np.lib.stride_tricks.as_strided(flat[at:], view.shape, strides)[...] = result
        oracle.assert_same_bits(base, expected)


@EFFORT
@given(data=st.data(), call=CALLS, dtype=DTYPES, n=st.integers(0, 70))
def test_two_windows_into_one_memory(data: st.DataObject, call: helpers.Call, dtype: type, n: int) -> None:
    """Input and output anywhere in the same memory, at any step: as if the input had been copied."""
    memory = helpers.arguments(helpers.Call("", "", 1, 1), 4 * n + 8, dtype)[0]

    def window() -> np.ndarray:
        step = data.draw(st.sampled_from([1, 2, 3, -1, -2]))
        start = data.draw(st.integers(0, memory.size - abs(step) * n))
        view = memory[start : start + abs(step) * n : abs(step)]
        return view[::-1] if step < 0 else view

    inputs, out = [window() for _ in range(call.inputs)], [window()]
    out += [np.empty(n, dtype)] * (call.results - 1)
    want = call(*(a.copy() for a in inputs))
    compare(call(*inputs, out=tuple(out) if call.results == 2 else out[0]), want)
