"""What holds for every function of rows, gated pair and loss, forward and backward: layouts, axes, masks,
dtypes, threads, containers, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from all_functions import (
    LOSSES,
    NAMES,
    OF_LABELS,
    Inputs,
    calls,
    function,
    has_axis,
    inputs,
    keeps_axes,
)

import fastact as fa
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.gated import GATED

SHAPE = (4, 6, 8)
EVERY = [(name, direction) for name in NAMES for direction in calls(name, -1)]
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[:, ::-1].copy()[:, ::-1],
    "swapped axes": lambda a: a.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    "bytes swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "read-only": lambda a: np.broadcast_to(a, a.shape),
}


def of_all(change: Callable[[np.ndarray], np.ndarray], i: Inputs) -> Inputs:
    return Inputs(*(change(a) for a in i))


@pytest.mark.parametrize(("name", "direction"), EVERY)
def test_layouts(name: str, direction: str, dtype: type) -> None:
    """The same bits."""
    call, given = calls(name, -1)[direction], inputs(SHAPE, dtype)
    want = call(given)
    assert np.asarray(want).dtype == dtype
    for change in LAYOUTS.values():
        assert np.array_equal(call(of_all(change, given)), want)


@pytest.mark.parametrize(("name", "direction"), [pair for pair in EVERY if has_axis(*pair)])
def test_axes(name: str, direction: str, dtype: type) -> None:
    """Along any axis, as along the last one of arrays whose axes are moved."""
    given = inputs((4, 6, 8), dtype)
    for axis in (0, 1, 2, -2):
        moved = calls(name, -1)[direction](of_all(lambda a, k=axis: np.moveaxis(a, k, -1).copy(), given))
        want = np.moveaxis(moved, -1, axis) if keeps_axes(name, direction) and np.ndim(moved) else moved
        assert np.array_equal(calls(name, axis)[direction](given), want)


@pytest.mark.parametrize("axes", [(0, 2), (2, 1), (-1,), None], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_several_axes(name: str, axes: tuple[int, ...] | None, dtype: type) -> None:
    """As along one axis that holds all elements of a row."""
    f, (x, g, _) = getattr(fa, name), inputs(SHAPE, dtype)
    numbers = tuple(range(3)) if axes is None else tuple(sorted(a % 3 for a in axes))
    last = tuple(range(3 - len(numbers), 3))
    lead = [n for i, n in enumerate(SHAPE) if i not in numbers]

    def rows(a: np.ndarray) -> np.ndarray:
        return np.moveaxis(a, numbers, last).reshape(*lead, -1)

    def back(a: np.ndarray) -> np.ndarray:
        shape = (*lead, *(SHAPE[i] for i in numbers))
        return np.moveaxis(a.reshape(shape), last, numbers)

    if name == "logsumexp":
        slopes = g.sum(numbers)
        assert np.array_equal(f(x, axis=axes), f(rows(x)))
        assert np.array_equal(f.backward(slopes, x, axis=axes), back(f.backward(slopes, rows(x))))
        return
    assert np.array_equal(f(x, axis=axes), back(f(rows(x))))
    assert np.array_equal(f.backward(g, x, axis=axes), back(f.backward(rows(g), rows(x))))
    y = f(x, axis=axes)
    want = back(f.backward_from_output(rows(g), rows(y)))
    assert np.array_equal(f.backward_from_output(g, y, axis=axes), want)


# Masks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_where(name: str, dtype: type) -> None:
    """Elements that count give what they give alone, to rounding; others give nothing, whatever they hold."""
    f, (x, g, _) = getattr(fa, name), inputs((5, 9), dtype)
    mask = np.random.default_rng(1).random(x.shape) < 0.6
    mask[2] = True
    tolerance = {"rtol": 4 * np.finfo(dtype).eps, "atol": 4 * np.finfo(dtype).eps}
    hidden, gradient = np.where(mask, x, np.nan).astype(dtype), np.where(mask, g, np.inf).astype(dtype)
    if name == "logsumexp":
        y, slopes = f(hidden, where=mask), f.backward(g[:, 0], hidden, where=mask)
        for i, m in enumerate(mask):
            assert np.allclose(y[i], f(x[i, m]), **tolerance)
            assert np.allclose(slopes[i, m], f.backward(g[i, 0], x[i, m]), **tolerance)
        assert not slopes[~mask].any()
        return
    y, slopes = f(hidden, where=mask), f.backward(gradient, hidden, where=mask)
    from_output = f.backward_from_output(gradient, np.where(mask, y, np.nan).astype(dtype), where=mask)
    for i, m in enumerate(mask):
        assert np.allclose(y[i, m], f(x[i, m]), **tolerance)
        assert np.allclose(slopes[i, m], f.backward(g[i, m], x[i, m]), **tolerance)
        assert np.allclose(from_output[i, m], f.backward_from_output(g[i, m], y[i, m]), **tolerance)
    assert set(y[~mask].tolist()) <= {-np.inf if name == "log_softmax" else 0.0}
    assert not slopes[~mask].any()
    assert not from_output[~mask].any()


@pytest.mark.parametrize("name", LOSSES)
def test_elements_without_weight(name: str, dtype: type) -> None:
    """Losses of elements leave out what weighs 0, whatever it holds."""
    f, (x, _, t) = getattr(fa, name), inputs((5, 9), dtype)
    t = np.abs(t) if name in ("kl_divergence", "poisson") else t
    mask = np.random.default_rng(1).random(x.shape) < 0.6
    loss, slopes = f.value_and_gradient(
        np.where(mask, x, np.nan).astype(dtype), t, weight=mask.astype(float), reduction="sum"
    )
    want, of_want = f.value_and_gradient(x[mask], t[mask], reduction="sum")
    assert np.isclose(loss, want, rtol=4 * np.finfo(dtype).eps)
    assert np.array_equal(slopes[mask], of_want)
    assert not slopes[~mask].any()


@pytest.mark.parametrize("name", OF_LABELS)
def test_rows_that_are_ignored(name: str, dtype: type) -> None:
    f, (x, _, _) = getattr(fa, name), inputs((7, 5), dtype)
    labels = np.array([0, -1, 3, 4, -1, 2, 2])
    counts = labels != -1
    hidden = np.where(counts[:, np.newaxis], x, np.nan).astype(dtype)
    for reduction in ("mean", "sum"):
        found = f.value_and_gradient(hidden, labels, ignore_index=-1, reduction=reduction)
        want = f.value_and_gradient(x[counts], labels[counts], reduction=reduction)
        assert found[0] == want[0]
        assert np.array_equal(found[1][counts], want[1])
        assert not found[1][~counts].any()


# Dtypes, threads ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "direction"), EVERY)
def test_dtypes(name: str, direction: str) -> None:
    """Those of numpy.exp, computed from the numbers that are given."""
    call = calls(name, -1)[direction]
    for dtype in (np.float16, np.int8, np.int16, np.int64, np.float32, np.float64):
        given = inputs(SHAPE, dtype)
        found = np.asarray(call(given))
        want = call(of_all(lambda a: a.astype(np.float64), given))
        assert found.dtype == np.exp(np.zeros(1, dtype)).dtype
        assert np.allclose(found, want, rtol=2e-3, atol=4e-3)


@pytest.mark.parametrize(("name", "direction"), EVERY)
def test_threads(name: str, direction: str, dtype: type, restore_threads: None) -> None:
    """The same bits for any number of them."""
    call, given, found = calls(name, -1)[direction], inputs((160, 420), dtype), []
    for threads in (1, 2):
        fa.set_num_threads(threads)
        found.append(np.asarray(call(given)).tobytes())
    assert found[0] == found[1]


# Containers, errors -------------------------------------------------------------------------------


def kinds() -> dict[str, Callable[[np.ndarray], Any]]:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    dask = pytest.importorskip("dask.array", reason="dask is not installed")
    return {
        "masked": lambda a: np.ma.array(a, mask=np.zeros(a.shape, bool)),
        "pandas": pandas.DataFrame,
        "xarray": xarray.DataArray,
        "dask": lambda a: dask.from_array(a, chunks=(2, a.shape[1])),
    }


KEEP = {*FUNCTIONS} - {"logsumexp"}


@pytest.mark.once
@pytest.mark.parametrize(("name", "direction"), EVERY)
def test_containers(name: str, direction: str) -> None:
    """They keep their kind, or are refused with the name of the function."""
    given = inputs((4, 8), np.float64)
    want = calls(name, -1)[direction](given)
    for make in kinds().values():
        x = make(given.x)
        mixed = Inputs(x, given.g, given.t)
        if name in KEEP:
            found = calls(name, -1)[direction](mixed)
            assert type(found) is type(x)
            assert np.array_equal(np.asarray(found), want)
            continue
        if name == "gumbel_softmax" and direction == "from output":
            continue  # softmax's own
        with pytest.raises(
            TypeError, match=rf"fastact\.{function(name).__name__.split('(')[0]}.* is of type"
        ):
            calls(name, -1)[direction](mixed)


@pytest.mark.once
@pytest.mark.parametrize(("name", "direction"), EVERY)
def test_errors(name: str, direction: str) -> None:
    """Arguments that are no real numbers are refused with the name of the function."""
    call, given = calls(name, -1)[direction], inputs((4, 8), np.float64)
    own = "softmax" if direction == "from output" and name == "gumbel_softmax" else function(name).__name__
    start = rf"fastact\.{own.split('(')[0]}"
    for wrong in (given.x.astype(complex), given.x.astype("M8[s]")):
        i = Inputs(wrong, given.g, given.t)
        with pytest.raises(TypeError, match=start):
            (call if direction != "from output" else without_abs(name))(i)


def without_abs(name: str) -> Callable[[Inputs], Any]:
    return lambda i: function(name).backward_from_output(i.g, i.x)


@pytest.mark.once
@pytest.mark.parametrize("name", [n for n in NAMES if n not in (*LOSSES, *OF_LABELS)])
def test_gradients_of_another_shape(name: str) -> None:
    f, (x, g, _) = function(name), inputs((4, 8), np.float64)
    keywords: dict[str, Any] = {"maxout": {"pieces": 2}, "gumbel_softmax": {"noise": g}}.get(name, {})
    for wrong in (g[:3], g[0], g[..., :3]):
        with pytest.raises(ValueError, match=r"\.backward: grad_y has shape \(.*; expected"):
            f.backward(wrong, x, **keywords)
    with pytest.raises(TypeError, match="grad_y is None"):
        f.backward(None, x, **keywords)
    if name not in ("gumbel_softmax",):
        with pytest.raises(TypeError, match=r"unexpected keyword 'dim'; expected .*axis"):
            f(x, dim=1, **keywords)


@pytest.mark.once
@pytest.mark.parametrize("name", [*LOSSES, *OF_LABELS])
def test_targets_of_another_shape(name: str) -> None:
    f, (x, _, t) = function(name), inputs((4, 8), np.float64)
    wrong = [np.zeros(3, int), np.zeros((4, 8, 1), int)] if name in OF_LABELS else [t[:3], t[0], t[..., :3]]
    for target in wrong:
        for call in (f, f.value_and_gradient):
            with pytest.raises(ValueError, match=rf"fastact\.{name}.*target has shape"):
                call(x, target)
    with pytest.raises(TypeError, match="target"):
        f(x, None)


def test_gated_pairs_are_all_here() -> None:
    assert {*GATED} <= {*NAMES}
    public = {n for n in dir(fa) if type(getattr(fa, n)).__module__.startswith("fastact.rowwise")}
    assert public == {n for n in NAMES if n != "gated tanh"}
