"""fa.Health of networks with norms and dropout: healthy ones, planted faults, and gradients."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once

NORMS = [(kind, after) for kind in ("batch", "layer", "rms") for after in (False, True)]


def network(activation: Any, kind: str, after: bool, hidden: int = 2, **options: Any) -> fa.Network:
    sizes = [32, *[64] * hidden, 10]
    return fa.Network.create(
        sizes, activation, output="softmax", norm=kind, norm_after=after, dropout=0.3, **options
    )


def data(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 32)).astype(np.float32), rng.integers(0, 10, n)


def kinds(report: Any, layer: int | None = None) -> set[str]:
    return {finding.kind for finding in report.findings if layer in (None, finding.layer)}


def normalised(x: np.ndarray, kind: str) -> np.ndarray:
    """In float64, from the definitions, with a weight of 1 and a bias of 0."""
    x = x.astype(np.float64)
    axis = 0 if kind == "batch" else 1
    if kind != "rms":
        x = x - x.mean(axis, keepdims=True)
    eps = 2.0**-23 if kind == "rms" else 1e-5
    return np.asarray(x / np.sqrt(np.square(x).mean(axis, keepdims=True) + eps))


# Healthy networks -----------------------------------------------------------------------------------


def test_healthy_networks_have_no_findings(activation: fa.Activation) -> None:
    for kind, after in NORMS:
        report = network(activation, kind, after).diagnose(*data(200))
        assert report.healthy, f"{kind} norm, after: {after}\n{report}"


# Values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "after"), NORMS)
def test_statistics_against_numpy(kind: str, after: bool) -> None:
    """Of the elements before dropout, whose zeros would be dead samples."""
    net, (x, _) = network("relu", kind, after), data()
    layer = net.diagnose(x, effective_rank=True).layers[0]
    z = x.astype(np.float64) @ net.layers[0].w + net.layers[0].b
    if not after:
        z = normalised(z, kind)
    y = np.maximum(z, 0)
    out = normalised(y, kind) if after else y
    assert abs(layer.stats.active - (z > 0).sum(0)).max() <= 1
    np.testing.assert_allclose(layer.stats.mean, y.mean(0), rtol=1e-4)
    assert layer.input_second_moment == pytest.approx(np.square(z).mean(), rel=1e-4)
    p = np.linalg.eigvalsh(out.T @ out)
    p = p[p > 0] / p.sum()
    assert layer.effective_rank == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-3)


@pytest.mark.parametrize(("kind", "after"), NORMS)
def test_gradients_are_those_of_the_network(kind: str, after: bool) -> None:
    net = fa.Network.create([32, 40, 24, 10], "gelu", output="softmax", norm=kind, norm_after=after)
    x, labels = data()
    report = net.diagnose(x, labels)
    gradients = net.loss_and_gradients(x, labels)[1].astype(np.float64)
    place = 0
    for layer, found in zip(net.layers, report.layers, strict=True):
        of_w = gradients[place : place + layer.w.size]
        assert found.gradient_norm == pytest.approx(np.linalg.norm(of_w), rel=1e-4)
        norms = () if layer.norm is None else (layer.norm.weight, layer.norm.bias)
        place += sum(0 if a is None else a.size for a in (layer.w, layer.b, *norms))
    assert place == gradients.size


def test_diagnosis_changes_nothing() -> None:
    net, (x, labels) = network("relu", "batch", False), data()
    before, parameters = pickle.dumps(net.__getstate__()), net.parameters.copy()
    net.diagnose(x, labels)
    assert pickle.dumps(net.__getstate__()) == before
    np.testing.assert_array_equal(net.parameters, parameters)


@pytest.mark.parametrize("after", [False, True])
def test_parts_merge_to_the_whole(after: bool) -> None:
    net, (x, labels) = network("relu", "layer", after), data()
    whole, parts = fa.Health(net), [fa.Health(net), fa.Health(net)]
    for i, start in enumerate(range(0, 400, 100)):
        batch = slice(start, start + 100)
        whole.update(x[batch], labels[batch])
        parts[i % 2].update(x[batch], labels[batch])
    parts[0].merge(pickle.loads(pickle.dumps(parts[1])))
    for one, other in zip(parts[0].report().layers, whole.report().layers, strict=True):
        assert one.stats.active.tolist() == other.stats.active.tolist()
        assert one.one_sidedness == pytest.approx(other.one_sidedness, rel=1e-9, abs=1e-12)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-9)


# Planted faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "after"), [(k, a) for k, a in NORMS if (k, a) != ("rms", False)])
def test_dead_units(kind: str, after: bool) -> None:
    """The bias of the norm holds the units down, or that of the product where the norm comes after it."""
    net = network("relu", kind, after)
    layer = net.layers[1]
    (layer.b if after else layer.norm.bias)[:40] = -100
    report = net.diagnose(*data())
    assert report.layers[1].dead_units.tolist() == list(range(40))
    assert "dead" in kinds(report, 1)
    assert "dead" not in kinds(report, 0)


def test_dormant_units() -> None:
    net = network("tanh", "batch", False)
    net.layers[0].norm.weight[:40] = 1e-4
    assert "dormant" in kinds(net.diagnose(*data()), 0)


@pytest.mark.parametrize("kind", ["batch", "layer", "rms"])
def test_saturated_layers(kind: str) -> None:
    net = network("tanh", kind, False)
    net.layers[0].norm.weight[...] = 30
    assert "saturated" in kinds(net.diagnose(*data()), 0)


def test_one_sided_outputs() -> None:
    net = network("tanh", "batch", True)
    assert "one-sided" not in kinds(net.diagnose(*data()))
    net.layers[0].norm.bias[...] = 10
    assert "one-sided" in kinds(net.diagnose(*data()), 0)
    one_sided = fa.Network.create([32, 64, 10], "sigmoid", norm="batch", norm_after=True)
    one_sided.layers[0].b[...] = 5
    assert not one_sided.diagnose(data()[0]).layers[0].one_sidedness > 0.01


@pytest.mark.parametrize("weight", [0.01, 30.0])
def test_variance_that_drifts(weight: float) -> None:
    net = network("relu", "layer", False)
    net.layers[0].norm.weight[...] = weight
    assert "variance" in kinds(net.diagnose(*data()), 0)


def test_vanishing_gradients() -> None:
    """Norms in all layers keep gradients; one in the first layer does not."""
    sizes, norms = [32, *[64] * 12, 10], ["batch"] * 12
    healthy = fa.Network.create(sizes, "sigmoid", output="softmax", norm=norms)
    sick = fa.Network.create(sizes, "sigmoid", output="softmax", norm=[norms[0], *[None] * 11])
    for net in (healthy, sick):
        for layer in net.layers[1:-1]:
            layer.w *= 0.2
    assert "vanishing" not in kinds(healthy.diagnose(*data()))
    assert "vanishing" in kinds(sick.diagnose(*data()), 0)


def test_exploding_gradients() -> None:
    """Large weights of norms make a chaotic network of sines."""
    net = network("sin", "batch", True, hidden=10)
    assert "exploding" not in kinds(net.diagnose(*data()))
    for layer in net.layers[:-1]:
        layer.norm.weight[...] = 3
    assert "exploding" in kinds(net.diagnose(*data()), 0)


def test_stalled_layers_and_updates() -> None:
    net = network("relu", "batch", False, hidden=1)
    net.layers[0].norm.bias[:60] = -100
    assert {"dead", "stalled"} <= kinds(net.diagnose(*data()), 0)
    net = network("relu", "batch", False)
    assert kinds(net.diagnose(*data(), learning_rate=1e-8)) == {"update too small"}
    assert kinds(net.diagnose(*data(), learning_rate=100.0)) == {"update too large"}


def test_non_finite_values() -> None:
    x, labels = data()
    x[3, 2] = np.nan
    report = network("relu", "layer", False).diagnose(x, labels)
    assert "non-finite" in kinds(report)
    assert report.layers[0].stats.non_finite.tolist() == [1] * 64
    assert network("relu", "batch", False).diagnose(x).layers[0].stats.non_finite.tolist() == [400] * 64


def test_batch_norm_of_one_sample() -> None:
    with pytest.raises(ValueError, match="a batch of 1 samples"):
        network("relu", "batch", False).diagnose(data(1)[0])
    assert network("relu", "layer", False).diagnose(data(1)[0]).layers[0].stats.n == 1


# Revival --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_revived_units_have_new_norms(kind: str) -> None:
    net, (x, labels) = network("relu", kind, False), data()
    net.optimizer = fa.optim.Adam(lr=0.01)
    for _ in range(3):
        net.step(x, labels)
    dead, norm = [3, 7], net.layers[0].norm
    norm.bias[dead], norm.weight[dead] = -100, 5
    alive = np.setdiff1d(np.arange(64), dead)
    before = {name: array.copy() for name, array in norm.arrays().items()}
    assert fa.revive(net, net.diagnose(x, labels), rng=1)[0].tolist() == dead
    new = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}
    for name, array in norm.arrays().items():
        assert array[dead].tolist() == [new[name]] * 2
        np.testing.assert_array_equal(array[alive], before[name][alive])
    first = 32 * 64 + 64  # the moments of the norm's weight and bias follow those of w and b
    for (moment,) in net.optimizer.state.values():
        of_norm = moment[first : first + 128].reshape(2, 64)
        assert (of_norm[:, dead] == 0).all()
        assert (of_norm[:, alive] != 0).any()
    assert net.diagnose(x, labels).layers[0].dead == 0
