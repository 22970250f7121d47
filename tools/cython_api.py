"""The C API as Cython clients import it: ``fastact/__init__.pxd``, and the functions behind its declarations.

A client includes no header and links to nothing. When it is imported, Cython's own code looks up each
function that it uses in ``fastact.__pyx_capi__``, and compares its signature with what it was compiled for.
"""

from __future__ import annotations

import re
import textwrap

from declarations import Declaration, Enum, Function, as_cython

PREFIX = "fa_"
HEAD = """# The C API for Cython, made from fastact.h when the package is built.
#
# Functions are called without the prefix fa_, and need no link flags and no include path:
#
#     cimport fastact
#     fastact.gelu_f32(&x[0], &y[0], n)

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
"""
_MANGLED = "__pyx_t_7fastact_"  # how Cython prefixes types that fastact/__init__.pxd defines


def short(function: Function) -> str:
    """The name of a function without its prefix."""
    return function.name.removeprefix(PREFIX)


def as_definitions(declared: list[Declaration]) -> str:
    """The text of ``fastact/__init__.pxd``."""
    types = [_type(each) for each in declared if not isinstance(each, Function)]
    functions = [
        f"    {each.result} {short(each)}({', '.join(map(_as_pointer, each.arguments))}) noexcept nogil"
        for each in declared
        if isinstance(each, Function)
    ]
    return "\n".join([HEAD, *types, "cdef:", *functions, ""])


def _type(declared: Declaration) -> str:
    if isinstance(declared, Enum):
        head = f"ctypedef enum {declared.name}:" if declared.name else "cdef enum:"
        return "\n".join([head, *(f"    {name} = {value}" for name, value in declared.values.items()), ""])
    return textwrap.dedent(as_cython([declared])) + "\n"


def _as_pointer(argument: str) -> str:
    """An argument that is declared as an array is a pointer."""
    return re.sub(r"(\w+)\[\w+\]$", r"*\1", argument)


# The functions --------------------------------------------------------------------------------------


def as_table(declared: list[Declaration]) -> str:
    """A C table of the functions: name, signature as Cython writes it, address."""
    own = {each.name for each in declared if not isinstance(each, Function) and each.name}
    rows = [
        f'    {{"{short(each)}", "{signature(each, own)}", (void (*)(void)){each.name}}},'
        for each in declared
        if isinstance(each, Function)
    ]
    head = [
        "/* The functions of fastact.__pyx_capi__, made from fastact.h when the package is built. */",
        '#include "fastact.h"',
        "",
        "static const struct fa__exported {",
        "    const char *name, *signature;",
        "    void (*function)(void);",
        "} fa__exported[] = {",
    ]
    return "\n".join([*head, *rows, "};", ""])


def signature(function: Function, own: set[str]) -> str:
    """A function's type as Cython writes it; `own` are the types that the header defines."""
    arguments = [_written(_as_pointer(argument), own) for argument in function.arguments]
    written = f"{_written(f'{function.result} result', own)} ({', '.join(arguments) or 'void'})"
    return written.replace("* (", "*(")


def _written(declared: str, own: set[str]) -> str:
    """One declaration without its name: ``const float *x`` is ``float const *``."""
    match = re.fullmatch(r"(const )?(\w+) ?(\*?) ?\w+", declared)
    if match is None:
        raise ValueError(f"not understood: {declared}")
    const, name, pointer = match.groups()
    mangled = _MANGLED + name if name in own else name
    return f"{mangled}{' const' if const else ''}{' *' if pointer else ''}"
