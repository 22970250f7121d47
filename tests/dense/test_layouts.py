"""Layouts of a dense layer's arrays: whatever the strides, overlaps and `out`, the results are those of
contiguous arrays; inputs stay as they were.

Must not depend on any activation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dense_cases import Layer, forward_and_backward, layer
from hypothesis import given, settings
from hypothesis import strategies as st

import fastact as fa


def spread(a: np.ndarray) -> np.ndarray:
    """Every other element of a larger array along each axis."""
    base = np.full([2 * n for n in a.shape], np.nan, a.dtype)
    view = base[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def unaligned(a: np.ndarray) -> np.ndarray:
    base = np.zeros(a.nbytes + 1, np.uint8)
    view = base[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def within(a: np.ndarray) -> np.ndarray:
    """A block of a larger matrix: rows contiguous, but apart."""
    base = np.full([n + 3 for n in a.shape], np.nan, a.dtype)
    view = base[tuple(slice(1, n + 1) for n in a.shape)]
    view[...] = a
    return view


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fortran": np.asfortranarray,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "reversed columns": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
    "every other": spread,
    "within": within,
    "swapped bytes": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": unaligned,
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}
CASE = (70, 40, 50)


def close(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> bool:
    """As np.allclose, whose own product of rtol and a tiny number may underflow."""
    with np.errstate(under="ignore"):
        return np.allclose(a, b, rtol, atol, equal_nan=True)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Bit for bit; but where a BLAS computes, it may round otherwise if it gets another layout."""
    if fa.isa() in ("sse2", "neon"):
        eps = np.finfo(a.dtype).eps
        return close(a, b, 100 * eps, 100 * eps)
    return a.tobytes() == b.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", ["x", "w", "b", "grad_y"])
def test_inputs(layout: str, which: str, dtype: type) -> None:
    case = layer(*CASE, dtype)
    want = forward_and_backward(case, "silu")
    setattr(case, which, LAYOUTS[layout](getattr(case, which)))
    copies = [np.array(a) for a in (case.x, case.w, case.b, case.grad_y)]
    got = forward_and_backward(case, "silu")
    for a, b in zip(got[:4], want[:4], strict=True):
        assert same(a, b)
    for a, b in zip((case.x, case.w, case.b, case.grad_y), copies, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("layout", ["fortran", "reversed", "reversed columns", "every other", "within"])
def test_results(layout: str, dtype: type) -> None:
    case = layer(*CASE, dtype)
    want_y, *wants, saved = forward_and_backward(case, "silu")
    out = LAYOUTS[layout](np.full(want_y.shape, np.nan, dtype))
    y, again = fa.dense_forward(*case.arrays, activation="silu", out=out)
    assert y is out
    assert same(y, want_y)
    outs = tuple(LAYOUTS[layout](np.full(a.shape, np.nan, dtype)) for a in wants)
    got = fa.dense_backward(case.grad_y, case.x, case.w, again, out=outs)
    for a, b, target in zip(got, wants, outs, strict=True):
        assert a is target
        assert same(a, b)
    assert same(saved.array, again.array)


def test_out_of_another_dtype() -> None:
    case = layer(*CASE, np.float64)
    want = fa.dense(*case.arrays, activation="silu")
    out = np.empty(want.shape, np.float32)
    assert fa.dense(*case.arrays, activation="silu", out=out) is out
    assert np.array_equal(out, want.astype(np.float32))


@pytest.mark.parametrize("target", ["x", "part of x", "w", "grad_y"])
def test_out_that_overlaps_inputs(target: str, dtype: type) -> None:
    case = layer(30, 30, 30, dtype)
    wants = forward_and_backward(case, "tanh")
    base = np.zeros((40, 30), dtype)
    if target in ("x", "part of x"):
        base[:30] = case.x
        case.x = base[:30]
    out = {"x": base[:30], "part of x": base[1:31], "w": case.w, "grad_y": case.grad_y}[target]
    if target != "grad_y":
        before = out.copy()
        assert fa.dense(*case.arrays, activation="tanh", out=out) is out
        assert np.array_equal(out, wants[0])
        out[...] = before
    _, saved = fa.dense_forward(*case.arrays, activation="tanh")
    dx, dw, db = fa.dense_backward(case.grad_y, case.x, case.w, saved, out=(out, None, None))
    assert dx is out
    for got, want in zip((dx, dw, db), wants[1:4], strict=True):
        assert np.array_equal(got, want)


def test_one_array_for_two_results(dtype: type) -> None:
    """The later one stays; both are computed before either is written."""
    case = layer(20, 20, 20, dtype)
    wants = forward_and_backward(case, "tanh")
    both = np.zeros((20, 20), dtype)
    _, saved = fa.dense_forward(*case.arrays, activation="tanh")
    _, dw, _ = fa.dense_backward(case.grad_y, case.x, case.w, saved, out=(both, both, None))
    assert np.array_equal(dw, wants[2])


@pytest.mark.parametrize("layout", ["plain", "fortran", "every other"])
def test_accumulate(layout: str, dtype: type) -> None:
    case = layer(400, 40, 50, dtype)
    *_, saved = forward_and_backward(case, "tanh")
    _, dx, dw, db, _ = forward_and_backward(case, "tanh")
    made = LAYOUTS.get(layout, np.array)
    outs = tuple(made(np.full(a.shape, 3, dtype)) for a in (dx, dw, db))
    fa.dense_backward(case.grad_y, case.x, case.w, saved, out=outs, accumulate=True)
    for got, once in zip(outs, (dx, dw, db), strict=True):
        assert np.allclose(got, once + 3, rtol=1e-5, atol=1e-5)


def test_without_dx(dtype: type) -> None:
    case = layer(*CASE, dtype)
    _, _, want_dw, want_db, saved = forward_and_backward(case, "tanh")
    dx, dw, db = fa.dense_backward(case.grad_y, case.x, case.w, saved, need_dx=False)
    assert dx is None
    assert np.array_equal(dw, want_dw)
    assert np.array_equal(db, want_db)


def test_stack_of_views(dtype: type) -> None:
    """Leading axes of any strides, broadcast by NumPy or not, give what layers one by one give."""
    case = layer(6, 5, 4, dtype, stack=(3, 2))
    case.x = np.broadcast_to(case.x[:1, ::-1], (3, 2, 6, 5))
    case.w = np.swapaxes(np.ascontiguousarray(np.swapaxes(case.w, 0, 3)), 0, 3)
    y, dx, dw, db, _ = forward_and_backward(case, "tanh")
    for i in np.ndindex(3, 2):
        one = Layer(case.x[i], case.w[i], case.b[i], case.grad_y[i])
        for got, want in zip((y, dx, dw, db), forward_and_backward(one, "tanh")[:4], strict=True):
            assert close(got[i], want, 1e-5, 1e-6)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)),
    layouts=st.tuples(*[st.sampled_from(["plain", *LAYOUTS]) for _ in range(4)]),
    name=st.sampled_from(fa.names()),
    wide=st.booleans(),
)
def test_at_random(sizes: tuple[int, int, int], layouts: tuple[str, ...], name: str, wide: bool) -> None:
    """Any layout for each array at once, against the same values in contiguous arrays."""
    case = layer(*sizes, np.float64 if wide else np.float32)
    want = forward_and_backward(case, name)
    for which, layout in zip(("x", "w", "b", "grad_y"), layouts, strict=True):
        setattr(case, which, LAYOUTS.get(layout, np.array)(getattr(case, which)))
    got = forward_and_backward(case, name)
    for a, b in zip(got[:4], want[:4], strict=True):
        assert close(a, b, 1e-3, 1e-4)


@pytest.mark.parametrize(
    ("x", "w", "b"),
    [
        ((5, 3), (0, 3, 4), (0, 1, 4)),
        ((0, 5, 3), (0, 3, 4), (4,)),
        ((5, 3), (3, 4), (0, 1, 4)),
        ((3,), (0, 3, 4), (4,)),
    ],
    ids=str,
)
def test_empty_stacks(
    x: tuple[int, ...], w: tuple[int, ...], b: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients that are sums over an empty stack are 0; those that are empty have no memory to write to."""
    arrays = [np.ones(shape) for shape in (x, w, b)]
    y, saved = fa.dense_forward(*arrays, activation="gelu")
    memory, empty = np.ones(100), np.empty

    def empty_in_memory(shape: Any, dtype: Any = float) -> np.ndarray:
        if np.dtype(dtype) == float and 0 in shape:  # as NumPy makes them, with strides of 0
            return np.ndarray(shape, float, memory.data, 0, (0,) * len(shape))
        return empty(shape, dtype)

    monkeypatch.setattr(np, "empty", empty_in_memory)
    gradients = fa.dense_backward(y, *arrays[:2], saved)
    outs = tuple(np.ones(a.shape) for a in arrays)
    for result, value in (
        (gradients, 0),
        (fa.dense_backward(y, *arrays[:2], saved, out=outs, accumulate=True), 1),
    ):
        assert (memory == 1).all()
        for gradient, array in zip(result, arrays, strict=True):
            assert gradient.shape == array.shape
            assert (gradient == value).all()
