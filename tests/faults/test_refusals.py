"""A call with one argument that cannot be used is a TypeError or a ValueError that names the argument, and
writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from operands import Choices

import fastact as fa

SHAPE = (3, 4)
ONES = {shape: np.ones(shape, np.float32) for shape in (SHAPE, (4, 2), (2,), (3, 2), (4,))}
SAVED = fa.dense_forward(ONES[SHAPE], ONES[4, 2], ONES[2,], activation="gelu")[1]
NETWORK = fa.Network([(ONES[4, 2], ONES[2,], "gelu"), (ONES[4, 2].T.copy(), None, None)])
KEPT = NETWORK.forward(ONES[SHAPE])[1]
MIXTURE = fa.mixed(["relu"] * 2 + ["prelu"] * 2)


def activation_call(name: str, method: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A method as a function of its arguments by name."""
    f = fa.get(name)
    data = ["grad_y", "x"] if method == "backward" else ["x"]

    def function(out: Any = None, **arguments: Any) -> Any:
        positional = [arguments.pop(name) for name in data]
        return getattr(f, method)(*positional, out=out, **arguments)

    return function, {**dict.fromkeys(data, ONES[SHAPE]), **f.parameters}


def dense_backward(grad_y: Any, x: Any, w: Any, saved: Any, **keywords: Any) -> Any:
    if "out" in keywords:
        keywords["out"] = (keywords["out"], None, None)
    return fa.dense_backward(grad_y, x, w, saved, **keywords)


def network_backward(grad_y: Any, saved: Any, **keywords: Any) -> Any:
    if "out" in keywords:
        keywords["out"] = (keywords["out"], None, None)
    return NETWORK.backward(grad_y, saved, **keywords)


# function, arguments, shape of out
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any], Any]] = {
    "dense": (fa.dense, {"x": ONES[SHAPE], "w": ONES[4, 2], "b": ONES[2,]}, (3, 2)),
    "dense_forward": (fa.dense_forward, {"x": ONES[SHAPE], "w": ONES[4, 2], "b": ONES[2,]}, (3, 2)),
    "dense_backward": (
        dense_backward,
        {"grad_y": ONES[3, 2], "x": ONES[SHAPE], "w": ONES[4, 2], "saved": SAVED},
        SHAPE,
    ),
    "predict": (NETWORK.predict, {"x": ONES[SHAPE]}, None),
    "forward": (NETWORK.forward, {"x": ONES[SHAPE]}, None),
    "backward": (network_backward, {"grad_y": ONES[SHAPE], "saved": KEPT}, SHAPE),
}
NOT_NUMBERS = [
    np.ones(SHAPE, complex),
    np.full(SHAPE, "a"),
    np.full(SHAPE, None),
    np.ones(SHAPE, np.longdouble),
    np.full(SHAPE, np.datetime64("2020-01-01")),
    np.zeros(SHAPE, [("a", float)]),
    [[1.0], [2.0, 3.0]],
    "text",
    object(),
    b"bytes",
    {"a": 1},
    fa.gelu,
]
OUTS = [
    lambda shape: np.ones(shape, int),
    lambda shape: np.ones((*shape, 1), np.float32),
    lambda shape: [[0.0]],
    lambda shape: 3,
    lambda shape: "text",
    lambda shape: read_only(shape),
]


def read_only(shape: tuple[int, ...]) -> np.ndarray:
    made = np.ones(shape, np.float32)
    made.flags.writeable = False
    return made


def spoil(choices: Choices) -> tuple[str, Callable[..., Any], dict[str, Any], str]:
    """A call, one of whose arguments cannot be used, and the name of that argument."""
    if choices.often(2):
        text = choices.of(list(CALLS))
        function, arguments, shape = CALLS[text]
    else:
        text = choices.of([*fa.names()])
        method = choices.of(["__call__", "derivative", "backward"])
        (function, arguments), shape = activation_call(text, method), SHAPE
    arguments = dict(arguments)
    if shape is not None and choices.often(4):
        arguments["out"] = choices.of(OUTS)(shape)
        return text, function, arguments, "out"
    if choices.often(8):
        arguments["unknown"] = 1
        return text, function, arguments, "unknown"
    name = choices.of(list(arguments))
    arguments[name] = choices.of(NOT_NUMBERS)
    return text, function, arguments, name


def message_of(call: Callable[[], Any]) -> str:
    """That of the TypeError or ValueError that a call raises; empty if it raises none."""
    try:
        call()
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


@effort(300)
@given(data=st.data())
def test_the_argument_is_named(data: st.DataObject) -> None:
    text, function, arguments, name = spoil(Choices(data.draw))
    message = message_of(lambda: function(**arguments))
    assert name in message, f"{text} with {name}={arguments[name]!r}: {message or 'no error'}"
    assert all((array == 1).all() for array in ONES.values())


@effort(100)
@given(data=st.data())
def test_shapes_that_do_not_fit(data: st.DataObject) -> None:
    """All shapes are listed, or the one that is wrong."""
    choices = Choices(data.draw)
    text = choices.of([n for n in CALLS if n != "predict"])
    function, arguments, _ = CALLS[text]
    name = choices.of([n for n in arguments if n != "saved"])
    own = arguments[name].shape
    shape = tuple(n + choices.integer(1, 2) for n in own)
    with pytest.raises(ValueError, match="shape") as caught:
        function(**{**arguments, name: np.ones(shape, np.float32)})
    assert str(shape) in str(caught.value), f"{text}({name}): {caught.value}"


@effort(60)
@given(data=st.data())
def test_more_positional_arguments(data: st.DataObject) -> None:
    """They are never taken for `out`."""
    choices = Choices(data.draw)
    f = fa.get(choices.of(fa.names()))
    method = choices.of(["__call__", "derivative", "backward", "value_and_derivative"])
    count = 2 if method == "backward" else 1
    more = [np.full(SHAPE, 7, np.float32) for _ in range(choices.integer(1, 2))]
    with pytest.raises(TypeError, match="by keyword"):
        getattr(f, method)(*[ONES[SHAPE]] * count, *more)
    assert all((array == 7).all() for array in more)


class Wrong:
    """An activation from elsewhere that returns something else than an array of the shape of x."""

    def __init__(self, method: str, result: Any) -> None:
        self.method, self.result = method, result
        if method == "derivative":
            self.derivative = lambda x: result
        else:
            self.backward = lambda grad_y, x: result if method == "backward" else grad_y

    def __call__(self, x: np.ndarray) -> Any:
        return self.result if self.method == "forward" else x * 2


@effort(60)
@given(data=st.data())
def test_results_of_activations_from_elsewhere(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    results = [
        ONES[SHAPE],
        np.ones(2, np.float32),
        np.ones((1, 3, 2)),
        1.0,
        None,
        np.ones((3, 2), complex),
        "text",
    ]
    wrong = Wrong(choices.of(["forward", "derivative", "backward"]), choices.of(results))

    def both_passes() -> None:
        y, saved = fa.dense_forward(ONES[SHAPE], ONES[4, 2], activation=wrong)
        fa.dense_backward(y, ONES[SHAPE], ONES[4, 2], saved)

    assert "returned an array" in message_of(both_passes)
