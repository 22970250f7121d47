"""Options, targets and errors of softmax_cross_entropy, against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa

LABELS = np.array([0, 4, 2, 2, 1])


def logits(dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 2, (5, 6)).astype(dtype)


def expected(x: np.ndarray, q: np.ndarray, divisor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Losses of rows and gradients, for targets q."""
    x = x.astype(np.float64)
    log_p = x - x.max(-1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(-1, keepdims=True))
    return -(q * log_p).sum(-1) / divisor, (np.exp(log_p) * q.sum(-1, keepdims=True) - q) / divisor


def one_hot(labels: np.ndarray, n: int = 6) -> np.ndarray:
    return (labels[:, np.newaxis] == np.arange(n)).astype(float)


@pytest.mark.parametrize(
    ("options", "q", "divisor"),
    [
        ({}, one_hot(LABELS), 5),
        ({"reduction": "sum"}, one_hot(LABELS), 1),
        ({"label_smoothing": 0.1}, 0.9 * one_hot(LABELS) + 0.1 / 6, 5),
        ({"ignore_index": 2}, one_hot(LABELS) * (LABELS != 2)[:, np.newaxis], 3),
        ({"weight": np.arange(1, 7)}, one_hot(LABELS) * np.arange(1, 7), (LABELS + 1).sum()),
        (
            {"weight": np.arange(1, 7), "label_smoothing": 0.2, "ignore_index": 4},
            ((0.8 * one_hot(LABELS) + 0.2 / 6) * (LABELS != 4)[:, np.newaxis]) * np.arange(1, 7)
            + 0.8 * 0 * one_hot(LABELS),
            (LABELS + 1)[LABELS != 4].sum(),
        ),
    ],
    ids=str,
)
def test_options(options: dict[str, Any], q: np.ndarray, divisor: float, dtype: type) -> None:
    x = logits(dtype)
    losses, gradient = expected(x, q, divisor)
    tolerance = 1e-5 if dtype is np.float32 else 1e-13
    loss, got = fa.softmax_cross_entropy.value_and_gradient(x, LABELS, **options)
    assert loss.dtype == got.dtype == dtype
    assert np.isclose(loss, losses.sum(), rtol=tolerance)
    assert np.allclose(got, gradient, rtol=tolerance, atol=tolerance)
    assert fa.softmax_cross_entropy(x, LABELS, **options) == loss


def test_probabilities(dtype: type) -> None:
    x = logits(dtype)
    q = np.random.default_rng(1).dirichlet(np.ones(6), 5).astype(dtype)
    losses, gradient = expected(x, q.astype(float), 5)
    loss, got = fa.softmax_cross_entropy.value_and_gradient(x, q)
    assert np.isclose(loss, losses.sum(), rtol=1e-5)
    assert np.allclose(got, gradient, atol=1e-6)
    smooth = fa.softmax_cross_entropy(x, q, label_smoothing=0.3, weight=np.arange(6))
    assert np.isclose(smooth, expected(x, (0.7 * q + 0.05) * np.arange(6), 5)[0].sum(), rtol=1e-5)


def test_the_losses_of_rows(dtype: type) -> None:
    x = logits(dtype)
    losses, gradient = fa.softmax_cross_entropy.value_and_gradient(x, LABELS, reduction="none")
    want = expected(x, one_hot(LABELS))
    assert losses.shape == (5,)
    assert np.allclose(losses, want[0], rtol=1e-5)
    assert np.allclose(gradient, want[1], atol=1e-6)


def test_axes_layouts_and_results_that_are_given(dtype: type) -> None:
    x = np.random.default_rng(2).normal(size=(3, 6, 4)).astype(dtype)
    labels = np.random.default_rng(3).integers(0, 6, (3, 4))
    rows = np.moveaxis(x, 1, -1).reshape(-1, 6)
    loss, gradient = fa.softmax_cross_entropy.value_and_gradient(np.ascontiguousarray(rows), labels.ravel())
    got, slopes = fa.softmax_cross_entropy.value_and_gradient(x, labels, axis=1)
    assert got == loss
    assert np.array_equal(np.moveaxis(slopes, 1, -1).reshape(-1, 6), gradient)
    place = x.copy()
    assert fa.softmax_cross_entropy.value_and_gradient(place, labels, axis=1, out=place)[1] is place
    assert np.array_equal(place, slopes)


@pytest.mark.once
def test_a_gradient_over_the_labels() -> None:
    """Labels are read before anything is written."""
    x, place = logits(), np.zeros((5, 6))
    labels = place.view(np.int64).reshape(-1)[:5]
    labels[:] = LABELS
    want = fa.softmax_cross_entropy.value_and_gradient(x, LABELS)[1]
    assert np.array_equal(fa.softmax_cross_entropy.value_and_gradient(x, labels, out=place)[1], want)


def test_ignored_rows_may_hold_anything() -> None:
    x = logits()
    x[1] = np.nan
    loss, gradient = fa.softmax_cross_entropy.value_and_gradient(
        x, np.where(LABELS == 4, -100, LABELS), ignore_index=-100
    )
    assert np.isfinite(loss)
    assert not gradient[1].any()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((logits(), np.array([0, 6, 2, 2, 1])), {}, IndexError, ["target[1] is 6", "0 to 5"]),
        ((logits(), np.array([0, 1, -1, 2, 1])), {}, IndexError, ["target[2] is -1"]),
        ((logits(), LABELS[:4]), {}, ValueError, ["target", "(4,)", "(5,)"]),
        ((logits(), LABELS.astype(float)), {}, ValueError, ["target", "float64"]),
        ((logits(), None), {}, TypeError, ["target is None"]),
        ((logits().astype(complex), LABELS), {}, TypeError, ["logits", "complex128"]),
        ((np.float64(1), 0), {}, ValueError, ["logits has no axes"]),
        ((logits(), LABELS), {"reduction": "avg"}, ValueError, ["'avg'", "'mean'"]),
        ((logits(), LABELS), {"label_smoothing": 2}, ValueError, ["label_smoothing is 2"]),
        ((logits(), LABELS), {"label_smoothing": True}, ValueError, ["label_smoothing is True"]),
        ((logits(), LABELS), {"ignore_index": "1"}, TypeError, ["ignore_index is '1'", "an integer or None"]),
        ((logits(), LABELS), {"ignore_index": [1]}, TypeError, ["ignore_index is [1]"]),
        ((logits(), LABELS), {"weight": [1.0]}, ValueError, ["weight", "(1,)", "(6,)"]),
        ((logits(), logits()), {"ignore_index": 1}, TypeError, ["ignore_index"]),
        ((np.ma.array(logits()), LABELS), {}, TypeError, ["logits", "MaskedArray"]),
        ((logits(), LABELS), {"axis": 5}, ValueError, ["axis is 5"]),
        ((logits(), LABELS), {"axis": (1, 0)}, TypeError, ["axis is (1, 0)", "int"]),
        ((logits(), LABELS), {"axis": None}, TypeError, ["axis is None"]),
    ],
)
def test_errors(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        fa.softmax_cross_entropy(*arguments, **options)
    for word in ["fastact.softmax_cross_entropy", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["nll", "softmax_cross_entropy"])
def test_a_mean_of_nothing_is_not_a_number(name: str, dtype: type) -> None:
    """As in PyTorch; rows that are ignored have no gradient, those whose weights are 0 have 0/0."""
    f, x = getattr(fa, name), logits(dtype)
    loss, gradient = f.value_and_gradient(x, LABELS * 0 + 3, ignore_index=3)
    assert np.isnan(loss)
    assert not gradient.any()
    weight = [1, 1, 1, 0, 1, 1]
    loss, gradient = f.value_and_gradient(x, LABELS * 0 + 3, weight=weight)
    assert np.isnan(loss)
    assert np.isnan(gradient[:, 3]).all()
    assert np.isnan(f(x[:0], LABELS[:0]))
    assert f(x[:0], LABELS[:0], reduction="sum") == 0
    if name == "softmax_cross_entropy":
        assert np.isnan(f(x[:0], x[:0]))


@pytest.mark.once
def test_a_small_classifier_learns() -> None:
    """README's example."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 2)).astype(np.float32)
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    net = fa.Network(
        [
            (generator.normal(0, 1, (2, 16)).astype(np.float32), np.zeros(16, np.float32), "gelu"),
            (generator.normal(0, 0.3, (16, 2)).astype(np.float32), np.zeros(2, np.float32), None),
        ]
    )
    for _ in range(300):
        y, saved = net.forward(x)
        _, grad = fa.softmax_cross_entropy.value_and_gradient(y, labels)
        _, dw, db = net.backward(grad, saved)
        for layer, a, b in zip(net.layers, dw, db, strict=True):
            layer.w -= 0.5 * a
            layer.b -= 0.5 * b
    assert (net.predict(x).argmax(-1) == labels).mean() > 0.95


def test_one_row_without_leading_axes(dtype: type) -> None:
    """Its labels, weights and loss are arrays without axes."""
    x = np.array([1, 2, 4], dtype)
    for target in (1, np.array(1, np.int32), np.array([0, 1, 0], dtype)):
        loss, gradient = fa.softmax_cross_entropy.value_and_gradient(x, target)
        want, rows = fa.softmax_cross_entropy.value_and_gradient(x[None], np.asarray(target)[None])
        assert loss == want
        assert np.array_equal(gradient, rows[0])
