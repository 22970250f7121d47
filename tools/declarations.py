"""The declarations of fastact.h, read by the C preprocessor, for what is made from them.

``__init__.pxd`` (Cython) and ``fastact.cdef`` (cffi) are written from them when the package is built, and a
test compares the snapshot of the ABI with them. The header keeps to a simple form: enums, structs, functions
and types of pointers to functions, one after the other.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Enum:
    """An enumeration; `name` is empty where it has none."""

    name: str
    values: dict[str, int]


@dataclass(frozen=True)
class Struct:
    """A struct and its fields, each as C declares it."""

    name: str
    fields: list[str]


@dataclass(frozen=True)
class Function:
    """A function: its result and its arguments, each as C declares it."""

    name: str
    result: str
    arguments: list[str]


@dataclass(frozen=True)
class Callback:
    """The type of pointers to functions of the caller's."""

    name: str
    result: str
    arguments: list[str]


Declaration = Enum | Struct | Function | Callback


def preprocessed(header: Path) -> str:
    """What the preprocessor makes of a header, without what it includes from outside the project."""
    with tempfile.TemporaryDirectory() as folder:
        for system_header in ("stddef.h", "stdint.h"):
            (Path(folder) / system_header).write_text("")
        command = [*os.environ.get("CC", "cc").split(), "-E", "-P", "-nostdinc", "-U__GNUC__"]
        command += [f"-I{folder}", f"-I{ROOT / 'include'}", str(header)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def read(header: Path = ROOT / "include/fastact.h") -> list[Declaration]:
    """All declarations of a header, in its order."""
    text = " ".join(preprocessed(header).split())
    pattern = re.compile(
        r"(?:typedef )?enum \{(?P<values>[^}]*)\} ?(?P<enum>\w*);"
        r"|typedef struct \{(?P<fields>[^}]*)\} (?P<struct>\w+);"
        r"|typedef (?P<returned>[\w ]+?[ *]*)\(\*(?P<callback>\w+)\)\((?P<taken>[^()]*)\);"
        r"|(?P<result>[\w ]+?[ *]+)(?P<function>\w+)\((?P<arguments>[^()]*)\);"
    )
    found: list[Declaration] = []
    end = 0
    for match in pattern.finditer(text):
        if text[end : match.start()].strip():
            raise ValueError(f"{header.name}: not understood: {text[end : match.start()].strip()[:200]}")
        end = match.end()
        found.append(_declaration(match))
    if text[end:].strip():
        raise ValueError(f"{header.name}: not understood: {text[end:].strip()[:200]}")
    return found


def _declaration(match: re.Match[str]) -> Declaration:
    if match["values"] is not None:
        return Enum(match["enum"], _values(match["values"]))
    if match["struct"] is not None:
        return Struct(
            match["struct"], [field.strip() for field in match["fields"].split(";") if field.strip()]
        )
    if match["callback"]:
        return Callback(match["callback"], match["returned"].strip(), _arguments(match["taken"]))
    return Function(match["function"], match["result"].strip(), _arguments(match["arguments"]))


def _arguments(text: str) -> list[str]:
    return [] if text.strip() == "void" else [argument.strip() for argument in text.split(",")]


def _values(text: str) -> dict[str, int]:
    """Names and numbers of an enumeration."""
    values: dict[str, int] = {}
    following = 0
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (part.strip() for part in item.partition("="))
        values[name] = int(number, 0) if number else following
        following = values[name] + 1
    return values


# cffi ---------------------------------------------------------------------------------------------


def as_c(declarations: list[Declaration]) -> str:
    """The declarations in C without a preprocessor, as cffi reads them."""
    return "\n".join(_in_c(declaration) for declaration in declarations)


def _in_c(declaration: Declaration) -> str:
    if isinstance(declaration, Enum):
        values = ", ".join(f"{name} = {value}" for name, value in declaration.values.items())
        return f"typedef enum {{{values}}} {declaration.name};" if declaration.name else f"enum {{{values}}};"
    if isinstance(declaration, Struct):
        fields = " ".join(f"{field};" for field in declaration.fields)
        return f"typedef struct {{{fields}}} {declaration.name};"
    arguments = ", ".join(declaration.arguments) or "void"
    if isinstance(declaration, Callback):
        return f"typedef {declaration.result} (*{declaration.name})({arguments});"
    return f"{declaration.result} {declaration.name}({arguments});"


# Cython -------------------------------------------------------------------------------------------


def as_cython(declarations: list[Declaration]) -> str:
    """The declarations as the body of a ``cdef extern`` block."""
    return "\n".join(line for declaration in declarations for line in _lines(declaration))


def _lines(declaration: Declaration) -> list[str]:
    if isinstance(declaration, Enum):
        head = f"    ctypedef enum {declaration.name}:" if declaration.name else "    enum:"
        return [head, *(f"        {name}" for name in declaration.values)]
    if isinstance(declaration, Struct):
        fields = [line for field in declaration.fields for line in _fields(field)]
        return [f"    ctypedef struct {declaration.name}:", *(f"        {line}" for line in fields)]
    arguments = f"({', '.join(declaration.arguments)})"
    if isinstance(declaration, Callback):
        return [f"    ctypedef {declaration.result} (*{declaration.name}){arguments} noexcept nogil"]
    return [f"    {declaration.result} {declaration.name}{arguments}"]


def _fields(field: str) -> list[str]:
    """One field, or several of one type, each on a line of its own."""
    if "(" in field:  # a pointer to a function
        return [field.replace("(void)", "()") + " noexcept nogil"]
    first, *others = (part.strip() for part in field.split(","))
    kind, name = re.fullmatch(r"(.*?[ *])(\w+(?:\[\w+\])?)", first).groups()  # type: ignore[union-attr]
    return [f"{kind}{each}" for each in (name, *others)]
