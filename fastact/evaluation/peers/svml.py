"""SVML: the loops of :mod:`~fastact.evaluation.peers.c` with Intel's vector functions in place of glibc's.

What GCC calls jumps to the function of the same width: ``_ZGVeN8v_exp`` to ``__svml_exp8_ha_z0``. Intel's
own choice by CPU is left out.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from fastact.evaluation.peers import base, c

_NAMES = ("exp", "log", "sin", "cos", "tanh", "atan", "erf", "pow", "log1p")
_VARIANTS = (
    ("b", 2, "ex"),
    ("d", 4, "l9"),
    ("e", 8, "z0"),
)  # GCC's letter, doubles of a vector, Intel's suffix


class Peer(c.Peer):
    """Loops with Intel's vector functions."""

    name = "C, SVML"
    package: ClassVar[str] = "intel-cmplr-lib-rt"

    def __init__(self) -> None:
        """Load the library.

        Raises
        ------
        base.UnavailableError
            If it is not installed, or cannot be loaded.
        """
        super().__init__()
        try:
            found = metadata.files(self.package) or []
        except metadata.PackageNotFoundError as error:
            raise base.UnavailableError(
                f"{self.package}, which is not installed: pip install {self.package}"
            ) from error
        paths = {one.name: Path(str(one.locate())).resolve() for one in found}
        try:
            for name in ("libintlc.so.5", "libsvml.so"):  # the second one needs the first
                ctypes.CDLL(str(paths[name]), ctypes.RTLD_GLOBAL)
        except (KeyError, OSError) as error:
            raise base.UnavailableError(f"the libsvml.so of {self.package}: {error}") from error
        self._svml = paths["libsvml.so"]

    def train(self) -> Mapping[str, base.Way]:
        """No loop of its own: an optimiser calls no vector functions."""
        return {}

    @property
    def version(self) -> str:
        """Of the package."""
        return metadata.version(self.package)

    def _linked(self, folder: Path) -> tuple[str | Path, ...]:
        jumps = folder / "jumps.s"
        jumps.write_text("\n".join([*_jumps(), '.section .note.GNU-stack,"",@progbits\n']))
        return (jumps, self._svml, "-lm")


def _jumps() -> Iterator[str]:
    for name in _NAMES:
        arguments = "vv" if name == "pow" else "v"
        for letter, doubles, suffix in _VARIANTS:
            for count, real in ((doubles, ""), (2 * doubles, "f")):
                here = f"_ZGV{letter}N{count}{arguments}_{name}{real}"
                yield f".globl {here}\n{here}: jmp __svml_{name}{real}{count}_ha_{suffix}@PLT"
