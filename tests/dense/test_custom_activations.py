"""Activations from elsewhere in dense layers: what they return is checked, and what they are given is not
theirs to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dense_cases import forward_and_backward, layer

import fastact as fa

CASE = layer(6, 4, 5, np.float64)


class Custom:
    """relu, with the parts that a test replaces."""

    def __init__(self, **methods: Callable[..., Any]) -> None:
        self.methods = methods
        for name, method in methods.items():
            setattr(self, name, method)

    def __call__(self, x: Any) -> Any:
        return self.methods.get("forward", lambda x: np.maximum(x, 0))(x)

    def __repr__(self) -> str:
        return "Custom"


def derivative(x: Any) -> Any:
    return (x > 0).astype(x.dtype)


def backward(grad_y: Any, x: Any) -> Any:
    return np.where(x > 0, grad_y, 0)


@pytest.mark.parametrize("methods", [{"derivative": derivative}, {"backward": backward}], ids=",".join)
def test_either_method_will_do(methods: dict[str, Any], dtype: type) -> None:
    case = layer(6, 4, 5, dtype)
    got, want = forward_and_backward(case, Custom(**methods)), forward_and_backward(case, "relu")
    for a, b in zip(got[:4], want[:4], strict=True):
        assert a.dtype == dtype
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("methods", "error", "text"),
    [
        (
            {"forward": lambda x: x[:, :3]},
            ValueError,
            r"Custom returned an array of shape \(6, 3\); expected \(6, 5\)",
        ),
        ({"forward": lambda x: x[None]}, ValueError, r"shape \(1, 6, 5\)"),
        ({"forward": lambda x: x + 1j}, TypeError, "Custom returned an array of dtype complex128"),
        ({"forward": lambda x: None}, ValueError, r"shape \(\)"),
        (
            {"backward": lambda g, x: x[:2]},
            ValueError,
            r"Custom.backward returned an array of shape \(2, 5\)",
        ),
        (
            {"backward": lambda g, x: x.astype(object)},
            TypeError,
            "Custom.backward returned an array of dtype object",
        ),
        (
            {"derivative": lambda x: x[:, :1]},
            ValueError,
            r"Custom.derivative returned an array of shape \(6, 1\)",
        ),
    ],
)
def test_what_is_returned_is_checked(methods: dict[str, Any], error: type, text: str) -> None:
    custom = Custom(**{"derivative": derivative, **methods})
    with pytest.raises(error, match=text):
        forward_and_backward(CASE, custom)
    net = fa.Network([(CASE.w, CASE.b, custom)])
    with pytest.raises(error, match=text):
        net.backward(CASE.grad_y, net.forward(CASE.x)[1])


def test_results_of_another_dtype(dtype: type) -> None:
    """They are converted to the layer's."""
    case = layer(6, 4, 5, dtype)
    custom = Custom(forward=lambda x: np.ones(x.shape, int), backward=lambda g, x: (g > 0).astype(">f8"))
    y, dx, *_ = forward_and_backward(case, custom)
    assert y.dtype == dx.dtype == dtype
    assert np.all(y == 1)


def test_inputs_cannot_be_changed() -> None:
    """Neither what is saved nor the caller's gradient."""
    in_place = Custom(forward=lambda x: np.maximum(x, 0, out=x), derivative=derivative)
    with pytest.raises(ValueError, match="read-only"):
        fa.dense(*CASE.arrays, activation=in_place)
    in_place = Custom(backward=lambda g, x: np.multiply(g, x > 0, out=g))
    with pytest.raises(ValueError, match="read-only"):
        forward_and_backward(CASE, in_place)


def test_result_that_is_the_input() -> None:
    """The result belongs to the caller; what is saved is not it."""
    identity = Custom(forward=lambda x: x, derivative=np.ones_like)
    y, saved = fa.dense_forward(*CASE.arrays, activation=identity)
    y -= 5
    assert not np.shares_memory(y, saved.array)
    assert np.array_equal(saved.array, fa.dense(*CASE.arrays))


def test_infinite_gradient_where_the_derivative_is_zero() -> None:
    """Nothing is passed on, as everywhere, and nothing is warned of."""
    custom = Custom(derivative=derivative)
    _, saved = fa.dense_forward(CASE.x, np.eye(4), activation=custom)
    grad = np.where(CASE.x > 0, 1.0, np.inf)
    assert np.array_equal(fa.dense_backward(grad, CASE.x, np.eye(4), saved)[0], CASE.x > 0)


def test_save() -> None:
    for kind in ("output", "bit_mask"):
        with pytest.raises(TypeError, match=f"save is '{kind}'; Custom needs its input"):
            fa.dense_forward(*CASE.arrays, activation=Custom(derivative=derivative), save=kind)
