"""fa.revive: which weights change, which do not, and that a sick network learns again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once

DEAD = [0, 5, 6]


def sick(activation: Any = "relu", dtype: str = "float32") -> tuple[fa.Network, np.ndarray, np.ndarray]:
    """A network whose first hidden layer has dead units, and data."""
    net = fa.Network.create([8, 40, 24, 3], activation, output="softmax", dtype=dtype)
    net.layers[0].b[DEAD] = -100
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 8))
    return net, x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_weights_of_dead_units_change(dtype: str) -> None:
    net, x, labels = sick(dtype=dtype)
    before = [(w.copy(), b.copy()) for w, b, _ in net.layers]
    y = net.predict(x)
    found = fa.revive(net, net.diagnose(x, labels), rng=1)
    assert [units.tolist() for units in found] == [DEAD, [], []]
    alive = np.setdiff1d(np.arange(40), DEAD)
    (w0, b0, _), (w1, b1, _), (w2, b2, _) = net.layers
    np.testing.assert_array_equal(w0[:, alive], before[0][0][:, alive])
    np.testing.assert_array_equal(b0[alive], before[0][1][alive])
    np.testing.assert_array_equal(w1[alive], before[1][0][alive])
    for new, old in zip((b1, w2, b2), (before[1][1], *before[2]), strict=True):
        np.testing.assert_array_equal(new, old)
    assert (w0[:, DEAD] != before[0][0][:, DEAD]).all()
    assert not b0[DEAD].any()
    assert not w1[DEAD].any()
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-5)


def test_new_weights_fit_the_activation_before() -> None:
    """A layer that reads relu has weights of standard deviation sqrt(2/fan_in)."""
    net = fa.Network.create([50, 400, 300, 2], "relu")
    net.layers[1].b[:200] = -1000
    fa.revive(net, net.diagnose(np.random.default_rng(0).normal(size=(60, 50))), rng=0)
    assert net.layers[1].w[:, :200].std() == pytest.approx((2 / 400) ** 0.5, rel=0.02)


def test_seeds() -> None:
    results = []
    for rng in (1, np.random.default_rng(1), 2):
        net, x, _ = sick()
        fa.revive(net, net.diagnose(x), rng=rng)
        results.append(net.parameters.copy())
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_networks_without_dead_units_and_without_biases() -> None:
    net = fa.Network.create([8, 40, 3], "relu")
    x, before = np.random.default_rng(0).normal(size=(200, 8)), net.parameters.copy()
    assert [units.size for units in fa.revive(net, net.diagnose(x))] == [0, 0]
    np.testing.assert_array_equal(net.parameters, before)
    w = np.array([[1.0, -1.0], [1.0, -1.0]])
    bare = fa.Network([(w, None, "relu"), (np.ones((2, 1)), None, None)])
    assert fa.revive(bare, bare.diagnose(np.ones((5, 2))), rng=0)[0].tolist() == [1]
    assert bare.layers[1].w.tolist() == [[1], [0]]


@pytest.mark.parametrize("name", ["Adam", "Adagrad", "Lion"])
def test_states_of_the_optimiser_begin_anew(name: str) -> None:
    net, x, labels = sick()
    options = {"initial_accumulator_value": 0.5} if name == "Adagrad" else {}
    net.optimizer = getattr(fa.optim, name)(lr=1e-3, **options)
    for _ in range(3):
        net.step(x, labels)
    before = {key: [a.copy() for a in arrays] for key, arrays in net.optimizer.state.items()}
    assert before
    report = net.diagnose(x)
    assert report.layers[0].dead_units.tolist() == DEAD
    fa.revive(net, report, rng=0)
    outgoing = slice(8 * 40 + 40, 8 * 40 + 40 + 40 * 24)  # the second layer's w in the parameters
    for key, arrays in net.optimizer.state.items():
        for old, new in zip(before[key], arrays, strict=True):
            initial = 0.5 if name == "Adagrad" else 0.0
            old_w, new_w = old[outgoing].reshape(40, 24), new[outgoing].reshape(40, 24)
            assert (new_w[DEAD] == initial).all()
            np.testing.assert_array_equal(np.delete(new_w, DEAD, 0), np.delete(old_w, DEAD, 0))
            assert (new[: 8 * 40].reshape(8, 40)[:, DEAD] == initial).all()


def test_a_sick_network_learns_again() -> None:
    """All units but two are dead: more epochs do not help, revival does."""
    losses = {}
    for cure in (False, True):
        net, x, labels = sick()
        net.layers[0].b[2:] = -100
        if cure:
            fa.revive(net, net.diagnose(x, labels), rng=0)
            assert not net.diagnose(x, labels).layers[0].dead
        net.optimizer = fa.optim.SGD(lr=0.1, momentum=0.9)
        for _ in range(150):
            net.step(x, labels)
        losses[cure] = float(net.loss(x, labels))
    assert losses[True] < 0.5 * losses[False]


def test_a_surrogate_lets_planted_units_learn_again() -> None:
    """One argument: relu forward, leaky_relu backward. Plain relu stays dead."""
    alive = {}
    for activation in ("relu", fa.surrogate("relu", "leaky_relu")):
        net, x, labels = sick(activation)
        net.layers[0].b[:] = -6
        net.optimizer = fa.optim.Adam(lr=0.05)
        for _ in range(300):
            net.step(x, labels)
        alive[str(activation)] = (
            (net.layers[0].activation(x @ net.layers[0].w + net.layers[0].b) > 0).any(0).sum()
        )
    plain, surrogate = alive.values()
    assert plain == 0
    assert surrogate > 10


def test_refusals() -> None:
    net, x, _ = sick()
    report = net.diagnose(x)
    with pytest.raises(ValueError, match="another shape"):
        fa.revive(fa.Network.create([8, 3], "relu"), report)
    with pytest.raises(TypeError, match="got Network and NoneType; expected a Network and a Report"):
        fa.revive(net, None)  # type: ignore[arg-type]
