"""Files of results: JSON, Markdown tables and the sections of a Markdown document, written atomically.

Does not depend on what the results are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Writing -------------------------------------------------------------------------------------------


def check_writable(path: Path) -> None:
    """Check, before long work starts, that a file can be written.

    Raises
    ------
    OSError
        If the path is a folder, its folder does not exist, or one of them is read-only.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir() or not target.parent.is_dir():
        raise OSError(f"{str(path)!r} cannot be written: expected a file in a folder that exists")
    if _is_special(target):
        return
    for place in (target, target.parent):
        if place.exists() and not os.access(place, os.W_OK):
            raise OSError(f"{str(path)!r} cannot be written: {str(place)!r} is read-only")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file in full or not at all.

    Yields
    ------
    Path
        A temporary file in the same folder, with the same suffix. It replaces `path` when the block ends, and
        is removed if the block raises: then `path` keeps its former content.
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
    finally:
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
    """Write a JSON file in full or not at all.

    Raises
    ------
    ValueError
        For infinities and NaN, which JSON does not have.
    """
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises
    ------
    ValueError
        If the file cannot be read, or holds anything else. The message names the file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{str(path)!r} holds {type(content).__name__}; expected a JSON object")
    return content


# Markdown ------------------------------------------------------------------------------------------


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table whose first `left` columns are aligned to the left and the others to the right.

    Examples
    --------
    >>> print(markdown_table(["name", "ns"], [["relu", "1.5"]]))
    | name | ns |
    | --- | ---: |
    | relu | 1.5 |
    """
    rules = ["---"] * left + ["---:"] * (len(headings) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [headings, rules, *rows])


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- begin: {name} -->", f"<!-- end: {name} -->"


def _find_section(path: Path, text: str, name: str) -> tuple[int, int] | None:
    """Where a section begins and ends; None if the document does not have it.

    Raises
    ------
    ValueError
        Unless each marker stands once on a line of its own, in order, with no other marker between them.
    """
    begin, end = _markers(name)
    found = list(re.finditer(r"^<!-- (?:begin|end): .* -->[^\S\n]*$\n?", text, re.MULTILINE))
    lines = [match[0].strip() for match in found]
    if begin not in lines and end not in lines and begin not in text and end not in text:
        return None
    first = lines.index(begin) if begin in lines else -1
    paired = first >= 0 and lines[first : first + 2] == [begin, end]
    if not paired or text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(
            f"{str(path)!r} is left as it is: the markers of the section {name!r} are damaged; expected one "
            f"line {begin!r} and, as the next marker, one line {end!r}"
        )
    return found[first].start(), found[first + 1].end()


def check_sections(path: Path, names: Iterable[str]) -> None:
    """Check, before long work starts, that sections can be written to a document.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If it is not UTF-8 text, or the markers of one of the sections are damaged.
    """
    check_writable(path)
    text = _document(path, "")
    for name in names:
        _find_section(path, text, name)


def _document(path: Path, title: str) -> str:
    if not path.exists():
        return f"# {title}\n"
    try:
        with path.open(encoding="utf-8", newline="") as file:  # line endings stay as they are
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 text: {error}") from error


def write_section(path: Path, name: str, text: str, *, title: str, before: Iterable[str] = ()) -> None:
    """Replace one section of a Markdown document, and nothing else.

    Parameters
    ----------
    path : Path
        The document. A new one gets `title` as its heading.
    name : str
        Heading of the section. It stands between the lines ``<!-- begin: NAME -->`` and
        ``<!-- end: NAME -->``.
    text : str
        What follows the heading.
    title : str
        Heading of a new document.
    before : iterable of str
        Sections in front of which a new one is inserted; otherwise it comes last.

    Raises
    ------
    ValueError
        If the section's markers are damaged; the document stays as it is.
    """
    begin, end = _markers(name)
    section = f"{begin}\n\n## {name}\n\n{text.strip()}\n\n{end}\n"
    old = _document(path, title)
    place = _find_section(path, old, name)
    if place is None:
        followers = [found[0] for other in before if (found := _find_section(path, old, other))]
        start = min(followers, default=len(old))
        place, section = (start, start), section + ("\n" if followers else "")
        if not followers:
            section = ("\n" if old.endswith("\n") else "\n\n") + section
    write_text(path, old[: place[0]] + section + old[place[1] :])
