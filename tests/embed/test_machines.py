"""Other processors, in emulators: results have this one's bits, whichever byte of a number is stored first.

``tools/machines.py`` compares all activations and runs the C tests there; this is a quick part of it.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import machines
import pytest

import fastact as fa

pytestmark = pytest.mark.once
# they compute no sums of products, so that fused multiply-adds change nothing
PIECEWISE = {"ACTIVATIONS": "relu leaky_relu hard_tanh relu_squared", "CFLAGS": "-O0", "OPENMP": "0"}


def test_each_run_of_a_program_gets_an_empty_folder(tmp_path: Path) -> None:
    """One was left full by the first instruction set, and the second found other quotas in it."""
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\n[ -z "$(ls -A "$1")" ] && touch "$1/left" && echo "1 passed, 0 failed"\n')
    program.chmod(0o755)
    assert [machines.Target().checks(program) for _ in range(2)] == [1, 1]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the option is one of x86-64's")
def test_portable_kernels_compile_with_fused_multiply_adds() -> None:
    """As tools/machines.py compiles them for results that NEON's are compared with."""
    folder = machines.ROOT / "fastact/csrc"
    kernels = re.search(r"^KERNELS = (.*)$", (folder / "flags.mk").read_text(), re.MULTILINE)
    assert kernels
    flags = "-std=gnu11 -O1 -mfma -Wall -Wextra -Wno-unknown-pragmas -Werror -fsyntax-only"
    defines = ["-DFA__ON_x86_64", "-DFA__EACH_ISA(M)=M(portable)", "-DFA_ISA=portable", "-DFA_REAL=double"]
    included = ["-I../../include", "-I.", "-include", "math/strict.h"]
    command = ["gcc", *flags.split(), *included, *defines, *kernels[1].split()]
    subprocess.run(command, cwd=folder, check=True)


@pytest.mark.parametrize("name", ["aarch64", "s390x"])
def test_results_have_the_same_bits(name: str, tmp_path: Path) -> None:
    machine = machines.MACHINES[name]
    if machine.missing() is not None:
        pytest.skip(machine.missing())
    there = replace(machine.target, variables={**machine.target.variables, **PIECEWISE})
    there.make(tmp_path)
    found = there.digests(there.compile("embed/checksums.c", tmp_path))
    made, library = tmp_path / "here", Path(fa.get_library())
    linked = [f"-I{tmp_path / 'include'}", str(library), f"-Wl,-rpath,{library.parent}"]
    source = str(Path(__file__).parent / "checksums.c")
    subprocess.run(["cc", source, *linked, "-o", str(made)], check=True)
    expected = subprocess.run(
        [str(made)], env={**os.environ, "FASTACT_ISA": "sse2"}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(found) == len(expected) == 16
    assert [f"{key} {digest}" for key, digest in found.items()] == expected
