"""The C API from C: programs linked to the shipped library, under every instruction set."""

from __future__ import annotations

import subprocess
from pathlib import Path

import helpers
import pytest

import fastact as fa

pytestmark = pytest.mark.once

CHECKS = {
    "test_dense": 1000,
    "test_dense_arguments": 300,
    "test_parallel_for": 0,  # most need two threads
    "test_rowwise": 300,
    "test_scalars": 8000,
    "test_inline": 13,
    "test_losses": 1000,
    "test_gated": 300,
    "test_training": 1000,
    "test_network_step": 100,
    "test_health": 500,
}  # at least


@pytest.fixture(scope="module", params=CHECKS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("program") / request.param
    source = Path(__file__).parent / f"{request.param}.c"
    command = ["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *helpers.c_client(str(source))]
    subprocess.run([*command, "-lm", "-o", str(made)], check=True)
    return made


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("isa", fa.isas())
def test_program(program: Path, isa: str, threads: str) -> None:
    passed = helpers.checks_passed(str(program), FASTACT_ISA=isa, FASTACT_NUM_THREADS=threads)
    assert passed > CHECKS[program.name]
