"""fa.Health and its report: healthy networks, planted faults, merging, and what is printed."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.health.findings import THRESHOLDS

pytestmark = pytest.mark.once


def network(
    activation: Any, *, depth: int = 2, width: int = 64, scale: float = 1.0, bias: float = 0.0, seed: int = 0
) -> fa.Network:
    """Hidden layers with initial weights that fit the activation, and a linear last one."""
    rng, gain, layers = np.random.default_rng(seed), 1.0, []
    for i in range(depth):
        w = fa.init.lecun((32 if i == 0 else width, width), gain * scale, rng=rng, dtype=np.float32)
        layers.append((w, np.full(width, bias, np.float32), activation))
        gain = float(fa.init.gain(activation)) if scale == 1 else 1.0
    layers.append(
        (fa.init.lecun((width, 10), gain, rng=rng, dtype=np.float32), np.zeros(10, np.float32), None)
    )
    return fa.Network(layers, output="softmax")


def data(n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 32)).astype(np.float32), rng.integers(0, 10, n)


def kinds(report: Any, layer: int | None = None) -> set[str]:
    return {finding.kind for finding in report.findings if layer in (None, finding.layer)}


# Healthy networks -----------------------------------------------------------------------------------


def test_healthy_networks_have_no_findings(activation: fa.Activation) -> None:
    x, labels = data()
    report = network(activation).diagnose(x, labels)
    assert not report.findings, str(report)
    assert report.healthy
    assert report.layers[0].input_second_moment == pytest.approx(1, abs=0.2)


def test_activations_without_a_slope_are_noted() -> None:
    report = network("step").diagnose(*data())
    assert not report.findings
    assert "no gradient, by definition" in str(report)
    assert report.layers[0].gradient_norm == 0


# Planted faults -------------------------------------------------------------------------------------


def test_dead_units_are_named() -> None:
    net = network("relu")
    net.layers[1].b[[3, 40, 41, 42, 43, 44, 45]] = -10
    report = net.diagnose(*data())
    assert report.layers[1].dead_units.tolist() == [3, 40, 41, 42, 43, 44, 45]
    (finding,) = report.findings
    assert (finding.kind, finding.layer, finding.measured) == ("dead", 1, 7 / 64)
    assert finding.severity == "warning"
    assert finding.threshold == 0.1
    net.layers[1].b[:40] = -100
    assert any(f.severity == "error" and f.kind == "dead" for f in net.diagnose(*data()).findings)


def test_dead_in_a_batch_is_not_dead() -> None:
    """A unit that is active in one sample of 400 is inactive in most batches of 20."""
    net = network("relu", depth=1)
    x, labels = data()
    x[:, 0] = 0
    x[7, 0] = 1000
    net.layers[0].w[0, 5], net.layers[0].b[5] = 1, -100
    health = fa.Health(net)
    for start in range(0, 400, 20):
        health.update(x[start : start + 20], labels[start : start + 20])
    layer = health.report().layers[0]
    assert 5 not in layer.dead_units
    assert layer.dead_in_batch >= 19 / 20 / 64 > layer.dead == 0


def test_leaky_relu_cannot_die() -> None:
    report = network("leaky_relu", bias=-100).diagnose(*data())
    assert report.layers[0].dead == report.layers[0].saturated == 0
    assert report.layers[0].stats.active.tolist() == [400] * 64


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "hard_tanh", "softsign"])
def test_saturated_layers(name: str) -> None:
    report = network(name, scale=30).diagnose(*data())
    assert "saturated" in kinds(report, 0)
    assert report.layers[0].saturated > 0.5


def test_dormant_units() -> None:
    net = network("tanh")
    net.layers[0].w[:, :40] *= 1e-4
    report = net.diagnose(*data())
    assert "dormant" in kinds(report, 0)
    assert report.layers[0].dormant == 40 / 64


def test_vanishing_gradients() -> None:
    report = network("sigmoid", depth=12, scale=0.999).diagnose(*data())
    (finding,) = [f for f in report.findings if f.kind == "vanishing"]
    assert finding.severity == "error"
    assert finding.measured < finding.threshold == 1e-3


def test_exploding_gradients() -> None:
    report = network("sin", depth=9, scale=3).diagnose(*data())
    assert "exploding" in kinds(report, 0)


def test_one_sided_outputs() -> None:
    assert "one-sided" in kinds(network("sigmoid", depth=5).diagnose(*data()))
    assert "one-sided" not in kinds(network("tanh", depth=5).diagnose(*data()))


def test_variance_that_drifts() -> None:
    assert "variance" in kinds(network("tanh", scale=0.01).diagnose(*data()), 1)
    assert "variance" in kinds(network("relu", scale=20).diagnose(*data()), 0)


def test_non_finite_values() -> None:
    x, labels = data()
    x[3, 2] = np.nan
    report = network("relu").diagnose(x, labels)
    assert kinds(report) >= {"non-finite"}
    assert report.layers[0].stats.non_finite.tolist() == [1] * 64
    assert report.layers[0].dead == 0


def test_stalled_layers() -> None:
    net = network("relu", depth=1)
    net.layers[0].b[:60] = -100
    assert {"dead", "stalled"} <= kinds(net.diagnose(*data()), 0)


@pytest.mark.parametrize(("rate", "kind"), [(1e-8, "update too small"), (100.0, "update too large")])
def test_updates(rate: float, kind: str) -> None:
    report = network("relu").diagnose(*data(), learning_rate=rate)
    assert kinds(report) == {kind}
    assert not network("relu").diagnose(*data(), learning_rate=0.01).findings


# Values ---------------------------------------------------------------------------------------------


def test_gradients_are_those_of_the_network() -> None:
    net, (x, labels) = network("gelu"), data()
    logits = fa.Network(net.layers)
    y, saved = logits.forward(x)
    p = np.exp(y.astype(np.float64))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(x)), labels] -= 1
    _, dw, _ = logits.backward((p / len(x)).astype(np.float32), saved)
    report = net.diagnose(x, labels)
    by_hand = net.diagnose(x, grad_y=p / len(x))
    for layer, other, gradient in zip(report.layers, by_hand.layers, dw, strict=True):
        assert layer.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
        assert other.gradient_norm == pytest.approx(layer.gradient_norm, rel=1e-5)
    squared = fa.Network(net.layers)
    found = squared.diagnose(x, squared.predict(x) + 1).layers[-1].stats.gradient_magnitude
    assert found == pytest.approx(2 / (10 * len(x)), rel=1e-4)


def test_the_first_rule_of_autotrainer() -> None:
    """Its ratio and its norm, from gradients of the network itself (utils/monitor.py)."""
    for depth, scale in ((2, 1.0), (12, 0.999)):
        net, (x, labels) = network("sigmoid", depth=depth, scale=scale), data()
        logits = fa.Network(net.layers)
        y, saved = logits.forward(x)
        _, dw, _ = logits.backward(fa.softmax_cross_entropy.value_and_gradient(y, labels)[1], saved)
        first, last = np.linalg.norm(dw[0]), np.linalg.norm(dw[-1])
        vanishes = bool(first / last < 1e-3 and first < 1e-4)
        assert ("vanishing" in kinds(net.diagnose(x, labels))) == vanishes == (depth == 12)


def test_layers_against_numpy() -> None:
    net, (x, _) = network("tanh"), data()
    report = net.diagnose(x, effective_rank=True)
    h = np.tanh(x @ net.layers[0].w + net.layers[0].b).astype(np.float64)
    layer = report.layers[0]
    eigenvalues = np.linalg.eigvalsh(h.T @ h)
    p = eigenvalues / eigenvalues.sum()
    assert layer.effective_rank == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-4)
    np.testing.assert_allclose(layer.stats.mean, h.mean(0), atol=1e-6)
    assert layer.weight_norm == pytest.approx(np.linalg.norm(net.layers[0].w), rel=1e-6)
    assert layer.gradient_norm is None
    assert layer.input_second_moment == pytest.approx(np.square(x @ net.layers[0].w).mean(), rel=1e-5)


def test_one_sidedness_is_the_share_of_the_mean() -> None:
    net = network("identity", depth=1, bias=3.0)
    x, _ = data()
    h = (x @ net.layers[0].w + 3).astype(np.float64)
    expected = np.square(h.mean(0)).sum() / np.square(h).mean(0).sum()
    assert net.diagnose(x).layers[0].one_sidedness == pytest.approx(expected, rel=1e-5)


# Merging --------------------------------------------------------------------------------------------


def exact_part(report: Any) -> list[Any]:
    names = ("active", "saturated", "zeros", "non_finite", "min", "max", "n")
    return [
        [np.asarray(getattr(layer.stats, name)).tolist() for name in names]
        + [layer.dead_units.tolist(), layer.dead_in_batch, layer.zero_gradients]
        for layer in report.layers
    ]


def test_parts_merge_to_the_whole() -> None:
    net, (x, labels) = network("relu"), data()
    whole = fa.Health(net, effective_rank=True)
    parts = [fa.Health(net, effective_rank=True) for _ in range(3)]
    for i, start in enumerate(range(0, 400, 50)):
        batch = slice(start, start + 50)
        whole.update(x[batch], labels[batch])
        parts[i % 3].update(x[batch], labels[batch])
    merged = pickle.loads(pickle.dumps(parts[0]))
    for part in parts[1:]:
        merged.merge(pickle.loads(pickle.dumps(part)))
    assert merged.n == whole.n == 400
    a, b = merged.report(), whole.report()
    assert exact_part(a) == exact_part(b)
    for one, other in zip(a.layers, b.layers, strict=True):
        for name in ("gradient_norm", "effective_rank", "input_second_moment", "one_sidedness"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-12), name


# Other networks -------------------------------------------------------------------------------------


def test_composites_own_objects_and_float64() -> None:
    class Half:
        def __call__(self, x: Any) -> Any:
            return x / 2

        def derivative(self, x: Any) -> Any:
            return np.full(np.shape(x), 0.5)

    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 4, 4)) / 2
    mixed = fa.mixed(["relu", "tanh", "relu", "identity"])
    prelu = fa.prelu.bind(weight=np.full(4, 0.2))
    net = fa.Network([(w[0], None, mixed), (w[1], None, Half()), (w[2], None, prelu)])
    report = net.diagnose(rng.normal(size=(2, 30, 4)), rng.normal(size=(2, 30, 4)))
    assert [layer.units for layer in report.layers] == [4, 4, 4]
    assert report.layers[0].stats.n == 60
    assert report.layers[2].gradient_norm > 0


# Reports --------------------------------------------------------------------------------------------


@pytest.fixture
def sick() -> Any:
    net = network("relu")
    net.layers[0].b[:20] = -10
    return net.diagnose(*data())


def test_text_data_and_html(sick: Any) -> None:
    text = str(sick)
    assert "31.2%" in text
    assert "warning: layer 0 is dead: 0.312, threshold 0.1." in text
    assert "2 findings" in text or "1 finding" in text
    decoded = json.loads(json.dumps(sick.to_dict()))
    assert decoded["findings"][0]["kind"] == "dead"
    assert decoded["layers"][0]["dead_units"] == list(range(20))
    assert "<table>" in sick._repr_html_()
    assert "is dead" in sick._repr_html_()


def test_rich_prints_a_table(sick: Any) -> None:
    rich = pytest.importorskip("rich.console", reason="rich is optional")
    console = rich.Console(width=160, record=True, file=io.StringIO())
    console.print(sick)
    assert "31.2%" in console.export_text()


def test_pictures(sick: Any) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is optional")
    matplotlib.use("Agg")
    with np.errstate(all="warn"):
        axes = sick.plot()
        assert len(axes) == 3
    assert axes[1].lines[0].get_ydata().tolist() == [layer.gradient_norm for layer in sick.layers]


def test_plot_without_matplotlib_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['matplotlib.pyplot'] = None\n"
        "import numpy as np, fastact as fa\n"
        "health = fa.Health(fa.Network([(np.ones((2, 2)), None, 'relu')]))\n"
        "health.update(np.ones((3, 2)))\n"
        "try: health.report().plot()\n"
        "except ImportError as error: print(error)\n"
        "assert 'rich' not in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install matplotlib" in done.stdout


def test_thresholds() -> None:
    net, (x, labels) = network("relu"), data()
    assert kinds(net.diagnose(x, labels, thresholds={"variance_high": 0.5})) == {"variance"}
    with pytest.raises(ValueError, match="unknown threshold 'deed'; expected dead"):
        net.diagnose(x, labels, thresholds={"deed": 1})
    assert all(threshold.source and threshold.about for threshold in THRESHOLDS.values())


# Errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "keywords", "error", "says"),
    [
        (np.ones((3, 31)), {}, ValueError, "expected a last axis of 32"),
        (np.ones((3, 32)), {"target": [1, 2]}, ValueError, r"shape \(2,\)"),
        (np.ones((3, 32)), {"target": np.ones((3, 4))}, ValueError, r"shape \(3, 4\)"),
        (np.ones((3, 32)), {"grad_y": np.ones((2, 10))}, ValueError, "grad_y has 2 rows; expected 3"),
        (np.ones((3, 32)), {"target": [1, 2, 3], "grad_y": np.ones((3, 10))}, ValueError, "both given"),
        (np.ma.ones((3, 32)), {}, TypeError, "MaskedArray"),
    ],
)
def test_refusals(x: Any, keywords: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        fa.Health(network("relu")).update(x, **keywords)


def test_what_does_not_belong_together() -> None:
    health = fa.Health(network("relu"))
    with pytest.raises(ValueError, match="no samples"):
        health.report()
    health.update(np.ones((3, 32)))
    with pytest.raises(ValueError, match="gradients in some batches only"):
        health.update(np.ones((3, 32)), [1, 2, 3])
    with pytest.raises(ValueError, match="another shape"):
        health.merge(fa.Health(network("relu", depth=1)))
    with pytest.raises(TypeError, match="type int"):
        health.merge(3)  # type: ignore[arg-type]
