"""Any call of a row-wise function or a gated pair equals NumPy's formulas in float64, and changes nothing but
its results."""

from __future__ import annotations

import pytest
import row_reference
from calls import check
from effort import effort
from hypothesis import assume, given
from hypothesis import strategies as st
from operands import Choices
from row_calls import METHODS, gated_call, row_call


@pytest.mark.parametrize("name", row_reference.VALUES)
@effort(90)
@given(data=st.data())
def test_any_row_function(name: str, data: st.DataObject) -> None:
    choices = Choices(data.draw)
    call = row_call(choices, name, choices.of(METHODS))
    assume(call is not None)
    check(call, threads=choices.often(20))


@pytest.mark.parametrize("backward", [False, True])
@effort(150)
@given(data=st.data())
def test_any_gated_pair(backward: bool, data: st.DataObject) -> None:
    choices = Choices(data.draw)
    check(gated_call(choices, backward), threads=choices.often(20))
