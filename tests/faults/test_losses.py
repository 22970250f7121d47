"""Any call of a loss equals NumPy's formulas in float64, and changes nothing but its results."""

from __future__ import annotations

import pytest
import row_reference
from calls import check
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from loss_calls import label_call, loss_call
from operands import Choices


@pytest.mark.parametrize("name", row_reference.LOSSES)
@effort(100)
@given(data=st.data(), gradient=st.booleans())
def test_any_loss_of_elements(name: str, data: st.DataObject, gradient: bool) -> None:
    choices = Choices(data.draw)
    check(loss_call(choices, name, gradient), threads=choices.often(20))


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "nll"])
@effort(200)
@given(data=st.data(), gradient=st.booleans())
def test_any_loss_of_labels(name: str, data: st.DataObject, gradient: bool) -> None:
    choices = Choices(data.draw)
    check(label_call(choices, name, gradient), threads=choices.often(20))
