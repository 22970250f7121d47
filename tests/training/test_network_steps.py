"""Many steps: with one call, with limits on gradients, and against those of NumPy and of scikit-learn."""

from __future__ import annotations

import copy
import json
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(5)
X = RNG.normal(size=(7, 4))
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])
WEIGHTS = np.array([1, 0.5, 0, 2, 1, 1, 3.0])


def test_steps_are_steps(dtype: type) -> None:
    net = fa.Network.create([4, 5, 3], "gelu", output="softmax", dtype=dtype)
    other = copy.deepcopy(net)
    rates = iter((0.1, 0.05, 0.01, 0.0))
    batches = [(X[:4], LABELS[:4]), (X, LABELS, WEIGHTS), (X[:1], [2])]

    def schedule(optimizer: fa.optim.SGD) -> Any:
        for batch in batches:
            optimizer.lr = next(rates)
            yield batch

    net.optimizer = fa.optim.SGD(lr=0.3, momentum=0.5)
    losses = net.steps(schedule(net.optimizer))
    other.optimizer = fa.optim.SGD(lr=0.3, momentum=0.5)
    want = []
    for batch, lr in zip(batches, (0.1, 0.05, 0.01), strict=True):
        other.optimizer.lr = lr
        want.append(other.step(*batch))
    assert np.array_equal(losses, want)
    assert losses.dtype == dtype
    assert np.array_equal(net.parameters, other.parameters)
    assert net.steps([]).shape == (0,)
    for batch, text in ((X, "is of type ndarray"), ((X,), "is of type tuple and length 1")):
        with pytest.raises(TypeError, match=f"^fastact.Network.steps: a batch {text}"):
            net.steps([batch])


@pytest.mark.parametrize("clipping", [{"clip_value": 0.01}, {"clip_norm": 0.05}], ids=str)
def test_gradients_are_limited_between_reduce_and_update(clipping: dict[str, float]) -> None:
    net = fa.Network.create([4, 5, 3], "gelu", output="softmax", dtype="float64")
    net.optimizer = fa.optim.SGD(lr=1.0, **clipping)
    before = net.parameters.copy()

    def doubled(gradients: np.ndarray) -> None:
        gradients *= 2

    net.step(X, LABELS, reduce=doubled)
    g = net.gradients.copy()
    if "clip_value" in clipping:
        limited = np.clip(g, -0.01, 0.01)
    else:
        limited = g * min(1.0, 0.05 / (np.sqrt((g**2).sum()) + 1e-6))
    assert not np.allclose(limited, g)
    assert np.allclose(net.parameters, before - limited, rtol=1e-13, atol=1e-15)


def numpy_epochs(net: fa.Network, x: np.ndarray, y: np.ndarray, lr: float) -> list[float]:
    """20 epochs of gradient descent in NumPy: a layer of tanh, a softmax, batches of 50 in order."""
    (w1, b1, _), (w2, b2, _) = (
        [np.array(a) if isinstance(a, np.ndarray) else a for a in layer] for layer in net
    )
    curve = []
    for _ in range(20):
        losses = []
        for start in range(0, len(x), 50):
            batch, labels = x[start : start + 50], y[start : start + 50]
            n, h = len(batch), np.tanh(batch @ w1 + b1)
            z = h @ w2 + b2
            e = np.exp(z - z.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            losses.append((-np.log(p[np.arange(n), labels]).mean(), n))
            p[np.arange(n), labels] -= 1
            delta = p / n
            back = (delta @ w2.T) * (1 - h**2)
            w2 -= lr * h.T @ delta
            b2 -= lr * delta.sum(axis=0)
            w1 -= lr * batch.T @ back
            b1 -= lr * back.sum(axis=0)
        curve.append(sum(loss * n for loss, n in losses) / len(x))
    return curve


@pytest.mark.once
def test_digits_as_in_numpy() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="the digits come with scikit-learn")
    x, y = datasets.load_digits(return_X_y=True)
    x, y = x[:525] / 16, y[:525]  # the last batch is short
    net = fa.Network.create([64, 24, 10], "tanh", output="softmax", dtype="float64")
    want = numpy_epochs(net, x, y, 0.2)
    net.optimizer = fa.optim.SGD(lr=0.2)
    history = net.fit(x, y, epochs=20, batch_size=50, shuffle=False, progress=False)
    assert np.allclose(history.loss, want, rtol=1e-6, atol=0)
    assert want[-1] < 0.3
    assert np.mean(net.predict(x).argmax(axis=1) == y) > 0.9


@pytest.mark.once
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weights_of_scikit_learn(solver: str) -> None:
    """From the same start (tools/scikit_learn_fixture.py). The L2 penalty of a batch is alpha/(2 n)
    times the squared weights."""
    given = json.loads((helpers.ROOT / "tests/data/mlp_classifier.json").read_text())
    x, y, settings = np.array(given["x"]), np.array(given["y"]), given["settings"]
    found, options = given["solvers"][solver], given["solvers"][solver]["options"]
    lr, size, alpha = options["learning_rate_init"], settings["batch_size"], settings["alpha"]
    layers = [(np.array(w), np.array(b), f) for (w, b), f in zip(found["start"], ("tanh", None), strict=True)]
    net = fa.Network(layers, output="softmax")
    if solver == "sgd":
        net.optimizer = fa.optim.SGD(lr)
    else:
        betas = (options["beta_1"], options["beta_2"])
        net.optimizer = fa.optim.Adam(lr, betas, options["epsilon"], eps_hat=True)
    is_weight = np.concatenate([np.full(a.size, a.ndim == 2) for layer in layers for a in layer[:2]])
    for _ in range(settings["epochs"]):
        for first in range(0, len(x), size):
            batch = x[first : first + size]

            def penalty(gradients: np.ndarray, n: int = len(batch)) -> None:
                gradients += alpha / n * is_weight * net.parameters

            net.step(batch, y[first : first + size], reduce=penalty)
    for layer, (w, b) in zip(net.layers, found["end"], strict=True):
        assert np.allclose(layer.w, w, rtol=0, atol=1e-9)
        assert np.allclose(layer.b, b, rtol=0, atol=1e-9)
    assert not np.allclose(net.layers[0].w, found["start"][0][0], rtol=0, atol=1e-3)
