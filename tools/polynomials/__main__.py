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
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

if not __package__:  # run as "python tools/polynomials"
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import fastact
from polynomials import float32, float64
from polynomials.files import DIRECTIONS, FOLDER, table_file, write
from polynomials.target import worth_a_table

ISA = "avx2"  # has FMA, and float64 kernels that are formulas rather than tables
LANES = {"float32": (16, 8), "float64": (8,)}
NEXT = """\
Next: rebuild (pip install -e .) and measure all float32 inputs and many float64 inputs, on AVX2 too:
    python -m fastact accuracy {names} --exhaustive --points 1000000
    FASTACT_ISA=avx2 python -m fastact accuracy {names} --exhaustive --points 0
Then record the worst inputs and the speed:
    python tools/worst_inputs.py {names}
    python -m fastact bench {names}"""


def _fit(task: tuple[str, str, str, int]) -> float32.Kernel | None:
    name, dtype, direction, lanes = task
    if dtype == "float32":
        return float32.kernel(name, direction, lanes)
    return float64.kernel(name, direction)


def texts(names: Sequence[str], dtypes: Sequence[str], pool: Executor) -> dict[tuple[str, str], str]:
    """Return the text of each table file, by activation and dtype; empty where no table pays."""
    tasks = [
        (name, dtype, direction, lanes)
        for name in filter(worth_a_table, names)
        for dtype in dtypes
        for lanes in LANES[dtype]
        for direction in DIRECTIONS
    ]
    fitted = dict(zip(tasks, pool.map(_fit, tasks), strict=True))
    found = {}
    for name in names:
        for dtype in dtypes:
            kernels: dict[int, dict[str, float32.Kernel]] = {lanes: {} for lanes in LANES[dtype]}
            for (of, in_dtype, direction, lanes), kernel in fitted.items():
                if kernel and (of, in_dtype) == (name, dtype):
                    kernels[lanes][direction] = kernel
            found[name, dtype] = table_file(name, dtype, kernels, bool(fastact.get(name).parameters))
    return found


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
    with ProcessPoolExecutor(initializer=fastact.set_isa, initargs=(ISA,)) as pool:
        found = texts(list(dict.fromkeys(options.names)), dtypes, pool)
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
