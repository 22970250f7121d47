"""Builds the C library, the C tests and the extensions with sanitizers, and runs what there is to run.

    python tests/faults/sanitize.py address [--isas "sse2 avx2"] [--examples 500]
    python tests/faults/sanitize.py thread

``address`` (AddressSanitizer and UndefinedBehaviorSanitizer, GCC) runs the C tests, then the campaign of this
folder on extensions built likewise. ``thread`` (ThreadSanitizer; clang-19 and libomp-19-dev, or the compiler
that CLANG names) runs the C tests of teams of threads.
Everything is built in build/sanitized; the first build takes some minutes for each instruction set.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "fastact/csrc"
COMMON = "-O1 -g1 -fno-omit-frame-pointer -w"
FLAGS = {
    "address": f"{COMMON} -fsanitize=address,undefined -fno-sanitize-recover=undefined",
    "thread": f"{COMMON} -fsanitize=thread",
}
COMPILER = {"address": "gcc", "thread": os.environ.get("CLANG", "clang-19")}
PROGRAMS = {
    "address": (
        "test_activations",
        "test_platform",
        "test_dense",
        "test_dense_arguments",
        "test_threads",
        "test_rowwise",
        "test_gated",
        "test_losses",
        "test_training",
        "test_norms",
        "test_network_step",
        "test_health",
        "test_quantized",
        "test_scalars",
    ),
    "thread": ("test_races", "test_threads"),
}
OPTIONS = {
    # Python and NumPy allocate things that live as long as the process; fork without exec is what is tested
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:abort_on_error=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66",
}


def run(command: Sequence[str | Path], **environment: str) -> None:
    print("+", *command, flush=True)
    subprocess.run(
        list(map(str, command)), check=True, cwd=ROOT, env={**os.environ, **OPTIONS, **environment}
    )


def build_library(kind: str, isas: str, folder: Path) -> Path:
    make = ["make", "-s", f"-j{os.environ.get('JOBS', '1')}", "-C", CSRC, f"BUILD={folder / 'c'}"]
    run([*make, f"ISAS={isas}", f"CC={COMPILER[kind]}", f"CFLAGS={FLAGS[kind]}"])
    return folder / "c/libfastact.a"


def archer() -> str:
    """The tool of LLVM's OpenMP runtime, which tells the sanitizer how that runtime orders threads."""
    command = [COMPILER["thread"], "-print-file-name=libarcher.so"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def run_c_tests(kind: str, isas: str, library: Path) -> None:
    """The C programs of tests/c, on each instruction set."""
    tool = archer() if kind == "thread" else ""
    for name in PROGRAMS[kind]:
        made = library.parent.parent / name
        sources = [ROOT / f"tests/c/{name}.c", library]
        includes = [f"-I{ROOT / 'include'}", f"-I{CSRC}"]
        flags = ["-std=gnu11", *FLAGS[kind].split(), "-fopenmp"]
        run([COMPILER[kind], *flags, *includes, *sources, "-lm", "-lpthread", "-o", made])
        for isa in isas.split():
            with tempfile.TemporaryDirectory() as folder:  # test_platform's files; others take no argument
                arguments = [folder] if name == "test_platform" else []
                run([made, *arguments], FASTACT_ISA=isa, OMP_TOOL_LIBRARIES=tool)


def build_extensions(kind: str, library: Path, folder: Path) -> None:
    """A copy of the package whose extensions contain the sanitized library."""
    import numpy

    package = folder / "package/fastact"
    shutil.copytree(
        ROOT / "fastact", package, dirs_exist_ok=True, ignore=shutil.ignore_patterns("csrc", "*.so", "lib")
    )
    for instrument in (ROOT / "fastact/evaluation").glob("*.so"):  # which contain no part of the library
        shutil.copy(instrument, package / "evaluation")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    includes = [ROOT / "include", CSRC, ROOT / "fastact", ROOT / "build/generated"]
    includes += [Path(numpy.get_include()), Path(sysconfig.get_path("include"))]
    for module in sorted((ROOT / "fastact").glob("_*.pyx")):
        source = ROOT / "build/generated/cython/fastact" / f"{module.stem}.c"
        made = package / f"{module.stem}{suffix}"
        linked = [library] if module.stem == "_core" else []
        flags = [*FLAGS[kind].split(), "-shared", "-fPIC", "-fvisibility=hidden", "-fopenmp"]
        if not made.exists() or made.stat().st_mtime < max(source.stat().st_mtime, library.stat().st_mtime):
            run(
                [
                    COMPILER[kind],
                    *flags,
                    *(f"-I{path}" for path in includes),
                    source,
                    *linked,
                    "-lm",
                    "-lpthread",
                    "-o",
                    made,
                ]
            )


def run_campaign(isas: str, examples: int, folder: Path, tests: Sequence[str]) -> None:
    """The tests of this folder, with the sanitizer's runtime loaded first."""
    runtimes = [
        subprocess.run(
            ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    for isa in isas.split():
        run(
            [
                sys.executable,
                "-P",
                "-m",
                "pytest",
                "-q",
                "-n0",
                "-p",
                "no:cacheprovider",
                "--capture=sys",
                *tests,
            ],
            PYTHONPATH=str(folder / "package"),
            LD_PRELOAD=":".join(runtimes),
            FASTACT_ISA=isa,
            FASTACT_FAULTS_EXAMPLES=str(examples),
            FASTACT_FAULTS_SHRINK="0",
            PYTHONMALLOC="malloc",
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=FLAGS)
    parser.add_argument("--isas", default="avx2", help="instruction sets to build")
    parser.add_argument("--examples", type=int, default=500, help="of each test of the campaign")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/sanitized")
    parser.add_argument("--skip-c", action="store_true", help="the campaign only")
    parser.add_argument("--tests", nargs="+", default=["tests/faults"])
    options = parser.parse_args()
    folder = options.folder.resolve() / options.kind
    library = build_library(options.kind, options.isas, folder)
    if not options.skip_c:
        run_c_tests(options.kind, options.isas, library)
    if options.kind == "address":
        build_extensions(options.kind, library, folder)
        run_campaign(options.isas, options.examples, folder, options.tests)


if __name__ == "__main__":
    main()
