"""Builds the C library for other machines, and compares what it computes there, in an emulator, with what it
computes here.

    python tools/machines.py [--quick] [aarch64 s390x Nehalem]

Every result of every activation must have the bits of a library for this machine that is compiled for an
equivalent instruction set. The C tests run as well. s390x stores numbers with the highest byte first; Nehalem
has SSE2 and no AVX. --quick builds a few activations; the whole takes some minutes.
What is built stays in build/machines. Debian's qemu-user and cross compilers are needed.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from targets import ROOT, SMALL, FailedError, Target

PROGRAMS = ("c/test_activations.c", "c/test_platform.c", "c/test_dense.c", "c/test_dense_arguments.c")
OF_ALL = (*PROGRAMS, "c/test_rowwise.c", "c/test_losses.c", "c/test_scalars.c", "c/test_training.c")


@dataclass(frozen=True)
class Machine:
    """A machine, and the library for this one whose results have the same bits."""

    target: Target
    equivalent: Mapping[str, str]
    package: str

    def missing(self) -> str | None:
        """What must be installed before the machine can be tried, or None."""
        if platform.machine() != "x86_64":
            return "results are compared with those of x86-64"
        for tool in (self.target.compiler, self.target.runner[0], "make"):
            if shutil.which(tool) is None:
                return f"there is no {tool}; Debian has it in {self.package}"
        return None


def cross(machine: str, flags_of_equivalent: str) -> Machine:
    """A machine for which Debian has a compiler and an emulator."""
    tools = f"{machine}-linux-gnu"
    variables = {"MACHINE": machine, "AR": f"{tools}-ar"}
    emulator = [f"qemu-{machine}", "-L", f"/usr/{tools}"]
    return Machine(
        Target(f"{tools}-gcc", variables, runner=emulator),
        {"ISAS": "portable", "CFLAGS_portable": flags_of_equivalent},
        f"qemu-user and gcc-{tools.replace('_', '-')}",
    )


MACHINES = {
    "aarch64": cross("aarch64", "-mfma"),
    "s390x": cross("s390x", ""),
    "Nehalem": Machine(Target(runner=["qemu-x86_64", "-cpu", "Nehalem"]), {"ISAS": "sse2"}, "qemu-user"),
}


def differences(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """The activations, directions and types whose digests differ, or are only in one."""
    return [key for key in {**expected, **found} if found.get(key) != expected.get(key)]


def compare(machine: Machine, variables: Mapping[str, str], folder: Path) -> str:
    """Build for both, run on both, and say what was the same; FailedError where something was not."""
    digests = []
    here = Target(variables={**variables, **machine.equivalent})
    there = replace(machine.target, variables={**machine.target.variables, **variables})
    for name, target in (("here", here), ("there", there)):
        target.make(folder / name)
        digests.append(target.digests(target.compile("embed/checksums.c", folder / name)))
    wrong = differences(digests[1], digests[0])
    if wrong or not digests[0]:
        raise FailedError(f"{len(wrong)} of {len(digests[0])} digests differ: {', '.join(wrong[:8])} ...")
    passed = 0
    for program in PROGRAMS if "ACTIVATIONS" in variables else OF_ALL:
        passed += there.checks(there.compile(program, folder / "there"))
    return f"{len(digests[0])} digests are the same, {passed} checks passed"


def main() -> int:
    """Try what the command line names, or everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("machines", nargs="*", metavar="machine", help=f"of: {', '.join(MACHINES)}")
    parser.add_argument("--quick", action="store_true", help="a library of a few activations")
    options = parser.parse_args()
    failures = 0
    for name in options.machines or MACHINES:
        machine = MACHINES[name]
        result = f"skipped: {machine.missing()}"
        if machine.missing() is None:
            folder = ROOT / "build/machines" / f"{name}{'-quick' if options.quick else ''}"
            try:
                result = compare(machine, SMALL if options.quick else {}, folder)
            except FailedError as error:
                result, failures = f"FAILED {error}", failures + 1
        print(f"{name:8} {result}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
