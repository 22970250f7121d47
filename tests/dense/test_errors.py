"""What dense layers refuse: the message names the argument, what it was and what was expected, and nothing is
written.

Knows exceptions; does not know how a layer is computed.
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
        ((X, np.ones((4, 2))), ValueError, ["x (4, 3)", "w (4, 2)", "x (..., n, i) and w (..., i, o)"]),
        ((np.ones(3), W), ValueError, ["x (3,)", "w (3, 2)"]),
        ((X, np.ones(3)), ValueError, ["x (4, 3)", "w (3,)"]),
        ((X, W, np.ones(3)), ValueError, ["w (3, 2)", "b (3,)", "b (..., o)"]),
        ((X, W, 1.0), ValueError, ["b ()"]),
        (
            (np.ones((2, 4, 3)), np.ones((5, 3, 2))),
            ValueError,
            ["x (2, 4, 3)", "w (5, 3, 2)", "leading axes"],
        ),
        ((X.astype(complex), W), TypeError, ["x has dtype complex128", "float16, float32 or float64"]),
        ((X, W.astype(np.longdouble)), TypeError, ["w has dtype"]),
        ((X, W, ["a", "b"]), TypeError, ["b has dtype"]),
        (([[1, 2], [3]], W), TypeError, ["x is not an array of numbers"]),
        ((X, W, B, "gleu"), ValueError, ["unknown activation 'gleu'", "gelu"]),
        ((X, W, B, 3), TypeError, ["activation is of type int", "derivative"]),
        ((X, W, B, np.tanh), TypeError, ["activation is of type ufunc"]),
    ],
)
def test_arguments(function: Any, arguments: Any, error: type, texts: list[str]) -> None:
    with pytest.raises(error) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.startswith(f"fastact.{function.__name__}: ")
    for text in texts:
        assert text in message


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
        ([[0.0] * 2] * 4, TypeError, "out is a list"),
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
        (
            (y, X, W, saved, "tanh"),
            ValueError,
            ["saved was made with activation <fastact.gelu>", "<fastact.tanh>"],
        ),
        ((y, X, W, other, "gelu"), ValueError, ["saved has shape (3, 2)", "expected (4, 2)"]),
        ((y, X, W, y, "gelu"), TypeError, ["saved is of type ndarray", "dense_forward"]),
        ((y[:3], X, W, saved, "gelu"), ValueError, ["grad_y (3, 2)", "expected grad_y (4, 2)"]),
        ((y, X[:, :2], W, saved, "gelu"), ValueError, ["x (4, 2)", "w (3, 2)"]),
        ((y, X.astype("f4"), W.astype("f4"), saved, "gelu"), ValueError, []),
    ):
        if not texts:  # float64 gradients make all of it float64
            fa.dense_backward(*arguments)
            continue
        with pytest.raises(error) as caught:
            fa.dense_backward(*arguments)
        for text in texts:
            assert text in str(caught.value)
    narrow = [a.astype(np.float32) for a in (y, X, W)]
    with pytest.raises(ValueError, match=r"saved has shape \(4, 2\) and dtype float64; expected .* float32"):
        fa.dense_backward(*narrow, saved, "gelu")


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
