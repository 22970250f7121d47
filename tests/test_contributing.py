"""CONTRIBUTING.md's example, performed in a copy of the repository: added, built and measured."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import helpers
import pytest

pytestmark = pytest.mark.once

TEXT = (helpers.ROOT / "CONTRIBUTING.md").read_text()
LEFT_OUT = shutil.ignore_patterns("*.so", "__pycache__", "lib", "__init__.pyi", "__init__.pxd")


def blocks() -> list[str]:
    """The C code of the example: forward, derivative, entry."""
    found = re.findall(r"^ *```c\n(.*?)^ *```$", TEXT, re.DOTALL | re.MULTILINE)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in found]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the example added, in a folder whose name has spaces."""
    folder = tmp_path_factory.mktemp("contributing") / "a folder with spaces"
    for name in ("fastact", "include", "tools"):
        shutil.copytree(helpers.ROOT / name, folder / name, ignore=LEFT_OUT)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(helpers.ROOT / name, folder)
    forward, derivative, entry = blocks()
    formulas = folder / "fastact/csrc/formulas/algebraic.h"
    before, end, after = formulas.read_text().rpartition("#endif")
    formulas.write_text(f"{before}{forward}\n{derivative}\n{end}{after}")
    with (folder / "include/fastact/activations.def").open("a") as table:
        table.write(f"\n{entry}")
    return folder


def test_it_is_built_and_accurate(copy: Path) -> None:
    """One instruction set, without optimisation: what is tested is that the three steps suffice."""
    environment = {**os.environ, "ISAS": "sse2", "CFLAGS": "-O1", "FASTACT_ISA": "", "PYTHONPATH": str(copy)}
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(build, cwd=copy, env=environment, check=True, capture_output=True, text=True)
    measure = [sys.executable, "-m", "fastact", "accuracy", "example", "--stride", "99991", "--points", "200"]
    done = subprocess.run(measure, cwd=copy, env=environment, check=False, capture_output=True, text=True)
    assert "within their bounds" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout
    code = (
        "import fastact as fa; print(fa.example(3.0), fa.example.backward(1.0, 3.0, c=4.0), fa.example.kinks)"
    )
    used = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, env=environment, check=True, capture_output=True
    )
    assert used.stdout.split() == [b"1.5", b"0.25", b"()"]


def test_its_commands_and_files_exist() -> None:
    named = set(re.findall(r"`(?:python )?((?:fastact|tools|tests|include)/[\w./]+?)`", TEXT))
    made = {"fastact/csrc/polynomial/float32/example.h"}
    assert len(named) > 12
    assert not [name for name in named - made if not (helpers.ROOT / name).exists()]
