"""Reports on terminals of any width: no number is cut, nothing is lost; and progress without a terminal."""

import re

import pytest

from fastact.evaluation.files import markdown_table
from fastact.evaluation.speed import terminal

pytestmark = pytest.mark.once

NUMBERS = [f"{1234567 + 1111 * n:,}" for n in range(12)]
TABLE = markdown_table(
    ["activation", "direction", *(f"column {n}" for n in range(12))],
    [["gelu", "value and derivative", *NUMBERS], ["relu", "forward", *(["**0.50**"] * 12)]],
    left=2,
)


def lines_of(text):
    return [re.sub(r"\x1b\[[\d;]*m", "", line) for line in text.splitlines()]


@pytest.mark.parametrize("width", [40, 80, 133, 400])
def test_tables_fit_and_keep_every_number(width):
    lines = lines_of(terminal.rendered(f"### Title\n\nSome words.\n\n{TABLE}\n\nAfter.", width))
    assert all(len(line.rstrip()) <= width for line in lines)
    words = " ".join(lines).split()
    assert all(words.count(number) == 1 for number in NUMBERS)
    assert words.count("0.50") == 12
    assert "…" not in "".join(lines)
    assert lines[0].strip() == "Title"
    assert lines[-1].strip() == "After."


def test_a_table_that_is_too_wide_repeats_the_names_of_its_lines():
    words = " ".join(lines_of(terminal.rendered(TABLE, 80))).split()
    assert words.count("gelu") == words.count("relu") > 1
    assert " ".join(lines_of(terminal.rendered(TABLE, 400))).split().count("gelu") == 1


def test_long_lists_break_between_words():
    text = markdown_table(["name", "where"], [["relu", "; ".join(f"{n}: 0.{n}5" for n in range(10, 40))]])
    lines = lines_of(terminal.rendered(text, 60))
    assert all(len(line.rstrip()) <= 60 for line in lines)
    assert "39: 0.395" in " ".join(" ".join(lines).split())


def test_without_a_terminal_markdown_stays(capsys):
    terminal.show(TABLE)
    assert capsys.readouterr().out == TABLE + "\n"


def test_progress_is_a_line_now_and_then(monkeypatch, capsys):
    ticks = iter([0.0, 1.0, 11.0, 12.0, 30.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(ticks))
    progress = terminal.PlainProgress(8)
    for name in ("a", "b", "c", "d"):
        progress.advance(name)
    assert capsys.readouterr().err.splitlines() == [
        "2 of 8 (b), 11 s; about 33 s left",
        "4 of 8 (d), 30 s; about 30 s left",
    ]
