"""Losses, gradients and steps of networks equal NumPy's in float64."""

from __future__ import annotations

from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from operands import Choices
from training_calls import TrainingCalls


@effort(50)
@given(data=st.data(), length=st.integers(1, 4))
def test_any_steps(data: st.DataObject, length: int) -> None:
    calls = TrainingCalls(Choices(data.draw))
    for _ in range(length):
        calls.batch()
        calls.check()
