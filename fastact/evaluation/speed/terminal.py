"""Show a report on a terminal: tables fit its width, and no number is cut; elsewhere, Markdown as it is.

A table that is too wide becomes several, below each other, which repeat the columns that name a line.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = 2  # between columns
_SECONDS = 10.0  # between lines of progress without a terminal


def show(markdown: str) -> None:
    """Print a report to standard output."""
    console = Console(file=sys.stdout)
    print(rendered(markdown, console.width) if console.is_terminal else markdown)


def rendered(markdown: str, width: int) -> str:
    """A Markdown report as text of at most this width."""
    found = io.StringIO()
    console = Console(file=found, width=width, highlight=False, force_terminal=True)
    for is_table, lines in groupby(markdown.splitlines(), lambda line: line.startswith("| ")):
        if is_table:
            for table in _tables([_cells(line) for line in lines], width):
                console.print(table)
        else:
            for line in lines:
                heading = line.startswith("#")
                console.print(Text(line.lstrip("# ") if heading else line, style="bold" if heading else ""))
    return found.getvalue().rstrip("\n")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _tables(lines: Sequence[Sequence[str]], width: int) -> Iterator[Table]:
    headings, rules, *rows = lines
    widths = [max(len(cell.strip("*")) for cell in column) for column in zip(headings, *rows, strict=True)]
    names = next((n for n, rule in enumerate(rules) if rule.endswith(":")), len(rules))
    widths[:names] = _folded(widths[:names], width // 2)
    for columns in _parts(widths, names, width):
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        for number in [*range(names), *columns]:
            table.add_column(
                headings[number],
                justify="left" if number < names else "right",
                width=min(widths[number], width),
                overflow="fold",
            )
        for row in rows:
            cells = [row[number] for number in [*range(names), *columns]]
            table.add_row(
                *(Text(one.strip("*"), style="bold" if one.startswith("**") else "") for one in cells)
            )
        yield table


def _folded(widths: Sequence[int], most: int) -> list[int]:
    """The widest columns of names are narrowed, and their words folded, until all fit."""
    found = list(widths)
    while sum(found) + _GAP * len(found) > most and max(found, default=0) > 8:
        found[found.index(max(found))] -= 1
    return found


def _parts(widths: list[int], names: int, width: int) -> Iterator[list[int]]:
    """The numbers of columns that stand beside those of names, as many at a time as fit."""
    room = width - sum(widths[:names]) - _GAP * names
    part: list[int] = []
    for number in range(names, len(widths)):
        widths[number] = min(widths[number], room)  # lists of words and numbers, which break at spaces
        if part and sum(widths[n] + _GAP for n in [*part, number]) - _GAP > room:
            yield part
            part = []
        part.append(number)
    if part or names == len(widths):
        yield part


class PlainProgress:
    """Lines on standard error, now and then, where it is no terminal."""

    def __init__(self, total: int) -> None:
        """Start counting."""
        self._total = total
        self._done = 0
        self._start = self._last = time.monotonic()

    def advance(self, description: str) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._last >= _SECONDS:
            self._last = now
            spent = now - self._start
            left = spent / self._done * (self._total - self._done)
            print(
                f"{self._done} of {self._total} ({description}), {spent:.0f} s; about {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
