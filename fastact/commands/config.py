"""Print what a C or C++ compiler, CMake, pkg-config or cffi needs to use the library of this package.

Options for the compiler are quoted as a shell expects them.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import fastact

_OPTIONS = {
    "cflags": "options that find fastact.h",
    "libs": "options that link to libfastact.so, and let the program find it at run time",
    "cmakedir": "the folder of fastactConfig.cmake, for fastact_DIR",
    "pkgconfigdir": "the folder of fastact.pc, for PKG_CONFIG_PATH",
    "cdef": "the declarations of fastact.h for cffi's FFI.cdef",
    "version": "the version",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    for name, text in _OPTIONS.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    """Print what was asked for: compiler options on one line, as pkg-config does, everything else below."""
    found = _found()
    asked = [name for name in _OPTIONS if getattr(options, name)] or ["cflags", "libs"]
    flags = [name for name in asked if name in ("cflags", "libs")]
    if flags:
        print(*(found[name] for name in flags))
    for name in asked:
        if name not in flags:
            print(found[name])
    return 0


def _found() -> dict[str, str]:
    include, library = Path(fastact.get_include()), Path(fastact.get_library())
    folder = library.parent
    return {
        "cflags": shlex.join([f"-I{include}"]),
        "libs": shlex.join([f"-L{folder}", "-lfastact", f"-Wl,-rpath,{folder}"]),
        "cmakedir": str(folder / "cmake" / "fastact"),
        "pkgconfigdir": str(folder / "pkgconfig"),
        "cdef": (include / "fastact.cdef").read_text().rstrip(),
        "version": fastact.__version__,
    }
