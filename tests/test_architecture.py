"""The folders show the architecture: who may include or import whom (fastact/csrc/README.md).

Knows the order of folders; it reads includes and imports, nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import helpers
import pytest

pytestmark = pytest.mark.once

CSRC = helpers.ROOT / "fastact/csrc"
PACKAGE = helpers.ROOT / "fastact"

# each folder may include itself and those before it
C_ORDER = [
    "platform",
    "math",
    "formulas",
    "polynomial",
    "elementwise",
    "losses",
    "quantized",
    "rowwise",
    "gemm",
    "dense",
    "training",
    "health",
    "api",
]
C_PAIRS_APART = {("gemm", "rowwise"), ("math", "platform")}  # beside each other

# each part of the package may import itself and those in its set
PYTHON_MAY = {
    "errors": set(),
    "ufuncs": {"errors", "_core"},
    "runtime": {"errors", "_core"},
    "arrays": {"errors", "_core"},
    "activations": {"errors", "ufuncs", "runtime", "_core"},
    "rowwise": {"errors", "arrays", "activations", "_core", "_rowwise", "_gated"},
    "dense": {"errors", "arrays", "ufuncs", "runtime", "activations", "_core", "_dense"},
    "health": {"errors", "arrays", "activations", "rowwise", "dense", "_core", "_health"},
    "training": {
        "errors",
        "arrays",
        "runtime",
        "activations",
        "rowwise",
        "dense",
        "health",
        "_core",
        "_training",
    },
    "plots": {"activations"},
    "quantized": {"errors", "arrays", "activations", "_core", "_quantized"},
    "evaluation": {"*"},
    "commands": {"*"},
}


def c_files() -> Iterator[Path]:
    return (path for path in CSRC.rglob("*") if path.suffix in (".c", ".h"))


def wrong_includes(folder: str, text: str) -> list[str]:
    """The includes of a file in this folder that go upwards, or sideways."""
    rank = C_ORDER.index(folder)
    allowed = {name for name in C_ORDER[: rank + 1] if (folder, name) not in C_PAIRS_APART}
    included = re.findall(r'^\s*#\s*include\s+"(\w+)/', text, re.MULTILINE)
    return [name for name in included if name not in {*allowed, "fastact"}]


def wrong_imports(part: str, source: str) -> list[str]:
    """The imports of a module in this part of the package that it may not have."""
    allowed = PYTHON_MAY[part]
    found = []
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "fastact":
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fastact."):
            names = [node.module.split(".")[1]]
        elif isinstance(node, ast.Import):
            names = [a.name.split(".")[1] for a in node.names if a.name.startswith("fastact.")]
            names += ["fastact" for a in node.names if a.name == "fastact"]
        found += [name for name in names if name != part and name not in allowed and "*" not in allowed]
    return found


def test_c_folders_are_those_of_the_order() -> None:
    assert {path.parent.relative_to(CSRC).parts[0] for path in c_files()} <= set(C_ORDER)


@pytest.mark.parametrize("path", sorted(c_files()), ids=lambda p: str(p.relative_to(CSRC)))
def test_lower_folders_do_not_include_upper_ones(path: Path) -> None:
    assert not wrong_includes(path.relative_to(CSRC).parts[0], path.read_text())


@pytest.mark.parametrize("part", PYTHON_MAY)
def test_lower_parts_do_not_import_upper_ones(part: str) -> None:
    folder = PACKAGE / part
    modules = sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{part}.py"]
    assert modules
    wrong = {str(path.relative_to(PACKAGE)): wrong_imports(part, path.read_text()) for path in modules}
    assert not {path: names for path, names in wrong.items() if names}


def test_openmp_is_used_in_platform_only() -> None:
    users = {
        path.parent.name for path in c_files() if re.search(r"omp\.h|#pragma omp parallel", path.read_text())
    }
    assert users == {"platform"}


def test_an_include_that_is_turned_around_is_found() -> None:
    assert wrong_includes("platform", '#include "elementwise/plan.h"\n') == ["elementwise"]
    assert wrong_includes("elementwise", '#include "platform/fenv.h"\n') == []
    assert wrong_includes("math", '#include "formulas/gated.h"\n#include <math.h>\n') == ["formulas"]


def test_an_import_that_is_turned_around_is_found() -> None:
    assert wrong_imports("activations", "from fastact.dense.network import Network") == ["dense"]
    assert wrong_imports("ufuncs", "from fastact import _core, activations") == ["activations"]
    assert wrong_imports("dense", "import fastact.evaluation.machine") == ["evaluation"]
    assert wrong_imports("dense", "from fastact.activations.base import Activation") == []


# Sizes --------------------------------------------------------------------------------------------

LONGEST = 450
GENERATED = (
    "polynomial/float32",
    "polynomial/float64",
    "math/coefficients.h",
    "reference/tables.h",
    "activations.def",
    "benches/",
)


def hand_written() -> Iterator[Path]:
    folders = ("fastact", "include", "tests", "tools", "benches")
    for path in (p for folder in folders for p in (helpers.ROOT / folder).rglob("*")):
        where = path.relative_to(helpers.ROOT).as_posix()
        made = any(part in where for part in (*GENERATED, "fastact/include/", "__init__.pxd", "__pycache__"))
        if path.suffix in (".c", ".h", ".py", ".pyx", ".pxi") and not made and not is_cython_output(path):
            yield path


def is_cython_output(path: Path) -> bool:
    return path.suffix == ".c" and path.with_suffix(".pyx").exists()


def test_no_hand_written_file_is_long() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in hand_written()}
    assert len(lengths) > 150
    assert not {path.name: lines for path, lines in lengths.items() if lines > LONGEST}


def test_no_python_function_is_long() -> None:
    long = {}
    for path in (p for p in hand_written() if p.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60:
                long[f"{path.name}: {node.name}"] = node.end_lineno - node.lineno + 1
    assert not long


def c_functions(text: str) -> Iterator[tuple[str, int]]:
    """The first line and the number of lines of each function, as clang-format lays them out."""
    lines = text.splitlines()
    start = None
    for number, line in enumerate(lines):
        if re.match(r"[A-Za-z_].*\(.*", line) and not line.startswith("#"):
            start = number
        if line == "}" and start is not None:
            yield lines[start], number - start + 1
            start = None


def test_no_c_function_is_long() -> None:
    long = {}
    for path in (p for p in hand_written() if p.suffix in (".c", ".h")):
        for head, lines in c_functions(path.read_text()):
            if lines > 60:
                long[f"{path.name}: {head}"] = lines
    assert not long
