"""Stacks of layers have the bits of layers one by one, however they are stored, divided and computed.

Must not depend on how layers are grouped.
"""

from __future__ import annotations

import numpy as np
import pytest
from dense_cases import Layer, forward_and_backward, layer

import fastact as fa

# copies, rows, inputs, outputs: around the sizes of vectors, blocks and groups
SHAPES = [
    (1, 1, 16, 16),
    (2, 1, 1, 1),
    (3, 1, 16, 1),
    (7, 1, 5, 4),
    (70, 1, 16, 16),
    (9, 1, 32, 64),
    (5, 1, 33, 70),
    (6, 1, 300, 17),
    (4, 1, 7, 300),
    (3, 1, 2, 1500),
    (130, 2, 3, 5),
    (11, 13, 20, 33),
    (9, 16, 32, 64),
    (3, 40, 65, 30),
    (3, 200, 2, 3),
    (2, 3, 900, 31),
]


def one_by_one(case: Layer, activation: object) -> list[list[np.ndarray | None]]:
    """y, dx, dw, db of each layer."""
    found = []
    for i in range(len(case.w)):
        b = case.b if case.b is None or case.b.ndim < 3 else case.b[i]
        x = case.x if case.x.ndim == 2 else case.x[i]
        found.append([*forward_and_backward(Layer(x, case.w[i], b, case.grad_y[i]), activation)[:4]])
    return found


def assert_same_bits(case: Layer, activation: object) -> None:
    stacked = forward_and_backward(case, activation)
    y = fa.dense(*case.arrays, activation=activation)
    assert y.tobytes() == stacked[0].tobytes()
    for i, each in enumerate(one_by_one(case, activation)):
        for got, want in zip(stacked[:4], each, strict=True):
            if want is not None:
                assert got[i].tobytes() == want.tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("activation", ["tanh", "relu", "prelu", None])
def test_same_bits_as_one_by_one(shape: tuple[int, ...], activation: str | None, dtype: type) -> None:
    copies, *sizes = shape
    case = layer(*sizes, dtype, stack=(copies,))
    assert_same_bits(case, activation)
    case.b = None
    assert_same_bits(case, activation)


def test_two_leading_axes(dtype: type) -> None:
    case = layer(2, 5, 6, dtype, stack=(3, 130))
    y, dx, dw, db, _ = forward_and_backward(case, "gelu")
    for i in range(3):
        inner = Layer(case.x[i], case.w[i], case.b[i], case.grad_y[i])
        for got, want in zip((y, dx, dw, db), forward_and_backward(inner, "gelu")[:4], strict=True):
            assert got[i].tobytes() == want.tobytes()


@pytest.mark.parametrize("rows", [1, 3])
def test_layers_that_lie_apart(rows: int, dtype: type) -> None:
    """Weights and results that are views of arrays with a row for each network; a batch read backwards."""
    case = layer(rows, 6, 5, dtype, stack=(40,))
    flat = np.concatenate([case.w.reshape(40, -1), case.b.reshape(40, -1)], axis=1)
    moved = Layer(
        np.ascontiguousarray(case.x[::-1])[::-1],
        flat[:, :30].reshape(40, 6, 5),
        flat[:, 30:].reshape(40, 1, 5),
        np.repeat(case.grad_y, 2, axis=0)[::2],
    )
    want = forward_and_backward(case, "tanh")
    y, saved = fa.dense_forward(*moved.arrays, activation="tanh")
    into = np.full((40, 50), 7, dtype)
    out = (None, into[:, 3:33].reshape(40, 6, 5), into[:, 40:45].reshape(40, 1, 5))
    dx, dw, db = fa.dense_backward(moved.grad_y, moved.x, moved.w, saved, out=out)
    assert dw is out[1]
    assert db is out[2]
    for got, wanted in zip((y, dx, dw, db), want, strict=False):
        assert got.tobytes() == wanted.tobytes()
    untouched = np.delete(into, np.r_[3:33, 40:45], axis=1)
    assert np.all(untouched == 7)


def test_shared_batch_and_biases(dtype: type) -> None:
    """What all layers share is read by each; gradients of shared arrays are sums."""
    case = layer(3, 6, 5, dtype, stack=(20,))
    case.x = case.x[0]
    for b in (case.b, case.b[0], case.b[0, 0], None):
        y, saved = fa.dense_forward(case.x, case.w, b, activation="elu")
        assert fa.dense(case.x, case.w, b, activation="elu").tobytes() == y.tobytes()
        dx, dw, _ = fa.dense_backward(case.grad_y, case.x, case.w, saved, need_dx=False)
        assert dx is None
        for i in range(20):
            own = b if b is None or b.ndim < 3 else b[i]
            one, kept = fa.dense_forward(case.x, case.w[i], own, activation="elu")
            assert y[i].tobytes() == one.tobytes()
            want = fa.dense_backward(case.grad_y[i], case.x, case.w[i], kept)[1]
            assert dw[i].tobytes() == want.tobytes()
        summed = fa.dense_backward(case.grad_y, case.x, case.w, saved)[0]
        assert summed.shape == case.x.shape


def test_results_that_overlap_inputs(dtype: type) -> None:
    """As if the result had memory of its own."""
    case = layer(2, 6, 6, dtype, stack=(9,))
    want = fa.dense(*case.arrays, activation="tanh")
    out = case.x.copy()
    assert fa.dense(out, case.w, case.b, activation="tanh", out=out).tobytes() == want.tobytes()
    *gradients, saved = forward_and_backward(case, "tanh")
    grad_y, w = case.grad_y.copy(), case.w.copy()
    dx, dw, db = fa.dense_backward(grad_y, case.x, w, saved, out=(grad_y, w, None))
    assert dx is grad_y
    assert dw is w
    for got, wanted in zip((dx, dw, db), gradients[1:], strict=True):
        assert got.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("which", ["x", "w", "b"])
def test_forward_refuses_wrong_shapes(which: str) -> None:
    case = layer(2, 6, 5, np.float32, stack=(4,))
    setattr(case, which, getattr(case, which)[:3])
    with pytest.raises(ValueError, match="shape"):
        fa.dense(*case.arrays, activation="tanh")


@pytest.mark.parametrize("fewer", [["grad_y"], ["grad_y", "x", "w"]], ids=str)
def test_backward_refuses_wrong_shapes(fewer: list[str]) -> None:
    case = layer(2, 6, 5, np.float32, stack=(4,))
    _, saved = fa.dense_forward(*case.arrays, activation="tanh")
    for which in fewer:
        setattr(case, which, getattr(case, which)[:3])
    with pytest.raises(ValueError, match="shape"):
        fa.dense_backward(case.grad_y, case.x, case.w, saved)


def test_saved_memory_is_used_again(dtype: type) -> None:
    case = layer(2, 6, 5, dtype, stack=(4,))
    y, first = fa.dense_forward(*case.arrays, activation="tanh")
    _, second = fa.dense_forward(*case.arrays, activation="tanh", out=(y, first))
    assert second.array is first.array
    want = forward_and_backward(case, "tanh")[1]
    assert fa.dense_backward(case.grad_y, case.x, case.w, second)[0].tobytes() == want.tobytes()
    small = layer(2, 6, 3, dtype, stack=(4,))
    _, other = fa.dense_forward(*small.arrays, activation="tanh", out=(None, first))
    assert other.array.shape == (4, 2, 3)
