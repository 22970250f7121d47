"""A document of several sections, each of which its own command writes anew, leaving the others as they are.

Knows Markdown. Does not know what the sections tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_TITLE = "# Benchmarks, measured\n"


def write_section(path: Path, name: str, text: str) -> None:
    """Put a section into a file, in place of the one of this name or after the others.

    Parameters
    ----------
    path : Path
        Of the file; made if it is not there.
    name : str
        Heading of the section.
    text : str
        What stands under it.
    """
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    section = f"{begin}\n\n## {name}\n\n{text.strip()}\n\n{end}\n"
    before = path.read_text(encoding="utf-8") if path.exists() else _TITLE
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}\n?", re.DOTALL)
    after, found = pattern.subn(lambda _: section, before, count=1)
    path.write_text(after if found else f"{before.rstrip()}\n\n{section}", encoding="utf-8")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table of which the first columns are aligned to the left and the others to the right.

    Examples
    --------
    >>> print(table(["name", "ns"], [["relu", "1.5"]]))
    | name | ns |
    | --- | ---: |
    | relu | 1.5 |
    """
    rules = ["---"] * left + ["---:"] * (len(headings) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [headings, rules, *rows])


def origin(facts: Mapping[str, Any], date: str, command: str, versions: Mapping[str, str]) -> str:
    """What the figures belong to: machine, date, command and the versions of all."""
    packages = {"NumPy": facts["numpy"], "SciPy": facts["scipy"], "Python": facts["python"], **versions}
    named = ", ".join(f"{name} {version}" for name, version in packages.items())
    blas = ", ".join(f"{one['name']} {one['version']}" for one in facts["blas"])
    return (
        f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['system']}, {date[:10]}; fastact {facts['fastact']} "
        f"with the instruction set {facts['isa']}; {named}; BLAS: {blas}. Made by\n\n    {command}"
    )


def factor(value: float | None) -> str:
    """Digits enough to be compared; below 1, what is left of them is cut off, so that it remains below 1.

    Examples
    --------
    >>> [factor(f) for f in (0.996, 12.345, 1234.5, None)]
    ['0.99', '12.3', '1234', '-']
    """
    if value is None:
        return "-"
    if value < 1:
        return f"{math.floor(100 * value) / 100:.2f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
