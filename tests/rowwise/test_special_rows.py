"""Rows with infinities, NaN, no elements or one, and masks."""

from __future__ import annotations

import numpy as np
import pytest

import fastact as fa

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("name", "row", "want"),
    [
        ("softmax", [INF, 1, 2], [1, 0, 0]),
        ("softmax", [INF, INF, 2], [NAN, NAN, NAN]),
        ("softmax", [-INF, -INF], [NAN, NAN]),
        ("softmax", [-INF, 0], [0, 1]),
        ("softmax", [NAN, 0], [NAN, NAN]),
        ("softmax", [INF, NAN], [NAN, NAN]),
        ("softmax", [-5], [1]),
        ("softmin", [-INF, 1], [1, 0]),
        ("softmin", [INF, 1], [0, 1]),
        ("quiet_softmax", [-INF, -INF], [0, 0]),
        ("quiet_softmax", [0], [0.5]),
        ("quiet_softmax", [INF, 0], [1, 0]),
        ("log_softmax", [INF, 1], [0, -INF]),
        ("log_softmax", [-INF, 1], [-INF, 0]),
        ("log_softmax", [-INF, -INF], [NAN, NAN]),
        ("logsumexp", [INF, 1], INF),
        ("logsumexp", [INF, INF], INF),
        ("logsumexp", [-INF, -INF], -INF),
        ("logsumexp", [INF, NAN], NAN),
        ("logsumexp", [], -INF),
    ],
)
def test_special_rows(name: str, row: list[float], want: list[float] | float, dtype: type) -> None:
    got = getattr(fa, name)(np.array(row, dtype))
    assert np.array_equal(got, np.array(want, dtype), equal_nan=True)


@pytest.mark.parametrize("name", ["softmax", "softmin", "quiet_softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4)])
def test_nothing(name: str, shape: tuple[int, ...], dtype: type) -> None:
    f, x = getattr(fa, name), np.empty(shape, dtype)
    for result in (f(x), f.backward(x, x), f.backward_from_output(x, x)):
        assert result.shape == shape


def test_gradients_are_0_where_probabilities_are(dtype: type) -> None:
    x, g = np.array([-INF, 1, 2], dtype), np.array([INF, 1, 0], dtype)
    for got in (fa.softmax.backward(g, x), fa.softmax.backward_from_output(g, fa.softmax(x))):
        assert got[0] == 0
        assert np.isfinite(got).all()


def test_gradients_of_limits(dtype: type) -> None:
    x, g = np.array([INF, 1, 2], dtype), np.array([3, 1, 5], dtype)
    assert np.array_equal(fa.softmax.backward(g, x), [0, 0, 0])
    assert np.array_equal(fa.log_softmax.backward(g, x), [3 - 9, 1, 5])
    assert np.array_equal(fa.logsumexp.backward(dtype(2), x), [2, 0, 0])


@pytest.mark.parametrize("name", ["softmax", "softmin", "quiet_softmax"])
def test_masks(name: str, dtype: type) -> None:
    """What is masked does not count and may hold anything; a row without elements gives zeros."""
    f = getattr(fa, name)
    x = np.array([[1, NAN, 3], [INF, 5, -2], [7, 8, 9]], dtype)
    mask = np.array([[True, False, True], [False, True, True], [False, False, False]])
    y, g = f(x, where=mask), np.array([[1, NAN, 2], [NAN, 1, 0], [1, 1, 1]], dtype)
    assert np.array_equal(y[0, [0, 2]], f(x[0, [0, 2]]))
    assert np.array_equal(y[1, 1:], f(x[1, 1:]))
    assert not y[~mask].any()
    for dx in (f.backward(g, x, where=mask), f.backward_from_output(g, y, where=mask)):
        assert np.allclose(dx[0, [0, 2]], f.backward(g[0, [0, 2]], x[0, [0, 2]]), rtol=1e-5)
        assert not dx[~mask].any()


def test_masks_of_other_functions(dtype: type) -> None:
    x, mask = np.array([1, NAN, 3], dtype), np.array([True, False, True])
    assert fa.logsumexp(x, where=mask) == fa.logsumexp(x[mask])
    assert np.array_equal(fa.log_softmax(x, where=mask)[mask], fa.log_softmax(x[mask]))
    assert fa.log_softmax(x, where=mask)[1] == -INF


def test_cross_entropy_of_infinite_logits(dtype: type) -> None:
    x = np.array([[INF, 0]], dtype)
    for label, want in ((0, 0), (1, INF)):
        loss, gradient = fa.softmax_cross_entropy.value_and_gradient(x, [label])
        assert loss == want
        assert np.array_equal(gradient, [[0, 0] if label == 0 else [1, -1]])
