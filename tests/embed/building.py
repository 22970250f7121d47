"""Building a client of fastact as its author would: with Cython and a C compiler, and nothing to link to."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import helpers

CLIENTS = Path(__file__).parent / "clients"


def compiled(source: Path, folder: Path, cimported: Path = helpers.ROOT, *flags: str) -> Path:
    """A Cython source as an extension module in a folder; `cimported` has the package that it cimports."""
    c_source, made = folder / f"{source.stem}.c", folder / f"{source.stem}.so"
    cython = [sys.executable, "-m", "cython", "-3", "-I", str(cimported), str(source), "-o", str(c_source)]
    subprocess.run(cython, check=True)
    include = f"-I{sysconfig.get_path('include')}"
    command = ["cc", "-shared", "-fPIC", "-O0", "-Werror=incompatible-pointer-types", "-ffp-contract=off"]
    subprocess.run([*command, include, str(c_source), *flags, "-o", str(made)], check=True)
    return made


def imported(made: Path) -> ModuleType:
    """The extension module at a path."""
    specification = importlib.util.spec_from_file_location(made.stem, made)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
