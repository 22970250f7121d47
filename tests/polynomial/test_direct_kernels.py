"""Direct kernels, which compute what has no tables: accuracy at the edges of the domains for which they are
listed, and whether GCC vectorises them.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import ModuleType

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

FOLDER = helpers.ROOT / "fastact/csrc/polynomial"
LIST, BESIDE = FOLDER / "direct_entries.h", FOLDER / "direct_beside_tables.h"
ENTRY = re.compile(r"^FA_DIRECT\((\w+), (\w+), (\w+), \w+, ([\w.-]+)\)$", re.MULTILINE)
ENTRIES = ENTRY.findall(LIST.read_text())
BESIDE_ENTRIES = ENTRY.findall(BESIDE.read_text())
KEYS = {"forward": "formula", "derivative": "derivative_formula"}
FLOAT32_TINY = np.float32([0, -0.0, 1e-45, -1e-45, 1e-38, -1e-30, 1e-8])


def edges(name: str, limit: str, width: str) -> np.ndarray:
    """Where a domain ends: at the limit on both sides, and beside the root; with neighbours."""
    end = float.fromhex(limit) if "x" in limit else float(limit.replace("INFINITY", "inf"))
    ends = [end, -end] if end < np.inf else []
    if reach := float.fromhex(width):
        ends += [
            root + side * reach for root in oracle.roots(name, oracle.defaults(name)) for side in (-1, 1)
        ]
    near = [np.nextafter(edge, towards) for edge in ends for towards in (-np.inf, np.inf)]
    return np.array([*ends, *near, *(edge + step * 2.0**-12 for edge in ends for step in range(-20, 21))])


@pytest.mark.parametrize(("name", "direction", "limit", "width"), ENTRIES)
def test_accuracy_where_domains_end(name: str, direction: str, limit: str, width: str) -> None:
    x, activation = edges(name, limit, width), fa.get(name)
    x = np.concatenate([x, np.linspace(-40, 40, 161)])
    want, _ = oracle.truths(name, KEYS[direction], x, oracle.defaults(name))
    got = activation(x) if direction == "forward" else activation.derivative(x)
    bound = activation.max_ulp["float64"][direction == "derivative"]
    errors = oracle.errors_in_ulp(got, want)
    assert errors.max() <= bound, (x[errors.argmax()].hex(), errors.max())


@pytest.mark.parametrize(("name", "direction", "limit", "width"), BESIDE_ENTRIES)
def test_accuracy_in_float32(name: str, direction: str, limit: str, width: str) -> None:
    """Within the domain, around its ends and beyond."""
    activation, defaults = fa.get(name), oracle.defaults(name, np.float32)
    near = edges(name, limit, width)
    near = near[np.abs(near) <= np.finfo(np.float32).max].astype(np.float32)
    around = [np.nextafter(near, np.float32(to)) for to in (-np.inf, np.inf)]
    x = np.concatenate([near, *around, np.linspace(-130, 130, 521, dtype=np.float32), FLOAT32_TINY])
    want, _ = oracle.truths(name, KEYS[direction], x.astype(np.float64), defaults)
    got = activation(x) if direction == "forward" else activation.derivative(x)
    assert got.dtype == np.float32
    errors = oracle.errors_in_ulp(got, want)
    bound = activation.max_ulp["float32"][direction == "derivative"]
    assert errors.max() <= bound, (x[errors.argmax()], errors.max())


def test_every_listed_direction_is_there() -> None:
    assert len(ENTRIES) == LIST.read_text().count("\nFA_DIRECT(") >= 20
    assert len(BESIDE_ENTRIES) == BESIDE.read_text().count("\nFA_DIRECT(") >= 10


@pytest.mark.once
@pytest.mark.parametrize(("dtype", "file"), [("double", LIST), ("float", BESIDE)])
def test_every_direct_kernel_is_vectorised(dtype: str, file: Path, build: ModuleType, tmp_path: Path) -> None:
    """GCC gives a loop the line of its entry."""
    version = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout
    if "Free Software Foundation" not in version:
        pytest.skip("only GCC writes this report")
    flags = build.read_flags()
    isa = {"x86_64": "avx2", "aarch64": "neon"}[build.MACHINE]
    options = [*flags["CFLAGS_COMMON"], *flags["CFLAGS_GCC"], *flags[f"CFLAGS_{isa}"]]
    (tmp_path / "direct.c").write_text(
        f"#include <math.h>\n#define FA_REAL {dtype}\n#define FA_ISA test\n"
        f"#define FA_COMPENSATE {int(dtype == 'double')}\n"
        '#define FA_HAVE_FMA\n#define FA__WIDTH 8\n#include "platform/kernel.h"\n'
        '#include "formulas/direct_periodic.h"\n#include "formulas/direct_others.h"\n'
        '#include "formulas/direct_gated.h"\n#include "formulas/direct_lines.h"\n'
        '#include "formulas/direct_algebraic.h"\n'
        "#define FA_DIRECT(name, direction, ...) \\\n"
        " void loop_##name##_##direction(const real *x, real *y, long n) { \\\n"
        '  _Pragma("omp simd") for (long k = 0; k < n; k++) \\\n'
        "   y[k] = (real)name##_##direction##_direct(x[k]); }\n"
        "#define FA_BACKWARD(...)\n#define FA_VALUE_AND_DERIVATIVE(...)\n#define FA_PER_ELEMENT(...)\n"
        "#define FA_FROM_OUTPUT(...)\n#define FA_DIRECT_BACKWARD(...)\n#define FA_DIRECT_BOTH(...)\n"
        f'#define FA__OVERRIDE(...)\n#include "polynomial/{file.name}"\n'
    )
    folders = [f"-I{helpers.ROOT / folder}" for folder in ("include", "fastact/csrc")]
    report = f"-fopt-info-vec-optimized={tmp_path / 'report'}"
    command = ["cc", *options, *folders, "-fno-ipa-icf", report, "-c", "direct.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    lines = re.findall(rf"{file.name}:(\d+):\d+: .*loop vectorized", (tmp_path / "report").read_text())
    text = file.read_text().splitlines()
    if dtype == "float":  # entries of float64 alone
        first = text.index("#if FA_COMPENSATE")
        text[first : text.index("#endif", first)] = [""] * (text.index("#endif", first) - first)
    scalar = [line for number, line in enumerate(text, 1) if ENTRY.match(line) and str(number) not in lines]
    assert not scalar
