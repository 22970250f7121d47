"""fastact.health counts what NumPy counts, and changes nothing."""

from __future__ import annotations

from effort import effort
from health_calls import HealthCall
from hypothesis import given
from hypothesis import strategies as st
from operands import Choices


@effort(150)
@given(data=st.data())
def test_any_statistics(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    call = HealthCall(choices)
    call.check()
    z = call.arrays["z"]
    if z.ndim > 1 and call.axis and 0 not in z.shape and not call.model.arrays():
        call.check_merged()
