"""Building the C library and C programs for a compiler, an instruction set or a machine, and running them.

Shared by compilers.py and machines.py. Must not depend on any activation.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALL = {"ACTIVATIONS": "identity relu leaky_relu sign step tanh gelu"}  # those that the C tests name
WARNINGS = ("-Wall", "-Wextra")


class FailedError(Exception):
    """A command that failed, with the end of what it printed."""


def run(command: Sequence[str | Path], **environment: str) -> str:
    """What a command prints; FailedError where it fails."""
    given = {key: value for key, value in os.environ.items() if key != "FASTACT_ISA"}
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**given, **environment},
        text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-12:])
        raise FailedError(f"{shlex.join(map(str, command))}: exit status {done.returncode}\n{end}")
    return done.stdout


@dataclass(frozen=True)
class Target:
    """What make and the programs are built with, and what runs the programs.

    Attributes
    ----------
    compiler : str
        As make's CC.
    variables : mapping
        Further variables of make, such as ISAS.
    flags : sequence of str
        For the programs, beside the library's own.
    runner : sequence of str
        The command before a program: an emulator.
    source : Path
        The root of the sources.
    """

    compiler: str = "cc"
    variables: Mapping[str, str] = field(default_factory=dict)
    flags: Sequence[str] = ()
    runner: Sequence[str] = ()
    source: Path = ROOT

    @property
    def openmp(self) -> bool:
        """Whether the library uses OpenMP."""
        return self.variables.get("OPENMP") != "0"

    @property
    def warnings(self) -> list[str]:
        """Errors where GCC, in any of its versions, gives them; Clang has others."""
        return [*WARNINGS, *([] if "clang" in self.compiler else ["-Werror"])]

    def make(self, folder: Path, *goals: str) -> str:
        """What make prints."""
        given = {"CC": self.compiler, "BUILD": str(folder), **self.variables}
        given["CFLAGS"] = " ".join([*self.warnings, given.get("CFLAGS", "")])
        variables = [f"{name}={value}" for name, value in given.items()]
        jobs = f"-j{os.environ.get('JOBS', '1')}"
        return run(["make", "-s", jobs, "-C", self.source / "fastact/csrc", *variables, *goals])

    def compile(self, program: str, folder: Path) -> Path:
        """A C program of the tests, linked to the library in a folder."""
        small = folder / "include"
        include = small if small.exists() else self.source / "include"
        made = folder / Path(program).stem
        flags = ["-std=gnu11", "-O1", *self.warnings, *(["-fopenmp"] if self.openmp else []), *self.flags]
        includes = [f"-I{include}", f"-I{self.source / 'fastact/csrc'}"]
        sources = [self.source / "tests" / program, folder / "libfastact.a"]
        run([*self.compiler.split(), *flags, *includes, *sources, "-lm", "-lpthread", "-o", made])
        return made

    def checks(self, made: Path, **environment: str) -> int:
        """How many checks a program of tests/c passes; FailedError where one fails."""
        with tempfile.TemporaryDirectory() as empty:  # for the programs that need one
            printed = run([*self.runner, made, empty], **environment)
        found = re.search(r"^(\d+) passed, 0 failed$", printed, re.MULTILINE)
        if found is None:
            raise FailedError(f"{made.name}: {printed[-500:]}")
        return int(found[1])

    def digests(self, made: Path, **environment: str) -> dict[str, str]:
        """What tests/embed/checksums.c prints, by its activations, directions and types."""
        lines = run([*self.runner, made], **environment).splitlines()
        return {key: digest for key, _, digest in (line.rpartition(" ") for line in lines)}
