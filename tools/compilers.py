"""Builds the C library with each compiler of this machine and in unusual ways, and runs its tests.

    python tools/compilers.py [--whole] [gcc-11 clang-19 "without OpenMP" ...]

A library of a few activations is built unless --whole is given, which takes minutes for each compiler. Each
line says what was built, the instruction sets that it has, and how many checks passed on them. What is
built stays in build/compilers, and is built again only where it changed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from targets import ROOT, SMALL, FailedError, Target, run

PROGRAMS = ("c/test_activations.c", "c/test_platform.c")
OF_ALL = (*PROGRAMS, "c/test_dense.c", "c/test_rowwise.c", "c/test_losses.c", "c/test_scalars.c")


def compilers() -> list[str]:
    """GCC and Clang in all their versions, oldest first."""
    found = {
        path.name
        for folder in os.environ["PATH"].split(os.pathsep)
        for path in Path(folder).glob("*")
        if re.fullmatch(r"(gcc|clang)-\d+", path.name)
    }
    return sorted(found, key=lambda name: (name.split("-")[0] != "gcc", int(name.split("-")[1])))


def has_openmp(compiler: str, folder: Path) -> bool:
    """Whether programs with OpenMP can be compiled and linked."""
    source = folder / "openmp.c"
    source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
    try:
        run([compiler, "-fopenmp", source, "-o", folder / "openmp"])
    except FailedError:
        return False
    return True


def one(target: Target, folder: Path, programs: tuple[str, ...] = PROGRAMS) -> str:
    """Build and run, for each instruction set."""
    target.make(folder)
    isas = target.make(folder, "isas").split()
    passed = 0
    for program in programs:
        made = target.compile(program, folder)
        passed += sum(target.checks(made, FASTACT_ISA=isa) for isa in isas)
    without = "" if target.openmp else ", no OpenMP"
    return f"{' '.join(isas)}{without}: {passed} checks passed"


# Cases --------------------------------------------------------------------------------------------


def by_compiler(compiler: str, variables: Mapping[str, str], folder: Path) -> str:
    """With the OpenMP runtime of the compiler, where it is installed."""
    serial = {} if has_openmp(compiler, folder) else {"OPENMP": "0"}
    programs = PROGRAMS if "ACTIVATIONS" in variables else OF_ALL
    return one(Target(compiler, {**variables, **serial}), folder / "made", programs)


def without_openmp(variables: Mapping[str, str], folder: Path) -> str:
    """On one thread."""
    return one(Target(variables={**variables, "OPENMP": "0"}), folder)


def without_optimisation(variables: Mapping[str, str], folder: Path) -> str:
    """As for a debugger."""
    return one(Target(variables={**variables, "CFLAGS": "-O0"}), folder)


def without_avx512(variables: Mapping[str, str], folder: Path) -> str:
    """A compiler that does not know the level of x86-64 that has AVX-512."""
    compiler = folder / "old-cc"
    compiler.write_text(
        '#!/bin/sh\nfor flag; do [ "$flag" != -march=x86-64-v4 ] || exit 1; done\nexec cc "$@"\n'
    )
    compiler.chmod(0o755)
    return one(Target(str(compiler), variables), folder / "made")


def portable(variables: Mapping[str, str], folder: Path) -> str:
    """As on machines that have no instruction set of their own in flags.mk."""
    return one(Target(variables={**variables, "ISAS": "portable"}), folder)


def musl(variables: Mapping[str, str], folder: Path) -> str:
    """Static programs with another C library."""
    if shutil.which("musl-gcc") is None:
        return "skipped: there is no musl-gcc"
    return one(Target("musl-gcc", {**variables, "OPENMP": "0"}, flags=["-static"]), folder)


def folder_with_spaces(variables: Mapping[str, str], folder: Path) -> str:
    """The sources are in it, and make's usual folder for what it builds."""
    copy = folder / "a folder"
    for name in ("fastact/csrc", "include", "tests/c"):
        shutil.copytree(ROOT / name, copy / name, dirs_exist_ok=True)
    return one(Target(variables={**variables, "BUILD": "../../build/c"}, source=copy), copy / "build/c")


def read_only(variables: Mapping[str, str], folder: Path) -> str:
    """A wheel of sources that nobody may write to, built by somebody else in a folder that all may see."""
    with tempfile.TemporaryDirectory() as shared:
        return wheel_of_read_only(Path(shared))


def wheel_of_read_only(folder: Path) -> str:
    """The name of the wheel, whose library is not optimised and has one instruction set."""
    copy = folder / "sources"
    left_out = shutil.ignore_patterns("*.so", "__pycache__", "lib", "_[a-z]*.c", "*.pyi")
    for name in ("fastact", "include", "tools", "licenses"):
        shutil.copytree(ROOT / name, copy / name, ignore=left_out)
    for path in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "fastact/__init__.pyi.in"):
        shutil.copy(ROOT / path, copy / path)
    run(["chmod", "-R", "a-w,a+rX", copy])
    folder.chmod(0o777)
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    environment = {"ISAS": "sse2", "CFLAGS": "-O0", "HOME": str(folder), "TMPDIR": str(folder)}
    build = [sys.executable, "-c", BUILD_WHEEL, str(folder)]
    made = run([*other, "env", f"--chdir={copy}", *build], **environment).split()[-1]
    run(["chmod", "-R", "u+w", copy])
    return f"sse2: {made}"


BUILD_WHEEL = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


Case = Callable[[Mapping[str, str], Path], str]
UNUSUAL: dict[str, Case] = {
    "without OpenMP": without_openmp,
    "without optimisation": without_optimisation,
    "without AVX-512": without_avx512,
    "portable": portable,
    "musl": musl,
    "a folder with spaces": folder_with_spaces,
    "read-only sources": read_only,
}


def cases() -> dict[str, Case]:
    """Everything that can be tried here, by name."""
    tried: dict[str, Case] = {
        name: lambda variables, folder, name=name: by_compiler(name, variables, folder)  # type: ignore[misc]
        for name in compilers()
    }
    return {**tried, **UNUSUAL}


def main() -> int:
    """Try what the command line names, or everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", help=f"of: {', '.join(cases())}")
    parser.add_argument("--whole", action="store_true", help="the library of all activations")
    options = parser.parse_args()
    failures = 0
    for name in options.cases or cases():
        folder = ROOT / "build/compilers" / f"{name.replace(' ', '-')}{'-whole' if options.whole else ''}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            result = cases()[name]({} if options.whole else SMALL, folder)
        except FailedError as error:
            result, failures = f"FAILED {error}", failures + 1
        print(f"{name:22} {result}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
