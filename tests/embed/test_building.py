"""Building the package where something is missing: one sentence says what."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import helpers
import pytest

pytestmark = pytest.mark.once


def built_with(folder: Path, *tools: str, **environment: str) -> list[str]:
    """What a build prints that finds these tools only, and must fail."""
    for tool in tools:
        (folder / tool).symlink_to(shutil.which(tool))
    command = [sys.executable, str(helpers.ROOT / "setup.py"), "build", f"--build-base={folder / 'built'}"]
    done = subprocess.run(
        command, env={**os.environ, "PATH": str(folder), **environment}, cwd=helpers.ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert not list(folder.glob("built/lib*"))
    return done.stdout.splitlines()


def test_without_a_compiler(tmp_path: Path) -> None:
    *before, last = built_with(tmp_path, "make", CC="cc")
    assert last.startswith("fastact is compiled from C, and there is no C compiler 'cc'. On Debian: apt-get")
    assert before == ["running build", "running build_ext"]


def test_without_the_compiler_that_is_named(tmp_path: Path) -> None:
    *_, last = built_with(tmp_path, "make", CC="ccache no-such-compiler")
    assert "there is no C compiler 'ccache'" in last


def test_without_make(tmp_path: Path) -> None:
    *_, last = built_with(tmp_path, "cc", CC="cc")
    assert last.startswith("fastact's C library is built by make, which is not installed. On Debian: apt-get")
