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

LIST = helpers.ROOT / "fastact/csrc/polynomial/direct_entries.h"
ENTRY = re.compile(r"^FA_DIRECT\((\w+), (\w+), (\w+), \w+, ([\w.-]+)\)$", re.MULTILINE)
ENTRIES = ENTRY.findall(LIST.read_text())
KEYS = {"forward": "formula", "derivative": "derivative_formula"}


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


def test_accuracy_in_float32() -> None:
    """Snake's derivative: within the domain, around its ends and beyond."""
    limit = 2**15
    ends = np.float32([limit, -limit])
    near = np.concatenate([np.nextafter(ends, np.float32(to)) for to in (-np.inf, 0, np.inf)])
    wide = np.linspace(-limit - 20, limit + 20, 2001, dtype=np.float32)
    x = np.concatenate([ends, near, wide, np.float32([0, -0.0, 1e-45, -1e-45, 1e-30])])
    want, _ = oracle.truths("snake", KEYS["derivative"], x.astype(np.float64), oracle.defaults("snake"))
    got = fa.snake.derivative(x)
    assert got.dtype == np.float32
    errors = oracle.errors_in_ulp(got, want)
    assert errors.max() <= fa.snake.max_ulp["float32"][1], (x[errors.argmax()], errors.max())


def test_every_listed_direction_is_there() -> None:
    assert len(ENTRIES) == LIST.read_text().count("\nFA_DIRECT(") >= 20


@pytest.mark.once
def test_every_direct_kernel_is_vectorised(build: ModuleType, tmp_path: Path) -> None:
    """GCC gives a loop the line of its entry."""
    version = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout
    if "Free Software Foundation" not in version:
        pytest.skip("only GCC writes this report")
    flags = build.read_flags()
    isa = {"x86_64": "avx2", "aarch64": "neon"}[build.MACHINE]
    options = [*flags["CFLAGS_COMMON"], *flags["CFLAGS_GCC"], *flags[f"CFLAGS_{isa}"]]
    (tmp_path / "direct.c").write_text(
        "#include <math.h>\n#define FA_REAL double\n#define FA_ISA test\n#define FA_COMPENSATE 1\n"
        '#define FA_HAVE_FMA\n#include "platform/kernel.h"\n#include "formulas/direct_periodic.h"\n'
        '#include "formulas/direct_others.h"\n'
        "#define FA_DIRECT(name, direction, ...) \\\n"
        " void loop_##name##_##direction(const double *x, double *y, long n) { \\\n"
        '  _Pragma("omp simd") for (long k = 0; k < n; k++) y[k] = name##_##direction##_direct(x[k]); }\n'
        "#define FA_BACKWARD(...)\n#define FA_VALUE_AND_DERIVATIVE(...)\n#define FA_PER_ELEMENT(...)\n"
        '#include "polynomial/direct_entries.h"\n'
    )
    folders = [f"-I{helpers.ROOT / folder}" for folder in ("include", "fastact/csrc")]
    report = f"-fopt-info-vec-optimized={tmp_path / 'report'}"
    command = ["cc", *options, *folders, "-fno-ipa-icf", report, "-c", "direct.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    lines = re.findall(r"direct_entries\.h:(\d+):\d+: .*loop vectorized", (tmp_path / "report").read_text())
    text = LIST.read_text().splitlines()
    scalar = [line for number, line in enumerate(text, 1) if ENTRY.match(line) and str(number) not in lines]
    assert not scalar
