"""What a wheel contains: the package, its library and what clients need, without what only builds need; and
what an sdist does.

FASTACT_WHEEL and FASTACT_SDIST name them. A wheel that auditwheel repaired has libgomp, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
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
    assert {Path(name).parts[0].split("-")[0] for name in names} <= {"fastact", "fastact.libs"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    suffixes = {".c", ".o", ".a", ".pyx", ".pxi", ".in", ".mk", ".awk", ".map"}
    assert not [name for name in names if Path(name).suffix in suffixes or "csrc" in name]
    assert {name for name in names if name.endswith(".h")} == {
        "fastact/include/fastact.h",
        "fastact/include/fastact/quantized.h",
        "fastact/include/fastact/scalar.h",
        "fastact/include/fastact/table.h",
        "fastact/include/fastact/training.h",
    }


@pytest.mark.skipif(shutil.which("readelf") is None, reason="there is no readelf")
def test_a_repaired_wheel(wheel: Path, tmp_path: Path) -> None:
    """The extension finds the package's library, which finds the runtime that the wheel carries."""
    if "manylinux" not in wheel.name:
        pytest.skip("auditwheel has not repaired this wheel")
    content = zipfile.ZipFile(wheel)
    content.extractall(tmp_path)
    (runtime,) = tmp_path.glob("fastact.libs/*")
    assert runtime.name.startswith("libgomp")
    licence = next(tmp_path.glob("*.dist-info/licenses/**/libgomp.txt")).read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in licence
    assert "GCC RUNTIME LIBRARY EXCEPTION" in licence
    (core,), library = tmp_path.glob("fastact/_core*.so"), tmp_path / "fastact/lib/libfastact.so"
    assert needed_and_path(core, "libfastact") == ["libfastact.so", "$ORIGIN/lib"]
    assert needed_and_path(library, "libgomp") == [runtime.name, "$ORIGIN/../../fastact.libs"]


def needed_and_path(binary: Path, library: str) -> list[str]:
    """The library of this kind that a binary needs, and the first folder in which it is looked for."""
    dynamic = subprocess.run(
        ["readelf", "-d", str(binary)], capture_output=True, text=True, check=True
    ).stdout
    needed = re.findall(rf"\(NEEDED\).*\[({library}[^\]]*)\]", dynamic)
    return [*needed, *re.findall(r"\((?:RPATH|RUNPATH)\).*\[([^:\]]*)", dynamic)]


def test_an_sdist() -> None:
    if "FASTACT_SDIST" not in os.environ:
        pytest.skip("FASTACT_SDIST names no sdist; .ci/run builds one")
    with tarfile.open(os.environ["FASTACT_SDIST"]) as archive:
        names = {str(Path(*Path(name).parts[1:])) for name in archive.getnames()}
    needed = {"setup.py", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "licenses/libgomp.txt", ".ci/run"}
    needed |= {
        "fastact/_core.pyx",
        "fastact/csrc/Makefile",
        "fastact/csrc/select.awk",
        "tools/clients/fastact.pc.in",
    }
    assert needed <= names
    assert "tests/embed/test_wheel.py" in names
    made = {"__init__.pyi", "__init__.pxd", "fastact.cdef", "c_api.h"}
    assert not [name for name in names if Path(name).name in made or Path(name).suffix in (".so", ".o", ".a")]
    assert not [name for name in names if re.fullmatch(r"fastact/(evaluation/)?_\w+\.c", name)]
