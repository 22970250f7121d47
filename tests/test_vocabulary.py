"""One word, one meaning: retired names and phrases appear nowhere in code, comments or documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import helpers
import pytest

pytestmark = pytest.mark.once

FOLDERS = ("fastact", "include", "tools", "tests", "benches")
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    ".ci/run",
)
SUFFIXES = {".py", ".pyx", ".pxi", ".pyi", ".in", ".c", ".h", ".def", ".mk", ".md", ""}

IDENTIFIERS = r"""
    DenseStack | fa__rows? | FA__ROWS? | FA__ROW_\w+ | fa__box\w* | fa__run_box\w* | fa__mover\w*
    | fa__own\w* | FA__OWN\w* | fa__product\w+ | FA__PRODUCT_GRAIN | fa__micro | fa__state
    | fa__enter | fa__leave | fa__narrow\w* | fa__half\w* | fa__float_from_half
    | fa__floats_from_halves | fa__pieces? | fa__piece_\w+
    | fa__by_pieces | FA_NO_PIECES | FA__FAR\w* | piece_\w+ | piecewise_?cuts | peer_names | bit_values
    | FA_SAVE_BITS | both_by_ufunc | same_function | contestants? | Contestant | opponents? | fa__quiet_blas
    | fa__wake_blas | fa__fetch_lines
"""
FILES = r"""
    boxes\.[ch] | movers\.[ch] | own\.h | pair\.h | half\.[ch] | state\.h | normal\.h | micro\.c
    | products\.[ch] | stacks\.c | engine\.c | dispatch\.c | internal\.h | rows\.h
    | piece_tables\w*\.(?:h|py)
    | piece\.py | piece_far\.py | row\.py | saving\.py | interval\.py | columns\.py | layers\.py | stack\.py
    | peer_names\.py | mixtures\.py | surrogates\.py | composition\.py
"""
PHRASES = r"""
    whoever | made\ of\ others | who\ is\ timed | pays\ for\ it\ itself | leaves?\ a\ trace\ in
    | knows\ bits | cannot\ die:  | is\ told\ of | are\ told\ of | tells?\ who
    | row\ of\ the\ table | rows\ of\ the\ table | of\ its\ row\b | a\ row\ of\ activations
"""
RETIRED = {
    "identifier": re.compile(rf"(?<!\w)(?:{IDENTIFIERS})(?!\w)", re.VERBOSE),
    "file": re.compile(rf"(?<![\w.])(?:{FILES})(?!\w)", re.VERBOSE),
    "phrase": re.compile(PHRASES, re.VERBOSE | re.IGNORECASE),
}


def texts() -> Iterator[Path]:
    """What people wrote, and the files that code writes for them to read."""
    generated = ("fastact/include/", "__pycache__", "__init__.pxd")
    for path in (p for folder in FOLDERS for p in (helpers.ROOT / folder).rglob("*")):
        where = path.relative_to(helpers.ROOT).as_posix()
        left_out = path == Path(__file__) or any(part in where for part in generated)
        cython_output = path.suffix == ".c" and path.with_suffix(".pyx").exists()
        if path.is_file() and path.suffix in SUFFIXES and not left_out and not cython_output:
            yield path
    yield from (helpers.ROOT / page for page in PAGES)


@pytest.mark.parametrize("kind", RETIRED)
def test_retired_words_are_gone(kind: str) -> None:
    found = [
        f"{path.relative_to(helpers.ROOT)}:{number}: {match[0]}"
        for path in texts()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if (match := RETIRED[kind].search(line))
    ]
    assert not found


def test_retired_file_names_are_gone() -> None:
    assert not [str(path) for path in texts() if RETIRED["file"].fullmatch(path.name)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("identifier", "const fa__row *row = &fa__rows[3];"),
        ("identifier", "fa.DenseStack([])"),
        ("file", 'see boxes.c and "own.h"'),
        ("phrase", "Whoever would lose works alone"),
    ],
)
def test_a_retired_word_would_be_found(kind: str, text: str) -> None:
    assert RETIRED[kind].search(text)


@pytest.mark.parametrize(
    "text", ["one row of a matrix", "fa__run_span(plan)", "both results", "double_double.h"]
)
def test_ordinary_words_stay_allowed(text: str) -> None:
    assert not any(pattern.search(text) for pattern in RETIRED.values())
