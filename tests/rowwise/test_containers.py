"""Arrays of other kinds than NumPy's own are refused by name: a mask, an index or coordinates would be lost.
Blocks of lazy arrays are plain.
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_row_wise_functions(name: str, kind: Callable[[np.ndarray], Any]) -> None:
    f, grad = getattr(fa, name), X if name != "logsumexp" else X[:, 0]
    given, of_grad = kind(X), kind(grad)
    calls = [
        (lambda: f(given), "x", given),
        (lambda: f.backward(grad, given), "x", given),
        (lambda: f.backward(of_grad, X), "grad_y", of_grad),
        (lambda: f(X, where=kind(X > 0)), "where", given),
    ]
    for call, argument, value in calls:
        with pytest.raises(TypeError, match=rf"{argument} is of type {type(value).__name__}.*numpy.asarray"):
            call()


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
