"""Find the worst float32 inputs of activations and record them in the table.

    python tools/worst_inputs.py NAME [NAME ...]

This measures f and f' at the default parameters, at all 2^32 inputs or at a stride, on AVX-512. It rewrites
the worst known inputs of each entry in ``include/fastact/activations.def``: the last field but one, ``(half,
half)`` for f and f'. A half is ``EXACT`` if every result is exact, otherwise ``("x", "got", "want")`` in
hexadecimal, with ``want`` rounded to float64. A recorded input is kept unless a worse one is found.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from writing import hexadecimal, write_atomically

import fastact
from fastact.evaluation.accuracy.errors import Errors, Exact, float32_errors
from fastact.evaluation.accuracy.subjects import DIRECTIONS, Subject
from fastact.evaluation.accuracy.sweep import chunks, sweep
from fastact.evaluation.reference.values import Reference

TABLE = Path(__file__).resolve().parents[1] / "include/fastact/activations.def"
ISA = "avx512"  # whose results are recorded
WIDTH, INDENT = 110, " " * 7
TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|[(),]', re.DOTALL)
CASE = re.compile(r'\(\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\s*\)')
FIELD = re.compile(rf"\(\s*(EXACT|{CASE.pattern}),\s*(EXACT|{CASE.pattern})\s*\)")


# The table ----------------------------------------------------------------------------------------


def fields(table: str, name: str) -> list[tuple[int, int]]:
    """Return where the fields of an entry begin and end in the text of the table.

    Parameters
    ----------
    table : str
        The text of ``activations.def``.
    name : str
        The activation.

    Raises
    ------
    ValueError
        If the table has no such entry, or the entry is not closed.
    """
    found = re.search(rf"^FA_ACT\((?:\d+,\s*)?{re.escape(name)},", table, re.MULTILINE)
    if not found:
        raise ValueError(f"activations.def has no entry {name}")
    begin, depth, ends = table.index("(", found.start()) + 1, 0, []
    for token in TOKEN.finditer(table, begin):
        if token[0] == "(":
            depth += 1
        elif token[0] == ")" and depth:
            depth -= 1
        elif token[0] in (",", ")") and not depth:
            ends.append((begin, token.start()))
            begin = token.end()
            if token[0] == ")":
                return [_stripped(table, *end) for end in ends]
    raise ValueError(f"activations.def: the entry {name} is not closed")


def _stripped(text: str, begin: int, end: int) -> tuple[int, int]:
    """Return the ends of a part of a text without the space around it."""
    part = text[begin:end]
    return begin + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def recorded(table: str, name: str) -> list[str | None]:
    """Return the worst known x of f and of f' in hexadecimal, None where the table says EXACT."""
    begin, end = fields(table, name)[-2]
    found = FIELD.fullmatch(table[begin:end])
    if not found:
        raise ValueError(
            f"activations.def: {name} has {table[begin:end]} where its worst known inputs belong"
        )
    halves = (CASE.fullmatch(found[i]) for i in (1, 5))
    return [half[1] if half else None for half in halves]


def field(halves: Sequence[Errors]) -> str:
    """Return the field for the errors of f and of f', broken after the first half if it is too long."""
    texts = []
    for errors in halves:
        numbers = [f'"{hexadecimal(number)}"' for number in errors.worst or ()]
        texts.append(f"({', '.join(numbers)})" if numbers else "EXACT")
    line = f"({', '.join(texts)})"
    return line if len(INDENT + line) < WIDTH else f"({texts[0]},\n{INDENT} {texts[1]})"


def with_field(table: str, name: str, text: str) -> str:
    """Return the text of the table with the last field but one of an entry replaced."""
    begin, end = fields(table, name)[-2]
    return table[:begin] + text + table[end:]


# Measuring ----------------------------------------------------------------------------------------


def reference(subject: Subject) -> Reference:
    """Return the exact values of a subject."""
    return Reference(subject.text, subject.activation.parameters)


def at(subject: Subject, x: float) -> Errors:
    """Return the error at one float32 number, against the exact value."""
    inputs, exact = np.array([x], np.float32), Exact.empty(1)
    reference(subject)(inputs.astype(np.float64), exact)
    with np.errstate(all="ignore"):
        return float32_errors(inputs, subject(inputs), exact)


def worst(subject: Subject, known: str | None, stride: int) -> Errors:
    """Return the error at the worst input, which is the known one unless a worse one is found."""
    what = f"{subject.activation.name} {subject.direction}"
    work, done = chunks(stride), 0
    total = sum(map(len, work))

    def advance(count: int) -> None:
        nonlocal done
        done += count
        print(f"\r{what}: {100 * done // total} %", end="", file=sys.stderr, flush=True)

    threads = fastact.get_num_threads()
    with fastact.num_threads(1):
        measured = sweep(subject, reference(subject), work, threads, advance).errors
    found = at(subject, float.fromhex(known)) if known else Errors()
    if measured.worst:
        found += at(subject, measured.worst[0])
    print(f"\r{what}: {found.max_ulp:.4f} ULP", file=sys.stderr)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="worst_inputs.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="an activation of the table")
    parser.add_argument("--stride", type=int, default=1, help="measure every so many inputs (default: all)")
    parser.add_argument("--print", action="store_true", help="print the fields instead of writing the table")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in fastact.names()]:
        parser.error(f"not in the table of activations: {', '.join(unknown)}")
    if options.stride < 1:
        parser.error(f"--stride is {options.stride}; expected a positive number")
    if ISA not in fastact.isas():
        parser.error(f"the results of {ISA} are recorded; this machine has {', '.join(fastact.isas())}")
    try:
        known = {name: recorded(TABLE.read_text(), name) for name in options.names}
    except (ValueError, OSError) as error:
        parser.error(str(error))
    fastact.set_isa(ISA)
    for name, inputs in known.items():
        subjects = [Subject(fastact.get(name), direction).rounded("float32") for direction in DIRECTIONS]
        halves = [worst(*half, options.stride) for half in zip(subjects, inputs, strict=True)]
        print(f"{name}: {field(halves)}")
        if not options.print:
            # read again: a measurement takes minutes
            write_atomically(TABLE, with_field(TABLE.read_text(), name, field(halves)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
