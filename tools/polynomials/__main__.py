"""Find the polynomial tables of activations and write their files.

    python tools/polynomials NAME [NAME ...]

For each activation this fits float32 tables for AVX-512 and AVX2 and float64 tables for AVX-512, and writes
``fastact/csrc/polynomial/float32/NAME.h`` and ``float64/NAME.h`` with their lines in the index. Where no
table pays, no file is left. A fit takes seconds to minutes. The activation must have been built, because the
tables are fitted to its float64 kernels and formulas.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as "python tools/polynomials"
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import fastact
from polynomials.files import FOLDER, write
from polynomials.generate import ISA, LANES, texts

NEXT = """\
Next: rebuild (pip install -e .) and measure all float32 inputs and many float64 inputs, on AVX2 too:
    python -m fastact accuracy {names} --exhaustive --points 1000000
    FASTACT_ISA=avx2 python -m fastact accuracy {names} --exhaustive --points 0
Then record the worst inputs and the speed:
    python tools/worst_inputs.py {names}
    python -m fastact bench {names}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="polynomials", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="an activation of the table")
    parser.add_argument("--dtype", choices=tuple(LANES), help="fit tables of one dtype only")
    parser.add_argument("--print", action="store_true", help="print the files instead of writing them")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in fastact.names()]:
        parser.error(f"not in the table of activations: {', '.join(unknown)}")
    dtypes = (options.dtype,) if options.dtype else tuple(LANES)
    if ISA not in fastact.isas():
        parser.error(
            f"this machine lacks {ISA}, whose kernels are fitted; it has {', '.join(fastact.isas())}"
        )
    found = texts(list(dict.fromkeys(options.names)), dtypes)
    if options.print:
        print("".join(found.values()), end="")
        return 0
    for (name, dtype), text in found.items():
        path = FOLDER / dtype / f"{name}.h"
        print(f"{path}: {'written' if write(name, dtype, text) else 'no table pays'}")
    print(NEXT.format(names=" ".join(options.names)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
