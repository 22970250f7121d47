"""The tails of float64 table kernels, compiled with a sanitizer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import helpers
import pytest

import fastact as fa

pytestmark = pytest.mark.once


@pytest.mark.skipif("avx512" not in fa.isas(), reason="only AVX-512 has tables for float64")
def test_no_undefined_behaviour(tmp_path: Path) -> None:
    source, made = Path(__file__).parent / "test_tails.c", tmp_path / "test_tails"
    folders = ["include", "fastact/csrc", "tests/c"]
    includes = [f"-I{helpers.ROOT / folder}" for folder in folders]
    flags = ["-std=gnu11", "-O1", "-march=x86-64-v4", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["cc", *flags, *includes, str(source), "-lm", "-o", str(made)], check=True)
    assert helpers.checks_passed(str(made)) == 4
