"""Every loop of every entry is vectorised, for each instruction set of this machine's kind and both element
types, as GCC itself reports. GCC gives a loop the line of its entry, so one that is not vectorised is named.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from types import ModuleType

import helpers
import pytest

from fastact import _core

CSRC = helpers.ROOT / "fastact/csrc"
TABLE = helpers.ROOT / "include/fastact/activations.def"
VERSION = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(
        "Free Software Foundation" not in VERSION,
        reason=f"only GCC writes this report; cc is {VERSION.splitlines()[0]}",
    ),
]


def entries_by_line() -> dict[int, str]:
    """The line at which each entry starts."""
    lines = TABLE.read_text().splitlines()
    found = ((number, re.match(r"FA_ACT\(\d+, (\w+),", line)) for number, line in enumerate(lines, 1))
    return {number: match[1] for number, match in found if match}


def expected_loops() -> dict[str, int]:
    """One per direction, and another where parameters may vary by element."""
    return {r["name"]: (4 + r["from_output"]) * (2 if r["parameters"] else 1) for r in _core.entries()}


def report(build: ModuleType, isa: str, real: str, folder: Path) -> str:
    """GCC's report on loops.c, compiled as make compiles it."""
    options = [
        "-DFA_NO_POLYNOMIALS",  # the loops that they replace; their own are written with vectors
        "-fno-ipa-icf",  # or of equal loops, such as those of exp and of its derivative, one is reported
        f"-fopt-info-vec-optimized-missed={folder / 'report'}",
    ]
    command = ["make", "-s", "-C", str(CSRC), f"BUILD={folder}", f"MACHINE={build.MACHINE}"]
    target = f"{folder}/{isa}_{real}/elementwise/loops.o"
    subprocess.run([*command, f"CFLAGS={' '.join(options)}", target], check=True)
    return (folder / "report").read_text()


def lines_about(text: str, message: str) -> Counter[int]:
    """How often a message is given at each line of the table."""
    return Counter(int(n) for n in re.findall(rf"activations\.def:(\d+):\d+: .*{message}", text))


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("position", range(3))
def test_every_loop_is_vectorised(build: ModuleType, tmp_path: Path, position: int, real: str) -> None:
    isas = build.read_flags()[f"ISAS_{build.MACHINE}"]
    if position >= len(isas):
        pytest.skip(f"{build.MACHINE} has {len(isas)} instruction sets")
    text = report(build, isas[position], real, tmp_path)
    entries = entries_by_line()
    assert list(entries.values()) == list(expected_loops())
    refused = {entries.get(line, f"line {line}") for line in lines_about(text, "couldn't vectorize loop")}
    assert not refused, f"{isas[position]}, {real}: not vectorised: {', '.join(sorted(refused))}"
    vectorised = lines_about(text, "loop vectorized")
    short = {
        name: f"{vectorised[line]} of {expected_loops()[name]}"
        for line, name in entries.items()
        if vectorised[line] < expected_loops()[name]
    }
    assert not short, f"{isas[position]}, {real}: vectorised loops by entry: {short}"


def test_the_report_names_a_loop_that_cannot_be_vectorised(tmp_path: Path) -> None:
    """Were GCC to word its report otherwise, the test above would see nothing."""
    loop = "void f(double *x, int n) { for (int i = 1; i < n; i++) x[i] += x[i-1]; }"
    source = f'#line 7 "activations.def"\n{loop}\n'
    (tmp_path / "loop.c").write_text(source)
    command = ["cc", "-O3", f"-fopt-info-vec-optimized-missed={tmp_path / 'report'}", "-c", "loop.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert lines_about((tmp_path / "report").read_text(), "couldn't vectorize loop")[7]
