"""Arrays of other kinds than NumPy's own keep their kind where the result has their shape. Elsewhere they are
refused by name: a mask, an index or coordinates would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.losses import LOSSES

pytestmark = pytest.mark.once

X = np.random.default_rng(0).normal(size=(4, 3))
SIGNS, LABELS = np.where(X > 0, 1.0, -1.0), np.array([0, 2, 1, 1])


def masked(a: np.ndarray) -> Any:
    return np.ma.array(a, mask=np.arange(a.size).reshape(a.shape) == 1)


def of_pandas(a: np.ndarray) -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    return pandas.DataFrame(a) if a.ndim == 2 else pandas.Series(a)


def of_xarray(a: np.ndarray) -> Any:
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    return xarray.DataArray(a)


def of_dask(a: np.ndarray) -> Any:
    dask = pytest.importorskip("dask.array", reason="dask is not installed")
    return dask.from_array(a)


KINDS = [masked, of_pandas, of_xarray, of_dask]


KEPT = [name for name in FUNCTIONS if name != "logsumexp"]
WHERE = np.random.default_rng(1).random(X.shape) < 0.7


def values(a: Any) -> np.ndarray:
    """A plain array, 7 where it is masked."""
    return np.ma.filled(a, 7) if isinstance(a, np.ma.MaskedArray) else np.asarray(a)


@pytest.mark.parametrize("kind", [of_pandas, of_xarray, of_dask])
@pytest.mark.parametrize("name", KEPT)
def test_kinds_that_are_kept(name: str, kind: Callable[[np.ndarray], Any]) -> None:
    f, g, given = getattr(fa, name), X[::-1].copy(), kind(X)
    y = f(X)
    calls = [
        (f(given), y),
        (f(given, axis=0), f(X, axis=0)),
        (f(given, axis=None, where=WHERE), f(X, axis=None, where=WHERE)),
        (f(X, where=kind(WHERE)), f(X, where=WHERE)),
        (f(kind(X.astype("f4"))), f(X.astype("f4"))),
        (f.backward(g, given), f.backward(g, X)),
        (f.backward(kind(g), X, axis=0), f.backward(g, X, axis=0)),
        (f.backward(kind(g), given, where=kind(WHERE)), f.backward(g, X, where=WHERE)),
        (f.backward_from_output(kind(g), kind(y)), f.backward_from_output(g, y)),
        (f.backward_from_output(g, kind(y)), f.backward_from_output(g, y)),
    ]
    for found, want in calls:
        assert type(found) is type(given)
        assert found.shape == want.shape
        assert values(found).dtype == want.dtype
        assert np.array_equal(values(found), want)
    with pytest.raises(TypeError, match=rf"fastact.{name}: out is not available"):
        f(given, out=np.empty(X.shape))
    with pytest.raises(ValueError, match="axis is 2"):
        f(given, axis=2)


@pytest.mark.parametrize("name", KEPT)
def test_masked_elements_do_not_count(name: str) -> None:
    f, g = getattr(fa, name), X[::-1].copy()
    mask = np.random.default_rng(2).random(X.shape) < 0.4
    mask[1] = True
    hidden = np.where(mask, np.nan, X)
    given, gradient = np.ma.array(hidden, mask=mask), np.ma.array(np.where(mask, np.inf, g), mask=mask)
    y = f(X, where=~mask)
    some = ~mask & WHERE
    calls = [
        (f(given), y),
        (f(given, axis=0), f(X, where=~mask, axis=0)),
        (f(given, where=WHERE), f(X, where=some)),
        (f.backward(gradient, given), f.backward(g, X, where=~mask)),
        (f.backward(g, given), f.backward(g, X, where=~mask)),
        (f.backward(gradient, given, where=WHERE), f.backward(g, X, where=some)),
        (f.backward_from_output(gradient, f(given)), f.backward_from_output(g, y, where=~mask)),
    ]
    for found, want in calls:
        assert type(found) is np.ma.MaskedArray
        assert np.array_equal(found.mask, mask)
        assert np.array_equal(values(found), np.where(mask, 7, want))
    assert np.array_equal(f(np.ma.array(X)), f(X))
    for wrong in (lambda: f.backward(gradient, X), lambda: f.backward(np.ma.array(g), given)):
        with pytest.raises(ValueError, match="grad_y and x have masks that differ"):
            wrong()
    with pytest.raises(TypeError, match="where is of type MaskedArray"):
        f(X, where=np.ma.array(WHERE))
    with pytest.raises(TypeError, match="out is not available"):
        f(given, out=np.empty(X.shape))


def test_labels() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    frame = pandas.DataFrame(X, index=list("abcd"), columns=["u", "v", "w"])
    y = fa.softmax(frame)
    assert y.index.equals(frame.index)
    assert y.columns.equals(frame.columns)
    series = pandas.Series(X[:, 0], index=list("abcd"), name="s")
    assert fa.log_softmax(series).name == "s"
    assert fa.log_softmax(series).index.equals(series.index)
    array = xarray.DataArray(X, dims=("n", "c"), coords={"c": [3, 5, 8]})
    assert fa.softmax.backward(X, array).coords.equals(array.coords)
    with pytest.raises(ValueError, match="the labels of grad_y and x differ"):
        fa.softmax.backward(frame.iloc[::-1], frame)
    with pytest.raises(TypeError, match="x has dtype object"):
        fa.softmax(pandas.DataFrame({"u": [1.0], "v": ["a"]}))
    with pytest.raises(TypeError, match="grad_y is of type MaskedArray and x of type DataFrame"):
        fa.softmax.backward(masked(X), frame)
    dask = pytest.importorskip("dask.array", reason="dask is not installed")
    lazy = fa.softmax(xarray.DataArray(dask.from_array(X, chunks=(2, 3))))
    assert type(lazy.data) is dask.Array
    assert np.array_equal(lazy.to_numpy(), fa.softmax(X))


def test_chunks() -> None:
    """A row lies in one chunk; other axes may be divided, each array in its own way."""
    dask = pytest.importorskip("dask.array", reason="dask is not installed")
    x = np.random.default_rng(3).normal(size=(6, 5, 4))
    g, mask = x[::-1].copy(), x[0] > -1
    lazy, gradient = dask.from_array(x, chunks=(2, 5, 1)), dask.from_array(g, chunks=(3, 5, 4))
    got = fa.softmax.backward(gradient, lazy, axis=1, where=mask, temperature=0.5)
    assert got.dtype == np.float64
    assert np.array_equal(got.compute(), fa.softmax.backward(g, x, axis=1, where=mask, temperature=0.5))
    with pytest.raises(
        ValueError, match=r"x has 4 chunks along axis 2; expected one, as x\.rechunk\(\{2: -1\}\)"
    ):
        fa.softmax(lazy)
    with pytest.raises(ValueError, match="grad_y has 2 chunks along axis 0"):
        fa.softmax.backward(gradient, x, axis=0)
    with pytest.raises(ValueError, match=r"grad_y has shape \(6, 5\)"):
        fa.softmax.backward(gradient[..., 0], lazy, axis=1)
    with pytest.raises(ValueError, match="where"):
        fa.softmax(lazy, axis=1, where=np.ones(3, bool))
    with pytest.raises(ValueError, match="temperature is 0"):
        fa.softmax(lazy, axis=1, temperature=0)
    with pytest.raises(TypeError, match="complex128"):
        fa.softmax(lazy.astype(complex), axis=1)
    with pytest.raises(ValueError, match="x has no axes"):
        fa.softmax(lazy[0, 0, 0])
    unknown = lazy[lazy[:, 0, 0] > 0]
    assert np.array_equal(fa.softmax(unknown, axis=1).compute(), fa.softmax(x[x[:, 0, 0] > 0], axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_one_result(kind: Callable[[np.ndarray], Any]) -> None:
    given, of_grad = kind(X), kind(X[:, 0])
    calls = [
        (lambda: fa.logsumexp(given), "x", given),
        (lambda: fa.logsumexp.backward(X[:, 0], given), "x", given),
        (lambda: fa.logsumexp.backward(of_grad, X), "grad_y", of_grad),
        (lambda: fa.logsumexp(X, where=kind(X > 0)), "where", given),
    ]
    for call, argument, value in calls:
        with pytest.raises(TypeError, match=rf"{argument} is of type {type(value).__name__}.*numpy.asarray"):
            call()


class Grams(np.ndarray):
    """An array whose unit would be lost."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_kinds_are_refused(name: str) -> None:
    f, xarray = getattr(fa, name), pytest.importorskip("xarray", reason="xarray is not installed")
    for given in (X.view(Grams), xarray.Dataset({"a": ("n", X[0])})):
        for call in (lambda x: f(x), lambda x: f.backward(X, x), lambda x: f(X, where=x)):
            with pytest.raises(
                TypeError, match=rf" is of type {type(given).__name__}; expected a plain array"
            ):
                call(given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_elements(name: str, kind: Callable[[np.ndarray], Any]) -> None:
    f, given = getattr(fa, name), kind(X)
    for call in (
        lambda: f(given, SIGNS),
        lambda: f.value_and_gradient(X, kind(SIGNS)),
        lambda: f(X, SIGNS, weight=kind(np.abs(X))),
    ):
        with pytest.raises(
            TypeError, match=rf"is of type {type(given).__name__}.*weight=0 for what does not count"
        ):
            call()
    with pytest.raises(TypeError, match="out is of type"):
        f.value_and_gradient(X, SIGNS, out=given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["nll", "softmax_cross_entropy"])
def test_losses_of_labels(name: str, kind: Callable[[np.ndarray], Any]) -> None:
    f = getattr(fa, name)
    for call in (
        lambda: f(kind(X), LABELS),
        lambda: f(X, kind(LABELS)),
        lambda: f(X, LABELS, weight=kind(np.ones(3))),
    ):
        with pytest.raises(TypeError, match=r"is of type .*ignore_index= for what does not count"):
            call()


def test_weights_of_positives() -> None:
    with pytest.raises(TypeError, match="pos_weight is of type MaskedArray"):
        fa.sigmoid_binary_cross_entropy(X, SIGNS, pos_weight=masked(np.ones(3)))


def test_blocks_of_lazy_arrays() -> None:
    lazy = pytest.importorskip("dask.array", reason="dask is not installed").from_array(X, chunks=(2, 3))
    assert np.array_equal(lazy.map_blocks(fa.softmax).compute(), fa.softmax(X))
