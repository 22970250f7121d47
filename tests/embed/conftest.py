"""Where an installed fastact is, as clients find it: by its command, in a process of its own.

FASTACT_EMBED_PYTHON names the Python of an environment that a wheel was installed in; without it, it is the
Python of the tests.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import helpers
import pytest

INSTALLED = os.environ.get("FASTACT_EMBED_PYTHON")
Python = Callable[..., str]
Config = Callable[..., list[str]]


@pytest.fixture(scope="session")
def python() -> Python:
    """What code prints, run where fastact is installed."""
    elsewhere = {"PYTHONPATH": None} if INSTALLED else {}

    def run(*arguments: str, **environment: str | None) -> str:
        done = helpers.run([INSTALLED or sys.executable, *arguments], 120, **elsewhere, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def config(python: Python) -> Config:
    """What ``python -m fastact config`` prints, as a shell splits it."""
    return lambda *options: shlex.split(python("-m", "fastact", "config", *options))


@pytest.fixture(scope="session")
def compiled(config: Config) -> Callable[[Path, Path], None]:
    """A C source of this folder, compiled to a library by the flags of the command."""

    def compile_library(source: Path, made: Path) -> None:
        flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC"]
        subprocess.run(
            ["cc", *flags, str(source), *config("--cflags", "--libs"), "-o", str(made)], check=True
        )

    return compile_library
