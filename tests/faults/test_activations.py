"""Any call of an activation equals NumPy's formulas in float64, and changes nothing but its results."""

from __future__ import annotations

import pytest
from activation_calls import METHODS, method_call
from calls import check
from effort import effort
from hypothesis import assume, given
from hypothesis import strategies as st
from operands import Choices


@pytest.mark.parametrize("method", METHODS)
@effort(150)
@given(data=st.data())
def test_any_call(method: str, data: st.DataObject) -> None:
    choices = Choices(data.draw)
    call = method_call(choices, method)
    assume(call is not None)
    check(call, threads=choices.often(20))
