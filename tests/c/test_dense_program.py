"""The dense layer from C, without Python: a plain C program linked to the shipped library, under every
instruction set.

Knows how a user would build; does not know what the program checks.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import helpers
import pytest

import fastact as fa

pytestmark = pytest.mark.once

LINK = ["-fopenmp", "-lm", "-lpthread"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("dense") / "test_dense"
    source = Path(__file__).parent / "test_dense.c"
    command = ["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{fa.get_include()}", str(source)]
    subprocess.run([*command, fa.get_library(), *LINK, "-o", str(made)], check=True)
    return made


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("isa", fa.isas())
def test_program(program: Path, isa: str, threads: str) -> None:
    assert helpers.checks_passed(str(program), FASTACT_ISA=isa, FASTACT_NUM_THREADS=threads) > 1000
