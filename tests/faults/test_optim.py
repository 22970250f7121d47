"""Any sequence of updates changes parameters as PyTorch's rules in float64 do, and nothing else."""

from __future__ import annotations

import copy
import pickle

import pytest
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from operands import Choices
from optim_calls import RULES, UpdateCalls


@pytest.mark.parametrize("name", RULES)
@effort(60)
@given(data=st.data(), steps=st.integers(1, 4))
def test_any_updates(name: str, data: st.DataObject, steps: int) -> None:
    choices = Choices(data.draw)
    calls = UpdateCalls(choices, name)
    for step in range(1, steps + 1):
        calls.update(step)
        if choices.often(4):
            ways = [copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))]
            calls.optimizer = choices.of(ways)(calls.optimizer)
