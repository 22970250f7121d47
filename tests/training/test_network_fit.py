"""The loop, files, pickles and copies of networks in training."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng(5)
X = RNG.normal(size=(53, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)

pytestmark = pytest.mark.once


def new(activation: Any = "gelu", dtype: str = "float64") -> fa.Network:
    net = fa.Network.create([4, 6, 2], activation, output="softmax", dtype=dtype, seed=11)
    net.optimizer = fa.optim.Adam(lr=0.02)
    return net


def fit(net: fa.Network, epochs: int, **options: Any) -> Any:
    return net.fit(X, Y, epochs=epochs, batch_size=10, progress=False, **options)


# The loop -----------------------------------------------------------------------------------------------


def test_batches_are_those_of_a_loop_over_steps() -> None:
    net, other = new(), new()
    history = fit(net, 3)
    losses = []
    for epoch in range(3):
        order = np.random.default_rng((11, epoch)).permutation(53)
        parts = [order[start : start + 10] for start in range(0, 53, 10)]
        losses.append(sum(float(other.step(X[p], Y[p])) * len(p) for p in parts) / 53)
    assert history.loss == pytest.approx(losses, rel=1e-14)
    assert np.array_equal(net.parameters, other.parameters)
    assert net.epochs == 3


def test_validation_patience_and_callbacks() -> None:
    net, seen = new(), []
    rates: list[float] = []

    def schedule(t: int) -> float:
        rates.append(0.1 / (1 + t))
        return rates[-1]

    def callback(network: fa.Network, history: Any) -> bool:
        seen.append((network is net, len(history.loss), network.optimizer.lr))
        return len(seen) == 4

    history = fit(net, 10, validation=(X[:9], Y[:9]), schedule=schedule, callbacks=[callback])
    assert seen == [(True, i + 1, 0.1 / (1 + 6 * i + 5)) for i in range(4)]
    assert len(rates) == 24
    assert history.stopped
    assert len(history.validation_loss) == 4
    assert history.validation_loss[-1] == net.loss(X[:9], Y[:9])
    assert history.best_epoch == np.argmin(history.validation_loss)


def test_early_stopping_puts_the_best_parameters_back() -> None:
    net, kept = new(), []
    net.optimizer = fa.optim.SGD(lr=0.5)

    def worse_later(network: fa.Network, history: Any) -> None:
        kept.append(network.parameters.copy())
        network.optimizer.lr = 0.5 if len(kept) < 3 else 500.0

    history = fit(net, 50, patience=4, callbacks=[worse_later])
    assert history.stopped
    assert history.best_epoch == np.argmin(history.loss)
    assert len(history.loss) == history.best_epoch + 5
    assert np.array_equal(net.parameters, kept[history.best_epoch])


def test_a_loss_that_is_nan_is_never_the_best() -> None:
    net = new()
    net.parameters[0] = np.nan
    history = fit(
        net, 3, callbacks=[lambda network, history: setattr(network, "parameters", new().parameters)]
    )
    assert np.isnan(history.loss[0])
    assert history.best_epoch > 0


def test_weights_of_samples() -> None:
    weights = np.where(np.arange(53) < 30, 1.0, 0.0)
    net, other = new(), new()
    net.fit(X, Y, epochs=4, batch_size=53, shuffle=False, sample_weight=weights, progress=False)
    other.fit(X[:30], Y[:30], epochs=4, batch_size=30, shuffle=False, progress=False)
    assert np.allclose(net.parameters, other.parameters, rtol=1e-9)


def test_the_bar_is_shown_where_rich_is_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new().fit(X, Y, epochs=1)
    assert capsys.readouterr().out == ""
    for name in ("rich.console", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    assert len(new().fit(X, Y, epochs=2).loss) == 2


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "text"),
    [
        (X, Y[:5], {}, ValueError, r"shapes \(53, 4\), \(5,\); expected the same number"),
        (X[:0], Y[:0], {}, ValueError, "at least 1"),
        (X, np.ma.array(Y), {}, TypeError, "y is of type MaskedArray"),
        (1.0, Y, {}, ValueError, "x has no axes"),
        (X, Y, {"batch_size": 0}, ValueError, "batch_size is 0; expected an integer of at least 1"),
        (X, Y, {"batch_size": 1.5}, TypeError, "batch_size is 1.5; expected an integer"),
        (X, Y, {"epochs": -1}, ValueError, "epochs is -1"),
        (X, Y, {"patience": 0}, ValueError, "patience is 0"),
    ],
)
def test_arguments_that_are_refused(x: Any, y: Any, options: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=f"^fastact.Network.fit: .*{text}"):
        new().fit(x, y, **{"epochs": 1, "progress": False, **options})


# Files, pickles, copies -----------------------------------------------------------------------------------


def by_file(net: fa.Network, folder: Path) -> fa.Network:
    net.save(folder / "net.npz")
    return fa.Network.load(str(folder / "net.npz"))


WAYS: dict[str, Callable[[fa.Network, Path], fa.Network]] = {
    "file": by_file,
    "pickle": lambda net, folder: pickle.loads(pickle.dumps(net)),
    "copy": lambda net, folder: copy.copy(net),
    "deepcopy": lambda net, folder: copy.deepcopy(net),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_with_the_same_bits(way: str, dtype: str, tmp_path: Path) -> None:
    net, whole = new(dtype=dtype), new(dtype=dtype)
    fit(net, 2)
    other = WAYS[way](net, tmp_path)
    assert (other.output, other.epochs, other.seed, other.dtype) == ("softmax", 2, 11, np.dtype(dtype))
    assert not np.shares_memory(other.parameters, net.parameters)
    fit(other, 3)
    fit(net, 3)
    fit(whole, 5)
    assert np.array_equal(net.parameters, whole.parameters)
    assert np.array_equal(other.parameters, whole.parameters)


@pytest.mark.parametrize(
    "activation",
    [
        fa.get("leaky_relu", negative_slope=0.3),
        fa.get("prelu", weight=np.linspace(-0.1, 0.3, 6)),
        fa.surrogate("step", fa.get("swish", beta=2.5)),
        fa.mixed(["relu"] * 2 + [fa.surrogate("relu", "gelu")] * 4),
    ],
    ids=repr,
)
def test_files_keep_activations(activation: Any, tmp_path: Path) -> None:
    w1, w2 = RNG.normal(size=(4, 6)), RNG.normal(size=(6, 2))
    net = fa.Network([(w1, None, activation), (w2, np.ones((1, 2)), None)], output="mse")
    other = by_file(net, tmp_path)
    assert repr(other) == repr(net)
    assert np.array_equal(other.predict(X), net.predict(X))
    assert other.layers[1].b.shape == (1, 2)
    assert other.optimizer is None


class Cube:
    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x**3

    def derivative(self, x: np.ndarray) -> np.ndarray:
        return 3 * x**2


class Still:
    def update(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        """Leave them as they are."""


def test_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    new().save(path)
    before = path.read_bytes()
    custom, optimizer = new(Cube()), new()
    optimizer.optimizer = Still()
    for net in (custom, optimizer):
        with pytest.raises(TypeError, match=r"^fastact\.Network\.save: .* pickle stores such networks"):
            net.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]
    np.savez(path, parameters=np.ones(3))
    with pytest.raises(ValueError, match=r"net\.npz was not written by fastact\.Network\.save"):
        fa.Network.load(path)
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"one\.npy was not written by"):
        fa.Network.load(tmp_path / "one.npy")


@pytest.mark.parametrize("name", ["missing/net.npz", ".", "n" * 250])
def test_errors_name_the_path_that_was_given(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    with pytest.raises(OSError, match=r"fastact\.Network\.save: ") as caught:
        new().save(path)
    assert caught.value.filename == path
    assert caught.value.filename2 is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99], ids=str)
def test_files_that_are_damaged(tmp_path: Path, kept: float) -> None:
    """Cut off after so many bytes, or such a share; and a byte changed in the middle."""
    path = tmp_path / "net.npz"
    fa.Network.create([30, 20, 3], "relu").save(path)
    whole = path.read_bytes()
    length = int(kept * len(whole)) if isinstance(kept, float) else kept
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for damaged in (whole[:length], b"text" + whole[:length], bytes(changed)):
        path.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"Network\.load: .*net\.npz was not written by .*, or is damaged"
        ):
            fa.Network.load(path)
