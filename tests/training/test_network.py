"""Losses, gradients and steps of networks, against finite differences, NumPy and scikit-learn.

Must not depend on any optimiser's rule, except where another library's is repeated.
"""

from __future__ import annotations

import copy
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(5)
X = RNG.normal(size=(7, 4))
TARGETS: dict[str, Any] = {
    "softmax": np.array([0, 2, 1, 1, 0, 2, 2]),
    "identity": RNG.normal(size=(7, 3)),
    "mse": RNG.normal(size=(7, 3)),
    "sigmoid": RNG.integers(0, 2, (7, 3)),
    "huber": 3 * RNG.normal(size=(7, 3)),
    "poisson": RNG.integers(0, 5, (7, 3)),
}
WEIGHTS = np.array([1, 0.5, 0, 2, 1, 1, 3.0])


def loss_by_hand(net: fa.Network, output: str, target: Any, weights: Any) -> float:
    """In NumPy, by the formula."""
    h = X
    for w, b, activation in net:
        h = activation(h @ w + (0 if b is None else b))
    if output == "softmax":
        p = np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)
        each = -np.log(p[np.arange(7), target])
    elif output == "sigmoid":
        p = 1 / (1 + np.exp(-h))
        each = -np.log(np.where(target == 1, p, 1 - p)).mean(axis=1)
    elif output == "huber":
        r = np.abs(h - target)
        each = np.where(r < 1, r**2 / 2, r - 0.5).mean(axis=1)
    elif output == "poisson":
        each = (np.exp(h) - target * h).mean(axis=1)
    else:
        each = ((h - target) ** 2).mean(axis=1)
    return float(np.average(each, weights=weights))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "activation",
    [
        "gelu",
        fa.get("prelu", weight=np.linspace(0.1, 0.6, 5)),
        fa.surrogate("tanh", "tanh"),
        fa.mixed(["tanh"] * 2 + ["silu"] * 3),
    ],
    ids=str,
)
@pytest.mark.parametrize("output", TARGETS)
def test_gradients_against_finite_differences(output: str, activation: Any, weights: Any) -> None:
    net = fa.Network.create([4, 5, 3], activation, output=output, dtype="float64", seed=3)
    target = TARGETS[output]
    net.layers[0].b = np.linspace(-0.5, 0.5, 5)
    loss, gradients = net.loss_and_gradients(X, target, weights)
    assert loss == pytest.approx(loss_by_hand(net, output, target, weights), rel=1e-13)
    assert net.loss(X, target, weights) == loss
    assert np.array_equal(gradients, net.gradients)
    parameters, step = net.parameters, 1e-5
    for i in range(len(parameters)):
        kept = parameters[i]
        parameters[i] = kept + step
        above = loss_by_hand(net, output, target, weights)
        parameters[i] = kept - step
        below = loss_by_hand(net, output, target, weights)
        parameters[i] = kept
        assert gradients[i] == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-9)


def test_layers_without_biases_and_one_sample() -> None:
    w1, w2 = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
    net = fa.Network([(w1, None, "tanh"), (w2, np.zeros((1, 3)), None)], output="softmax")
    loss, gradients = net.loss_and_gradients(X[:1], [2])
    one, same = net.loss_and_gradients(X[0], 2)
    assert loss == pytest.approx(one, rel=1e-14)
    assert np.allclose(gradients, same, rtol=1e-13)
    p = net.predict(X[0])
    assert np.allclose(gradients[-3:], p - [0, 0, 1], rtol=1e-13)


FUNCTIONS = {"softmax": fa.softmax, "sigmoid": fa.sigmoid, "poisson": fa.exp}


@pytest.mark.parametrize("output", FUNCTIONS)
def test_results_are_those_of_the_output(output: str, dtype: type) -> None:
    function = FUNCTIONS[output]
    plain = fa.Network.create([4, 5, 3], "gelu", dtype=dtype)
    net = fa.Network(plain.layers, output=output)
    grad, x = RNG.normal(size=(7, 3)).astype(dtype), X.astype(dtype)
    z, saved = plain.forward(x)
    y, kept = net.forward(x)
    assert np.array_equal(y, function(z))
    assert np.array_equal(net(x), y)
    want = plain.backward(function.backward(grad, z), saved)
    y[...] = 0  # the caller's own
    got = net.backward(grad, kept)
    for a, b in zip((got[0], *got[1], *got[2]), (want[0], *want[1], *want[2]), strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(ValueError, match=r"grad_y has shape \(2, 3\); expected \(7, 3\)"):
        net.backward(grad[:2], kept)


def test_a_target_of_one_column() -> None:
    net = fa.Network.create([4, 5, 1], "tanh", dtype="float64")
    target = RNG.normal(size=7)
    assert net.loss(X, target) == net.loss(X, target[:, None])
    with pytest.raises(ValueError, match=r"target has shape \(1, 7\); expected \(7, 1\)"):
        net.loss(X, target[None])


# Steps ------------------------------------------------------------------------------------------------


def test_a_step_is_the_update_with_the_gradients(dtype: type) -> None:
    net = fa.Network.create([4, 5, 3], "gelu", output="softmax", dtype=dtype)
    other = copy.deepcopy(net)
    net.optimizer, optimizer = fa.optim.Adam(lr=0.1), fa.optim.Adam(lr=0.1)
    for rows in (7, 1, 3, 7):
        loss, gradients = other.loss_and_gradients(X[:rows], TARGETS["softmax"][:rows])
        parameters = other.parameters
        optimizer.update(parameters, gradients)
        assert net.step(X[:rows], TARGETS["softmax"][:rows]) == loss
        assert np.array_equal(net.parameters, parameters)


def test_reduce_comes_before_the_update() -> None:
    net = fa.Network.create([4, 3], output="softmax", dtype="float64")
    net.optimizer = fa.optim.SGD(lr=1.0)
    before = net.parameters.copy()

    def ones(gradients: np.ndarray) -> None:
        gradients[...] = 1

    net.step(X, TARGETS["softmax"], reduce=ones)
    assert np.array_equal(net.parameters, before - 1)
    with pytest.raises(TypeError, match="reduce returned a value"):
        net.step(X, TARGETS["softmax"], reduce=lambda g: g / 2)
    assert np.array_equal(net.parameters, before - 1)


def test_learning_rate_0_changes_nothing() -> None:
    net = fa.Network.create([4, 5, 3], output="softmax")
    net.optimizer = fa.optim.SGD(lr=0.0)
    before = net.parameters.tobytes()
    net.step(X, TARGETS["softmax"])
    assert net.parameters.tobytes() == before


def test_xor_is_learned(dtype: type) -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    net = fa.Network.create([2, 8, 2], "tanh", output="softmax", dtype=dtype, seed=1)
    net.optimizer = fa.optim.Adam(lr=0.05)
    for _ in range(200):
        loss = net.step(x, [0, 1, 1, 0])
    assert loss < 0.01
    assert np.array_equal(net.predict(x).argmax(axis=1), [0, 1, 1, 0])


@pytest.mark.parametrize("activation", ["gelu", "tanh", "relu", fa.get("prelu", weight=np.ones(5))], ids=str)
def test_one_call_and_calls_one_by_one(activation: Any, dtype: type) -> None:
    """Labels of another integer type, or a surrogate, make it calls one by one."""
    net = fa.Network.create([4, 5, 6, 3], [activation, "gelu"], output="softmax", dtype=dtype)
    apart = fa.Network([(w, b, fa.surrogate(f, f)) for w, b, f in net.layers], output="softmax_cross_entropy")
    for rows in (7, 1, 3):
        x, labels = X[:rows].astype(dtype), TARGETS["softmax"][:rows].astype(np.int64)
        loss, gradients = net.loss_and_gradients(x, labels)
        bits = gradients.tobytes()
        for other, target in ((net, labels.astype(np.int32)), (apart, labels)):
            found, same = other.loss_and_gradients(x, target)
            assert same.tobytes() == bits
            assert type(found) is type(loss) is dtype
            assert loss == pytest.approx(found, rel=4 * float(np.finfo(dtype).eps))
        with pytest.raises(IndexError, match="expected a label from 0 to 2"):
            net.loss_and_gradients(x, labels + 3)


# Threads, and what is refused ---------------------------------------------------------------------------


def test_one_thread_and_two(restore_threads: None) -> None:
    results = []
    for threads in (1, 2):
        fa.set_num_threads(threads)
        net = fa.Network.create([64, 128, 128, 10], "gelu", output="softmax")
        net.optimizer = fa.optim.Adam(lr=0.01)
        x = np.random.default_rng(0).normal(size=(300, 64)).astype(np.float32)
        for _ in range(5):
            net.step(x, np.arange(300) % 10)
        results.append(net.parameters.tobytes())
    assert results[0] == results[1]


def test_two_threads_in_a_step() -> None:
    net = fa.Network.create([4, 3], output="softmax")
    inside, leave = threading.Event(), threading.Event()

    class Waits:
        def update(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
            inside.set()
            leave.wait(20)

    net.optimizer = Waits()
    thread = threading.Thread(target=net.step, args=(X, TARGETS["softmax"]))
    thread.start()
    assert inside.wait(20)
    try:
        for method in (net.step, net.loss_and_gradients):
            with pytest.raises(RuntimeError, match="another thread is in a step"):
                method(X, TARGETS["softmax"])
    finally:
        leave.set()
        thread.join()
    net.loss_and_gradients(X, TARGETS["softmax"])


@pytest.mark.once
def test_later_steps_allocate_nothing() -> None:
    net = fa.Network.create([64, 128, 10], output="softmax")
    net.optimizer = fa.optim.Adam()
    x, labels = np.ones((320, 64), np.float32), np.zeros(320, np.int64)
    for rows in (320, 7, 320):
        net.step(x[:rows], labels[:rows])
    tracemalloc.start()
    for rows in (320, 7, 320):
        net.step(x[:rows], labels[:rows])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4000  # one hidden result has 163,840 bytes


@pytest.mark.once
def test_arguments_that_are_refused() -> None:
    net = fa.Network.create([4, 3], output="softmax")
    target = TARGETS["softmax"]
    with pytest.raises(RuntimeError, match="no optimiser; set net"):
        net.step(X, target)
    for value, text in ((5, "int"), (fa.optim.SGD, "the class SGD")):
        with pytest.raises(TypeError, match=f"optimizer is {text}"):
            net.optimizer = value
    net.optimizer = fa.optim.SGD()
    before = net.parameters.copy()
    for x, t, weights, error, text in (
        (X[:, :2], target, None, ValueError, r"step: x has shape \(7, 2\)|forward: x has shape \(7, 2\)"),
        (X, target + 1, None, IndexError, "expected a label from 0 to 2"),
        (X, target[:3], None, ValueError, "target has shape"),
        (X, target, WEIGHTS[:3], ValueError, r"sample_weight has shape \(3,\); expected \(7,\)"),
        (X, target, -WEIGHTS, ValueError, "expected numbers of at least 0"),
        (X, target, 0 * WEIGHTS, ValueError, "not all 0"),
        (X, target, np.ma.array(WEIGHTS), TypeError, "sample_weight is of type MaskedArray"),
        (np.ma.array(X), target, None, TypeError, r"step: x is of type MaskedArray"),
    ):
        with pytest.raises(error, match=text):
            net.step(x, t, weights)
    assert np.array_equal(net.parameters, before)
    regression = fa.Network.create([4, 3])
    for t, error, text in (
        (X, ValueError, r"loss: target has shape \(7, 4\); expected \(7, 3\)"),
        (np.ma.array(X[:, :3]), TypeError, "target is of type MaskedArray"),
        (None, TypeError, "target is None"),
    ):
        with pytest.raises(error, match=text):
            regression.loss(X, t)


@pytest.mark.once
@pytest.mark.parametrize("seed", [-1, 1.5, "one"])
def test_seeds_that_are_refused(seed: Any) -> None:
    for made in (fa.Network.create([4, 3]), [4, 3]):
        make = fa.Network if isinstance(made, fa.Network) else fa.Network.create
        error = ValueError if seed == -1 else TypeError
        with pytest.raises(error, match=rf"seed is {seed!r}; expected an integer of at least 0"):
            make(made, seed=seed)


# New networks -----------------------------------------------------------------------------------------


def test_gains_belong_to_the_weights_that_read() -> None:
    net = fa.Network.create([2000, 1500, 1000, 500], ["relu", "gelu"], dtype="float64", seed=4)
    wanted = (1.0, np.sqrt(2), fa.init.gain("gelu"))
    for layer, gain in zip(net.layers, wanted, strict=True):
        assert layer.w.std() * np.sqrt(len(layer.w)) == pytest.approx(gain, rel=0.01)
        assert not layer.b.any()
    assert [layer.activation for layer in net] == [fa.relu, fa.gelu, fa.identity]


def test_gains_of_units_that_differ() -> None:
    slopes = np.linspace(0, 1, 100)
    net = fa.Network.create([100, 100, 400], fa.get("leaky_relu", negative_slope=slopes), seed=4)
    second = (1 + slopes**2).mean() / 2
    assert net.layers[1].w.std() * 10 == pytest.approx(second**-0.5, rel=0.03)


def test_every_entry_can_be_used(activation: fa.Activation) -> None:
    net = fa.Network.create([4, 5, 3], activation, output="softmax", dtype="float64")
    with np.errstate(all="ignore"):
        loss, _ = net.loss_and_gradients(X, TARGETS["softmax"])
    assert loss > 0


@pytest.mark.once
def test_other_initial_weights() -> None:
    def constant(shape: tuple[int, int], rng: np.random.Generator, dtype: Any) -> np.ndarray:
        return np.full(shape, 0.25, dtype)

    assert (fa.Network.create([4, 3], init=constant).layers[0].w == 0.25).all()
    net = fa.Network.create([40, 30, 20], init="orthogonal", dtype="float64")
    assert np.allclose(net.layers[0].w.T @ net.layers[0].w, np.eye(30))
    assert fa.Network.create([4, 3], init="randomized_asymmetric").layers[0].b.any()
    same = [fa.Network.create([4, 3], seed=s).parameters.tobytes() for s in (0, 0, 1, None, None)]
    assert same[0] == same[1]
    assert len(set(same)) == 4


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "text"),
    [
        ([5], {}, TypeError, "widths is 5; expected a sequence of int"),
        ([[4]], {}, ValueError, "at least two numbers"),
        ([[4, 0]], {}, ValueError, "none below 1"),
        ([[4, 3, 2], ["relu", "relu", "relu"]], {}, ValueError, "activation has length 3; expected 1"),
        ([[4, 3, 2], "gleu"], {}, ValueError, "unknown activation 'gleu'; nearest: gelu"),
        ([[4, 3]], {"output": "softmacks"}, ValueError, "output is 'softmacks'; expected one of"),
        ([[4, 3]], {"output": 5}, TypeError, "output is 5; expected one of"),
        ([[4, 3]], {"init": "matchd"}, ValueError, "init is 'matchd'.*nearest: matched"),
        ([[4, 3]], {"init": 3}, TypeError, "init is of type int"),
        ([[4, 3]], {"dtype": "float16"}, TypeError, "dtype is float16"),
    ],
)
def test_new_networks_that_are_refused(arguments: Any, keywords: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        fa.Network.create(*arguments, **keywords)
    assert str(caught.value).startswith("fastact.Network.create: ")
