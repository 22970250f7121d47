"""fa.Network against its layers one by one, and against NumPy.

Must not depend on any activation.
"""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import helpers
import numpy as np
import pytest

import fastact as fa


def network(
    widths: list[int], activations: list[Any], dtype: type, seed: int = 0
) -> list[tuple[Any, Any, Any]]:
    generator = np.random.default_rng(seed)
    layers = []
    for number, (i, o) in enumerate(pairwise(widths)):
        w = (generator.normal(size=(i, o)) / i**0.5).astype(dtype)
        b = generator.normal(size=o).astype(dtype) if number % 3 != 1 else None
        layers.append((w, b, activations[number % len(activations)]))
    return layers


def one_by_one(layers: list[tuple[Any, Any, Any]], x: np.ndarray, grad: np.ndarray) -> tuple[Any, ...]:
    kept, h = [], x
    for w, b, activation in layers:
        y, saved = fa.dense_forward(h, w, b, activation=activation)
        kept.append((h, saved))
        h = y
    dw, db = [], []
    for (w, _, _), (inputs, saved) in zip(reversed(layers), reversed(kept), strict=True):
        grad, one_dw, one_db = fa.dense_backward(grad, inputs, w, saved)
        dw.insert(0, one_dw)
        db.insert(0, one_db)
    return h, grad, dw, db


def assert_same(net: fa.Network, layers: list[Any], x: np.ndarray, grad: np.ndarray) -> None:
    y, dx, dw, db = one_by_one(layers, x, grad)
    got_y, saved = net.forward(x)
    assert np.array_equal(got_y, y, equal_nan=True)
    assert np.array_equal(net.predict(x), y, equal_nan=True)
    got_dx, got_dw, got_db = net.backward(grad, saved)
    for got, want in zip((got_dx, *got_dw, *got_db), (dx, *dw, *db), strict=True):
        assert (got is None and want is None) or np.array_equal(got, want, equal_nan=True)


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


class Cube:
    """An activation from elsewhere: it can be called, and has a derivative."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x**3

    def derivative(self, x: np.ndarray) -> np.ndarray:
        return 3 * x**2


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


# Parameters -----------------------------------------------------------------------------------------


def test_weights_are_views_of_one_array() -> None:
    layers = network([4, 3, 2], ["tanh"], np.float64)
    net = fa.Network(layers)
    x, grad = np.ones((2, 4)), np.ones((2, 2))
    before = net.predict(x)
    layers[0][0][...] = 0  # they were copied
    assert np.array_equal(net.predict(x), before)
    assert net.parameters.size == 4 * 3 + 3 + 3 * 2
    net.layers[0].w -= 1
    net.layers[1].w = np.full((3, 2), 0.5)
    net.layers[0].b = [1, 2, 3]
    assert np.array_equal(net.parameters[-6:], np.full(6, 0.5))
    assert_same(net, [tuple(layer) for layer in net], x, grad)
    net.parameters[...] = 0
    assert not net.predict(x).any()
    net.parameters = np.ones(net.parameters.size)
    assert np.array_equal(net.layers[1].w, np.ones((3, 2)))


def test_assignments_that_are_refused() -> None:
    net = fa.Network([(W, B, "gelu"), (W.T, None, None)])
    with pytest.raises(ValueError, match=r"layer 0: w has shape \(2, 3\); expected \(3, 2\)"):
        net.layers[0].w = W.T
    with pytest.raises(ValueError, match="layer 1 has no biases"):
        net.layers[1].b = np.ones(3)
    with pytest.raises(TypeError, match="b is None"):
        net.layers[0].b = None
    with pytest.raises(ValueError, match=r"parameters has shape \(\); expected"):
        net.parameters = 0.0
    with pytest.raises(AttributeError):
        net.layers[0].activation = "relu"


def test_views_cannot_change_the_network() -> None:
    net = fa.Network([(W, B, "gelu")])
    want = net.predict(X)
    w, parameters = net.layers[0].w, net.parameters
    w.shape = (6,)
    parameters.shape = (2, 4)
    with pytest.raises(ValueError, match="does not own"):
        net.parameters.resize(100, refcheck=False)
    assert np.array_equal(net.predict(X), want)


def test_biases_with_two_axes() -> None:
    net = fa.Network([(W, B[None], "gelu"), (W.T, None, None)])
    y, saved = net.forward(X)
    assert net.backward(y, saved)[2][0].shape == (1, 2)
    assert net.layers[0].b.shape == (1, 2)


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


ALLOCATIONS = """
import ctypes, numpy as np, fastact as fa
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usm fsm uord ford keep".split()
    _fields_ = [(n, ctypes.c_size_t) for n in names]
libc.mallinfo2.restype = Info
fa.set_num_threads(1)
layers = [(np.ones((300, 300), np.float32) / 300, np.zeros(300, np.float32), "gelu") for _ in range(4)]
net = fa.Network(layers)
x = np.ones((400, 300), np.float32)
def step():
    y, saved = net.forward(x)
    net.backward(y, saved)
    net.predict(x)
for _ in range(3):
    step()
import tracemalloc
before = libc.mallinfo2()
used = before.uord + before.hblkhd
tracemalloc.start()
y, saved = net.forward(x)
gradients = net.backward(y, saved)
net.predict(x)
peak = tracemalloc.get_traced_memory()[1]
results = y.nbytes * 2 + gradients[0].nbytes + sum(a.nbytes for a in (*gradients[1], *gradients[2]))
tracemalloc.stop()
del y, saved, gradients
for _ in range(50):
    step()
after = libc.mallinfo2()
print(after.uord + after.hblkhd - used, peak - results)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc's allocator")
def test_later_passes_allocate_only_their_results() -> None:
    grown, beside = map(int, helpers.output_of(ALLOCATIONS).split())
    assert grown < 20000
    assert beside < 20000


MEMORY = """
import resource, numpy as np, fastact as fa
fa.set_num_threads(1)
layers = [(np.ones((500, 500), np.float32) / 500, None, "gelu") for _ in range(3)]
net = fa.Network(layers)
x = np.ones((20, 500), np.float32)
y, saved = net.forward(x)
want = net.backward(y, saved)[0].tobytes()
large = np.ones((20000, 500), np.float32)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 2**24, -1))
failed = 0
for call in (lambda: net.forward(large), lambda: net.predict(large), lambda: net.forward(large)):
    try:
        call()
    except MemoryError:
        failed += 1
same = net.backward(y, saved)[0].tobytes() == want and net.predict(x).tobytes() == y.tobytes()
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
y, saved = net.forward(large)
few = net.backward(y[:20], net.forward(x)[1])[0]
print(failed, same, np.allclose(net.backward(y, saved)[0][:20], few))
"""


def test_out_of_memory() -> None:
    """A pass that fails leaves the network, and what was saved before, as they were."""
    assert helpers.output_of(MEMORY) == "3 True True"


def test_memory_is_used_again() -> None:
    net = fa.Network(network([20, 30, 10], ["gelu"], np.float32))
    for rows in (5, 50, 5, 50, 20):
        _, saved = net.forward(np.ones((rows, 20), np.float32))
    held = [net.forward(np.ones((3, 20), np.float32)) for _ in range(100)]
    want = net.predict(np.ones((3, 20), np.float32))
    assert all(np.array_equal(y, want) for y, _ in held)
    reference = weakref.ref(net)
    del net, held, saved
    gc.collect()
    assert reference() is None


def test_copies() -> None:
    net = fa.Network(network([4, 6, 5], ["gelu", Square()], np.float64))
    x = np.ones((2, 4))
    y, saved = net.forward(x)
    for other in (
        pickle.loads(pickle.dumps(net)),
        copy.copy(net),
        copy.deepcopy(net),
        fa.Network(net.layers),
    ):
        assert np.array_equal(other.predict(x), y)
        assert not np.shares_memory(other.parameters, net.parameters)
        with pytest.raises(ValueError, match="saved belongs to another network"):
            other.backward(y, saved)
    for function in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            function(saved)


class Square(Cube):
    """At module level, so that it can be pickled."""


def test_as_a_sequence() -> None:
    net = fa.Network(network([4, 6, 5], ["gelu", "relu"], np.float64))
    assert len(net) == 2
    assert [layer.activation for layer in net] == [fa.gelu, fa.relu]
    w, b, activation = net.layers[1]
    assert w.shape == (6, 5)
    assert b is None
    assert activation is fa.relu
    assert repr(net) == (
        "fastact.Network([<4 to 6, <fastact.gelu>>, <6 to 5, <fastact.relu>, no biases>], float64)"
    )


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


X, W, B = np.ones((4, 3)), np.ones((3, 2)), np.ones(2)


@pytest.mark.parametrize(
    ("layers", "error", "text"),
    [
        ([], ValueError, "layers is empty"),
        (None, TypeError, "layers is of type NoneType; expected a sequence of"),
        (5, TypeError, "layers is of type int"),
        ([(W, B)], TypeError, r"layer 0 has length 2; expected \(w, b, activation\)"),
        ([W], TypeError, "layer 0 is of type ndarray"),
        (["gelu"], TypeError, "layer 0 is of type str"),
        ([(None, B, "gelu")], TypeError, "w of layer 0 is None"),
        (
            [(W, B, "gelu"), (W, B, "gelu")],
            ValueError,
            r"layer 1 do not fit: w \(3, 2\), b \(2,\); expected w \(2, o\)",
        ),
        ([(W, np.ones(3), "gelu")], ValueError, r"layer 0 do not fit: w \(3, 2\), b \(3,\)"),
        ([(W, B.astype("f4"), "gelu")], TypeError, "dtypes float32, float64; expected one"),
        ([(W.astype(complex), B, "gelu")], TypeError, "w of layer 0 has dtype complex128"),
        ([(W[0], B, "gelu")], ValueError, r"w of layer 0 has shape \(2,\); expected \(i, o\)"),
        ([(W, B, "gleu")], ValueError, "layer 0: unknown activation 'gleu'; nearest: gelu"),
        ([(W, B, len)], TypeError, "layer 0: activation is builtin_function_or_method"),
    ],
)
def test_layers_that_are_refused(layers: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        fa.Network(layers)
    assert str(caught.value).startswith("fastact.Network: ")


def test_layers_of_any_layout() -> None:
    """They are copied, so that lists, strided and unaligned arrays will do."""
    want = fa.Network([(W, B, "gelu")]).predict(X)
    for w, b in ((W.tolist(), B.tolist()), (np.ones((6, 4))[::2, ::-2], np.ones(4)[::2]), (W.astype(int), B)):
        assert np.array_equal(fa.Network([(w, b, "gelu")]).predict(X), want)


def test_arguments_that_are_refused() -> None:
    net = fa.Network([(W, B, "gelu")])
    y, saved = net.forward(X)
    for arguments, keywords, error, text in (
        ((y, y), {}, TypeError, "saved is of type ndarray; expected what forward returned"),
        ((y, fa.dense_forward(X, W)[1]), {}, TypeError, "saved is of type Saved; expected what forward"),
        ((y, fa.Network(net.layers).forward(X)[1]), {}, ValueError, "saved belongs to another network"),
        ((y[:3], saved), {}, ValueError, r"grad_y has shape \(3, 2\); expected \(4, 2\)"),
        ((None, saved), {}, TypeError, "grad_y is None"),
        ((y, saved), {"out": y}, TypeError, r"out is of type ndarray; expected \(dx, dw, db\)"),
        (
            (y, saved),
            {"out": (None, y, None)},
            TypeError,
            "out for dw is of type ndarray; expected a tuple of 1",
        ),
        (
            (y, saved),
            {"out": (y, None, None)},
            ValueError,
            r"out for dx has shape \(4, 2\); expected \(4, 3\)",
        ),
        ((y, saved), {"accumulate": True}, TypeError, "accumulate=True, but out has no array for dx"),
    ):
        with pytest.raises(error, match=text) as caught:
            net.backward(*arguments, **keywords)
        assert str(caught.value).startswith("fastact.Network.backward: ")
    for x, error, text in (
        (np.ones((4, 2)), ValueError, r"x has shape \(4, 2\); expected \(\.\.\., 3\)"),
        (X.astype(complex), TypeError, "x has dtype complex128"),
        (None, TypeError, "x is None"),
    ):
        with pytest.raises(error, match=f"forward: {text}"):
            net.forward(x)
    with pytest.raises(TypeError, match=r"made by Network\.forward only"):
        type(saved)()
    with pytest.raises(AttributeError):
        saved.shape = (9, 9)


def test_input_reshaped_in_place() -> None:
    net = fa.Network([(W, B, "gelu")])
    x = np.ones((4, 3))
    y, saved = net.forward(x)
    x.shape = (2, 6)
    with pytest.raises(ValueError, match="x has changed its shape"):
        net.backward(y, saved)
