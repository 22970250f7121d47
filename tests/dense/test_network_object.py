"""fa.Network as an object: its parameters, its memory, copies, and what it refuses.

Must not depend on any activation.
"""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref
from typing import Any

import helpers
import numpy as np
import pytest
from network_cases import Cube, assert_same, network

import fastact as fa

X, W, B = np.ones((4, 3)), np.ones((3, 2)), np.ones(2)


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


@pytest.mark.parametrize("activation", ["gelu", fa.surrogate("gelu", "gelu"), Cube()], ids=repr)
def test_one_sample_and_biases_with_two_axes(activation: Any) -> None:
    """The result has the axes of x, however the pass is computed."""
    nets = [fa.Network([(W, b, activation), (W.T, None, None)]) for b in (B, B[None])]
    results = []
    for net in nets:
        y, saved = net.forward(X[0])
        assert np.array_equal(net.predict(X[0]), y)
        results.append((y, *net.backward(y, saved)))
    (y, dx, dw, db), (y_2, dx_2, dw_2, db_2) = results
    assert np.array_equal(y, y_2)
    assert np.array_equal(dx, dx_2)
    assert all(map(np.array_equal, dw, dw_2))
    assert db_2[0].shape == (1, 2)
    assert np.array_equal(db[0], db_2[0][0])


# Memory -----------------------------------------------------------------------------------------------

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


# Copies -----------------------------------------------------------------------------------------------


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


# What is refused --------------------------------------------------------------------------------------


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
