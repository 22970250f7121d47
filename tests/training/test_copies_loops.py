"""Loops, files and passes of networks of one shape, against the same networks by themselves."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(4)
K, N = 3, 25
X = RNG.normal(size=(N, 4))
LABELS = RNG.integers(0, 3, N)
VALUES = RNG.normal(size=N)
WEIGHTS = RNG.uniform(size=N)
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch": {"norm": "batch", "dropout": 0.2},
    "learned": {"activation": "prelu", "norm": "layer", "norm_after": True},
}
RATES = (0.05, 0.3, 0.0)


def both(case: str, output: str = "softmax") -> tuple[fa.NetworkCopies, list[fa.Network]]:
    """Three networks at once, and the same one by one."""
    widths = [4, 6, 5, 3 if output == "softmax" else 1]
    options: dict[str, Any] = {"output": output, "dtype": "float64", **CASES[case]}
    nets = fa.Network.create(widths, copies=K, seed=7, **options)
    apart = [fa.Network.create(widths, seed=7 + c, **options) for c in range(K)]
    nets.optimizer = fa.optim.SGD(lr=RATES, momentum=0.5)
    for net, rate in zip(apart, RATES, strict=True):
        net.optimizer = fa.optim.SGD(lr=rate, momentum=0.5)
    return nets, apart


def same(nets: fa.NetworkCopies, apart: list[fa.Network]) -> bool:
    return all(
        np.array_equal(nets.parameters[c], net.parameters)
        and nets[c].epochs == net.epochs
        and nets[c].passes == net.passes
        and np.array_equal(nets[c].predict(X), net.predict(X))
        for c, net in enumerate(apart)
    )


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_fit_has_the_bits_of_each(case: str, shuffle: bool) -> None:
    """The last batch is short."""
    nets, apart = both(case)
    x, y, w = X[:23], LABELS[:23], WEIGHTS[:23]
    options: dict[str, Any] = {"batch_size": 7, "shuffle": shuffle, "progress": False, "sample_weight": w}
    history = nets.fit(x, y, epochs=3, validation=(X, LABELS), **options)
    more = nets.fit(x, y, epochs=1, **options)
    for c, net in enumerate(apart):
        own = net.fit(x, y, epochs=3, validation=(X, LABELS), **options)
        assert [loss[c] for loss in history.loss] == own.loss
        assert [loss[c] for loss in history.validation_loss] == own.validation_loss
        assert history.best_epoch[c] == own.best_epoch
        assert more.loss[0][c] == net.fit(x, y, epochs=1, **options).loss[0]
    assert same(nets, apart)
    assert apart[0].epochs == 4


@pytest.mark.parametrize("case", ["plain", "batch"])
def test_patience_is_that_of_each(case: str) -> None:
    nets, apart = both(case, "identity")
    options: dict[str, Any] = {"epochs": 30, "batch_size": 10, "patience": 2, "progress": False}
    history = nets.fit(X, VALUES, **options)
    lengths = []
    for c, net in enumerate(apart):
        own = net.fit(X, VALUES, **options)
        lengths.append(len(own.loss))
        assert history.best_epoch[c] == own.best_epoch
        assert [loss[c] for loss in history.loss[: len(own.loss)]] == own.loss
        assert np.array_equal(nets.parameters[c], net.parameters)
        assert np.array_equal(nets[c].predict(X), net.predict(X))
    assert len(history.loss) == max(lengths) > min(lengths)


def test_callbacks_and_schedules_see_all() -> None:
    nets, _ = both("plain")
    seen: list[Any] = []

    def stop(given: Any, history: Any) -> bool:
        seen.append((given is nets, len(history.loss), nets.optimizer.lr[1]))
        return len(history.loss) == 2

    schedule = lambda t: np.array(RATES) / (1 + t)  # noqa: E731 - a plain callable, as users write it
    history = nets.fit(X, LABELS, epochs=9, batch_size=N, schedule=schedule, callbacks=[stop], progress=False)
    assert history.stopped
    assert seen == [(True, 1, 0.3), (True, 2, 0.15)]


@pytest.mark.parametrize("way", ["file", "pickle"])
@pytest.mark.parametrize("case", CASES)
def test_training_goes_on_with_the_same_bits(case: str, way: str, tmp_path: Path) -> None:
    nets, apart = both(case)
    for net in (nets, *apart):
        net.fit(X, LABELS, epochs=1, batch_size=5, progress=False)
    if way == "file":
        nets.save(tmp_path / "nets.npz")
        nets = fa.NetworkCopies.load(tmp_path / "nets.npz")
    else:
        nets = pickle.loads(pickle.dumps(nets))
    assert same(nets, apart)
    for net in (nets, *apart):
        net.fit(X, LABELS, epochs=2, batch_size=5, progress=False)
    assert same(nets, apart)


def test_files_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    nets, apart = both("plain")
    nets.save(tmp_path / "nets.npz")
    apart[0].save(tmp_path / "one.npz")
    with pytest.raises(ValueError, match=r"has copies of a network; expected fastact.NetworkCopies.load"):
        fa.Network.load(tmp_path / "nets.npz")
    with pytest.raises(ValueError, match=r"has one; expected fastact.Network.load"):
        fa.NetworkCopies.load(tmp_path / "one.npz")


@pytest.mark.parametrize("of_each", [False, True], ids=["shared", "of_each"])
@pytest.mark.parametrize("case", CASES)
def test_forward_and_backward_are_those_of_each(case: str, of_each: bool) -> None:
    nets, apart = both(case)
    x = RNG.normal(size=(K, N, 4)) if of_each else X
    y, saved = nets.forward(x)
    assert saved.shape == y.shape == (K, N, 3)
    grad = RNG.normal(size=y.shape)
    dx, dw, db = nets.backward(grad, saved)
    again = nets.backward(grad, saved, need_dx=False)
    assert again[0] is None
    assert all(np.array_equal(a, b) for a, b in zip(dw, again[1], strict=True))
    for c, net in enumerate(apart):
        own, kept = net.forward(x[c] if of_each else x)
        assert np.array_equal(y[c], own)
        found = net.backward(grad[c], kept)
        assert np.array_equal(dx[c], found[0])
        for mine, other in zip((*dw, *db), (*found[1], *found[2]), strict=True):
            assert np.array_equal(np.squeeze(mine[c]), np.squeeze(other))


def test_gradients_that_do_not_fit_are_refused() -> None:
    nets, _ = both("plain")
    other, _ = both("plain")
    y, saved = nets.forward(X)
    for grad, kept, error, text in (
        (y[0], saved, ValueError, "grad_y has shape"),
        (y, other.forward(X)[1], ValueError, "belongs to other networks"),
        (y, None, TypeError, "saved is of type NoneType"),
        (np.ma.array(y), saved, TypeError, "grad_y is of type MaskedArray"),
    ):
        with pytest.raises(error, match=text):
            nets.backward(grad, kept)
