"""nll: what tests of PyTorch's cases leave out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa

LABELS = np.array([0, 4, 2, 2, 1])


def log_probabilities(dtype: type) -> np.ndarray:
    return np.random.default_rng(0).normal(-2, 1, (5, 6)).astype(dtype)


def test_values(dtype: type) -> None:
    x = log_probabilities(dtype)
    loss, gradient = fa.nll.value_and_gradient(x, LABELS, reduction="none")
    assert np.array_equal(loss, -x[range(5), LABELS])
    assert np.array_equal(gradient, -(LABELS[:, np.newaxis] == np.arange(6)).astype(dtype))
    assert type(fa.nll(x, LABELS)) is dtype


@pytest.mark.parametrize("name", ["nll", "softmax_cross_entropy"])
def test_plain_calls_are_as_others(name: str, dtype: type) -> None:
    """The way of plain arrays without options, and that of all others."""
    f, x = getattr(fa, name), log_probabilities(dtype)
    want = f.value_and_gradient(x, LABELS)
    others = [
        (x, LABELS.tolist()),
        (x, LABELS.astype(np.int32)),
        (x, np.repeat(LABELS, 2)[::2]),
        (x.tolist(), LABELS),
    ]
    for a, b in others[: 3 if dtype is np.float32 else 4]:
        loss, gradient = f.value_and_gradient(a, b)
        assert loss == want[0]
        assert np.array_equal(gradient, want[1])
    assert f.value_and_gradient(x, LABELS, axis=1)[0] == want[0]
    assert f(np.asfortranarray(x), LABELS) == f(x, LABELS) == want[0]


def test_in_place(dtype: type) -> None:
    x = log_probabilities(dtype)
    want = fa.nll.value_and_gradient(x, LABELS)
    given = x.copy()
    loss, gradient = fa.nll.value_and_gradient(given, LABELS, out=given)
    assert gradient is given
    assert loss == want[0]
    assert np.array_equal(gradient, want[1])


def test_threads(dtype: type, restore_threads: None) -> None:
    x = np.random.default_rng(1).normal(size=(20_000, 9)).astype(dtype)
    labels = np.arange(20_000) % 9
    made = []
    for threads in (1, 3):
        fa.set_num_threads(threads)
        made.append(fa.nll.value_and_gradient(x, labels))
    assert made[0][0] == made[1][0]
    assert np.array_equal(made[0][1], made[1][1])


def test_limits(dtype: type) -> None:
    x = np.array([[-np.inf, 0], [0, -np.inf]], dtype)
    assert fa.nll(x, np.array([0, 0])) == np.inf
    zero = fa.nll(x, np.array([1, 0]))
    assert zero == 0
    assert not np.signbit(zero)
    assert fa.nll(x, np.array([0, 0]), weight=[0, 1], reduction="sum") == 0
    assert np.isnan(fa.nll(np.empty((0, 3), dtype), np.empty(0, int)))


X = np.zeros((5, 6))


def test_no_classes() -> None:
    """Rows without classes, all of which are ignored."""
    for function in (fa.nll, fa.softmax_cross_entropy):
        for keywords in ({}, {"weight": []}, {"label_smoothing": 0.5}):
            if function is fa.softmax_cross_entropy or "label_smoothing" not in keywords:
                keywords = {"ignore_index": -1, "reduction": "sum", **keywords}
                loss, gradient = function.value_and_gradient(np.ones((2, 0)), [-1, -1], **keywords)
                assert loss == 0
                assert gradient.shape == (2, 0)


def test_no_classes_write_nothing(dtype: type) -> None:
    """An empty gradient's first element belongs to what follows it in memory."""
    memory = np.ones(4, dtype)
    out = memory[:0].reshape(2, 0)
    fa.nll.value_and_gradient(out, [-1, -1], ignore_index=-1, reduction="sum", out=out)
    assert (memory == 1).all()


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((X, [0, 1, 6, 7, 0]), IndexError, ["target[2] is 6", "0 to 5"]),
        ((X, np.array([0, 1, -1, 7, 0])), IndexError, ["target[2] is -1"]),
        ((X, LABELS[:4]), ValueError, ["target has shape (4,)", "(5,)"]),
        ((X, X), TypeError, ["target has dtype float64", "integer labels of shape (5,)"]),
        ((None, LABELS), TypeError, ["log_probabilities is None"]),
        ((np.float64(1), 0), ValueError, ["log_probabilities has no axes"]),
        ((np.ma.array(X), LABELS), TypeError, ["log_probabilities", "MaskedArray"]),
    ],
)
def test_errors(arguments: tuple[Any, Any], error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        fa.nll(*arguments)
    for word in ["fastact.nll", *words]:
        assert word in str(caught.value)
    with pytest.raises(TypeError, match="label_smoothing"):
        fa.nll(X, LABELS, label_smoothing=0.1)
