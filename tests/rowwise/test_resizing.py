"""maxout and crelu against NumPy's maxima, which are exact, and sums of subgradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastact as fa

NAN, INF = np.nan, np.inf
READ_ONLY = np.zeros(4)
READ_ONLY.flags.writeable = False


def numbers(shape: tuple[int, ...], dtype: type, seed: int = 0) -> np.ndarray:
    """Many equal ones among them."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype) / dtype(3)


def groups(x: np.ndarray, pieces: int, axis: int) -> np.ndarray:
    """Pieces along a last axis of their own."""
    moved = np.moveaxis(x, axis, -1)
    return moved.reshape(*moved.shape[:-1], -1, pieces)


def maxout_slopes(g: np.ndarray, x: np.ndarray, pieces: int, axis: int) -> np.ndarray:
    parts = groups(x, pieces, axis)
    is_most = parts == parts.max(-1, keepdims=True)
    shared = np.moveaxis(g, axis, -1)[..., np.newaxis] / is_most.sum(-1, keepdims=True).astype(g.dtype)
    slopes = np.where(is_most, shared, 0)
    return np.moveaxis(slopes.reshape(*slopes.shape[:-2], -1), -1, axis)


def crelu_slopes(g: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
    first, second = np.split(g, 2, axis)
    return np.where(x > 0, first, np.where(x < 0, -second, 0))


@pytest.mark.parametrize("pieces", [1, 2, 3, 4, 6, 16, 48])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_maxout(pieces: int, axis: int, dtype: type) -> None:
    x = numbers((48, 96, 48), dtype)[:: 1 if axis == 0 else 16, :: 1 if axis == 1 else 32]
    y = fa.maxout(x, pieces=pieces, axis=axis)
    assert y.dtype == dtype
    assert np.array_equal(y, np.moveaxis(groups(x, pieces, axis).max(-1), -1, axis))
    g = numbers(y.shape, dtype, 1)
    slopes = fa.maxout.backward(g, x, pieces=pieces, axis=axis)
    assert slopes.dtype == dtype
    assert np.array_equal(slopes, maxout_slopes(g, x, pieces, axis))


@pytest.mark.parametrize("n", [0, 1, 7, 16, 65])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_crelu(n: int, axis: int, dtype: type) -> None:
    shape = [3, 4, 5]
    shape[axis] = n
    x = numbers(tuple(shape), dtype)
    y = fa.crelu(x, axis=axis)
    assert y.dtype == dtype
    assert np.array_equal(y, np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis))
    assert not np.signbit(y).any()
    g = numbers(y.shape, dtype, 1)
    want = crelu_slopes(g, x, axis)
    assert np.array_equal(fa.crelu.backward(g, x, axis=axis), want)
    assert np.array_equal(fa.crelu.backward_from_output(g, y, axis=axis), want)


def test_special_values(dtype: type) -> None:
    x = np.array([[NAN, 1, 2], [INF, -INF, INF], [-INF, -INF, -INF], [1, NAN, -INF]], dtype)
    y = fa.maxout(x, pieces=3)
    assert np.array_equal(y, np.array([[NAN], [INF], [-INF], [NAN]]), equal_nan=True)
    slopes = fa.maxout.backward(np.full((4, 1), 3, dtype), x, pieces=3)
    want = [[NAN] * 3, [1.5, 0, 1.5], [1, 1, 1], [NAN] * 3]
    assert np.array_equal(slopes, want, equal_nan=True)
    infinite = fa.maxout.backward(np.full((1, 2), INF, dtype), np.array([[1, 2, 5, 3]], dtype), pieces=2)
    assert infinite.tolist() == [[0, INF, INF, 0]]
    z = np.array([NAN, INF, -INF, 0, -0.0], dtype)
    y = fa.crelu(z)
    assert np.array_equal(y, [NAN, INF, 0, 0, 0, NAN, 0, INF, 0, 0], equal_nan=True)
    g = np.array([INF] * 10, dtype)
    for slopes in (fa.crelu.backward(g, z), fa.crelu.backward_from_output(g, y)):
        assert np.array_equal(slopes, [NAN, INF, -INF, 0, 0], equal_nan=True)


CALLS: dict[str, Callable[..., Any]] = {
    "maxout": lambda x, **out: fa.maxout(x, pieces=5, **out),
    "maxout.backward": lambda x, **out: fa.maxout.backward(x[..., :8].copy(), x, pieces=5, **out),
    "crelu": fa.crelu,
    "crelu.backward": lambda x, **out: fa.crelu.backward(np.concatenate([x, x], -1), x, **out),
    "crelu.backward_from_output": lambda x, **out: fa.crelu.backward_from_output(
        x, np.maximum(x, 0) + 0, **out
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_layouts_and_results_that_are_given(name: str, dtype: type) -> None:
    """The same bits for any strides, and in arrays that share memory with inputs."""
    call, x = CALLS[name], numbers((6, 7, 40), dtype)
    want = call(x)
    for given in (np.asfortranarray(x), np.repeat(x, 2, axis=2)[..., ::2], x[:, ::-1].copy()[:, ::-1]):
        assert np.array_equal(call(given), want)
    swapped = np.ascontiguousarray(x.astype(x.dtype.newbyteorder()))
    assert np.array_equal(call(swapped), want)
    for out in (
        np.empty(want.shape, dtype),
        np.empty(want.shape[::-1], dtype).T,
        np.empty(want.shape, np.float64),
    ):
        assert call(x, out=out) is out
        assert np.array_equal(out, want)
    memory = np.zeros(want.size + x.size, dtype)
    inside = memory[: x.size].reshape(x.shape)
    inside[...] = x
    overlapping = memory[3 : 3 + want.size].reshape(want.shape)
    assert np.array_equal(call(inside, out=overlapping), want)


def test_other_dtypes() -> None:
    for dtype, want in (("f2", "f2"), ("i8", "f8"), ("?", "f2")):
        x = np.array([[1, 0, 0, 1]], dtype)
        assert fa.maxout(x, pieces=2).dtype == want
        assert fa.maxout(x, pieces=2).tolist() == [[1, 1]]
        assert fa.crelu(x).tolist() == [[1, 0, 0, 1, 0, 0, 0, 0]]
    assert fa.maxout([1, 2, 3, 4], pieces=np.int64(2)).tolist() == [2, 4]


@pytest.mark.parametrize("name", CALLS)
def test_same_bits_for_any_number_of_threads(name: str, dtype: type, restore_threads: None) -> None:
    x, found = numbers((4096, 40), dtype), []
    for threads in (1, 2, 3):
        fa.set_num_threads(threads)
        found.append(CALLS[name](x).tobytes())
    assert found[0] == found[1] == found[2]


@pytest.mark.once
def test_a_slice_of_equal_elements_shares_all_of_the_gradient() -> None:
    """More elements than float32 counts one by one."""
    x, g = np.zeros((1, 2**24 + 2), np.float32), np.float32([[1 + 2.0**-23]])
    slopes = fa.maxout.backward(g, x, pieces=x.size)
    assert (slopes == np.float32(g[0, 0].astype(float) / x.size)).all()


@pytest.mark.once
@pytest.mark.parametrize("name", ["maxout", "crelu"])
def test_help_names_the_paper(name: str) -> None:
    """The rest of it is tested with that of the other functions."""
    assert "arXiv:" in (inspect.getdoc(getattr(fa, name)) or "")


X = np.zeros((3, 4))


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fa.maxout(X), TypeError, ["fastact.maxout", "pieces is missing"]),
        (lambda: fa.maxout(X, pieces=2.0), TypeError, ["pieces is 2.0", "positive int"]),
        (lambda: fa.maxout(X, pieces=True), TypeError, ["pieces is True"]),
        (lambda: fa.maxout(X, pieces=0), ValueError, ["pieces is 0"]),
        (lambda: fa.maxout(X, pieces=-2), ValueError, ["pieces is -2"]),
        (lambda: fa.maxout(X, pieces=3), ValueError, ["x has 4 elements along axis 1", "multiple of 3"]),
        (lambda: fa.maxout(X, pieces=10**30), ValueError, ["multiple of 1000000"]),
        (lambda: fa.maxout(X, pieces=2, axis=(0, 1)), TypeError, ["axis is (0, 1)", "int"]),
        (lambda: fa.maxout(X, pieces=2, axis=None), TypeError, ["axis is None"]),
        (lambda: fa.maxout(X, pieces=2, where=True), TypeError, ["'where'", "pieces"]),
        (lambda: fa.maxout(np.float64(1), pieces=1), ValueError, ["x has no axes"]),
        (lambda: fa.maxout.backward(X, X, pieces=2), ValueError, ["grad_y has shape (3, 4)", "(3, 2)"]),
        (lambda: fa.maxout.backward_from_output(X, X, pieces=2), TypeError, ["not available"]),
        (lambda: fa.crelu(X, axis=2), ValueError, ["axis is 2"]),
        (lambda: fa.crelu(X, pieces=2), TypeError, ["'pieces'"]),
        (lambda: fa.crelu(None), TypeError, ["x is None"]),
        (lambda: fa.crelu(X.astype(complex)), TypeError, ["complex128"]),
        (lambda: fa.crelu(np.zeros(2), out=READ_ONLY), ValueError, ["out is read-only"]),
        (lambda: fa.crelu(X, out=X), ValueError, ["out has shape (3, 4)", "(3, 8)"]),
        (lambda: fa.crelu.backward(X, X), ValueError, ["grad_y has shape (3, 4)", "(3, 8)"]),
        (lambda: fa.crelu.backward_from_output(X, X, axis=0), ValueError, ["y has 3 elements", "of 2"]),
        (lambda: fa.crelu(np.ma.array(X)), TypeError, ["MaskedArray", "numpy.asarray(x)"]),
    ],
)
def test_errors(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
