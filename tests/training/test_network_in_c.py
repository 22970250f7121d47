"""Losses and gradients in one C call: the bits of passes layer by layer."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(8)
X = RNG.normal(size=(9, 4))
LABELS = RNG.integers(0, 3, 9)
PROBABILITIES = RNG.dirichlet(np.ones(3), 9)
VALUES = RNG.normal(size=(9, 3))
WEIGHTS = np.array([1, 0.5, 0, 2, 1, 1, 3.0, 0.1, 7])
TARGETS: dict[str, Any] = {
    "softmax": LABELS,
    "softmax_cross_entropy": PROBABILITIES,
    "nll": LABELS,
    "sigmoid": (VALUES > 0).astype(float),
    "identity": VALUES,
    "mse": VALUES,
    "huber": 3 * VALUES,
    "hinge": np.sign(VALUES),
    "poisson": RNG.integers(0, 5, (9, 3)).astype(float),
    "kl_divergence": PROBABILITIES,
}


def both(dtype: type, **options: Any) -> list[fa.Network]:
    """A network whose steps are in C, and the same layer by layer, both ready for three steps."""
    made = [fa.Network.create([4, 5, 6, 3], dtype=dtype, **options) for _ in range(2)]
    assert made[0]._in_one_call is not None
    made[1]._in_one_call = None
    for net in made:
        net.optimizer = fa.optim.Adam(lr=0.05)
    return made


def check(nets: list[fa.Network], target: Any, weights: Any = None) -> None:
    """Three steps, the last on fewer samples."""
    dtype, calls = nets[0].dtype, nets[0]._in_one_call
    assert calls is not None
    if np.asarray(target).dtype.kind == "f":
        target = target.astype(dtype)
    for rows in (9, 9, 7):
        own = None if weights is None else weights[:rows]
        losses = [net.step(X[:rows].astype(dtype), target[:rows], own) for net in nets]
        assert losses[0] == losses[1]
        assert type(losses[0]) is dtype.type
        assert np.array_equal(nets[0].gradients, nets[1].gradients)
        assert np.array_equal(nets[0].parameters, nets[1].parameters)
        assert nets[0].gradients.any()
    for one, other in zip(nets[0]._running_statistics(), nets[1]._running_statistics(), strict=True):
        assert np.array_equal(one, other)
        assert one.any()


@pytest.mark.parametrize(
    "weights", [None, WEIGHTS, WEIGHTS.astype(np.float32)], ids=["equal", "float64", "float32"]
)
@pytest.mark.parametrize("output", TARGETS)
def test_losses(output: str, weights: Any, dtype: type) -> None:
    nets = both(dtype, output=output)
    called = nets[0]._in_one_call.differentiate  # type: ignore[union-attr]
    target = TARGETS[output].astype(dtype) if TARGETS[output].dtype.kind == "f" else TARGETS[output]
    nets[0]._own_gradients()
    assert called(X.astype(dtype), target, None, nets[0]._outs_in_c) is not None
    check(nets, TARGETS[output], weights)


@pytest.mark.parametrize(
    ("norm", "after", "rate"), [*itertools.product(["batch", "layer", "rms"], [False, True], [0.0, 0.3])]
)
@pytest.mark.parametrize(
    "activation", ["gelu", "relu", "identity", fa.leaky_relu.bind(negative_slope=0.3)], ids=str
)
def test_norms(norm: str, after: bool, rate: float, activation: Any, dtype: type) -> None:
    nets = both(dtype, activation=activation, output="softmax", norm=norm, norm_after=after, dropout=rate)
    check(nets, LABELS, WEIGHTS if rate else None)


def test_norms_of_some_layers_and_of_the_last(dtype: type) -> None:
    for norm in ([None, "batch", "layer"], ["rms", None, "batch"], ["batch", "layer", None]):
        check(both(dtype, norm=norm, dropout=[0.5, 0, 0], output="huber"), VALUES)


def test_targets_of_any_layout() -> None:
    """Labels with a stride were read as if they had none."""
    many = np.repeat(LABELS, 2)
    many[1::2] = 2 - many[1::2]
    columns = np.asfortranarray(VALUES)
    for output, strided, plain in (
        ("softmax", many[::2], LABELS),
        ("mse", columns, VALUES),
        ("mse", VALUES[::-1], None),
    ):
        net = fa.Network.create([4, 5, 3], output=output, dtype="float64")
        loss, gradients = net.loss_and_gradients(X, strided)
        kept = gradients.copy()
        found, same = net.loss_and_gradients(X, strided.copy() if plain is None else plain)
        assert loss == found
        assert np.array_equal(kept, same)


def test_weights_of_any_layout_and_samples_without_weight() -> None:
    weights = np.repeat(WEIGHTS, 3)
    weights[1::3] = 9
    for output in ("softmax", "mse"):
        net = fa.Network.create([4, 5, 3], output=output, dtype="float64", norm="layer")
        target, x = TARGETS[output], X.copy()
        loss, gradients = net.loss_and_gradients(x, target, WEIGHTS)
        kept = gradients.copy()
        assert net.loss_and_gradients(x, target, weights[::3])[0] == loss
        assert net.loss_and_gradients(x, target, WEIGHTS.astype(np.float32))[0] == pytest.approx(
            loss, rel=1e-6
        )
        counted = WEIGHTS > 0
        net.loss_and_gradients(x[counted], target[counted], WEIGHTS[counted])
        assert np.allclose(net.gradients, kept, rtol=1e-12, atol=1e-15)


def test_what_does_not_fit_is_refused_as_before() -> None:
    net = fa.Network.create([4, 5, 3], output="hinge", norm="batch", dtype="float64", dropout=0.5)
    norm = net.layers[0].norm
    assert norm is not None
    for x, target, weights, text in (
        (X, np.zeros((9, 3)), None, "expected -1 or 1"),
        (X, VALUES[:, :2], None, "target has shape"),
        (X, np.sign(VALUES), WEIGHTS[:4], "sample_weight has shape"),
        (X, np.sign(VALUES), -WEIGHTS, "sample_weight has a sum of"),
        (X, np.sign(VALUES), np.full(9, np.nan), "sample_weight has a sum of"),
        (X, np.sign(VALUES), np.full(9, 1e308), "sample_weight has a sum of inf"),
        (X[:1], np.sign(VALUES)[:1], None, "batch norm needs at least two"),
    ):
        with pytest.raises(ValueError, match=text):
            net.loss_and_gradients(x, target, weights)
    assert net.passes == 0
    assert not norm.running_mean.any()  # type: ignore[union-attr]


@pytest.mark.once
@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_later_steps_allocate_nothing(output: str, norm: str | None) -> None:
    net = fa.Network.create([64, 128, 10], output=output, norm=norm, dropout=0.1)
    net.optimizer = fa.optim.Adam()
    x, weights = RNG.normal(size=(320, 64)).astype(np.float32), np.ones(320)
    target: Any = np.zeros(320, np.int64) if output == "softmax" else np.zeros((320, 10), np.float32)
    for rows in (320, 7, 320):
        net.step(x[:rows], target[:rows], weights[:rows])
    tracemalloc.start()
    for rows in (320, 7, 320):
        net.step(x[:rows], target[:rows], weights[:rows])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8000  # shares of samples have 2,560 bytes, one hidden result 163,840
