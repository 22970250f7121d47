"""fa.DenseStack against its layers one by one, and against NumPy.

Knows networks; does not know any activation.
"""

from __future__ import annotations

import sys
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
    for (w, _, activation), (inputs, saved) in zip(reversed(layers), reversed(kept), strict=True):
        grad, one_dw, one_db = fa.dense_backward(grad, inputs, w, saved, activation=activation)
        dw.insert(0, one_dw)
        db.insert(0, one_db)
    return h, grad, dw, db


def assert_same(stack: fa.DenseStack, layers: list[Any], x: np.ndarray, grad: np.ndarray) -> None:
    y, dx, dw, db = one_by_one(layers, x, grad)
    assert np.array_equal(stack.forward(x), y)
    got_dx, got_dw, got_db = stack.backward(grad)
    assert np.array_equal(got_dx, dx)
    for got, want in zip((*got_dw, *got_db), (*dw, *db), strict=True):
        assert (got is None and want is None) or np.array_equal(got, want)


@pytest.mark.parametrize("widths", [[5, 3], [7, 4, 9], [30, 128, 17, 1, 64, 10]], ids=str)
def test_layers_one_by_one(widths: list[int], dtype: type) -> None:
    leaky = fa.get("leaky_relu", negative_slope=0.2)
    layers = network(widths, ["gelu", "relu", leaky, "tanh"], dtype)
    generator = np.random.default_rng(1)
    stack = fa.DenseStack(layers)
    for rows in (6, 200, 1, 0, 6):
        x = generator.normal(size=(rows, widths[0])).astype(dtype)
        assert_same(stack, layers, x, generator.normal(size=(rows, widths[-1])).astype(dtype))


def test_every_row(activation: fa.Activation) -> None:
    layers = network([4, 6, 5], [activation], np.float64)
    stack = fa.DenseStack(layers)
    with np.errstate(all="ignore"):
        assert_same(stack, layers, np.ones((3, 4)) / 4, np.ones((3, 5)))


def test_thirty_layers_against_extended_precision() -> None:
    """Gradients in float64 agree with the recurrence in longdouble."""
    layers = network([128] * 31, ["tanh"], np.float64)
    x = np.random.default_rng(2).normal(size=(8, 128))
    stack = fa.DenseStack(layers)
    y = stack.forward(x)
    dx, dw, db = stack.backward(np.ones_like(y))
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


def test_weights_are_not_copied() -> None:
    layers = network([4, 3], ["tanh"], np.float64)
    stack = fa.DenseStack(layers)
    x = np.ones((2, 4))
    before = stack.forward(x).copy()
    layers[0][0][...] *= 2
    assert not np.array_equal(stack.forward(x), before)
    assert_same(stack, layers, x, np.ones((2, 3)))


def test_second_call_returns_the_same_arrays() -> None:
    stack = fa.DenseStack(network([20, 30, 10], ["gelu"], np.float32))
    x, grad = np.ones((50, 20), np.float32), np.ones((50, 10), np.float32)
    first = (stack.forward(x), *stack.backward(grad))
    held = stack.nbytes
    second = (stack.forward(x), *stack.backward(grad))
    assert all(a is b for a, b in zip(first, second, strict=True))
    assert stack.nbytes == held > 0


ALLOCATIONS = """
import ctypes, numpy as np, fastact as fa
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usm fsm uord ford keep".split()
    _fields_ = [(n, ctypes.c_size_t) for n in names]
libc.mallinfo2.restype = Info
fa.set_num_threads(1)
layers = [(np.ones((300, 300), np.float32) / 300, np.zeros(300, np.float32), "gelu") for _ in range(4)]
stack = fa.DenseStack(layers)
x = np.ones((400, 300), np.float32)
def step():
    stack.forward(x)
    stack.backward(x)
for _ in range(3):
    step()
before = libc.mallinfo2()
used = before.uord + before.hblkhd
for _ in range(50):
    step()
after = libc.mallinfo2()
print(after.uord + after.hblkhd - used, after.hblks - before.hblks, after.arena - before.arena)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc's allocator")
def test_later_calls_allocate_no_arrays() -> None:
    grown, mapped, arena = map(int, helpers.output_of(ALLOCATIONS).split())
    assert grown < 5000
    assert mapped == arena == 0


def test_other_instruction_sets_between_calls() -> None:
    layers = network([40, 70, 50], ["gelu"], np.float32)
    stack = fa.DenseStack(layers)
    x, grad = np.ones((300, 40), np.float32), np.ones((300, 50), np.float32)
    before = fa.isa()
    try:
        for isa in (*fa.isas(), *reversed(fa.isas())):
            fa.set_isa(isa)
            assert_same(stack, layers, x, grad)
    finally:
        fa.set_isa(before)


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads(dtype: type) -> None:
    stack = fa.DenseStack(network([200, 300, 10], ["gelu", "relu"], dtype))
    generator = np.random.default_rng(0)
    x, grad = generator.normal(size=(500, 200)), generator.normal(size=(500, 10))
    results = []
    for threads in (1, 2):
        fa.set_num_threads(threads)
        y = stack.forward(x).tobytes()
        dx, dw, db = stack.backward(grad)
        results.append([y, *(a.tobytes() for a in (dx, *dw, *db) if a is not None)])
    assert results[0] == results[1]


def test_without_dx() -> None:
    stack = fa.DenseStack(network([5, 4, 3], ["gelu"], np.float64))
    stack.forward(np.ones((2, 5)))
    want = [a.copy() for a in stack.backward(np.ones((2, 3)))[1]]
    dx, dw, _ = stack.backward(np.ones((2, 3)), need_dx=False)
    assert dx is None
    assert all(np.array_equal(a, b) for a, b in zip(dw, want, strict=True))
    assert stack.backward(np.ones((2, 3)))[0] is not None


W, B = np.ones((3, 2)), np.ones(2)


@pytest.mark.parametrize(
    ("layers", "error", "text"),
    [
        ([], ValueError, "layers is empty"),
        (
            [(W, B, "gelu"), (W, B, "gelu")],
            ValueError,
            r"layer 1 do not fit: w \(3, 2\), b \(2,\); expected w \(2, o\)",
        ),
        ([(W, np.ones(3), "gelu")], ValueError, r"layer 0 do not fit: w \(3, 2\), b \(3,\)"),
        ([(W, B.astype("f4"), "gelu")], TypeError, "dtypes float32, float64; expected one"),
        ([(W.astype(int), B, "gelu")], TypeError, "w of layer 0 is int64; expected an array of float32 or"),
        ([([[1.0]], None, "gelu")], TypeError, "w of layer 0 is list"),
        ([(W[0], B, "gelu")], ValueError, r"w of layer 0 has shape \(2,\); expected \(i, o\)"),
        ([(W, np.ones(4)[::2], "gelu")], ValueError, "b of layer 0 is not aligned, or"),
        ([(W, B, "gleu")], ValueError, "unknown activation 'gleu'; nearest: gelu"),
        ([(W, B, len)], TypeError, "activation is of type builtin_function_or_method"),
        ([(W, B, fa.get("leaky_relu", negative_slope=B))], TypeError, "numbers as parameters"),
    ],
)
def test_layers_that_are_refused(layers: list[Any], error: type, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        fa.DenseStack(layers)
    assert str(caught.value).startswith("fastact.DenseStack")


def test_arguments_that_are_refused() -> None:
    stack = fa.DenseStack([(W, B, "gelu")])
    with pytest.raises(RuntimeError, match="forward has not been called"):
        stack.backward(np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"forward: x has shape \(4, 2\); expected \(n, 3\)"):
        stack.forward(np.ones((4, 2)))
    stack.forward(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"backward: grad_y has shape \(3, 2\); expected \(4, 2\)"):
        stack.backward(np.ones((3, 2)))
    with pytest.raises(TypeError, match="x has dtype complex128"):
        stack.forward(np.ones((4, 3), complex))
