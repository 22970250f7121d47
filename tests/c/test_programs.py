"""The C API from C: programs linked to the shipped library, under every instruction set."""

from __future__ import annotations

import subprocess
from pathlib import Path

import helpers
import numpy as np
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
    "test_network_norms": 100,
    "test_network_step": 100,
    "test_health": 500,
    "test_quantized": 4000,
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


def test_the_example_trains_a_network(tmp_path: Path) -> None:
    """With the bits that it has in Python."""
    made, source = tmp_path / "example", Path(__file__).parent / "example_training.c"
    command = ["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *helpers.c_client(str(source))]
    subprocess.run([*command, "-lm", "-o", str(made)], check=True)
    done = helpers.run([str(made)], 60, FASTACT_ISA=fa.isa())
    assert done.returncode == 0, done.stderr
    loss, *parameters = map(float.fromhex, done.stdout.split())
    net = fa.Network.create([2, 8, 2], "gelu", output="softmax")
    net.parameters = np.float32((np.arange(42) * 37 % 101 - 50) / 64)
    net.optimizer = fa.optim.Adam(lr=0.05)
    x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
    losses = net.steps([(x, np.array([0, 1, 1, 0]))] * 300)
    assert np.array_equal(parameters, net.parameters)
    assert np.float32(loss) == losses[-1]
    assert loss < 0.01
