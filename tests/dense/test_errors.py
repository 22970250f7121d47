"""What dense layers refuse: the message names the argument, what it was and what was expected, and nothing is
written.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import fastact as fa

X, W, B = np.ones((4, 3)), np.ones((3, 2)), np.ones(2)


@pytest.mark.parametrize("function", [fa.dense, fa.dense_forward])
@pytest.mark.parametrize(
    ("arguments", "error", "texts"),
    [
        (
            (X, np.ones((4, 2))),
            ValueError,
            ["x (4, 3)", "w (4, 2)", "x (..., n, i) or (i,), and w (..., i, o)"],
        ),
        ((np.ones(2), W), ValueError, ["x (2,)", "w (3, 2)"]),
        ((X, np.ones(3)), ValueError, ["x (4, 3)", "w (3,)"]),
        ((X, W, np.ones(3)), ValueError, ["w (3, 2)", "b (3,)", "expected b (2,), (1, 2) or (..., 1, 2)"]),
        ((X, W, 1.0), ValueError, ["b ()"]),
        ((X, W, np.ones((4, 2))), ValueError, ["b (4, 2)", "(1, 2)"]),
        ((np.ones(3), W, np.ones((1, 2))), ValueError, ["x (3,)", "b (1, 2)", "expected b (2,)"]),
        ((None, W), TypeError, ["x is None"]),
        ((X, None), TypeError, ["w is None"]),
        (([[10**400] * 3], W), TypeError, ["x has dtype object"]),
        (
            (np.ones((2, 4, 3)), np.ones((5, 3, 2))),
            ValueError,
            ["x (2, 4, 3)", "w (5, 3, 2)", "leading axes"],
        ),
        ((X.astype(complex), W), TypeError, ["x has dtype complex128", "float16, float32 or float64"]),
        ((X, W.astype(np.longdouble)), TypeError, ["w has dtype"]),
        ((X, W, ["a", "b"]), TypeError, ["b has dtype"]),
        (([[1, 2], [3]], W), TypeError, ["x is not an array of numbers"]),
    ],
)
def test_arguments(function: Any, arguments: Any, error: type, texts: list[str]) -> None:
    with pytest.raises(error) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.startswith(f"fastact.{function.__name__}: ")
    for text in texts:
        assert text in message


@pytest.mark.parametrize("function", [fa.dense, fa.dense_forward])
@pytest.mark.parametrize(
    ("activation", "error", "texts"),
    [
        ("gleu", ValueError, ["unknown activation 'gleu'", "gelu"]),
        (3, TypeError, ["activation is int", "derivative"]),
        (np.tanh, TypeError, ["activation is ufunc"]),
        (type(fa.gelu), TypeError, ["activation is the class"]),
    ],
)
def test_activations(function: Any, activation: Any, error: type, texts: list[str]) -> None:
    with pytest.raises(error) as caught:
        function(X, W, B, activation=activation)
    assert str(caught.value).startswith(f"fastact.{function.__name__}: ")
    for text in texts:
        assert text in str(caught.value)


def test_only_data_is_positional() -> None:
    for function in (fa.dense, fa.dense_forward):
        with pytest.raises(TypeError, match="positional"):
            function(X, W, B, "gelu")
    y, saved = fa.dense_forward(X, W, B)
    with pytest.raises(TypeError, match="positional"):
        fa.dense_backward(y, X, W, saved, "gelu")


def read_only(shape: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "error", "text"),
    [
        (np.zeros((4, 3)), ValueError, "out has shape (4, 3); expected (4, 2)"),
        (np.zeros((1, 4, 2)), ValueError, "out has shape (1, 4, 2); expected (4, 2)"),
        (read_only((4, 2)), ValueError, "out is read-only"),
        (np.zeros((4, 2), int), TypeError, "out has dtype int64"),
        ([[0.0] * 2] * 4, TypeError, "out is of type list"),
        (np.ma.zeros((4, 2)), TypeError, "out is of type MaskedArray"),
    ],
)
def test_out(out: Any, error: type, text: str) -> None:
    for function in (fa.dense, fa.dense_forward):
        with pytest.raises(error, match=re.escape(text)):
            function(X, W, B, out=out)
    assert not np.any(out)


def test_out_of_gradients() -> None:
    y, saved = fa.dense_forward(X, W, B)
    for out, error, text in (
        ((None, np.zeros((2, 3)), None), ValueError, "out for dw has shape (2, 3); expected (3, 2)"),
        ((None, None, read_only((2,))), ValueError, "out for db is read-only"),
        (np.zeros((4, 3)), TypeError, "out is of type ndarray; expected (dx, dw, db)"),
        ((None, None), TypeError, "out is of type tuple; expected (dx, dw, db)"),
    ):
        with pytest.raises(error, match=re.escape(text)):
            fa.dense_backward(y, X, W, saved, out=out)
    with pytest.raises(TypeError, match="accumulate=True, but out has no array for dw"):
        fa.dense_backward(y, X, W, saved, out=(np.zeros((4, 3)), None, np.zeros(2)), accumulate=True)
    with pytest.raises(TypeError, match="accumulate=True, but out has no array for dx"):
        fa.dense_backward(y, X, W, saved, accumulate=True)


def test_saved() -> None:
    y, saved = fa.dense_forward(X, W, B, activation="gelu")
    other = fa.dense_forward(X[:3], W, B, activation="gelu")[1]
    for arguments, error, texts in (
        ((y, X, W, other), ValueError, ["saved has shape (3, 2)", "expected (4, 2)"]),
        ((y, X, W, y), TypeError, ["saved is of type ndarray", "dense_forward"]),
        ((y, X, W, None), TypeError, ["saved is of type NoneType", "dense_forward"]),
        ((y, X, W, fa.Saved.__new__(fa.Saved)), TypeError, ["saved is of type Saved", "dense_forward"]),
        ((y[:3], X, W, saved), ValueError, ["grad_y (3, 2)", "expected grad_y (4, 2)"]),
        ((y, X[:, :2], W, saved), ValueError, ["x (4, 2)", "w (3, 2)"]),
        ((None, X, W, saved), TypeError, ["grad_y is None"]),
        ((y, None, W, saved), TypeError, ["x is None"]),
    ):
        with pytest.raises(error) as caught:
            fa.dense_backward(*arguments)
        for text in texts:
            assert text in str(caught.value)
    with pytest.raises(
        ValueError, match=r"made with activation <fastact\.gelu>; this call has <fastact\.tanh>"
    ):
        fa.dense_backward(y, X, W, saved, activation="tanh")
    with pytest.raises(ValueError, match=r"this call has <fastact\.identity>"):
        fa.dense_backward(y, X, W, saved, activation=None)
    for given in ("gelu", fa.gelu):
        assert len(fa.dense_backward(y, X, W, saved, activation=given)) == 3


def test_saved_of_another_dtype() -> None:
    """The layer has the dtype of its forward pass, to which x and w must fit; grad_y is converted."""
    narrow = [a.astype(np.float32) for a in (X, W, B)]
    y, saved = fa.dense_forward(*narrow, activation="gelu")
    want = fa.dense_backward(y, narrow[0], narrow[1], saved)
    for grad_y in (y.astype(np.float64), y.tolist()):
        got = fa.dense_backward(grad_y, narrow[0], narrow[1], saved)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(got, want, strict=True))
    with pytest.raises(ValueError, match="saved has dtype float32; expected float64"):
        fa.dense_backward(y, X, W, saved)
    y, saved = fa.dense_forward(narrow[0], narrow[1], B)  # float64 biases make the layer float64
    assert fa.dense_backward(y, narrow[0], narrow[1], saved)[0].dtype == np.float64


def test_saved_with_other_parameters() -> None:
    steep, flat = (fa.get("leaky_relu", negative_slope=s) for s in (0.5, 0.1))
    y, saved = fa.dense_forward(X, W, B, activation=steep)
    with pytest.raises(ValueError, match=r"negative_slope=0\.5.*negative_slope=0\.1"):
        fa.dense_backward(y, X, W, saved, activation=flat)
    same = fa.get("leaky_relu", negative_slope=0.5)
    assert len(fa.dense_backward(y, X, W, saved, activation=same)) == 3


def test_save() -> None:
    with pytest.raises(ValueError, match="save is 'all'; expected"):
        fa.dense_forward(X, W, B, activation="relu", save="all")
    with pytest.raises(TypeError, match="the output does not determine it"):
        fa.dense_forward(X, W, B, activation="gelu", save="output")
    with pytest.raises(TypeError, match=r"out\[1\] is of type ndarray; expected what an earlier call saved"):
        fa.dense_forward(X, W, B, activation="gelu", save="input", out=(None, np.zeros((4, 2))))


def test_parameter_of_the_wrong_shape() -> None:
    with pytest.raises(ValueError, match=r"parameter negative_slope has shape \(3,\); expected .* \(4, 2\)"):
        fa.dense(X, W, B, activation=fa.get("leaky_relu", negative_slope=np.full(3, 0.1)))
