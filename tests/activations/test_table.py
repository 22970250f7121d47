"""The table as the build reads it, as C compiled it, and the files made from it, all agree."""

from __future__ import annotations

import re
import subprocess
import sys
from types import ModuleType

import helpers
import pytest
import table
from oracle import ENTRIES

import fastact as fa
from fastact import _core

pytestmark = pytest.mark.once

PACKAGE = helpers.ROOT / "fastact"


def test_the_build_reads_what_c_compiled() -> None:
    read, compiled = table.read(), _core.entries()
    assert [r.name for r in read] == [r["name"] for r in compiled] == fa.names()
    for one, other in zip(read, compiled, strict=True):
        assert {k: float(v) for k, v in one.parameters.items()} == other["parameters"]
        assert one.id == other["id"]
        assert one.from_output == other["from_output"]


def test_type_stub_lists_every_entry(name: str) -> None:
    text = (PACKAGE / "__init__.pyi").read_text()
    assert re.search(rf"^{name}: Final\[(Activation|_[A-Z]\w*)\]$", text, re.MULTILINE)
    assert "# ACTIVATIONS" not in text


def test_type_stub_lists_every_public_name() -> None:
    text = (PACKAGE / "__init__.pyi").read_text()
    for public in (name for name in dir(fa) if not name.startswith("__")):
        assert re.search(rf"\b{public}\b", text), public


def test_cython_declarations_are_those_of_the_header(name: str, build: ModuleType, tmp_path: object) -> None:
    """As the C preprocessor expands fastact.h, name and argument types for each function of the entry."""
    flags = ["-E", "-P", f"-I{helpers.ROOT / 'include'}", str(helpers.ROOT / "include/fastact.h")]
    expanded = subprocess.run(["cc", *flags], capture_output=True, text=True, check=True).stdout
    declared = (PACKAGE / "__init__.pxd").read_text()

    def functions(text: str) -> dict[str, str]:
        found = re.findall(rf"void (?:fa_)?({name}(?:_[a-z_]+)?_f(?:32|64))\(([^)]*)\)", text)
        return {f: re.sub(r"\s*([*,])\s*", r"\1", re.sub(r"\s+", " ", a)).strip() for f, a in found}

    entry = ENTRIES[name]
    assert functions(expanded) == functions(declared)
    assert f"{name}_f32" in functions(declared)
    assert (f"{name}_backward_from_output_f64" in functions(declared)) == entry["from_output"]


def test_installed_headers_are_the_sources() -> None:
    for source in (helpers.ROOT / "include").rglob("*.*"):
        copy = PACKAGE / "include" / source.relative_to(helpers.ROOT / "include")
        assert copy.read_bytes() == source.read_bytes()
    assert fa.get_include() == str(PACKAGE / "include")


def test_coefficients_regenerate(tmp_path: object) -> None:
    """The committed table of coefficients is what its script makes, to the last bit."""
    script = PACKAGE.parent / "tools/coefficients.py"
    made = subprocess.run(
        [sys.executable, str(script), "--print"], capture_output=True, text=True, check=True
    ).stdout
    assert made == (PACKAGE / "csrc/math/coefficients.h").read_text()


def test_flags_forbid_what_numerics_forbids(build: ModuleType) -> None:
    """Each instruction set has flags, and none assumes finite values or reassociates."""
    flags = build.read_flags()
    for machine in ("x86_64", "aarch64"):
        for isa in flags[f"ISAS_{machine}"]:
            assert flags[f"CFLAGS_{isa}"]
    every = [flag for listed in flags.values() for flag in listed]
    assert "-ffp-contract=off" in every
    forbidden = {
        "-ffast-math",
        "-Ofast",
        "-ffinite-math-only",
        "-fassociative-math",
        "-funsafe-math-optimizations",
    }
    assert not forbidden & set(every)


def test_every_entry_says_what_it_is(name: str) -> None:
    entry = ENTRIES[name]
    assert entry["about"].endswith(".")
    assert len(entry["about"]) > 1
    assert entry["formula"] != entry["derivative_formula"] or "exp" in entry["formula"]
