"""Gated pairs of any layout and dtype: the same bits as of contiguous halves; objects and errors."""

from __future__ import annotations

import doctest
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.rowwise.gated import GATED

X = np.zeros((3, 4))
READ_ONLY = np.zeros((3, 2))
READ_ONLY.flags.writeable = False


def halves(x: np.ndarray, axis: int) -> list[np.ndarray]:
    return [np.ascontiguousarray(half) for half in np.split(x, 2, axis)]


@pytest.mark.parametrize("name", ["glu", "swiglu", "geglu"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes_and_strides(name: str, axis: int, dtype: type) -> None:
    rng = np.random.default_rng(1)
    pair, x = getattr(fa, name), rng.normal(0, 3, (6, 10, 26)).astype(dtype)
    a, b = halves(x, axis)
    g = rng.normal(size=a.shape).astype(dtype)
    want, slopes = pair(a, b), np.concatenate(pair.backward(g, a, b), axis)
    assert np.array_equal(pair(b, a, swapped=True), want)
    assert np.array_equal(np.concatenate(pair.backward(g, b, a, swapped=True)[::-1], axis), slopes)
    for layout in (
        x,
        np.asfortranarray(x),
        np.repeat(x, 2, 0)[::2],
        x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    ):
        assert np.array_equal(pair(layout, axis=axis), want)
        assert np.array_equal(pair.backward(np.asfortranarray(g), layout, axis=axis), slopes)
    turned = np.concatenate([b, a], axis)
    assert np.array_equal(pair(turned, axis=axis, swapped=True), want)
    back = pair.backward(g, turned, axis=axis, swapped=True)
    assert np.array_equal(np.concatenate(halves(back, axis)[::-1], axis), slopes)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 15, 17, 255, 256, 257, 511, 512, 513, 1030])
def test_rows_of_any_length(n: int, dtype: type) -> None:
    """Short rows share a tile, long ones have several."""
    rng = np.random.default_rng(n)
    x, g = rng.normal(size=(5, 2 * n)).astype(dtype), rng.normal(size=(5, n)).astype(dtype)
    a, b = x[:, :n], x[:, n:]
    for pair in (fa.swiglu, fa.geglu):
        y, slopes = pair(x), pair.backward(g, x)
        for i in range(5):
            assert np.array_equal(y[i], pair(a[i], b[i]))
            assert np.array_equal(slopes[i], np.ravel(pair.backward(g[i], a[i], b[i])))
            for j in {0, n // 2, n - 1}:
                assert y[i, j] == pair(a[i, j], b[i, j])
                assert slopes[i, [j, n + j]].tolist() == list(pair.backward(g[i, j], a[i, j], b[i, j]))


def test_results_that_are_given(dtype: type) -> None:
    """In place, apart, overlapping, of another layout and dtype."""
    rng = np.random.default_rng(3)
    x, g = rng.normal(size=(7, 40)).astype(dtype), rng.normal(size=(7, 20)).astype(dtype)
    a, b = halves(x, -1)
    y, slopes, both = fa.swiglu(x), fa.swiglu.backward(g, x), fa.swiglu.backward(g, a, b)
    for out in (np.empty_like(g), np.empty_like(g, order="F"), np.empty(g.shape, np.float64)):
        assert fa.swiglu(x, out=out) is out
        assert np.array_equal(out, y)
        assert np.array_equal(fa.swiglu(a, b, out=out), y)
    same = x.copy()
    assert np.array_equal(fa.swiglu(same, out=same[:, :20]), y)
    same = x.copy()
    assert np.array_equal(fa.swiglu(same, out=same[:, 11:31]), y)
    same = x.copy()
    assert np.array_equal(fa.swiglu.backward(g, same, out=same), slopes)
    memory = np.zeros((8, 40), dtype)
    memory[:7] = x
    assert np.array_equal(fa.swiglu.backward(g, memory[:7], out=memory[1:]), slopes)
    for order in (1, -1):
        copies = a.copy(), b.copy()
        fa.swiglu.backward(g, *copies, out=copies[::order])
        assert all(map(np.array_equal, copies[::order], both))
    grad = g.copy()
    fa.swiglu.backward(grad, a, b, out=(np.empty_like(a), grad))
    assert np.array_equal(grad, both[1])
    memory[:] = 0
    memory[:7, :20], other = a, np.empty(g.shape, dtype)
    shifted = np.ascontiguousarray(memory[:, :20])
    fa.swiglu.backward(g, shifted[:7], b.copy(), out=(shifted[1:], other))
    assert np.array_equal(shifted[1:], both[0])
    assert np.array_equal(other, both[1])
    shifted[:7] = a
    assert np.array_equal(fa.glu(b.copy(), shifted[:7], out=shifted[1:]), fa.glu(b, a))


def test_arrays_without_axes(dtype: type) -> None:
    """The result is a number, as ufuncs have it."""
    a, b = np.array(1, dtype), np.array(2, dtype)
    assert type(fa.swiglu(a, b)) is type(np.exp(a)) is dtype


def test_dtypes() -> None:
    x = np.arange(12).reshape(2, 6)
    for dtype, want in (("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("i1", "f2"), (">f4", "f4")):
        for result in (
            fa.swiglu(x.astype(dtype)),
            fa.swiglu.backward(X[:2, :3].astype(dtype), x.astype(dtype)),
        ):
            assert result.dtype == want
        assert np.allclose(fa.swiglu(x.astype(dtype)), fa.swiglu(x.astype(float)), rtol=2e-3)
    assert fa.swiglu(x.astype("f4"), x.astype("f8")).dtype == "f8"
    assert fa.swiglu([1.0, 2.0]).shape == (1,)
    assert isinstance(fa.glu(1.0, 2.0), np.floating)


@pytest.mark.parametrize("name", ["glu", "swiglu", "geglu"])
def test_same_bits_for_any_number_of_threads(name: str, dtype: type, restore_threads: None) -> None:
    x = np.random.default_rng(4).normal(size=(600, 602)).astype(dtype)
    g, results = x[:, :301].copy(), []
    for threads in (1, 2, 3):
        fa.set_num_threads(threads)
        results.append(getattr(fa, name)(x).tobytes() + getattr(fa, name).backward(g, x).tobytes())
    assert results[0] == results[1] == results[2]


def test_large_arrays_of_other_layouts(dtype: type) -> None:
    """More than one block, and arrays without elements."""
    x = np.random.default_rng(5).normal(size=(4, 300, 350)).astype(dtype)
    moved = np.moveaxis(x, 0, 2)
    assert np.array_equal(fa.geglu(moved, axis=2), np.moveaxis(fa.geglu(x, axis=0), 0, 2))
    for shape in ((0, 4), (3, 0), (0,)):
        empty = np.empty(shape, dtype)
        assert fa.geglu(empty).shape == (*shape[:-1], shape[-1] // 2)
        assert fa.geglu.backward(fa.geglu(empty), empty).shape == shape


COMPOSITES = [
    fa.mixed(["relu", "tanh", "relu"]),
    fa.surrogate("relu", "softplus"),
    fa.prelu.bind(weight=np.array([0.1, 0.2, 0.3])),
]


@pytest.mark.parametrize("activation", COMPOSITES, ids=lambda a: a.name)
def test_activations_that_c_does_not_take(activation: fa.Activation, dtype: type) -> None:
    rng = np.random.default_rng(6)
    x, g = rng.normal(size=(5, 6)).astype(dtype), rng.normal(size=(5, 3)).astype(dtype)
    a, b, grad = (v.astype(np.float64) for v in (*halves(x, -1), g))
    pair = fa.gated(activation)
    f, d = activation.value_and_derivative(a)
    assert np.array_equal(pair(x), (f * b).astype(dtype))
    want = np.concatenate([grad * (b * d), grad * f], -1)
    assert np.array_equal(pair.backward(g, x), want.astype(dtype))
    assert pair.backward(np.full_like(g, np.inf), np.zeros_like(x)).tolist() == np.zeros_like(x).tolist()


@pytest.mark.once
@pytest.mark.parametrize("name", [*GATED, "gated"])
def test_objects(name: str) -> None:
    pair = fa.gated("tanh") if name == "gated" else getattr(fa, name)
    text = inspect.getdoc(pair)
    assert text is not None
    for part in ("Parameters", "Raises", "grad_a = ", f"{pair.max_ulp['float64']:g} ULP", "swapped : bool"):
        assert part in text
    assert str(inspect.signature(pair)) in text
    for documented in (text, fa.gated.__doc__ or ""):
        parsed = doctest.DocTestParser().get_doctest(documented, {"fa": fa, "np": np}, name, None, None)
        assert doctest.DocTestRunner().run(parsed).failed == 0
    copy = pickle.loads(pickle.dumps(pair))
    assert copy == pair
    assert hash(copy) == hash(pair)
    assert copy is pair or name == "gated"
    assert pair != fa.gated("mish")
    assert name in dir(fa)
    assert pair.name in repr(pair)


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fa.swiglu(None), TypeError, ["fastact.swiglu", "x is None"]),
        (lambda: fa.swiglu(X.astype(complex)), TypeError, ["complex128"]),
        (lambda: fa.swiglu(np.float64(1)), ValueError, ["x has no axes"]),
        (lambda: fa.swiglu(X[:, :3]), ValueError, ["x has 3 elements along axis 1", "even"]),
        (lambda: fa.swiglu(X, axis=0), ValueError, ["x has 3 elements along axis 0"]),
        (lambda: fa.swiglu(X, axis=2), ValueError, ["axis is 2", "2 axes"]),
        (lambda: fa.swiglu(X, axis=(0, 1)), TypeError, ["axis is (0, 1)"]),
        (lambda: fa.swiglu(X, axis=None), TypeError, ["axis is None"]),
        (lambda: fa.swiglu(X, X, axis=1), TypeError, ["axis is 1", "two arrays"]),
        (lambda: fa.swiglu(X, X[:2]), ValueError, ["b has shape (2, 4)", "(3, 4)"]),
        (lambda: fa.swiglu(X, swapped=2), TypeError, ["swapped is 2"]),
        (lambda: fa.swiglu(X, dim=0), TypeError, ["'dim'", "axis", "limit"]),
        (lambda: fa.geglu(X, limit=7), TypeError, ["'limit'"]),
        (lambda: fa.swiglu(X, limit=-1), ValueError, ["limit is -1", "positive"]),
        (lambda: fa.swiglu(X, limit=np.inf), ValueError, ["limit is inf"]),
        (lambda: fa.swiglu(X, alpha="a"), TypeError, ["alpha is 'a'"]),
        (lambda: fa.swiglu(X, alpha=np.nan), ValueError, ["alpha is nan"]),
        (lambda: fa.swiglu(X, offset=np.inf), ValueError, ["offset is inf"]),
        (lambda: fa.swiglu(X, offset=None), TypeError, ["offset is None"]),
        (lambda: fa.swiglu(X, out=X), ValueError, ["out has shape (3, 4)", "(3, 2)"]),
        (lambda: fa.swiglu(X, out=READ_ONLY), ValueError, ["out is read-only"]),
        (lambda: fa.swiglu(X, out=[1]), TypeError, ["out is of type list"]),
        (
            lambda: fa.swiglu.backward(X, X),
            ValueError,
            ["swiglu.backward", "grad_y has shape (3, 4)", "(3, 2)"],
        ),
        (lambda: fa.swiglu.backward(None, X), TypeError, ["grad_y is None"]),
        (lambda: fa.swiglu.backward(X, X, X, out=X), TypeError, ["out is of type ndarray", "pair"]),
        (lambda: fa.swiglu.backward(X, X, X, out=(X, X)), ValueError, ["overlap"]),
        (lambda: fa.swiglu(np.ma.array(X)), TypeError, ["MaskedArray"]),
        (lambda: fa.swiglu(X, np.ma.array(X)), TypeError, ["b is of type MaskedArray"]),
        (lambda: fa.gated("no_such"), ValueError, ["no_such"]),
        (
            lambda: fa.gated(fa.get("prelu", weight=np.ones((5, 1, 1))))(X),
            ValueError,
            ["a result of the activation has shape (5, 3, 2)", "expected (3, 2)"],
        ),
    ],
)
def test_errors(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.once
def test_arrays_of_other_kinds_are_refused() -> None:
    for library, make in (("dask.array", "asarray"), ("pandas", "DataFrame")):
        array = getattr(pytest.importorskip(library), make)(X)
        for call in (lambda a: fa.swiglu(a), lambda a: fa.swiglu.backward(X[:, :2], a)):
            with pytest.raises(TypeError, match=f"x is of type {type(array).__name__}"):
                call(array)
