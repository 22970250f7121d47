"""The generated table files: their form, their index, and that the command generates them.

These tests must not depend on which activations have tables.
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import helpers
import numpy as np
import pytest
from polynomials import files

import fastact as fa

pytestmark = pytest.mark.once

MACRO = re.compile(
    r"FA_(SEGMENTS|TAIL)\((\w+), (forward|derivative), (?:(?:tail|formula), )?"
    r"\(([^()]*)\)((?:,\n    \{[^{}]*\})*)\)\n"
)
SECTION = re.compile(r"#if FA__WIDTH == (\d+)\n(.*?)#endif\n", re.DOTALL)
MEMBER = re.compile(r"\.(\w+) = (.*?)(?=, \.|$)")
NUMBER = re.compile(r"-?0x[0-9a-f.]+p[-+]\d+")
TABLES = sorted((file.parent.name, file.stem) for file in files.FOLDER.glob("float*/*.h"))
AGREEMENT = {"float32": 2.0**-16, "float64": 2.0**-40}  # relative, of a table that is fitted again

FLOAT32 = [name for dtype, name in TABLES if dtype == "float32"]
WITH_TAILS = ("elu", "mish")  # on one side, and different ones on both
SOME = [("float32", name) for name in FLOAT32[:17:16]]  # a fit takes seconds to minutes
SOME += [("float64", name) for name in ("elish", *WITH_TAILS)]
Kernels = dict[int, dict[str, files.Kernel]]


def text_of(dtype: str, name: str) -> str:
    return (files.FOLDER / dtype / f"{name}.h").read_text()


def parsed(text: str, dtype: str) -> Kernels:
    """The tables of a file, by number of lanes and direction."""
    sections = dict(SECTION.findall(text)) if dtype == "float32" else {"8": text}
    found: Kernels = {int(lanes): {} for lanes in sections}
    for lanes, section in sections.items():
        tails = {}
        for kind, _, direction, members, rows in MACRO.findall(section):
            values = {m[1]: m[2] for m in MEMBER.finditer(members)}
            block = files.Block(values, rows.strip(", \n").split(",\n    ") if rows else [])
            if kind == "TAIL":
                tails[direction] = block
            else:
                found[int(lanes)][direction] = files.Kernel(block, tails.get(direction))
    return found


def blocks(kernels: Kernels) -> dict[tuple[int, str, str], files.Block]:
    """Tables and tails by lanes, direction and kind."""
    every = {
        (lanes, direction, kind): getattr(kernel, kind)
        for lanes, by_direction in kernels.items()
        for direction, kernel in by_direction.items()
        for kind in ("table", "tail")
    }
    return {key: block for key, block in every.items() if block}


def numbers(block: files.Block) -> np.ndarray:
    """Its coefficients, or those of its exponential tails."""
    text = " ".join(block.rows) or block.members["exponentials"]
    return np.array([float.fromhex(n) for n in NUMBER.findall(text)])


@pytest.mark.parametrize(("dtype", "name"), TABLES)
def test_a_file_is_what_the_command_writes_for_its_tables(dtype: str, name: str) -> None:
    """Its comment, the order of its macros, and the loops that follow from its tables."""
    assert name in fa.names()
    text, has_parameters = text_of(dtype, name), bool(fa.get(name).parameters)
    assert any(parsed(text, dtype).values())
    assert files.table_file(name, dtype, parsed(text, dtype), has_parameters) == text


@pytest.mark.parametrize(("dtype", "name"), TABLES)
def test_tables_have_their_segments(dtype: str, name: str) -> None:
    for (lanes, _, kind), block in blocks(parsed(text_of(dtype, name), dtype)).items():
        if kind == "tail" and dtype == "float64":
            assert not block.rows
            assert "exponentials" in block.members
            continue
        rows = [[float.fromhex(n) for n in NUMBER.findall(row)] for row in block.rows]
        assert len(rows) == 3 + int(block.members["degree"])
        assert len(rows[0]) in {lanes, 2 * lanes}
        assert all(len(one) == len(other) for one, other in pairwise(rows))
        assert np.isfinite(rows).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_index_lists_every_file(dtype: str) -> None:
    names = [name for of, name in TABLES if of == dtype]
    assert names
    assert (files.FOLDER / f"{dtype}.h").read_text() == files.index_file(dtype, names)


def test_writing_a_table_and_removing_it_updates_the_index(tmp_path: Path) -> None:
    text = text_of("float32", "tanh")
    for name in ("tanh", "gelu"):
        assert files.write(name, "float32", text, tmp_path)
    index = tmp_path / "float32.h"
    assert index.read_text() == files.index_file("float32", ["gelu", "tanh"])
    assert not files.write("gelu", "float32", "", tmp_path)
    assert index.read_text() == files.index_file("float32", ["tanh"])
    assert [file.name for file in (tmp_path / "float32").iterdir()] == ["tanh.h"]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(helpers.ROOT / "tools/polynomials"), *arguments]
    return subprocess.run(script, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("dtype", "name"), SOME)
def test_the_command_generates_the_tables(dtype: str, name: str) -> None:
    """The same tables exist, and at least half of them have the same members and nearly the same numbers.

    Others may differ: another LAPACK rounds differently, and one of two equal choices may replace the other.
    """
    pytest.importorskip("flint", reason="tables are fitted to exact values")
    done = command(name, "--dtype", dtype, "--print")
    assert done.returncode == 0, done.stderr
    written, again = (blocks(parsed(text, dtype)) for text in (text_of(dtype, name), done.stdout))
    assert list(written) == list(again)
    same = []
    for key, block in again.items():
        members, found = written[key].members, numbers(written[key])
        if "exponentials" not in members:
            alike = members == block.members
            same.append(alike and np.allclose(found, numbers(block), rtol=AGREEMENT[dtype], atol=2.0**-40))
        elif name in WITH_TAILS:
            assert NUMBER.sub("", str(members)) == NUMBER.sub("", str(block.members))
            np.testing.assert_allclose(found, numbers(block), rtol=2.0**-40, atol=2.0**-60)
    assert 2 * sum(same) >= len(same)


def test_an_activation_that_needs_no_table_gets_none() -> None:
    done = command("relu", "--print")
    assert (done.returncode, done.stdout) == (0, "")


def test_an_unknown_name_is_an_error() -> None:
    done = command("relu", "no_such_activation")
    assert done.returncode == 2
    assert "no_such_activation" in done.stderr
