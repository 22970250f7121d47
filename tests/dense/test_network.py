"""fa.Network: results and gradients against its layers one by one, and against NumPy.

Must not depend on any activation.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from network_cases import Cube, assert_same, network

import fastact as fa


@pytest.mark.parametrize("widths", [[5, 3], [7, 4, 9], [30, 128, 17, 1, 64, 10]], ids=str)
def test_layers_one_by_one(widths: list[int], dtype: type) -> None:
    leaky = fa.get("leaky_relu", negative_slope=0.2)
    layers = network(widths, ["gelu", "relu", leaky, "tanh", None], dtype)
    generator = np.random.default_rng(1)
    net = fa.Network(layers)
    for rows in (6, 200, 1, 0, 6):
        x = generator.normal(size=(rows, widths[0])).astype(dtype)
        assert_same(net, layers, x, generator.normal(size=(rows, widths[-1])).astype(dtype))


def test_every_entry(activation: fa.Activation) -> None:
    layers = network([4, 6, 5], [activation], np.float64)
    net = fa.Network(layers)
    with np.errstate(all="ignore"):
        assert_same(net, layers, np.ones((3, 4)) / 4, np.ones((3, 5)))


SLOPES = np.linspace(0.1, 0.6, 6)


@pytest.mark.parametrize(
    "activation",
    [
        fa.surrogate("step", "arctan"),
        fa.mixed(["relu"] * 4 + ["tanh"] * 2),
        fa.get("leaky_relu", negative_slope=SLOPES),
        fa.get("leaky_relu", negative_slope=np.array(0.3)),
        fa.get("prelu", weight=SLOPES),
        fa.get("rrelu", slope=np.linspace(0.1, 0.9, 18).reshape(3, 6)),
        Cube(),
    ],
    ids=repr,
)
def test_every_kind_of_activation(activation: Any, dtype: type) -> None:
    """In hidden layers and in the last one, parameters by unit and along the batch."""
    layers = network([4, 6, 6], [activation], dtype)
    net = fa.Network(layers)
    generator = np.random.default_rng(3)
    x, grad = generator.normal(size=(3, 4)).astype(dtype), generator.normal(size=(3, 6)).astype(dtype)
    assert_same(net, layers, x, grad)


def test_parameters_bound_as_arrays_are_used_as_they_are() -> None:
    slope = np.full(3, 0.5)
    net = fa.Network([(np.eye(3), None, fa.get("leaky_relu", negative_slope=slope))])
    x = -np.ones((2, 3))
    _, saved = net.forward(x)
    slope[...] = -2
    assert np.array_equal(net.backward(np.ones((2, 3)), saved)[0], np.full((2, 3), -2))
    assert np.array_equal(net.predict(x), np.full((2, 3), 2))


def test_gradients_of_learned_parameters(dtype: type) -> None:
    layers = network([4, 6, 6], [fa.get("prelu", weight=SLOPES), "tanh"], dtype)
    net = fa.Network(layers)
    x = np.random.default_rng(3).normal(size=(3, 4)).astype(dtype)
    y, saved = net.forward(x)
    *gradients, parameters = net.backward(y, saved, need_parameters=True)
    assert parameters[1] == {}
    assert parameters[0]["weight"].shape == (6,)
    h, kept = fa.dense_forward(x, *layers[0][:2], activation=layers[0][2])
    _, last = fa.dense_forward(h, *layers[1][:2], activation=layers[1][2])
    delta = fa.dense_backward(y, h, layers[1][0], last)[0]
    want = fa.dense_backward(delta, x, layers[0][0], kept, need_parameters=True)[3]
    assert np.array_equal(parameters[0]["weight"], want["weight"])
    assert np.array_equal(gradients[0], net.backward(y, saved)[0])


def test_thirty_layers_against_extended_precision() -> None:
    """Gradients in float64 agree with the recurrence in longdouble."""
    layers = network([128] * 31, ["tanh"], np.float64)
    x = np.random.default_rng(2).normal(size=(8, 128))
    net = fa.Network(layers)
    y, saved = net.forward(x)
    dx, dw, db = net.backward(np.ones_like(y), saved)
    h, trace = x.astype(np.longdouble), []
    for w, b, _ in layers:
        z = h @ w if b is None else h @ w + b
        trace.append((h, z))
        h = np.tanh(z)
    assert np.max(np.abs(y - h)) < 1e-12
    delta = np.ones_like(h)
    for number in reversed(range(30)):
        inputs, z = trace[number]
        delta = delta / np.cosh(z) ** 2
        for got, want in ((dw[number], inputs.T @ delta), (db[number], delta.sum(axis=0))):
            if got is not None:
                assert np.max(np.abs(got - want)) <= 1e-12 * np.max(np.abs(want))
        delta = delta @ layers[number][0].T
    assert np.max(np.abs(dx - delta)) <= 1e-12 * np.max(np.abs(delta))


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (0, 2, 4)], ids=str)
def test_leading_axes(shape: tuple[int, ...]) -> None:
    net = fa.Network(network([4, 6, 5], ["gelu", "relu"], np.float64))
    x = np.random.default_rng(0).normal(size=shape)
    flat = x.reshape(int(np.prod(shape[:-1], dtype=int)), 4)
    y, saved = net.forward(x)
    want_y, kept = net.forward(flat)
    assert y.shape == (*shape[:-1], 5)
    assert np.array_equal(y.reshape(want_y.shape), want_y)
    assert np.array_equal(net(x), y)
    out = np.full((*shape, 2), np.nan)[..., 0], None, None
    dx, dw, _ = net.backward(y, saved, out=out)
    want = net.backward(want_y, kept)
    assert dx is out[0]
    assert np.array_equal(dx, want[0].reshape(shape))
    assert all(np.array_equal(a, b) for a, b in zip(dw, want[1], strict=True))


# Results belong to the caller -----------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 8, 40, 200])
def test_its_own_result_as_input(rows: int, dtype: type) -> None:
    net = fa.Network(network([16, 32, 16], ["relu", "tanh"], dtype))
    h = start = np.random.default_rng(0).normal(size=(rows, 16)).astype(dtype)
    for _ in range(3):
        h = net.predict(h)
    got = start
    for _ in range(3):
        got, _ = net.forward(got)
    assert np.array_equal(got, h)
    assert np.array_equal(net(net(net(start.copy()).copy()).copy()), h)


def test_results_of_several_calls() -> None:
    net = fa.Network(network([16, 32, 8], ["gelu"], np.float64))
    x = np.random.default_rng(0).normal(size=(40, 16))
    parts = [net.forward(chunk)[0] for chunk in np.split(x, 8)]
    assert np.array_equal(np.concatenate(parts), np.concatenate([net(chunk) for chunk in np.split(x, 8)]))


@pytest.mark.parametrize("last", ["relu", "tanh", "sign", None, "leaky_relu", "exp"])
def test_between_forward_and_backward(last: str | None) -> None:
    """The result may be changed, and the network used."""
    net = fa.Network(network([16, 32, 8], ["gelu", last], np.float64))
    generator = np.random.default_rng(0)
    x, grad = generator.normal(size=(40, 16)), generator.normal(size=(40, 8))
    want = net.backward(grad, net.forward(x)[1])
    y, saved = net.forward(x)
    y -= 5
    net.predict(x + 1)
    net.forward(x[:3])
    other, kept = net.forward(x + 2)
    net.backward(grad, kept)
    del other, kept
    got = net.backward(grad, saved)
    for a, b in zip((got[0], *got[1], *got[2]), (want[0], *want[1], *want[2]), strict=True):
        assert (a is None and b is None) or np.array_equal(a, b)


def test_gradients_in_given_arrays() -> None:
    layers = network([5, 4, 7, 9, 3], ["gelu", "relu"], np.float64)
    net = fa.Network(layers)
    x, grad = np.random.default_rng(0).normal(size=(6, 5)), np.ones((6, 3))
    _, saved = net.forward(x)
    dx, dw, db = net.backward(grad, saved)
    out = (np.empty((6, 10))[:, ::2], tuple(np.empty_like(w) for w in dw), None)
    got = net.backward(grad, saved, out=out)
    assert got[0] is out[0]
    assert all(a is b for a, b in zip(got[1], out[1], strict=True))
    for a, b in zip((got[0], *got[1]), (dx, *dw), strict=True):
        assert np.array_equal(a, b)
    ones = [None if b is None else np.ones_like(b) for b in db]
    net.backward(grad, saved, out=(out[0], out[1], ones), accumulate=True)
    assert np.allclose(out[0], 2 * dx)
    assert np.allclose(ones[0], db[0] + 1)
    assert all(np.allclose(a, 2 * b) for a, b in zip(out[1], dw, strict=True))
    got = net.backward(grad, saved, out=(x, [net.layers[0].w, None, None, None], None))  # inputs
    for a, b in zip((x, *got[1]), (dx, *dw), strict=True):
        assert np.array_equal(a, b)


def test_several_threads_at_once() -> None:
    net = fa.Network(network([20, 64, 32, 10], ["gelu", "relu"], np.float32))
    generator = np.random.default_rng(0)
    batches = [generator.normal(size=(n, 20)).astype(np.float32) for n in (1, 7, 64, 300)]
    grads = [np.ones((len(x), 10), np.float32) for x in batches]

    def results(number: int) -> list[bytes]:
        x, grad = batches[number % 4], grads[number % 4]
        y, saved = net.forward(x)
        first, again = net.backward(grad, saved), net.backward(grad, saved)
        assert first[0].tobytes() == again[0].tobytes()
        return [y.tobytes(), net(x).tobytes(), *(a.tobytes() for a in (first[0], *first[1]))]

    want = [results(i) for i in range(4)]
    with ThreadPoolExecutor(8) as pool:
        for number, got in enumerate(pool.map(results, range(400))):
            assert got == want[number % 4]


def test_one_saved_in_several_threads() -> None:
    net = fa.Network(network([20, 64, 10], ["gelu"], np.float32))
    y, saved = net.forward(np.ones((50, 20), np.float32))
    want = [a.tobytes() for a in net.backward(y, saved)[1]]
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: net.backward(y, saved), range(200)):
            assert [a.tobytes() for a in got[1]] == want


def test_other_instruction_sets_between_calls() -> None:
    layers = network([40, 70, 50], ["gelu"], np.float32)
    net = fa.Network(layers)
    x, grad = np.ones((300, 40), np.float32), np.ones((300, 50), np.float32)
    before = fa.isa()
    try:
        for isa in (*fa.isas(), *reversed(fa.isas())):
            fa.set_isa(isa)
            assert_same(net, layers, x, grad)
    finally:
        fa.set_isa(before)


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads(dtype: type) -> None:
    net = fa.Network(network([200, 300, 10], ["gelu", "relu"], dtype))
    generator = np.random.default_rng(0)
    x, grad = generator.normal(size=(500, 200)), generator.normal(size=(500, 10))
    results = []
    for threads in (1, 2):
        fa.set_num_threads(threads)
        y, saved = net.forward(x)
        dx, dw, db = net.backward(grad, saved)
        results.append([y.tobytes(), *(a.tobytes() for a in (dx, *dw, *db) if a is not None)])
    assert results[0] == results[1]


def test_without_dx() -> None:
    net = fa.Network(network([5, 4, 3], ["gelu"], np.float64))
    _, saved = net.forward(np.ones((2, 5)))
    want = net.backward(np.ones((2, 3)), saved)[1]
    dx, dw, _ = net.backward(np.ones((2, 3)), saved, need_dx=False)
    assert dx is None
    assert all(np.array_equal(a, b) for a, b in zip(dw, want, strict=True))
