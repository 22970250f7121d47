"""Programs in C, as the README prints them, and in Rust; how often they enter a parallel region at once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import helpers
import pytest

pytestmark = pytest.mark.once
HERE = Path(__file__).parent
INSTALLED = os.environ.get("FASTACT_EMBED_PYTHON")
Python = Callable[..., str]
Config = Callable[..., list[str]]


# The README's commands ----------------------------------------------------------------------------

SECTION = (helpers.ROOT / "README.md").read_text().partition("\n## From C\n")[2]
PROGRAM = """#include <stdio.h>
{include}
int main(void) {{
    enum {{ n = 4 }};
    float x[n] = {{-1, 2, -3, 0.5f}}, y[n], grad_y[n] = {{1, 2, 3, 4}}, grad_x[n];
    double wide[n] = {{-1, 2, -3, 0.5}}, result[n];
    {calls}
    for (int i = 0; i < n; i++) printf("%a %a %a\\n", (double)y[i], (double)grad_x[i], result[i]);
    return 0;
}}
"""
EXPECTED = """
import numpy as np
import fastact as fa
x = np.float32([-1, 2, -3, 0.5])
y, d, wide = fa.gelu(x), fa.gelu.backward(np.float32([1, 2, 3, 4]), x), fa.leaky_relu(x, negative_slope=0.2)
wide = fa.leaky_relu(x.astype(float), negative_slope=0.2)
for row in zip(y, d, wide): print(*(float(value).hex() for value in row))
"""


def block(language: str) -> str:
    """The first block of code in this language in the README's section."""
    found = re.search(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_commands_of_the_readme(python: Python, tmp_path: Path) -> None:
    """As they are printed; the one that installs needs the wheel, which FASTACT_WHEEL names."""
    include, _, calls = block("c").partition("\n")
    calls = calls.replace("fa_leaky_relu_f64(x, y,", "fa_leaky_relu_f64(wide, result,")
    (tmp_path / "program.c").write_text(PROGRAM.format(include=include, calls=calls))
    commands = block("sh").splitlines()
    assert [command.split()[0] for command in commands] == ["pip", "cc", "./program"]
    if "FASTACT_WHEEL" in os.environ and INSTALLED:
        shutil.copy(os.environ["FASTACT_WHEEL"], tmp_path)
    else:
        del commands[0]
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_QUIET": "1"}
    environment["PATH"] = f"{Path(INSTALLED or sys.executable).parent}{os.pathsep}{environment['PATH']}"
    if INSTALLED:
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)], cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = [[float.fromhex(word) for word in line.split()] for line in done.stdout.splitlines()]
    expected = [
        [float.fromhex(word) for word in line.split()] for line in python("-c", EXPECTED).splitlines()
    ]
    assert len(printed) == 4
    assert printed == expected


# Rust ---------------------------------------------------------------------------------------------

RUST = """
import numpy as np
import fastact as fa
x = np.arange(-500, 500) / 64
results = fa.gelu(x.astype(np.float32)), fa.leaky_relu.backward(x[::-1], x, negative_slope=0.2), fa.mish(x)
for result in results:
    print(*(format(bits, "x") for bits in result.view(f"u{result.itemsize}").tolist()))
"""


@pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no rustc")
def test_rust(python: Python, config: Config, tmp_path: Path) -> None:
    made = tmp_path / "activations"
    search, library, run_path = config("--libs")
    linked = [search, library, "-C", f"link-arg={run_path}"]
    subprocess.run(
        ["rustc", "-D", "warnings", str(HERE / "activations.rs"), *linked, "-o", str(made)], check=True
    )
    done = subprocess.run([str(made)], capture_output=True, text=True, check=True)
    printed = done.stdout.split()
    assert len(printed) == 3000
    assert printed == python("-c", RUST).split()


# Parallel regions ---------------------------------------------------------------------------------

REGIONS = """
import ctypes, sys, threading
import numpy as np
import fastact as fa
counter, client = ctypes.CDLL(sys.argv[1]), ctypes.CDLL(sys.argv[2])
x = np.linspace(-9, 9, 400_000, dtype=np.float32)
start = threading.Barrier(6)

def from_python():
    y = np.empty_like(x)
    start.wait()
    for _ in range(20):
        fa.mish(x, out=y)

def from_c():
    y = np.empty_like(x)
    start.wait()
    for _ in range(20):
        client.client_mish(*(ctypes.c_void_p(a.ctypes.data) for a in (x, y)), ctypes.c_size_t(x.size))

threads = [threading.Thread(target=call) for call in (from_python, from_c) * 3]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(fa.get_num_threads(), counter.all_regions(), counter.most_open())
"""


def test_one_parallel_region_at_a_time(
    python: Python, compiled: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """One region of OpenMP is open; other calls run on their own thread meanwhile."""
    counter, client = tmp_path / "regions.so", tmp_path / "client.so"
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, str(HERE / "parallel_regions.c"), "-ldl", "-o", str(counter)], check=True)
    compiled(HERE / "shared_settings.c", client)
    code = ["-c", REGIONS, str(counter), str(client)]
    four = {"FASTACT_NUM_THREADS": "4", "OMP_NUM_THREADS": "4", "OMP_THREAD_LIMIT": None}
    threads, regions, most = python(*code, LD_PRELOAD=str(counter), **four).split()
    if threads != "4":
        pytest.skip("a quota allows fewer than four CPUs, or the library was built without OpenMP")
    assert int(regions) > 0
    assert most == "1"
