"""``python -m fastact COMMAND``: imports the command's module and runs it.

Holds the names of the commands; must not import any of them before it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from fastact._version import __version__
from fastact.evaluation.extras import install_hint

COMMANDS = {
    "bench": "time fastact against pure Python, NumPy and other libraries",
    "info": "show version, CPU, instruction set, threads and BLAS",
    "accuracy": "measure errors in ULP",
    "experiments": "put popular claims about activations to the test",
    "config": "print how to compile and link with the C library",
    "plot": "draw activations and their derivatives",
}


def _usage() -> str:
    lines = [
        "usage: python -m fastact COMMAND [-h] ...",
        "       python -m fastact --version",
        "",
        "commands:",
    ]
    return "\n".join(lines + [f"  {name:12}{what}" for name, what in COMMANDS.items()])


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"fastact {__version__}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        print(f"unknown command {name!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(f"fastact.commands.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "fastact":
            raise
        print(f"fastact {name} needs {install_hint(error.name)}", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog=f"python -m fastact {name}", description=module.__doc__)
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(arguments[1:])))


if __name__ == "__main__":
    sys.exit(main())
