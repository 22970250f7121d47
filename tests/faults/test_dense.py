"""Any dense layer equals NumPy's expression in float64, and its gradients those of that expression, whatever
happens between the two passes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
from dense_calls import LayerCalls, Products
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from operands import Choices

import fastact as fa


@effort(200)
@given(data=st.data())
def test_forward(data: st.DataObject) -> None:
    layer = LayerCalls(Choices(data.draw))
    layer.check_dense(out=layer.choices.often(2))


@effort(300)
@given(data=st.data())
def test_forward_and_backward(data: st.DataObject) -> None:
    """The result is overwritten, parameters change, and other layers are computed between the passes."""
    choices = Choices(data.draw)
    layer = LayerCalls(choices)
    out = choices.often(3)
    save = choices.of([None, None, None, "input", "output", "bit_mask"])
    saved = layer.check_forward(out, save)
    if saved is None:
        return
    saved = between(choices, layer, saved, save)
    layer.check_backward(saved, intact=not out)


def between(choices: Choices, layer: LayerCalls, saved: fa.Saved, save: str | None) -> fa.Saved:
    """Whatever may happen between the passes."""
    if save != "output":
        layer.y[...] = 3  # the caller's own
    if save != "output" and choices.often(2):  # f' follows from y as long as f is the same
        for array in layer.model.arrays():
            if array.flags.writeable and array.dtype.kind == "f":
                array *= 2
    if choices.often(3):
        fa.dense(layer.products.x, layer.products.w, activation="tanh")
    if save != "output" and not layer.model.arrays() and choices.often(4):
        saved = choices.of([copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])(saved)
    return saved


def test_reference() -> None:
    """The reference itself, by finite differences of a quadratic form."""
    rng = np.random.default_rng(0)
    x, w, b, g = (rng.normal(size=s) for s in ((3, 4), (4, 2), (1, 2), (3, 2)))
    dx, dw, db = Products(x, w, b).gradients(g)
    h = 1e-6
    for array, gradient in ((x, dx), (w, dw), (b, db)):
        array[0, 1] += h
        upper = (Products(x, w, b).pre_activation() * g).sum()
        array[0, 1] -= 2 * h
        lower = (Products(x, w, b).pre_activation() * g).sum()
        array[0, 1] += h
        assert abs((upper - lower) / (2 * h) - gradient[0, 1]) < 1e-8
