"""The tool that records the worst known inputs: it changes one field of one entry of the table.

A small table stands for ``activations.def``.
"""

from __future__ import annotations

import pytest
import worst_inputs

import fastact as fa
from fastact.evaluation.accuracy.errors import Errors
from fastact.evaluation.accuracy.subjects import Subject

pytestmark = pytest.mark.once

ONE = """\
FA_ACT(0, identity, (0),
       "x", "1", "", /* a comment, (with a parenthesis */
       (OUTPUT, "1", "True"),
       (NOTHING, NO_MASK), CHEAP,
       0.5, 0.5, 0.5,
       (EXACT, EXACT),
       "Identity, \\"the\\" function (really). "
       "Source.")
"""
OTHER = """\
FA_ACT(1, exp, (1, c, 2.0, LEARNED("x, (y")),
       "exp(x)", "exp(x)", "",
       0.5, 0.5, 0.5,
       (("0x1p-75", "0x0p+0", "0x1p-150"),
        EXACT),
       "Exponential.")
"""
TABLE = f"/* FA_ACT(id, name, ...) */\n\n{ONE}\n{OTHER}"
SHORT = Errors(1, 0.5, worst=(1.0, -0.0, 0.1))
LONG = Errors(1, 0.5, worst=(1 / 3, 1 / 3, 1 / 3))


def test_fields_end_at_commas_of_the_entry() -> None:
    texts = [TABLE[slice(*ends)] for ends in worst_inputs.fields(TABLE, "exp")]
    assert texts[:4] == ["1", "exp", '(1, c, 2.0, LEARNED("x, (y"))', '"exp(x)"']
    assert texts[-1] == '"Exponential."'


def test_recorded_inputs() -> None:
    assert worst_inputs.recorded(TABLE, "identity") == [None, None]
    assert worst_inputs.recorded(TABLE, "exp") == ["0x1p-75", None]


def test_one_field_is_replaced() -> None:
    text = worst_inputs.field([Errors(), SHORT])
    assert text == '(EXACT, ("0x1p+0", "-0x0p+0", "0x1.999999999999ap-4"))'
    assert worst_inputs.with_field(TABLE, "identity", text) == TABLE.replace("(EXACT, EXACT)", text)


def test_a_long_field_is_broken_after_its_first_half() -> None:
    text = worst_inputs.field([LONG, LONG])
    first, second = text.split("\n")
    assert first.endswith("),")
    assert second.startswith(" " * 8 + "(")
    changed = worst_inputs.with_field(TABLE, "exp", text)
    assert worst_inputs.recorded(changed, "exp") == [LONG.worst[0].hex()] * 2
    assert max(map(len, changed.splitlines())) <= worst_inputs.WIDTH


@pytest.mark.parametrize(
    ("table", "message"),
    [("", "no entry"), (ONE[:-2], "not closed"), (ONE.replace("(EXACT, EXACT)", "(EXACT)"), r"\(EXACT\)")],
)
def test_a_table_that_is_not_as_expected_is_an_error(table: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        worst_inputs.recorded(table, "identity")


def test_the_known_input_is_kept_unless_a_worse_one_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    subject = Subject(fa.relu, "f")
    assert worst_inputs.worst(subject, None, 2**20).worst is None
    subject = Subject(fa.gelu, "f")
    found = worst_inputs.worst(subject, None, 2**16)
    assert found.max_ulp > 0.5
    again = worst_inputs.worst(subject, found.worst[0].hex(), 2**24)
    assert again.worst == found.worst
