"""Networks that are trained at once against the same ones by themselves."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(8)
K, N = 3, 11
X = RNG.normal(size=(N, 4))
XS = RNG.normal(size=(K, N, 4))
LABELS = RNG.integers(0, 2, N)
TARGETS: dict[str, tuple[Any, Any]] = {  # for all, and for each
    "softmax": (LABELS, RNG.integers(0, 2, (K, N))),
    "identity": (RNG.normal(size=(N, 2)), RNG.normal(size=(K, N, 2))),
    "sigmoid": (RNG.uniform(size=(N, 2)), RNG.uniform(size=(K, N, 2))),
}


def networks(output: str = "softmax", activation: Any = "gelu", dtype: Any = "float64") -> list[fa.Network]:
    return [fa.Network.create([4, 6, 5, 2], activation, output=output, dtype=dtype, seed=s) for s in range(K)]


@pytest.mark.parametrize("of_each", [False, True], ids=["shared", "of_each"])
@pytest.mark.parametrize("output", TARGETS)
@pytest.mark.parametrize("activation", ["gelu", "relu", fa.surrogate("tanh", "tanh")], ids=str)
def test_copies_are_the_networks_by_themselves(
    activation: Any, output: str, of_each: bool, dtype: type
) -> None:
    apart = networks(output, activation, dtype)
    nets = fa.NetworkCopies(apart)
    nets.optimizer = fa.optim.Adam(lr=[0.01, 0.1, 0.0])
    for net, lr in zip(apart, (0.01, 0.1, 0.0), strict=True):
        net.optimizer = fa.optim.Adam(lr=lr)
    x, target = (XS if of_each else X).astype(dtype), TARGETS[output][of_each]
    for _ in range(4):
        losses = nets.step(x, target)
        for c, net in enumerate(apart):
            loss = net.step(x[c] if of_each else x, target[c] if of_each else target)
            assert losses[c] == loss
            assert np.array_equal(nets.gradients[c], net.gradients)
            assert np.array_equal(nets.parameters[c], net.parameters)
    found = nets.predict(x)
    for c, net in enumerate(apart):
        assert np.array_equal(found[c], net.predict(x[c] if of_each else x))
        assert np.array_equal(nets[c].parameters, net.parameters)
    assert np.array_equal(nets.loss(x, target), nets.loss_and_gradients(x, target)[0])


SPECIAL: dict[str, dict[str, Any]] = {
    "batch": {"norm": "batch", "dropout": [0.1, 0.3, 0.0]},
    "layer": {"norm": ["layer", None], "norm_after": True, "activation": "prelu"},
    "learned": {"activation": fa.get("swish", beta=np.ones(5)), "dropout": np.full((K, 2), [0.2, 0.4])},
}


@pytest.mark.parametrize("of_each", [False, True], ids=["shared", "of_each"])
@pytest.mark.parametrize("case", SPECIAL)
def test_created_copies_are_the_networks_by_themselves(case: str, of_each: bool, dtype: type) -> None:
    """A seed of each, or the next ones."""
    options = {"output": "softmax", "dtype": dtype, **SPECIAL[case]}
    seeds = [5, 3, 8] if of_each else [3, 4, 5]
    nets = fa.Network.create([4, 5, 5, 2], copies=K, seed=seeds if of_each else 3, **options)
    rates = options.pop("dropout", [0.0] * K)
    apart = [
        fa.Network.create([4, 5, 5, 2], seed=seed, dropout=list(rate) if np.ndim(rate) else rate, **options)
        for seed, rate in zip(seeds, rates, strict=True)
    ]
    nets.optimizer = fa.optim.Adam(lr=[0.01, 0.1, 0.0], clip_norm=0.5)
    for net, lr in zip(apart, (0.01, 0.1, 0.0), strict=True):
        net.optimizer = fa.optim.Adam(lr=lr, clip_norm=0.5)
    x, target = (XS if of_each else X).astype(dtype), TARGETS["softmax"][of_each]
    for number in range(4):
        losses = nets.step(x, target)
        for c, net in enumerate(apart):
            assert losses[c] == net.step(x[c] if of_each else x, target[c] if of_each else target)
            assert np.array_equal(nets.gradients[c], net.gradients)
            assert np.array_equal(nets.parameters[c], net.parameters)
        if number == 1:
            nets = pickle.loads(pickle.dumps(nets))
    for c, net in enumerate(apart):
        own = x[c] if of_each else x
        assert np.array_equal(nets.predict(x)[c], net.predict(own))
        assert np.array_equal(nets[c].predict(own), net.predict(own))
        assert nets.loss(x, target)[c] == net.loss(own, target[c] if of_each else target)
        for layers, layer in zip(nets.layers, net.layers, strict=True):
            assert np.array_equal(layers.w[c], layer.w)
            if layer.norm is not None:
                for name, array in layer.norm.arrays().items():
                    assert np.array_equal(layers.norm.arrays()[name][c, 0], array)
            if case != "batch":
                for name, value in layer.activation.parameters.items():
                    assert np.array_equal(np.squeeze(layers.activation.parameters[name][c]), value)


LOSSES: dict[str, Any] = {
    "softmax": LABELS,
    "softmax_cross_entropy": RNG.dirichlet(np.ones(2), N),
    "nll": LABELS,
    "sigmoid": RNG.uniform(size=(N, 2)),
    "huber": RNG.normal(size=(N, 2)),
    "hinge": np.sign(RNG.normal(size=(N, 2))),
    "poisson": RNG.integers(0, 4, (N, 2)).astype(float),
}


@pytest.mark.parametrize("weighted", [None, "shared", "of_each"])
@pytest.mark.parametrize("output", LOSSES)
def test_one_call_for_all_has_the_bits_of_each(output: str, weighted: str | None, dtype: type) -> None:
    """Norms, dropout of seeds and rates of each, targets and weights of all or of each."""
    options: dict[str, Any] = {"output": output, "norm": ["batch", None, "rms"], "dtype": dtype}
    rates = np.array([[0.1, 0.2], [0.3, 0.5], [0.0, 0.2]])
    nets = fa.Network.create([4, 5, 40, 2], "tanh", copies=K, dropout=rates, seed=[4, 9, 2], **options)
    assert nets._in_one_call is not None
    apart = [
        fa.Network.create([4, 5, 40, 2], "tanh", dropout=[*rate, 0], seed=seed, **options)
        for rate, seed in zip(rates, (4, 9, 2), strict=True)
    ]
    target = LOSSES[output] if LOSSES[output].dtype.kind == "i" else LOSSES[output].astype(dtype)
    weights = RNG.uniform(size=(K, N)) if weighted == "of_each" else RNG.uniform(size=N)
    shared = weighted == "shared"
    for number in range(3):
        x = X.astype(dtype) if number != 1 else XS.astype(dtype)
        targets = target if number != 2 else np.stack([target] * K)
        losses, gradients = nets.loss_and_gradients(x, targets, weights if weighted else None)
        for c, net in enumerate(apart):
            own = None if weighted is None else weights if shared else weights[c]
            loss, same = net.loss_and_gradients(x[c] if number == 1 else x, target, own)
            assert losses[c] == loss
            assert np.array_equal(gradients[c], same)
            assert nets[c].passes == net.passes == number + 1
    with pytest.raises((ValueError, IndexError), match="target"):
        nets.loss_and_gradients(X, target[:4] if output != "nll" else target + 3)
    assert nets[1].passes == 3


@pytest.mark.once
@pytest.mark.parametrize("norm", [None, "batch"])
def test_copies_on_one_thread_and_on_two(norm: str | None, restore_threads: None) -> None:
    found = []
    for threads in (1, 2):
        fa.set_num_threads(threads)
        nets = fa.Network.create([64, 100, 10], "gelu", output="softmax", norm=norm, dropout=0.2, copies=9)
        nets.optimizer = fa.optim.SGD(lr=0.1)
        x = np.random.default_rng(0).normal(size=(9, 40, 64)).astype(np.float32)
        for _ in range(3):
            nets.step(x, np.arange(40) % 10)
        found.append(nets.parameters.tobytes())
    assert found[0] == found[1]
    assert np.isfinite(nets.parameters).all()


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("clipping", [{}, {"clip_norm": 0.1}], ids=str)
def test_nan_stays_in_its_copy(clipping: dict[str, float], norm: str | None) -> None:
    nets, other = (
        fa.Network.create([4, 6, 2], "gelu", output="softmax", norm=norm, copies=K, dtype="float64")
        for _ in range(2)
    )
    nets.parameters[1, 3] = np.nan
    for each in (nets, other):
        each.optimizer = fa.optim.SGD(lr=0.1, momentum=0.5, **clipping)
        for _ in range(3):
            losses = each.step(X, LABELS)
    assert np.isnan(nets.parameters[1]).any()
    assert np.isfinite(losses).all()
    assert np.array_equal(nets.parameters[[0, 2]], other.parameters[[0, 2]])


def test_an_error_in_one_copy_changes_none() -> None:
    nets = fa.Network.create([4, 6, 2], output="softmax", norm="batch", dropout=0.5, copies=K)
    nets.optimizer = fa.optim.SGD()
    before = pickle.dumps(nets)
    labels = np.tile(LABELS, (K, 1))
    labels[2] += 1
    with pytest.raises(IndexError, match="expected a label from 0 to 1"):
        nets.step(X, labels)
    assert pickle.dumps(nets) == before


@pytest.mark.once
def test_copies_that_cannot_be_created() -> None:
    for options, error, text in (
        ({"copies": 0}, ValueError, "copies is 0; expected an integer of at least 1"),
        ({"copies": 2.0}, TypeError, "copies is 2.0"),
        ({"copies": 2, "seed": [1, 2, 3]}, ValueError, "seed has length 3; expected a number, or 2"),
        ({"copies": 2, "seed": [1, 0.5]}, TypeError, "seed is 0.5"),
        ({"copies": 2, "dropout": [0.1] * 3}, ValueError, "dropout has length 3; expected a number, or 2"),
        ({"copies": 2, "dropout": [0.1, 2.0]}, ValueError, "dropout is 2.0; expected a probability"),
    ):
        with pytest.raises(error, match=f"^fastact.Network.create: {text}"):
            fa.Network.create([4, 3, 2], **options)
    nets = [fa.Network.create([4, 3, 2], norm=norm) for norm in ("batch", "layer")]
    with pytest.raises(ValueError, match="network 1 is"):
        fa.NetworkCopies(nets)


def test_weights_of_samples() -> None:
    nets, apart = fa.NetworkCopies(networks()), networks()
    weights = RNG.uniform(size=(K, N))
    for given in (weights, weights[0]):
        losses, gradients = nets.loss_and_gradients(X, LABELS, given)
        for c, net in enumerate(apart):
            loss, want = net.loss_and_gradients(X, LABELS, given[c] if given is weights else given)
            assert losses[c] == loss
            assert np.array_equal(gradients[c], want)


def test_a_copy_that_diverges_harms_no_other() -> None:
    nets, other = fa.NetworkCopies(networks()), fa.NetworkCopies(networks())
    nets.parameters[1] = np.nan
    for each in (nets, other):
        each.optimizer = fa.optim.Adam(lr=0.1)
        for _ in range(3):
            losses = each.step(X, LABELS)
    assert np.isnan(nets.parameters[1]).all()
    assert np.isfinite(losses).all()
    assert np.array_equal(nets.parameters[[0, 2]], other.parameters[[0, 2]])


def test_layers_are_views() -> None:
    nets = fa.NetworkCopies(networks())
    assert [layer.w.shape for layer in nets.layers] == [(K, 4, 6), (K, 6, 5), (K, 5, 2)]
    nets.layers[0].b = np.full((K, 1, 6), 7.0)
    assert (nets.parameters[:, 24:30] == 7).all()
    nets.parameters = np.zeros(nets.parameters.shape)
    assert not nets.layers[2].w.any()
    assert (len(nets), nets.output, nets.dtype) == (K, "softmax", np.float64)


@pytest.mark.once
def test_pickles_and_copies() -> None:
    nets = fa.NetworkCopies(networks())
    nets.optimizer = fa.optim.Adam(lr=[0.1, 0.2, 0.3])
    nets.step(X, LABELS)
    others = [pickle.loads(pickle.dumps(nets)), copy.copy(nets), copy.deepcopy(nets)]
    nets.step(X, LABELS)
    for other in others:
        assert not np.array_equal(other.parameters, nets.parameters)
        other.step(X, LABELS)
        assert np.array_equal(other.parameters, nets.parameters)


@pytest.mark.once
def test_what_is_refused() -> None:
    nets = fa.NetworkCopies(networks())
    for given, error, text in (
        ([], ValueError, "networks is empty"),
        ([5], TypeError, "a network is of type int"),
        ([nets], TypeError, "a network is of type NetworkCopies"),
        ([*networks(), fa.Network.create([4, 6, 2])], ValueError, "network 3 is"),
        ([networks()[0], networks("identity")[0]], ValueError, "network 1 is"),
    ):
        with pytest.raises(error, match=text):
            fa.NetworkCopies(given)
    for x, target, weights, error, text in (
        (
            X[:, :2],
            LABELS,
            None,
            ValueError,
            r"step: x has shape \(11, 2\); expected \(n, 4\) or \(3, n, 4\)",
        ),
        (X[0], LABELS, None, ValueError, r"x has shape \(4,\)"),
        (XS[:2], LABELS, None, ValueError, r"x has shape \(2, 11, 4\)"),
        (np.ma.array(X), LABELS, None, TypeError, "x is of type MaskedArray"),
        (X, np.tile(LABELS, (2, 1)), None, ValueError, r"target has shape \(2, 11\); expected 3 along"),
        (X, LABELS, np.ones((2, N)), ValueError, r"sample_weight has shape \(2, 11\); expected 3 along"),
        (X, LABELS + 1, None, IndexError, "expected a label from 0 to 1"),
    ):
        nets.optimizer = fa.optim.SGD()
        with pytest.raises(error, match=text):
            nets.step(x, target, weights)
    with pytest.raises(TypeError, match="expected an int"):
        nets[:2]
    nets.optimizer = None
    with pytest.raises(RuntimeError, match=r"^fastact\.NetworkCopies\.step: no optimiser"):
        nets.step(X, LABELS)


SIGNS = np.where(RNG.normal(size=(N, 1)) > 0, 1.0, -1.0)


@pytest.mark.parametrize(
    ("output", "target"),
    [
        ("softmax", LABELS.astype(np.int32)),
        ("softmax", LABELS.tolist()),
        ("nll", TARGETS["softmax"][1]),
        ("softmax", np.eye(2)[LABELS]),
        ("identity", RNG.normal(size=N)),
        ("identity", RNG.normal(size=(N, 1)).astype(np.float32)),
        ("hinge", SIGNS),
        ("huber", RNG.normal(size=(K, N, 1))),
    ],
    ids=str,
)
def test_losses_have_the_bits_of_each_network(output: str, target: Any) -> None:
    columns = 2 if output in ("softmax", "nll") else 1
    options = {"activation": "tanh", "output": output, "dtype": "float64"}
    apart = [fa.Network.create([4, 6, columns], seed=s, **options) for s in range(K)]
    nets = fa.NetworkCopies(apart)
    losses, gradients = nets.loss_and_gradients(X, target)
    of_each = np.shape(target)[0] == K
    for c, net in enumerate(apart):
        loss, want = net.loss_and_gradients(X, target[c] if of_each else target)
        assert losses[c] == loss
        assert np.array_equal(gradients[c], want)


def test_wrong_targets_change_nothing() -> None:
    for output, target, error in (
        ("softmax", np.where(np.arange(N) == N - 1, 2, 0), IndexError),
        ("hinge", np.full((N, 2), 0.5), ValueError),
        ("identity", np.zeros((N, 3)), ValueError),
    ):
        nets = fa.NetworkCopies(networks(output))
        nets.optimizer = fa.optim.SGD(lr=0.1)
        before = nets.parameters.copy()
        with pytest.raises(error):
            nets.step(X, target)
        assert np.array_equal(nets.parameters, before)
        assert not nets.gradients.any()


@pytest.mark.once
def test_batches_of_several_sizes() -> None:
    """Memory of an earlier pass is used again where it fits; results of `predict` are the caller's."""
    apart = networks(activation="relu")
    nets = fa.NetworkCopies(apart)
    nets.optimizer = fa.optim.SGD(lr=0.1)
    for net in apart:
        net.optimizer = fa.optim.SGD(lr=0.1)
    first = nets.predict(X)
    kept = first.copy()
    for x in (X, X[:5], XS[:, :5], X[:1], X):
        labels = LABELS[: x.shape[-2]]
        losses = nets.step(x, labels)
        for c, net in enumerate(apart):
            assert losses[c] == net.step(x if x.ndim == 2 else x[c], labels)
            assert np.array_equal(nets.parameters[c], net.parameters)
    assert np.array_equal(first, kept)
