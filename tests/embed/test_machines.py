"""Other processors, in emulators: results have this one's bits, whichever byte of a number is stored first.

``tools/machines.py`` compares all activations and runs the C tests there; this is a quick part of it.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import machines
import pytest

import fastact as fa

pytestmark = pytest.mark.once
# they compute no sums of products, so that fused multiply-adds change nothing
PIECEWISE = {"ACTIVATIONS": "relu leaky_relu hard_tanh relu_squared", "CFLAGS": "-O0", "OPENMP": "0"}


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
