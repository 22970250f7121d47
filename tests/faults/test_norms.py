"""Any call of a norm or of dropout equals NumPy's formulas in float64, and changes nothing but results."""

from __future__ import annotations

import pytest
from calls import check
from effort import effort
from hypothesis import assume, given
from hypothesis import strategies as st
from norm_calls import batch_norm_call, dropout_call, row_norm_call
from operands import Choices


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
@effort(150)
@given(data=st.data(), backward=st.booleans())
def test_any_norm_of_rows(name: str, data: st.DataObject, backward: bool) -> None:
    choices = Choices(data.draw)
    check(row_norm_call(choices, name, backward), threads=choices.often(20))


@effort(150)
@given(data=st.data(), backward=st.booleans())
def test_any_batch_norm(data: st.DataObject, backward: bool) -> None:
    choices = Choices(data.draw)
    call = batch_norm_call(choices, backward)
    assume(call is not None)
    check(call)


@effort(150)
@given(data=st.data())
def test_any_dropout(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    check(dropout_call(choices), threads=choices.often(20))
