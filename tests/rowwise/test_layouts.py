"""Axes, strides, dtypes, threads and results that are given: the same bits as for a contiguous row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import fastact as fa

NAMES = ["softmax", "softmin", "quiet_softmax", "log_softmax", "sparsemax", "entmax15", "hardmax"]
Rows = Callable[..., np.ndarray]


def by_rows(f: Rows, *arrays: np.ndarray) -> np.ndarray:
    """One call for each row."""
    flat = [a.reshape(-1, a.shape[-1]) for a in arrays]
    made = [f(*(np.ascontiguousarray(a[i]) for a in flat)) for i in range(len(flat[0]))]
    return np.array(made, arrays[0].dtype).reshape(arrays[0].shape)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes(name: str, axis: int, dtype: type) -> None:
    generator = np.random.default_rng(1)
    f, x, g = getattr(fa, name), *generator.normal(size=(2, 4, 5, 37)).astype(dtype)
    moved = [np.moveaxis(a, axis, -1) for a in (g, x)]
    want = np.moveaxis(by_rows(f, moved[1]), -1, axis)
    assert np.array_equal(f(x, axis=axis), want)
    assert np.array_equal(f(x[:, ::-1], axis=axis)[:, ::-1], want) or axis == 1
    assert np.array_equal(f.backward(g, x, axis=axis), np.moveaxis(by_rows(f.backward, *moved), -1, axis))
    assert np.array_equal(
        f.backward_from_output(g, want, axis=axis),
        np.moveaxis(by_rows(f.backward_from_output, moved[0], np.moveaxis(want, axis, -1)), -1, axis),
    )


@pytest.mark.parametrize("axis", [(0, 2), (1,), None, (2, 1, 0)])
def test_several_axes(axis: tuple[int, ...] | None, dtype: type) -> None:
    x = np.random.default_rng(2).normal(size=(4, 5, 6)).astype(dtype)
    axes = (0, 1, 2) if axis is None else tuple(sorted(axis))
    rows = np.moveaxis(x, axes, range(3 - len(axes), 3)).reshape(
        *(x.shape[i] for i in {0, 1, 2} - {*axes}), -1
    )
    want = fa.logsumexp(np.ascontiguousarray(rows))
    assert np.array_equal(fa.logsumexp(x, axis=axis), want)
    kept = fa.logsumexp(x, axis=axis, keepdims=True)
    assert kept.shape == tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    assert np.array_equal(kept.ravel(), np.ravel(want))
    assert np.isclose(fa.softmax(x, axis=axis).sum(), want.size)
    slopes = fa.logsumexp.backward(kept, x, axis=axis, keepdims=True)
    assert np.array_equal(slopes, fa.logsumexp.backward(want, x, axis=axis))


@pytest.mark.parametrize("name", NAMES)
def test_results_that_are_given(name: str, dtype: type) -> None:
    """In place, apart, overlapping, of another layout and dtype."""
    f, x = getattr(fa, name), np.random.default_rng(3).normal(size=(7, 20)).astype(dtype)
    want, g = f(x), x[::-1].copy()
    slopes = f.backward(g, x)
    for axes in ((0, 1), (1, 0)):
        buffer = np.empty(x.shape, dtype).transpose(axes).copy().transpose(axes)
        assert f(x, out=buffer) is buffer
        assert np.array_equal(buffer, want)
        same = x.transpose(axes).copy().transpose(axes)
        assert np.array_equal(f(same, out=same), want)
    for place in (g.copy(), x.copy()):
        grad, value = (place, x) if np.array_equal(place, g) else (g, place)
        assert np.array_equal(f.backward(grad, value, out=place), slopes)
    memory = np.zeros((8, 20), dtype)
    memory[:7] = x
    assert np.array_equal(f(memory[:7], out=memory[1:]), want)
    wide = np.empty(x.shape, np.float64)
    assert np.array_equal(f(x, out=wide), want)


def test_dtypes() -> None:
    x = np.arange(6).reshape(2, 3)
    for dtype, want in (("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("i1", "f2"), (">f4", "f4")):
        y = fa.softmax(x.astype(dtype))
        assert y.dtype == want
        assert np.allclose(y, fa.softmax(x.astype(float)), rtol=2e-3)


@pytest.mark.parametrize("name", [*NAMES, "logsumexp"])
def test_same_bits_for_any_number_of_threads(name: str, dtype: type, restore_threads: None) -> None:
    x = np.random.default_rng(4).normal(size=(600, 301)).astype(dtype)
    results = []
    for threads in (1, 2, 3):
        fa.set_num_threads(threads)
        results.append(getattr(fa, name)(x).tobytes())
    assert results[0] == results[1] == results[2]


def test_large_arrays_of_other_layouts(dtype: type) -> None:
    """More than one block of rows."""
    x = np.random.default_rng(5).normal(size=(3, 700, 150)).astype(dtype)
    assert np.array_equal(fa.softmax(x, axis=1), np.moveaxis(fa.softmax(np.moveaxis(x, 1, 2).copy()), 2, 1))


def test_one_result_of_plain_arrays(dtype: type) -> None:
    """The way of plain arrays gives what that of others does, also into arrays that share memory."""
    x = np.random.default_rng(8).normal(size=(3, 4, 5)).astype(dtype)
    g = np.random.default_rng(9).normal(size=(3, 4)).astype(dtype)
    want, slopes = fa.logsumexp(x.tolist()).astype(dtype), fa.logsumexp.backward(g, x, axis=(2,))
    assert np.allclose(fa.logsumexp(x), want, rtol=1e-6)
    assert np.array_equal(fa.logsumexp(x), fa.logsumexp(np.asfortranarray(x)))
    assert np.array_equal(fa.logsumexp.backward(g, x), slopes)
    out = np.empty((3, 4), dtype)
    assert fa.logsumexp(x, out=out) is out
    assert np.array_equal(out, fa.logsumexp(x))
    shared = np.concatenate([x.ravel(), np.zeros(3, dtype)])
    inner, begin = shared[:60].reshape(x.shape), shared[:12].reshape(3, 4)
    assert np.array_equal(fa.logsumexp(inner, out=begin), out)
    grad = np.concatenate([g.ravel(), np.zeros(48, dtype)])
    given = grad.reshape(x.shape)
    assert np.array_equal(fa.logsumexp.backward(grad[:12].reshape(3, 4), x, out=given), slopes)
    with pytest.raises(ValueError, match="out has shape"):
        fa.logsumexp(x, out=np.empty((4, 3), dtype))
    with pytest.raises(ValueError, match="grad_y has shape"):
        fa.logsumexp.backward(g.T, x)
    assert fa.logsumexp(x[:, :, :0]).tolist() == [[-np.inf] * 4] * 3
    assert fa.logsumexp(x[:0]).shape == (0, 4)


ONE_ROW, LONG_ROWS = (7,), (2, 2**17 + 3)


@pytest.mark.parametrize("shape", [ONE_ROW, LONG_ROWS], ids=["one row", "long rows"])
def test_parts_of_other_layouts_that_have_no_axes(dtype: type, shape: tuple[int, ...]) -> None:
    """Where the layout is not C's, each row is copied by itself, and results of rows are single numbers."""
    rng = np.random.default_rng(12)
    x, y = (rng.normal(size=(*shape[:-1], 2 * shape[-1])).astype(dtype)[..., ::2] for _ in range(2))
    labels, each = rng.integers(0, shape[-1], shape[:-1]), {"reduction": "none"}
    calls: list[Rows] = [
        fa.logsumexp,
        lambda x: fa.logsumexp.backward(np.ones(shape[:-1], dtype), x),
        fa.softmax,
        lambda x: fa.sparsemax.backward(y, x),
        fa.hardmax,
        lambda x: fa.softmax_cross_entropy(x, labels, **each),
        lambda x: fa.softmax_cross_entropy.value_and_gradient(x, labels, **each)[1],
        lambda x: fa.nll.value_and_gradient(x, labels, **each)[1],
        lambda x: fa.mse.value_and_gradient(x, y, **each)[0],
        lambda x: fa.layer_norm(x),
    ]
    for call in calls:
        assert np.array_equal(call(x), call(x.copy()))
