"""What a wheel contains: the package, its library and what clients need, without what only builds need."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
LARGEST = 5_000_000


@pytest.fixture(scope="module")
def wheel() -> Path:
    if "FASTACT_WHEEL" not in os.environ:
        pytest.skip("FASTACT_WHEEL names no wheel; .ci/run builds one")
    return Path(os.environ["FASTACT_WHEEL"])


def test_its_size(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST


def test_its_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    needed = {
        "fastact/lib/libfastact.so",
        "fastact/lib/pkgconfig/fastact.pc",
        "fastact/lib/cmake/fastact/fastactConfig.cmake",
        "fastact/lib/cmake/fastact/fastactConfigVersion.cmake",
        "fastact/include/fastact.h",
        "fastact/include/fastact.cdef",
        "fastact/include/fastact/activations.def",
        "fastact/include/fastact/rowwise.def",
        "fastact/include/fastact/quantized.h",
        "fastact/include/fastact/table.h",
        "fastact/__init__.pxd",
        "fastact/__init__.pyi",
        "fastact/py.typed",
    }
    assert needed <= set(names)
    assert {Path(name).parts[0].split("-")[0] for name in names} == {"fastact"}
    suffixes = {".c", ".o", ".a", ".pyx", ".pxi", ".in", ".mk", ".awk", ".map"}
    assert not [name for name in names if Path(name).suffix in suffixes or "csrc" in name]
    assert {name for name in names if name.endswith(".h")} == {
        "fastact/include/fastact.h",
        "fastact/include/fastact/table.h",
        "fastact/include/fastact/training.h",
    }
