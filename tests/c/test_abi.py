"""The C ABI is its snapshot, tests/data/abi.json, and the library exports just what the header declares."""

from __future__ import annotations

import json
import subprocess

import abi
import declarations
import helpers
import pytest

import fastact as fa

pytestmark = pytest.mark.once
SNAPSHOT = json.loads(abi.SNAPSHOT.read_text())


def test_the_header_is_the_snapshot() -> None:
    """A deliberate change: python tools/abi.py --write."""
    assert abi.differences(SNAPSHOT, abi.snapshot()) == []


def test_ids_are_never_reused() -> None:
    ids = [value for name, value in SNAPSHOT["constants"].items() if name[3:] in fa.names()]
    assert len(ids) == len(fa.names())
    assert len(set(ids)) == len(ids)


def test_structs_passed_by_pointer_begin_with_their_size() -> None:
    embedded = {"fa_input", "fa_result"}
    by_pointer = SNAPSHOT["structs"].keys() - embedded
    assert by_pointer == {
        "fa_activation",
        "fa_blas",
        "fa_dense",
        "fa_gated",
        "fa_health",
        "fa_network_norm",
        "fa_network_step",
        "fa_step",
    }
    assert all(next(iter(SNAPSHOT["structs"][name]["fields"])) == "size" for name in by_pointer)


def test_the_library_exports_what_the_header_declares() -> None:
    """And the way in for the Python extensions."""
    command = ["nm", "--dynamic", "--defined-only", fa.get_library()]
    symbols = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exported = {line.split()[-1] for line in symbols.splitlines()}
    assert exported == {*SNAPSHOT["functions"], "fa__private"}


def test_a_change_would_be_found() -> None:
    changed = json.loads(json.dumps(SNAPSHOT))
    changed["constants"]["FA_gelu"] += 1
    del changed["functions"]["fa_isa"]
    changed["structs"]["fa_dense"]["size"] += 8
    found = abi.differences(SNAPSHOT, changed)
    assert [line.split(":")[0] for line in found] == [
        "constants, FA_gelu",
        "structs, fa_dense",
        "functions, fa_isa",
    ]


def test_a_header_that_is_not_understood_is_an_error(tmp_path: helpers.Path) -> None:
    (tmp_path / "odd.h").write_text("union u { int i; };\n")
    with pytest.raises(ValueError, match="not understood: union"):
        declarations.read(tmp_path / "odd.h")
