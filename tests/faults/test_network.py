"""A network equals its layers in NumPy, in any order of calls and whatever happens to results in between."""

from __future__ import annotations

import numpy as np
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from network_calls import NetworkCalls, Pass
from operands import Choices


@effort(80)
@given(data=st.data(), length=st.integers(1, 8))
def test_any_order_of_calls(data: st.DataObject, length: int) -> None:
    choices = Choices(data.draw)
    network, pending = NetworkCalls(choices), []
    for _ in range(length):
        pending = take_step(choices, network, pending)
    for one in pending:
        one.check_result()
        network.backward(one)


def take_step(choices: Choices, network: NetworkCalls, pending: list[Pass]) -> list[Pass]:
    """One call; the passes whose gradients can still be asked for."""
    kind = choices.integer(0, 11)
    if kind <= 5:
        found = network.forward()
        if found is not None:
            y, one = found
            if network.widths[0] == network.widths[-1] and choices.often(2):
                fed = network.forward(y)  # its own result
                pending = [*pending, *([] if fed is None else [fed[1]])]
            elif choices.often(2):
                y -= 3  # the caller's own
                one.y_then = y.copy()
            pending = [*pending, one]
    elif kind <= 7 and pending:
        chosen = choices.of(range(len(pending)))
        if not network.backward(pending[chosen]):
            pending = [one for k, one in enumerate(pending) if k != chosen]
    elif kind == 8:
        network.assign()
        pending = []
    elif kind == 9:
        network.replace(pending)
        pending = []
    elif kind == 10:
        network.several_threads()
    else:
        network.predict()
    return pending


@effort(30)
@given(data=st.data())
def test_arrays_that_parameters_are_bound_to(data: st.DataObject) -> None:
    """They are used as they are at each call."""
    choices = Choices(data.draw)
    network = NetworkCalls(choices)
    for _ in range(3):
        network.predict()
        found = network.forward()
        if found is not None:
            network.backward(found[1])
        for model in network.models:
            for array in model.arrays():
                if array.flags.writeable and array.dtype.kind == "f" and 0 not in array.strides:
                    array[...] = np.flip(np.array(array)) + 0.25
