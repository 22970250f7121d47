"""Networks with normalisation, dropout and learned parameters, against formulas in NumPy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(3)
X = RNG.normal(size=(9, 4))
LABELS = RNG.integers(0, 3, 9)
UNITS = 5
Network = fa.Network


class Cube:
    """An activation from elsewhere."""

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return z**3 / 3

    def derivative(self, z: np.ndarray) -> np.ndarray:
        return z**2


def leaky(z: np.ndarray, slope: Any) -> np.ndarray:
    return np.where(z > 0, z, slope * z)


def swish(z: np.ndarray, beta: Any) -> np.ndarray:
    return z / (1 + np.exp(-beta * z))


SLOPES, BETAS = np.linspace(0.1, 0.5, UNITS), np.linspace(0.5, 1.5, UNITS)
# an activation, its formula, and the initial values of its learned parameters
ACTIVATIONS: dict[str, tuple[Any, Callable[..., np.ndarray], list[Any]]] = {
    "plain": ("tanh", np.tanh, []),
    "of_units": (fa.get("leaky_relu", negative_slope=SLOPES), lambda z: leaky(z, SLOPES), []),
    "learned": ("prelu", leaky, [0.25]),
    "learned_of_units": (fa.get("swish", beta=BETAS), swish, [BETAS]),
    "surrogate": (fa.surrogate("tanh", "tanh"), np.tanh, []),
    "mixed": (
        fa.mixed(["tanh"] * 2 + ["swish"] * 3),
        lambda z, beta: np.concatenate([np.tanh(z[:, :2]), swish(z[:, 2:], beta)], axis=1),
        [1.0],
    ),
    "custom": (Cube(), lambda z: z**3 / 3, []),
}


def normalised(z: np.ndarray, norm: str, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    if norm == "rms":
        return z / np.sqrt((z**2).mean(axis=1, keepdims=True) + np.finfo(float).eps) * weight
    axis = 0 if norm == "batch" else 1
    centred = z - z.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + 1e-5) * weight + bias


def taken(parameters: np.ndarray, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Arrays one after the other, and what remains."""
    found, used = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        found.append(parameters[used : used + size].reshape(shape))
        used += size
    return [*found, parameters[used:]]


def loss_by_hand(
    parameters: np.ndarray, kind: str, norm: str | None, after: bool, mask: np.ndarray | None, rate: float
) -> float:
    """One hidden layer of 5, a softmax over 3."""
    _, formula, initial = ACTIVATIONS[kind]
    w, b, rest = taken(parameters, (4, UNITS), (UNITS,))
    weight = bias = None
    if norm is not None:
        weight, rest = taken(rest, (UNITS,))
    if norm in ("batch", "layer"):
        bias, rest = taken(rest, (UNITS,))
    *own, rest = taken(rest, *(np.shape(value) for value in initial))
    h = X @ w + b
    if norm is not None and not after:
        h = normalised(h, norm, weight, bias)  # type: ignore[arg-type]
    h = formula(h, *own)
    if norm is not None and after:
        h = normalised(h, norm, weight, bias)  # type: ignore[arg-type]
    if mask is not None:
        h = h * mask / (1 - rate)
    w, b, rest = taken(rest, (UNITS, 3), (3,))
    assert not rest.size
    z = h @ w + b
    return float((np.log(np.exp(z).sum(axis=1)) - z[np.arange(9), LABELS]).mean())


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("norm", [None, "batch", "layer", "rms"])
@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_gradients_against_finite_differences(kind: str, norm: str | None, after: bool, rate: float) -> None:
    net = Network.create(
        [4, UNITS, 3],
        ACTIVATIONS[kind][0],
        output="softmax",
        norm=norm,
        norm_after=after,
        dropout=rate,
        dtype="float64",
        seed=7,
    )
    start = net.parameters + 0.1 * np.random.default_rng(0).normal(size=net.parameters.shape)
    net.parameters = start
    mask = fa.dropout.mask((9, UNITS), rate, seed=7) if rate else None
    loss, gradients = net.loss_and_gradients(X, LABELS)
    assert net.passes == (1 if rate else 0)
    assert loss == pytest.approx(loss_by_hand(start, kind, norm, after, mask, rate), rel=1e-12)
    step = 1e-5
    for i in range(len(start)):
        moved = [start.copy(), start.copy()]
        moved[0][i] += step
        moved[1][i] -= step
        above, below = (loss_by_hand(p, kind, norm, after, mask, rate) for p in moved)
        assert gradients[i] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=2e-9)


def test_a_surrogate_learns_parameters_of_its_value() -> None:
    same = fa.surrogate("prelu", fa.get("leaky_relu", negative_slope=0.25))
    options: Any = {"output": "softmax", "dtype": "float64", "init": "lecun"}
    nets = [Network.create([4, UNITS, 3], f, **options) for f in ("prelu", same)]
    first, second = (net.loss_and_gradients(X, LABELS)[1] for net in nets)
    assert first[4 * UNITS + UNITS] != 0
    assert np.allclose(first, second, rtol=1e-13)


# Training and evaluation --------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_running_statistics(after: bool, dtype: type) -> None:
    net = Network.create([4, UNITS, 3], "tanh", norm="batch", norm_after=after, dtype=dtype)
    (w, b, _), norm = net.layers[0], net.layers[0].norm
    assert norm is not None
    mean, var = np.zeros(UNITS), np.ones(UNITS)
    for batch in RNG.normal(1.0, 2.0, size=(20, 9, 4)).astype(dtype):
        z = batch.astype(float) @ w + b
        z = np.tanh(z) if after else z
        mean, var = 0.9 * mean + 0.1 * z.mean(axis=0), 0.9 * var + 0.1 * z.var(axis=0, ddof=1)
        net.forward(batch)
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    assert np.allclose(norm.running_mean, mean, rtol=tolerance, atol=tolerance)
    assert np.allclose(norm.running_var, var, rtol=tolerance)
    z = X.astype(dtype).astype(float) @ w + b
    z = np.tanh(z) if after else z
    z = (z - mean) / np.sqrt(var + 1e-5)
    want = (z if after else np.tanh(z)) @ net.layers[1].w + net.layers[1].b
    assert np.allclose(net.predict(X.astype(dtype)), want, rtol=1e-4, atol=tolerance)
    assert np.allclose(net.predict(X[0].astype(dtype)), want[0], rtol=1e-4, atol=tolerance)


@pytest.mark.once
def test_early_stopping_puts_running_statistics_back() -> None:
    net, results = Network.create([4, UNITS, 3], output="softmax", norm="batch", dtype="float64"), []
    net.optimizer = fa.optim.SGD(lr=0.5)

    def worse_later(network: fa.Network, history: Any) -> None:
        results.append(network.predict(X))
        network.optimizer.lr = 0.5 if len(results) < 3 else 50.0

    options: Any = {"batch_size": 4, "progress": False, "patience": 4, "callbacks": [worse_later]}
    history = net.fit(X[:8], LABELS[:8], epochs=60, **options)
    assert history.best_epoch < len(results) - 1
    assert np.array_equal(net.predict(X), results[history.best_epoch])


def test_dropout_is_of_training_only(dtype: type) -> None:
    net = Network.create([4, 50, 3], "gelu", dropout=[0.5], dtype=dtype, seed=9)
    plain = Network(net.layers)
    x = X.astype(dtype)
    assert np.array_equal(net.predict(x), plain.predict(x))
    assert np.array_equal(net.predict(x[:, ::-1][:, ::-1]), plain.predict(x))
    assert net.passes == 0
    h = fa.dense(x, net.layers[0].w, net.layers[0].b, activation="gelu")
    for number in range(3):
        y, saved = net.forward(x)
        dropped = fa.dropout(h, 0.5, seed=9, step=number)
        assert np.array_equal(y, fa.dense(dropped, net.layers[1].w, net.layers[1].b))
        grad = np.ones_like(y)
        grad_h = fa.dropout.backward(grad @ net.layers[1].w.T, 0.5, seed=9, step=number)
        dx, dw, _ = net.backward(grad, saved)
        assert np.allclose(dw[1], dropped.T @ grad, rtol=1e-5)
        z = x @ net.layers[0].w + net.layers[0].b
        assert np.allclose(dx, fa.gelu.backward(grad_h, z) @ net.layers[0].w.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["gelu", "tanh", "relu", "sigmoid", "leaky_relu"])
def test_dropout_in_one_call_and_layer_by_layer(activation: str, dtype: type) -> None:
    """Labels of another integer type make it calls one by one."""
    options: Any = {"output": "softmax", "dropout": [0.3, 0.6], "dtype": dtype}
    net, other = (Network.create([4, 20, 30, 3], activation, **options) for _ in range(2))
    assert net._in_one_call is not None
    for each in (net, other):
        each.optimizer = fa.optim.SGD(lr=0.5)
    for number in range(4):
        net.step(X[: 9 - number].astype(dtype), LABELS[: 9 - number])
        other.step(X[: 9 - number].astype(dtype), LABELS[: 9 - number].astype(np.int32))
        assert np.array_equal(net.gradients, other.gradients)
        assert net.passes == other.passes == number + 1
    with pytest.raises(IndexError, match="expected a label from 0 to 2"):
        net.step(X.astype(dtype), LABELS + 1)
    assert net.passes == 4
    net.passes = other.passes = 2**32 + 7
    for each, labels in ((net, LABELS), (other, LABELS.astype(np.int32))):
        each.step(X.astype(dtype), labels)
    assert np.array_equal(net.gradients, other.gradients)


def test_gradients_by_name_and_for_a_gradient_of_the_result() -> None:
    net = Network.create([4, UNITS, 3], "prelu", norm="layer", dtype="float64")
    y, saved = net.forward(X)
    grad = RNG.normal(size=y.shape)
    kept = grad.copy()
    dx, dw, db, found = net.backward(grad[:, ::-1][:, ::-1], saved, need_parameters=True)
    assert np.array_equal(grad, kept)
    assert {*found[0]} == {"weight", "norm_weight", "norm_bias"}
    assert found[1] == {}
    step = 1e-6
    x = X.copy()
    x[2, 1] += step
    above = (net.predict(x) * grad).sum()
    x[2, 1] -= 2 * step
    below = (net.predict(x) * grad).sum()
    assert dx[2, 1] == pytest.approx((above - below) / (2 * step), rel=1e-6)
    assert [a.shape for a in (*dw, *db)] == [(4, UNITS), (UNITS, 3), (UNITS,), (3,)]


def test_an_error_changes_neither_statistics_nor_passes() -> None:
    net = Network.create([4, UNITS, 3], output="softmax", norm="batch", dropout=0.5, dtype="float64")
    net.optimizer = fa.optim.SGD()
    norm = net.layers[0].norm
    assert norm is not None
    with pytest.raises(IndexError, match="expected a label from 0 to 2"):
        net.step(X, LABELS + 1)
    with pytest.raises(ValueError, match="a batch of 1 samples; batch norm needs at least two"):
        net.step(X[:1], LABELS[:1])
    assert net.passes == 0
    assert not norm.running_mean.any()  # type: ignore[union-attr]
    assert (norm.running_var == 1).all()
    net.step(X, LABELS)
    assert (net.passes, bool(norm.running_mean.any())) == (1, True)  # type: ignore[union-attr]


# Parameters in one array --------------------------------------------------------------------------------


def test_all_parameters_are_views_of_one_array() -> None:
    net = Network.create([4, UNITS, 3], "xielu", norm="batch", dtype="float32")
    first = net.layers[0]
    assert len(net.parameters) == len(net.gradients) == 4 * UNITS + UNITS + 2 * UNITS + 3 + UNITS * 3 + 3
    net.parameters[...] = np.arange(len(net.parameters))
    assert first.norm is not None
    assert np.array_equal(first.norm.weight, np.arange(25, 30))
    assert np.array_equal(first.norm.bias, np.arange(30, 35))  # type: ignore[arg-type]
    assert [float(v) for v in first.activation.parameters.values()] == [35, 36, 37]
    assert all(v.dtype == np.float32 for v in first.activation.parameters.values())
    first.activation.parameters["beta"][...] = -1
    assert net.parameters[37] == -1


def test_each_layer_learns_parameters_of_its_own() -> None:
    weight = np.full(UNITS, 0.3)
    f = fa.get("prelu", weight=weight)
    net = Network.create([4, UNITS, UNITS, 3], f, output="softmax", dtype="float64")
    net.optimizer = fa.optim.SGD(lr=0.5)
    for _ in range(3):
        net.step(X, LABELS)
    first, second = (layer.activation.parameters["weight"] for layer in net.layers[:2])
    assert not np.array_equal(first, second)
    assert (weight == 0.3).all()


@pytest.mark.once
@pytest.mark.parametrize(("after", "gain"), [(True, 1.0), (False, np.sqrt(2))])
def test_weights_that_read_a_norm_have_gain_1(after: bool, gain: float) -> None:
    net = Network.create([10, 1000, 800], "relu", norm="layer", norm_after=after, dtype="float64")
    assert net.layers[1].w.std() * np.sqrt(1000) == pytest.approx(gain, rel=0.01)


@pytest.mark.once
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_lsuv_reads_what_norms_give(after: bool) -> None:
    net = Network.create([4, UNITS, 3], "tanh", norm="layer", norm_after=after, dtype="float64")
    fa.init.lsuv(net, X, std=2.0)
    (w, b, _), ones = net.layers[0], np.ones(UNITS)
    assert (X @ w).std() == pytest.approx(2.0, rel=1e-12)
    z = X @ w + b
    h = normalised(np.tanh(z), "layer", ones, 0) if after else np.tanh(normalised(z, "layer", ones, 0))
    assert (h @ net.layers[1].w).std() == pytest.approx(2.0, rel=1e-12)


def test_parameters_that_are_not_learned() -> None:
    net = Network.create([4, UNITS, 3], "prelu", output="softmax", learn_activations=False)
    assert len(net.parameters) == 4 * UNITS + UNITS + 3 * UNITS + 3
    net.optimizer = fa.optim.SGD(lr=0.5)
    net.step(X, LABELS)
    assert net.layers[0].activation == fa.prelu


# Files, pickles, copies, threads ------------------------------------------------------------------------


def by_file(net: Network, folder: Path) -> Network:
    net.save(folder / "net.npz")
    return Network.load(folder / "net.npz")


WAYS: dict[str, Callable[[Network, Path], Network]] = {
    "file": by_file,
    "pickle": lambda net, folder: pickle.loads(pickle.dumps(net)),
    "copy": lambda net, folder: copy.copy(net),
    "deepcopy": lambda net, folder: copy.deepcopy(net),
}


@pytest.mark.once
@pytest.mark.parametrize("norm", ["batch", ["layer", None, "rms"]], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_with_the_same_bits(way: str, norm: Any, tmp_path: Path) -> None:
    def new() -> Network:
        found = Network.create(
            [4, UNITS, 6, 3], ["prelu", "gelu"], output="softmax", norm=norm, dropout=[0.2, 0.5], seed=4
        )
        found.optimizer = fa.optim.Adam(lr=0.05)
        return found

    net, whole = new(), new()
    options: Any = {"batch_size": 4, "progress": False}
    net.fit(X[:8], LABELS[:8], epochs=2, **options)
    other = WAYS[way](net, tmp_path)
    assert repr(other) == repr(net)
    assert other.passes == net.passes == 4
    for each in (other, net):
        each.fit(X[:8], LABELS[:8], epochs=3, **options)
    whole.fit(X[:8], LABELS[:8], epochs=5, **options)
    for each in (other, net):
        assert np.array_equal(each.parameters, whole.parameters)
        assert np.array_equal(each.predict(X), whole.predict(X))


@pytest.mark.once
@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_one_thread_and_two(norm: str, restore_threads: None) -> None:
    x = np.random.default_rng(0).normal(size=(600, 32)).astype(np.float32)
    results = []
    for threads in (1, 2):
        fa.set_num_threads(threads)
        net = Network.create([32, 200, 10], "prelu", output="softmax", norm=norm, dropout=0.3)
        net.optimizer = fa.optim.SGD(lr=0.1)
        for _ in range(3):
            net.step(x, np.arange(600) % 10)
        results.append(net.parameters.tobytes())
    assert results[0] == results[1]


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"norm": "bath"},
            ValueError,
            "norm is 'bath'; expected None, 'batch', 'layer', 'rms'.*nearest: batch",
        ),
        ({"norm": 3}, TypeError, "norm is 3"),
        (
            {"norm": ["batch"] * 4},
            ValueError,
            "norm has length 4; expected 1, one for each hidden",
        ),
        ({"dropout": 1.5}, ValueError, "dropout is 1.5; expected a probability from 0 to 1"),
        ({"dropout": np.nan}, ValueError, "dropout is nan"),
        ({"dropout": "0.5"}, TypeError, "dropout is '0.5'"),
        ({"norm_after": 1}, TypeError, "norm_after is 1; expected True or False"),
        ({"learn_activations": None}, TypeError, "learn_activations is None"),
    ],
)
def test_options_that_are_refused(options: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=f"^fastact.Network.create: {text}"):
        Network.create([4, UNITS, 3], **options)
    layers = Network.create([4, UNITS, 3]).layers
    with pytest.raises(error, match=f"^fastact.Network: {text}"):
        Network(layers, **options)


@pytest.mark.once
def test_what_norms_and_dropout_do_not_take() -> None:
    masked = np.ma.array(X)
    for options in ({"norm": "layer"}, {"dropout": 0.5}):
        net = Network.create([4, UNITS, 3], output="softmax", **options)
        with pytest.raises(TypeError, match="of type MaskedArray"):
            net.forward(masked)
        with pytest.raises(TypeError, match="x is of type MaskedArray"):
            net.loss_and_gradients(masked, LABELS)
    with pytest.raises(ValueError, match=r"layer 0 has a norm; expected"):
        Network(Network.create([4, UNITS, 3], norm="rms").layers)
