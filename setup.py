"""Build fastact: the C library, once per instruction set, the Cython skin over it, and the files made
from the table.

Knows how the parts are put together. The flags and their reasons are in fastact/csrc/flags.mk, the rows in
include/fastact/activations.def; nothing here names an activation.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import runpy
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
CSRC = Path("fastact/csrc")
OPENMP = os.environ.get("FASTACT_OPENMP", "1") != "0"
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


# The flags and the table --------------------------------------------------------------------------


def read_flags() -> dict[str, list[str]]:
    """The variables of flags.mk."""
    text = (ROOT / CSRC / "flags.mk").read_text()
    return {name: value.split() for name, value in re.findall(r"^(\w+) = (.*)$", text, re.MULTILINE)}


@dataclass
class Row:
    """What the generated files need of a row."""

    name: str
    parameters: dict[str, str]
    formula: str
    from_output: bool


def read_table() -> list[Row]:
    """The rows of activations.def, which, its comments aside, are also Python expressions."""
    text = (ROOT / "include/fastact/activations.def").read_text()
    rows = []
    for statement in ast.parse(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)).body:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
            raise SystemExit(f"activations.def: line {statement.lineno} is not a row")
        name, _, formula, _, _, source, *_ = (ast.unparse(a) for a in statement.value.args)
        params = [ast.unparse(e) for e in getattr(statement.value.args[1], "elts", [])]  # (0) is no tuple
        fields = dict(zip(params[1::3], params[2::3], strict=True))
        rows.append(Row(name, fields, ast.literal_eval(formula), source.startswith("(OUTPUT")))
    return rows


# Files made from the table ------------------------------------------------------------------------


def read_aliases() -> dict[str, str]:
    """The entry of each alias, from aliases.py, which needs nothing that is not built yet."""
    listed = runpy.run_path(str(ROOT / "fastact/activations/aliases.py"))["ALIASES"]
    return {alias.name: alias.entry for alias in listed}


def write_stub(entries: dict[str, list[str]], aliases: dict[str, str]) -> None:
    """fastact/__init__.pyi: the template, with the activations and aliases."""
    lines = runpy.run_path(str(ROOT / "tools/stub.py"))["activations"](entries, aliases)
    template = (ROOT / "fastact/__init__.pyi.in").read_text()
    (ROOT / "fastact/__init__.pyi").write_text(template.replace("# ACTIVATIONS", lines))


def pxd_functions(row: Row) -> list[str]:
    """The C functions of one row, as Cython declares them."""
    declarations = []
    for real, suffix in (("float", "f32"), ("double", "f64")):
        tail = "".join([", size_t n"] + [f", {real} {p}" for p in row.parameters])
        shapes = {
            "": f"const {real} *x, {real} *y",
            "_derivative": f"const {real} *x, {real} *d",
            "_backward": f"const {real} *grad_y, const {real} *x, {real} *grad_x",
            "_value_and_derivative": f"const {real} *x, {real} *y, {real} *d",
        }
        if row.from_output:
            shapes["_backward_from_output"] = f"const {real} *grad_y, const {real} *y, {real} *grad_x"
        declarations += [f"    void fa_{row.name}{s}_{suffix}({a}{tail})" for s, a in shapes.items()]
    return declarations


def write_pxd(rows: list[Row]) -> None:
    """fastact/__init__.pxd: the template, with the functions of each activation."""
    template = (ROOT / "fastact/__init__.pxd.in").read_text()
    lines = "\n".join(line for row in rows for line in pxd_functions(row))
    (ROOT / "fastact/__init__.pxd").write_text(template.replace("    # ROWS", lines))


def copy_headers() -> None:
    """include/ as part of the package, so that an installed fastact can be compiled against."""
    shutil.copytree(ROOT / "include", ROOT / "fastact/include", dirs_exist_ok=True)


# The build ----------------------------------------------------------------------------------------


class BuildWithLibrary(build_ext):  # type: ignore[misc]
    """Compiles the C library into libfastact.a, ships it with the package, and links the skin to it."""

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
        """Build the library first, then the extension that contains it; others reach it through that one."""
        if ext.name != "fastact._core":
            super().build_extension(ext)
            return
        library = self.build_library()
        shipped = Path(self.build_lib, "fastact/lib")
        shipped.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, shipped)
        ext.extra_objects = [library]
        super().build_extension(ext)

    def copy_extensions_to_source(self) -> None:
        """For builds in place and editable installs: the library too goes where the sources are."""
        shutil.copytree(Path(self.build_lib, "fastact/lib"), ROOT / "fastact/lib", dirs_exist_ok=True)
        super().copy_extensions_to_source()

    def build_library(self) -> str:
        """Let make compile what has changed since the last build, and archive it."""
        folder = ROOT / "build" / ("c" if OPENMP else "c-serial")
        command = ["make", "-s", f"-j{self.parallel}", "-C", str(ROOT / CSRC), f"BUILD={folder}"]
        subprocess.run([*command, f"MACHINE={MACHINE}", f"OPENMP={int(OPENMP)}"], check=True)
        return str(folder / "libfastact.a")


def extension(name: str, *sources: str) -> Extension:
    """An extension module, made from the Cython source of that name and C sources of its own."""
    flags = read_flags()
    path = name.replace(".", "/")
    return Extension(
        f"fastact.{name}",
        [f"fastact/{path}.pyx", *sources],
        include_dirs=["include", str(CSRC), "fastact", numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=["-O2", "-fvisibility=hidden", *(flags["CFLAGS_COMMON"] if sources else [])],
        extra_link_args=flags["LIBS_OPENMP"] if OPENMP else ["-lpthread", "-lm"],
        depends=[
            str(p) for p in [*CSRC.rglob("*.*"), *Path("include").rglob("*.*"), *Path("fastact").rglob("*.[ph]*")]
        ],
    )


if __name__ == "__main__":
    table = read_table()
    write_stub({row.name: list(row.parameters) for row in table}, read_aliases())
    write_pxd(table)
    copy_headers()
    modules = cythonize([extension("_core"), extension("_dense"), extension("evaluation._measure", "fastact/evaluation/measure.c")])  # type: ignore[no-untyped-call]
    setup(ext_modules=modules, cmdclass={"build_ext": BuildWithLibrary})
