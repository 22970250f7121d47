"""Dense layers on masked, lazy and labelled arrays: results and gradients keep their kind, or a TypeError
says that they cannot."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from dense_cases import forward_and_backward, layer

import fastact as fa

CASE = (12, 5, 4)
ACTIVATIONS = [
    "gelu",
    "relu",
    None,
    fa.get("prelu", weight=np.full(4, 0.3)),
    fa.mixed(["relu"] * 2 + ["tanh"] * 2),
]


class Cube:
    """An activation from elsewhere."""

    def __repr__(self) -> str:
        return "Cube()"

    def __call__(self, x: Any) -> Any:
        return x**3

    def derivative(self, x: Any) -> Any:
        return 3 * x**2


# Masked ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [*ACTIVATIONS, Cube()], ids=repr)
@pytest.mark.parametrize("bias", [None, (4,), (1, 4)], ids=str)
def test_masked(activation: Any, bias: tuple[int, ...] | None) -> None:
    """Masked elements count as 0 in products, as for numpy.ma.dot; what has no others is masked."""
    case = layer(*CASE, np.float64)
    case.b = None if bias is None else case.b.reshape(bias)
    mask = np.random.default_rng(0).random((12, 5)) < 0.3
    mask[3] = True
    x = np.ma.array(case.x, mask=mask)
    y, saved = fa.dense_forward(x, case.w, case.b, activation=activation)
    z = np.ma.dot(x, case.w) if bias is None else np.ma.dot(x, case.w) + case.b
    assert isinstance(y, np.ma.MaskedArray)
    assert np.array_equal(y.mask, z.mask)
    assert y.mask[3].all()
    assert not y.mask[:3].any()
    filled = forward_and_backward(dense_filled(case, x), activation)
    assert np.allclose(y.compressed(), filled[0][~y.mask])
    assert np.array_equal(fa.dense(x, case.w, case.b, activation=activation).filled(0), y.filled(0))
    dx, dw, db = fa.dense_backward(case.grad_y, x, case.w, saved)
    kept = np.delete(np.arange(12), 3)
    case.x, case.grad_y = np.ma.filled(x, 0)[kept], case.grad_y[kept]
    _, want_dx, want_dw, want_db, _ = forward_and_backward(case, activation)
    assert isinstance(dx, np.ma.MaskedArray)
    assert dx.shape == (12, 5)
    assert np.allclose(dx[kept], want_dx)
    assert dx.mask[3].all()
    assert np.allclose(dw, want_dw)
    assert (db is None and bias is None) or (db.shape == bias and np.allclose(db, want_db))


def dense_filled(case: Any, x: np.ma.MaskedArray) -> Any:
    return type(case)(np.ma.filled(x, 0), case.w, case.b, case.grad_y)


@pytest.mark.parametrize("save", [None, "input", "output"])
@pytest.mark.parametrize("activation", ["relu", "tanh", None, "hard_sigmoid"])
def test_masked_gradients_of_a_plain_forward_pass(activation: str | None, save: str | None) -> None:
    """A loss over few outputs: dw and db are the sums over these."""
    if save == "output" and activation == "hard_sigmoid":
        return
    case = layer(*CASE, np.float64)
    y, saved = fa.dense_forward(*case.arrays, activation=activation, save=save)
    mask = np.random.default_rng(1).random(y.shape) < 0.5
    dx, dw, db = fa.dense_backward(np.ma.array(case.grad_y, mask=mask), case.x, case.w, saved)
    want = fa.dense_backward(np.where(mask, 0, case.grad_y), case.x, case.w, saved)
    assert isinstance(dx, np.ma.MaskedArray)
    for got, plain in zip((dx, dw, db), want, strict=True):
        assert np.allclose(np.ma.filled(got, 0), plain)


def test_masked_stacks() -> None:
    case = layer(*CASE, np.float64, stack=(3,))
    x = np.ma.array(case.x, mask=case.x > 1)
    y, saved = fa.dense_forward(x, case.w, case.b, activation="gelu")
    gradients = fa.dense_backward(case.grad_y, x, case.w, saved)
    for i in range(3):
        want, kept = fa.dense_forward(x[i], case.w[i], case.b[i], activation="gelu")
        assert np.ma.allclose(y[i], want)
        for got, one in zip(gradients, fa.dense_backward(case.grad_y[i], x[i], case.w[i], kept), strict=True):
            assert np.ma.allclose(got[i], one)


def test_masked_integers() -> None:
    """They do not wrap around, as integers would in NumPy's product."""
    x = np.ma.array(np.full((2, 3), 100, np.int8), mask=[[1, 0, 0], [0, 0, 0]])
    y = fa.dense(x, np.full((3, 1), 100, np.int8))
    assert y.dtype == np.float32
    assert y.tolist() == [[20000], [30000]]


def test_masked_network() -> None:
    case = layer(*CASE, np.float64)
    net = fa.Network([(case.w, case.b, "gelu"), (case.w.T, None, "relu")])
    x = np.ma.array(case.x, mask=case.x > 1)
    x[3] = np.ma.masked
    y, saved = net.forward(x)
    assert isinstance(y, np.ma.MaskedArray)
    assert y.mask[3].all()
    assert np.ma.allclose(net.predict(x), y)
    dx, dw, db = net.backward(y, saved)
    assert isinstance(dx, np.ma.MaskedArray)
    assert [np.shape(a) for a in dw] == [(5, 4), (4, 5)]
    assert db[1] is None


def test_masked_parameter() -> None:
    case = layer(*CASE, np.float64)
    slope = np.ma.array(np.full(4, 0.5), mask=[0, 1, 0, 0])
    y = fa.dense(*case.arrays, activation=fa.get("leaky_relu", negative_slope=slope))
    assert isinstance(y, np.ma.MaskedArray)
    assert y.mask[:, 1].all()


def test_out_and_accumulate_are_refused() -> None:
    case = layer(*CASE, np.float64)
    x = np.ma.array(case.x)
    with pytest.raises(TypeError, match="dense: out is not available for arrays of type MaskedArray"):
        fa.dense(x, case.w, out=np.empty((12, 4)))
    with pytest.raises(TypeError, match="save is 'output'"):
        fa.dense_forward(x, case.w, save="output")
    y, saved = fa.dense_forward(x, case.w)
    outs = tuple(np.empty(s) for s in ((12, 5), (5, 4), (4,)))
    with pytest.raises(TypeError, match="out is not available"):
        fa.dense_backward(y, x, case.w, saved, out=outs)
    with pytest.raises(TypeError, match="accumulate=True is not available"):
        fa.dense_backward(y, x, case.w, saved, accumulate=True)
    with pytest.raises(ValueError, match=r"shapes do not fit: x \(12, 5\), w \(4, 5\)"):
        fa.dense(x, case.w.T)


class Refuses:
    """An array that opts out of NumPy's functions."""

    __array_ufunc__ = None
    dtype, shape, ndim = np.dtype(float), (12, 5), 2


def test_arrays_that_refuse_numpy() -> None:
    with pytest.raises(TypeError, match="x is of type Refuses, which refuses NumPy's functions"):
        fa.dense(Refuses(), np.ones((5, 4)))


def test_memory_maps_are_plain(tmp_path: Any) -> None:
    case = layer(*CASE, np.float64)
    np.save(tmp_path / "x.npy", case.x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert type(fa.dense(mapped, case.w)) is np.ndarray
    assert np.array_equal(fa.dense(mapped, case.w), fa.dense(case.x, case.w))


# Lazy and labelled ------------------------------------------------------------------------------------


@pytest.fixture
def dask_array() -> ModuleType:
    return pytest.importorskip("dask.array", reason="dask is not installed")


@pytest.mark.parametrize("activation", ["gelu", "relu", None, Cube()], ids=repr)
@pytest.mark.parametrize("bias", [None, (4,), (1, 4)], ids=str)
def test_dask(dask_array: ModuleType, activation: Any, bias: tuple[int, ...] | None) -> None:
    """Nothing is computed until it is asked for."""
    case = layer(*CASE, np.float64)
    case.b = None if bias is None else case.b.reshape(bias)
    x = dask_array.from_array(case.x, chunks=(5, 5))
    y, saved = fa.dense_forward(x, case.w, case.b, activation=activation)
    gradients = fa.dense_backward(dask_array.from_array(case.grad_y, chunks=(5, 4)), x, case.w, saved)
    want = forward_and_backward(case, activation)
    for got, plain in zip((y, *gradients), want[:4], strict=True):
        if plain is None:
            assert got is None
            continue
        assert isinstance(got, dask_array.Array)
        assert got.shape == plain.shape
        assert np.allclose(got.compute(), plain)
    lazy = fa.dense(x, case.w, case.b, activation=activation)
    assert isinstance(lazy, dask_array.Array)
    assert np.allclose(lazy, want[0])


def test_dask_network(dask_array: ModuleType) -> None:
    case = layer(*CASE, np.float64)
    net = fa.Network([(case.w, case.b, "gelu"), (case.w.T, None, "relu")])
    x = dask_array.from_array(case.x, chunks=(5, 5))
    want, _ = net.forward(case.x)
    for got in (net.predict(x), net.forward(x)[0], x.map_blocks(net.predict, dtype=x.dtype)):
        assert isinstance(got, dask_array.Array)
        assert np.allclose(got, want)
    y, saved = net.forward(x)
    dx, _, _ = net.backward(y, saved)
    assert np.allclose(dx, net.backward(want, net.forward(case.x)[1])[0])


@pytest.mark.parametrize("activation", ["gelu", "relu", None], ids=repr)
def test_pandas(activation: str | None) -> None:
    """Rows of results have the labels of the rows of x; gradients those of what they belong to."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    case = layer(*CASE, np.float64)
    x = pandas.DataFrame(case.x, index=list("abcdefghijkl"), columns=list("uvwxy"))
    y, saved = fa.dense_forward(x, case.w, case.b, activation=activation)
    want = forward_and_backward(case, activation)
    assert list(y.index) == list(x.index)
    assert np.allclose(y, want[0])
    dx, dw, db = fa.dense_backward(y * 0 + case.grad_y, x, case.w, saved)
    assert list(dx.index) == list(x.index)
    assert list(dx.columns) == list(x.columns)
    assert list(dw.index) == list(x.columns)
    for got, plain in zip((dx, dw, db), want[1:4], strict=True):
        assert np.allclose(got, plain)
    assert isinstance(fa.dense(x, case.w), pandas.DataFrame)


def test_pandas_without_columns() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    x, w = pandas.DataFrame(index=["a", "b"]), np.ones((0, 3))
    y, saved = fa.dense_forward(x, w, np.ones(3), activation="relu")
    assert (y == 1).all(axis=None)
    assert list(y.index) == ["a", "b"]
    dx, dw, db = fa.dense_backward(np.ones((2, 3)), x, w, saved)
    assert (dx.shape, dw.shape, db.tolist()) == ((2, 0), (0, 3), [2, 2, 2])


def test_xarray() -> None:
    """NumPy's matmul refuses them, and so does this."""
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    case = layer(*CASE, np.float64)
    x = xarray.DataArray(case.x, dims=("n", "i"))
    with pytest.raises(TypeError, match=r"fastact\.dense: not available for arrays of type DataArray"):
        fa.dense(x, case.w)
