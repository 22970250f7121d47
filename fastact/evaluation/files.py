"""Files of results: JSON, Markdown tables and the sections of a Markdown document, written atomically.

Must not depend on what the results are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Writing -------------------------------------------------------------------------------------------


def check_writable(path: Path) -> None:
    """Check, before long work starts, that a file can be written; OSError if it cannot."""
    target = Path(os.path.realpath(path))
    if target.is_dir() or not target.parent.is_dir():
        raise OSError(f"{str(path)!r} cannot be written: expected a file in a folder that exists")
    for place in () if _is_special(target) else (target, target.parent):
        if place.exists() and not os.access(place, os.W_OK):
            raise OSError(f"{str(path)!r} cannot be written: {str(place)!r} is read-only")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the folder of `path`, which replaces it when the block ends without an error.

    If the block raises, the temporary file is removed and `path` keeps its former content.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    if _is_special(target):
        yield target
        return
    check_writable(path)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:  # of the temporary file, whose name the caller does not know
        if error.filename != str(temporary):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    """Whether the path is a pipe or a device, which cannot be replaced."""
    return path.exists() and not path.is_file()


def write_text(path: Path, text: str) -> None:
    """Write a text file in full or not at all."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if not _is_special(temporary):
            os.fsync(file.fileno())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file in full or not at all; ValueError for infinities and NaN."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; ValueError, which names the file, if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{str(path)!r} holds {type(content).__name__}; expected a JSON object")
    return content


# Markdown ------------------------------------------------------------------------------------------


def paragraph(text: str) -> str:
    """Prose in lines of at most 110 columns."""
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table, padded for terminals: the first `left` columns are aligned to the left, others to the right.

    Examples
    --------
    >>> print(markdown_table(["name", "ns"], [["relu", "1.5"], ["gelu", "12.5"]]))
    | name |   ns |
    | ---- | ---: |
    | relu |  1.5 |
    | gelu | 12.5 |
    """
    columns = []
    for number, column in enumerate(zip(headings, *rows, strict=True)):
        width = max(3, *map(len, column))
        align, rule = (str.ljust, "-" * width) if number < left else (str.rjust, "-" * (width - 1) + ":")
        columns.append([align(column[0], width), rule, *(align(cell, width) for cell in column[1:])])
    return "\n".join(f"| {' | '.join(line)} |" for line in zip(*columns, strict=True))


def _find_section(path: Path, text: str, name: str) -> tuple[int, int] | None:
    """Where a section begins and ends; None if the document does not have it.

    Raises
    ------
    ValueError
        Unless each of its markers stands once, on a line of its own, in order, with no other marker between.
    """
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    if begin not in text and end not in text:
        return None
    found = list(re.finditer(r"^<!-- (?:begin|end): .* -->[^\S\n]*$\n?", text, re.MULTILINE))
    lines = [match[0].strip() for match in found]
    first = lines.index(begin) if begin in lines else len(lines)
    if lines[first : first + 2] != [begin, end] or text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(
            f"{str(path)!r} is left as it is: the markers of the section {name!r} are damaged; expected one "
            f"line {begin!r} and, as the next marker, one line {end!r}"
        )
    return found[first].start(), found[first + 1].end()


def _document(path: Path, title: str) -> str:
    if not path.exists():
        return f"# {title}\n"
    try:
        with path.open(encoding="utf-8", newline="") as file:  # line endings stay as they are
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 text: {error}") from error


def check_sections(path: Path, names: Iterable[str]) -> None:
    """Check, before long work starts, that sections can be written; OSError or ValueError if not."""
    check_writable(path)
    text = _document(path, "")
    for name in names:
        _find_section(path, text, name)


def write_section(path: Path, name: str, text: str, *, title: str, before: Iterable[str] = ()) -> None:
    """Replace one section of a Markdown document, and nothing else.

    A section stands between the lines ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``. A new one is
    inserted in front of the sections `before`, or comes last; a new document gets the heading `title`.

    Raises
    ------
    ValueError
        If the section's markers are damaged; the document stays as it is.
    """
    section = f"<!-- begin: {name} -->\n\n## {name}\n\n{text.strip()}\n\n<!-- end: {name} -->\n"
    old = _document(path, title)
    start, end = _find_section(path, old, name) or (len(old), -1)
    if end < 0:
        followers = [found[0] for other in before if (found := _find_section(path, old, other))]
        start = end = min(followers, default=len(old))
        section = f"{section}\n" if followers else f"{'' if old.endswith(chr(10)) else chr(10)}\n{section}"
    write_text(path, old[:start] + section + old[end:])
