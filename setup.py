"""Build fastact: the C library, the Cython modules over it, and the files made from the table and the header.

The flags and their reasons are in fastact/csrc/flags.mk; make builds the library. Nothing here
names an activation.
"""

from __future__ import annotations

import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))
import cython_api  # noqa: E402
import declarations  # noqa: E402
import stub  # noqa: E402
import table  # noqa: E402

CSRC = Path("fastact/csrc")
LIBRARY = "fastact/lib/libfastact.so"
REFERENCE = Path("fastact/evaluation/reference")
OPENMP = os.environ.get("FASTACT_OPENMP", "1") != "0"
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
GENERATED = Path("build/generated")  # what only the build reads
MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


# The flags --------------------------------------------------------------------------


def read_flags() -> dict[str, list[str]]:
    """The variables of flags.mk."""
    text = (ROOT / CSRC / "flags.mk").read_text()
    return {name: value.split() for name, value in re.findall(r"^(\w+) = (.*)$", text, re.MULTILINE)}


# Files made from the table ------------------------------------------------------------------------


def read_aliases() -> dict[str, str]:
    """The entry of each alias, from aliases.py, which needs nothing that is not built yet."""
    listed = runpy.run_path(str(ROOT / "fastact/activations/aliases.py"))["ALIASES"]
    return {alias.name: alias.entry for alias in listed}


def write_stub() -> None:
    """fastact/__init__.pyi: the template, with the activations and aliases."""
    entries = {entry.name: list(entry.parameters) for entry in table.read()}
    template = (ROOT / "fastact/__init__.pyi.in").read_text()
    made = template.replace("# ACTIVATIONS", stub.activations(entries, read_aliases()))
    (ROOT / "fastact/__init__.pyi").write_text(made)


def write(path: Path, text: str) -> None:
    """A file, if it is not there yet with this text: what depends on it is not built again in vain."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def write_declarations() -> None:
    """fastact.h for Cython: for clients, the functions behind that, and for the package's own modules."""
    declared = declarations.read()
    extern = f'cdef extern from "fastact.h" nogil:\n{declarations.as_cython(declared)}\n'
    write(ROOT / "fastact/__init__.pxd", cython_api.as_definitions(declared))
    write(ROOT / GENERATED / "c_api.h", cython_api.as_table(declared))
    write(
        ROOT / GENERATED / "fastact_header.pxd",
        f"from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t\n\n{extern}",
    )


def copy_headers() -> None:
    """include/ as part of the package, so that an installed fastact can be compiled against."""
    shutil.copytree(ROOT / "include", ROOT / "fastact/include", dirs_exist_ok=True)


def write_client_files() -> None:
    """Declarations for cffi, and the files by which pkg-config and CMake find the header and the library."""
    (ROOT / "fastact/include/fastact.cdef").write_text(declarations.as_c(declarations.read()) + "\n")
    version = runpy.run_path(str(ROOT / "fastact/_version.py"))["__version__"]
    for template in sorted((ROOT / "tools/clients").iterdir()):
        folder = ROOT / "fastact/lib" / ("pkgconfig" if ".pc" in template.name else "cmake/fastact")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / template.name.removesuffix(".in")).write_text(
            template.read_text().replace("@VERSION@", version)
        )


# The build ----------------------------------------------------------------------------------------


class BuildWithLibrary(build_ext):  # type: ignore[misc]
    """Compiles the C library into libfastact.so, ships it with the package, and links _core to it."""

    parallel: int | None

    def finalize_options(self) -> None:
        """Use all CPUs unless told otherwise, and leave out what debuggers want unless they are."""
        super().finalize_options()
        if self.parallel is None:
            self.parallel = CPUS
        # Python's own flags may ask for it: 106 MB would be installed instead of 17
        self.debugging = [] if self.debug else ["-g0"]
        for extension in self.extensions:
            extension.extra_compile_args += self.debugging

    def build_extension(self, ext: Extension) -> None:
        """Build the library first, then the extension that is linked to it and gives others access."""
        if ext.name == "fastact._core":
            library = self.build_library()
            self.mkpath(str(Path(self.build_lib, "fastact/lib")))
            self.copy_file(str(library), str(Path(self.build_lib, LIBRARY)))
            ext.extra_objects = [str(library)]
            ext.extra_link_args += ["-Wl,-rpath,$ORIGIN/lib"]
        super().build_extension(ext)

    def copy_extensions_to_source(self) -> None:
        """For builds in place and editable installs: the library too goes where the sources are."""
        # the file is removed first: processes that use the old one keep it
        self.copy_file(str(Path(self.build_lib, LIBRARY)), str(ROOT / LIBRARY))
        super().copy_extensions_to_source()

    def build_library(self) -> Path:
        """Let make compile what has changed since the last build, and link it."""
        folder = ROOT / "build" / ("c" if OPENMP else "c-serial")
        command = ["make", "-s", f"-j{self.parallel}", "-C", str(ROOT / CSRC), f"BUILD={folder}", "shared"]
        stripped = [] if self.debug else ["LDFLAGS=-s"]
        subprocess.run([*command, f"MACHINE={MACHINE}", f"OPENMP={int(OPENMP)}", *stripped], check=True)
        return folder / "libfastact.so"


def extension(name: str, *sources: str) -> Extension:
    """An extension module, made from the Cython source of that name and C sources of its own."""
    flags = read_flags()
    path = name.replace(".", "/")
    return Extension(
        f"fastact.{name}",
        [f"fastact/{path}.pyx", *sources],
        include_dirs=["include", str(CSRC), "fastact", str(GENERATED), numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=["-O2", "-fvisibility=hidden", *(flags["CFLAGS_COMMON"] if sources else [])],
        extra_link_args=["-lm"],
        depends=[
            str(p)
            for p in [*CSRC.rglob("*.*"), *Path("include").rglob("*.*"), *Path("fastact").rglob("*.[ph]*")]
        ],
    )


if __name__ == "__main__":
    write_stub()
    write_declarations()
    copy_headers()
    write_client_files()
    modules = cythonize(
        [
            extension("_core"),
            extension("_dense"),
            extension("_rowwise"),
            extension("_gated"),
            extension("_training"),
            extension("_health"),
            extension("_quantized"),
            extension("evaluation._measure", "fastact/evaluation/measure.c"),
            extension("evaluation._reference", *sorted(map(str, REFERENCE.glob("*.c")))),
        ],
        include_path=[str(GENERATED)],
    )  # type: ignore[no-untyped-call]
    setup(ext_modules=modules, cmdclass={"build_ext": BuildWithLibrary})
