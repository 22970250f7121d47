"""Build fastact: the C library, the Cython modules over it, and the files made from the table and the header.

The flags and their reasons are in fastact/csrc/flags.mk; make builds the library. Nothing here
names an activation. Only builds in place, which editable installs are, write among the sources; all
others write to build/, or to a temporary folder where the sources are read-only.
"""

from __future__ import annotations

import atexit
import os
import platform
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build import build
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
MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


def build_folder() -> Path:
    """Where everything is built."""
    if os.access(ROOT, os.W_OK):
        return ROOT / "build"
    folder = tempfile.mkdtemp(prefix="fastact-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


BUILD = build_folder()
GENERATED = BUILD / "generated"  # what only the build reads
PACKAGE = GENERATED / "package"  # what belongs to the package beside its sources


# What must be installed ---------------------------------------------------------------------------


def require_tools() -> None:
    """End the build with one sentence where a compiler, make or Python's headers are missing."""
    compiler = shlex.split(os.environ.get("CC", "cc"))[0]
    install = "On Debian: apt-get install gcc make python3-dev"
    if shutil.which(compiler) is None:
        raise SystemExit(f"fastact is compiled from C, and there is no C compiler {compiler!r}. {install}")
    if shutil.which("make") is None:
        raise SystemExit(f"fastact's C library is built by make, which is not installed. {install}")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise SystemExit(f"fastact is compiled with Python's headers, which are not installed. {install}")


# The flags ----------------------------------------------------------------------------------------


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
    """The package's type stub: the template, with the activations and aliases."""
    entries = {entry.name: list(entry.parameters) for entry in table.read()}
    template = (ROOT / "fastact/__init__.pyi.in").read_text()
    made = template.replace("# ACTIVATIONS", stub.activations(entries, read_aliases()))
    write(PACKAGE / "__init__.pyi", made)


def write(path: Path, text: str) -> None:
    """A file, if it is not there yet with this text: what depends on it is not built again in vain."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def write_declarations() -> None:
    """fastact.h for Cython: for clients, the functions behind that, and for the package's own modules."""
    declared = declarations.read()
    extern = f'cdef extern from "fastact.h" nogil:\n{declarations.as_cython(declared)}\n'
    write(PACKAGE / "__init__.pxd", cython_api.as_definitions(declared))
    write(PACKAGE / "include/fastact.cdef", declarations.as_c(declared) + "\n")
    write(GENERATED / "c_api.h", cython_api.as_table(declared))
    write(
        GENERATED / "fastact_header.pxd",
        f"from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t\n\n{extern}",
    )


def copy_headers() -> None:
    """include/ as part of the package, so that an installed fastact can be compiled against."""
    for header in (path for path in (ROOT / "include").rglob("*") if path.is_file()):
        write(PACKAGE / header.relative_to(ROOT), header.read_text())


def write_client_files() -> None:
    """The files by which pkg-config and CMake find the header and the library."""
    version = runpy.run_path(str(ROOT / "fastact/_version.py"))["__version__"]
    for template in sorted((ROOT / "tools/clients").iterdir()):
        folder = PACKAGE / "lib" / ("pkgconfig" if ".pc" in template.name else "cmake/fastact")
        made = template.read_text().replace("@VERSION@", version)
        write(folder / template.name.removesuffix(".in"), made)


# The build ----------------------------------------------------------------------------------------


class BuildExtensionsFirst(build):  # type: ignore[misc]
    """Builds what may fail before anything is copied, so that an error comes at once."""

    sub_commands = sorted(build.sub_commands, key=lambda command: command[0] != "build_ext")


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

    def run(self) -> None:
        """Make files from the table and the header, C from Cython, and build."""
        require_tools()
        write_stub()
        write_declarations()
        copy_headers()
        write_client_files()
        folders = {"build_dir": str(GENERATED / "cython"), "include_path": [str(GENERATED)]}
        made = cythonize(self.extensions, **folders)  # type: ignore[no-untyped-call]
        for extension, compiled in zip(self.extensions, made, strict=True):
            extension.sources, extension.depends = compiled.sources, read_by_extensions()
        shutil.copytree(PACKAGE, Path(self.build_lib, "fastact"), dirs_exist_ok=True)
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Build the library first, then the extension that is linked to it and gives others access."""
        if ext.name == "fastact._core":
            library = self.build_library()
            self.copy_file(str(library), str(Path(self.build_lib, LIBRARY)))
            ext.extra_objects = [str(library)]
            ext.extra_link_args += ["-Wl,-rpath,$ORIGIN/lib"]
        super().build_extension(ext)

    def copy_extensions_to_source(self) -> None:
        """For builds in place and editable installs: what else belongs to the package goes there too."""
        shutil.copytree(PACKAGE, ROOT / "fastact", dirs_exist_ok=True)
        # the file is removed first: processes that use the old one keep it
        self.copy_file(str(Path(self.build_lib, LIBRARY)), str(ROOT / LIBRARY))
        super().copy_extensions_to_source()

    def build_library(self) -> Path:
        """Let make compile what has changed since the last build, and link it."""
        folder = BUILD / ("c" if OPENMP else "c-serial")
        relative = os.path.relpath(folder, ROOT / CSRC)  # make cannot have folders with spaces as targets
        command = ["make", "-s", f"-j{self.parallel}", "-C", str(ROOT / CSRC), f"BUILD={relative}", "shared"]
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
    )


def read_by_extensions() -> list[str]:
    """Every file from which an extension might be made: it is compiled again when one is newer."""
    folders = {CSRC: "*.*", Path("include"): "*.*", Path("fastact"): "*.[ph]*"}
    return [str(path) for folder, pattern in folders.items() for path in folder.rglob(pattern)]


if __name__ == "__main__":
    modules = [
        extension("_core"),
        extension("_dense"),
        extension("_rowwise"),
        extension("_gated"),
        extension("_training"),
        extension("_health"),
        extension("_quantized"),
        extension("evaluation._measure", "fastact/evaluation/measure.c"),
        extension("evaluation._reference", *sorted(map(str, REFERENCE.glob("*.c")))),
    ]
    elsewhere = {"build": {"build_base": str(BUILD)}, "egg_info": {"egg_base": str(BUILD)}}
    setup(
        ext_modules=modules,
        cmdclass={"build": BuildExtensionsFirst, "build_ext": BuildWithLibrary},
        options={} if BUILD == ROOT / "build" else elsewhere,
    )
