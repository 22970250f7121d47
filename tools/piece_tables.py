"""Make piece_tables.h: float32 kernels of smooth rows as tables of short polynomials, piece by piece.

    cd fastact/csrc && FASTACT_ISA=avx2 python piece_tables.py [NAME ...] > tables

and tables become piece_tables.h. On AVX2 the float64 kernels it asks are formulas, not tables.

Reads the rows and their float64 kernels from an installed fastact; tries several ways to cut the line, with
rising degrees, and keeps the cheapest whose simulated error is below a limit (some six minutes in all). A
row that none fits stays with its formula. Does not know what is wanted (piece_target.py), how a piece is
fitted (piece.py, piece_far.py), nor how pieces make a kernel (piecewise.py). Whether a kernel keeps its
bound is for an exhaustive run to say.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product, repeat

import numpy as np
from numpy.typing import NDArray
from piece import Piece, best
from piece_far import FarTable, far_piece
from piece_target import End, Target, end, line_of
from piecewise import Cut, Table, cuts, equal_cuts, far_cuts, wide_cuts

import fastact
from fastact.evaluation.accuracy.subjects import DIRECTIONS

LIMIT = 0.94  # ULP, of a simulation: all 2^32 inputs may show a little more
DEGREES, FAR_DEGREES = range(4, 9), range(2, 10)
FARTHEST = 512.0  # |x| up to which a far table may reach
C_NAMES, SUFFIXES = {"float32": "float", "float64": "double"}, {"float32": "f", "float64": ""}
WORDS = {"f": "forward", "f'": "derivative"}  # as loops are named
COVERS = (5.0, 5.5, 6.0, 7.0, 9.0)  # of equal pieces, beside powers of two
TYPICAL = 2.0  # scale of the normal inputs for which the cheapest is chosen
GROUP = 64  # elements that are looked at together, and one beyond the cover holds up
WIDE_COVERS = (30.25, 30.5, 30.75)  # beyond which inputs are rare even among wide ones
TAILS = 0.08  # nanoseconds that a cover is worth which leaves next to nothing beyond: on wide inputs 0.3
FORMULA = 1.2  # nanoseconds that most formulas take in double: a table must be cheaper
HEAD = """\
/* Coefficients of the float32 kernels of smooth rows, for 16 lanes and for 8, in the order of pieces.h.
 * Made by piece_tables.py: do not edit. */
// clang-format off
"""


# Searching ----------------------------------------------------------------------------------------


def fit(target: Target, cut: Cut, degree: int, exact_sum: bool) -> Table | None:
    """A table, or None if some piece is already too bad."""
    pieces = {}
    # outermost first: those fail first
    for slot, lo, hi in sorted(cut.pieces(), key=lambda p: -abs(p[1])):
        piece = best(target.q, target.exact, (lo, hi), degree, target.roots)
        if piece is None or not piece.error < LIMIT:
            return None
        if piece.value == 0 and (target.form in ("SIGNED", "LEFT", "RELU") or piece.slope < 0):
            piece = replace(piece, value=-0.0)  # so that zeros come out with their signs
        pieces[slot] = piece
    table = Table(cut, target.form, target.right, exact_sum, pieces, line=line_of(target, "float32"))
    if exact_sum and table.sloped:
        return None
    return replace(table, skips_tiny=target.tiny_error(table) >= LIMIT)


def cost(cut: Cut, degree: int, exact_sum: bool, bits: int) -> float:
    """Nanoseconds per element, roughly, on typical inputs."""
    outside = math.erfc(cut.cover / TYPICAL / math.sqrt(2))
    if bits == 3:
        return (0.09 if cut.signed else 0.045) * (degree + 2 + 2 * exact_sum) + 2.0 * outside
    any_of_group = 1 - (1 - outside) ** GROUP
    return 0.02 * (degree + 2 + 2 * exact_sum) + 0.2 * any_of_group + 1.2 * outside


def search(target: Target, bits: int) -> tuple[Table, float] | None:
    """The cheapest table that is good enough, and its error."""
    ways = list(cuts(target.form, bits))
    if bits == 5:
        ways += [*equal_cuts(target.form, bits, COVERS), *wide_cuts(target.form, bits, WIDE_COVERS)]
    close = end(target, 1, 1.0, "float32") if target.form in ("ODD", "EVEN") else End()
    plans = [
        (cost(cut, degree, exact_sum, bits) - TAILS * is_wide(close, cut), degree, cut, exact_sum)
        for cut in ways
        for degree in DEGREES
        for exact_sum in ((False, True) if target.form == "RELU" else (False,))
    ]
    for price, degree, cut, exact_sum in sorted(plans, key=lambda plan: plan[:2]):
        if price > FORMULA:
            return None
        table = fit(target, cut, degree, exact_sum)
        if table is None:
            continue
        if closes(close, cut):
            table = replace(table, closed=True)
            if not np.all(table(between(close.place, cut.cover)) == close.number):
                continue
        if (error := target.error(table)) < LIMIT:
            return table, error
    return None


def closes(close: End, cut: Cut) -> bool:
    """Whether f comes to a number before the cover."""
    reached: bool = close.slope == 0 and close.place < cut.cover
    return reached


def is_wide(close: End, cut: Cut) -> bool:
    """Whether next to nothing lies beyond the cover."""
    return closes(close, cut) or cut.cover > 0.99 * WIDE_COVERS[0]


def between(low: float, high: float) -> NDArray[np.float32]:
    """All float32 numbers from one positive number to another."""
    first, last = np.array([low, high], np.float32).view(np.uint32)
    found: NDArray[np.float32] = np.arange(first, last + 1, dtype=np.uint32).view(np.float32)
    return found


def far_sides(target: Target, cover: float) -> dict[int, float]:
    """The sides, -1 and 1, on which f comes to an end beyond the cover but not at once, and where."""
    places = {side: abs(end(target, side, cover, "float32").place) for side in (-1, 1)}
    if target.form == "LEFT":
        del places[1]
    elif target.form != "SIGNED":  # the sides share their pieces
        places = dict.fromkeys(places, max(places.values()))
    return {side: place for side, place in places.items() if 1.01 * cover < place < FARTHEST}


def search_far(target: Target, cover: float, bits: int) -> tuple[FarTable, float] | None:
    """The cheapest far table that is good enough from a cover on, if there is a side that wants one."""
    sides = far_sides(target, cover)
    if not sides:
        return None
    near = np.array([side * cover if target.form in ("SIGNED", "LEFT") else cover for side in sides])
    signs = dict(zip(sides, np.sign(target.q(near)).astype(int).tolist(), strict=True))
    start, last = cover * (1 - 2.0**-9), max(sides.values()) * (1 + 2.0**-9)
    ways = list(far_cuts(target.form, max(bits, 4), start, last))
    for degree in FAR_DEGREES:
        for cut in ways:
            pieces = fit_far(target, cut, degree, sides)
            if pieces is None:
                continue
            table = FarTable(
                cut,
                target.form,
                target.right,
                False,
                pieces,
                line=line_of(target, "float32"),
                signs=(signs.get(-1, 0), signs.get(1, 0)),
            )
            if (error := target.error(table)) < LIMIT:
                return table, error
    return None


def fit_far(target: Target, cut: Cut, degree: int, sides: dict[int, float]) -> dict[int, Piece] | None:
    """The pieces on these sides, or None if some piece is already too bad."""
    pieces = {}
    for slot, lo, hi in cut.pieces():
        if cut.signed and np.sign(lo + hi) not in sides:
            continue
        piece = far_piece(target.q, lo, hi, degree)
        if piece is None or not piece.error < LIMIT:
            return None
        pieces[slot] = piece
    return pieces


# Output -----------------------------------------------------------------------------------


def text_of(value: float, dtype: str) -> str:
    """A number of the dtype in C, exactly."""
    if not math.isfinite(value):
        return "NAN" if math.isnan(value) else "-INFINITY" if value < 0 else "INFINITY"
    return re.sub(r"\.?0*p", "p", float(np.dtype(dtype).type(value)).hex()) + SUFFIXES[dtype]


def write(name: str, direction: str, target: Target, table: Table, beyond: str = "scalar") -> tuple[str, str]:
    """The line for the list, and the array; `beyond` is the loop for other inputs."""
    dtype = table.dtype
    facts = [f"FA__{table.form}", int(table.right), int(table.exact_sum), int(table.sloped)]
    facts += [int(table.skips_tiny), int(table.closed)]
    facts += [table.degree, table.cut.shift_of(dtype)]
    facts += [text_of(number, dtype) for number in (table.cut.scale, table.cut.offset, table.cut.cover)]
    for side in (-1, 1):
        found = end(target, side, table.cut.cover, dtype)
        numbers = ", ".join(text_of(n, dtype) for n in (found.slope, found.rest, found.number))
        facts += [text_of(found.place, dtype), f"FA__END({numbers})"]
    line = f"M({name}, {WORDS[direction]}, {beyond}, {', '.join(map(str, facts))})"
    return line, _array(f"{name}_{WORDS[direction]}_table", table)


def write_far(name: str, direction: str, table: FarTable) -> tuple[str, str]:
    """The same of a far table."""
    cut, dtype = table.cut, table.dtype
    facts = [f"FA__{table.form}", int(table.right), table.degree, cut.shift_of(dtype)]
    begin = float(np.float32(cut.start * (1 + 2.0**-11)))  # scale |x| + offset is rounded
    facts += [text_of(number, dtype) for number in (cut.scale, cut.offset, cut.cover, begin)]
    facts += table.signs
    line = f"M({name}, {WORDS[direction]}, {', '.join(map(str, facts))})"
    return line, _array(f"{name}_{WORDS[direction]}_far_table", table)


def _array(name: str, table: Table) -> str:
    rows = ",\n".join("    {" + ", ".join(text_of(n, table.dtype) for n in row) + "}" for row in table.rows())
    return f"static FA__ALIGNED const {C_NAMES[table.dtype]} {name}[][FA__ENTRIES] = {{\n{rows}}};\n"


@dataclass(frozen=True)
class Made:
    """The lines for the lists and the arrays of a kernel, and of its far table."""

    line: str
    array: str
    far_line: str = ""
    far_array: str = ""


def made(name: str, direction: str, bits: int) -> Made | None:
    """The tables of f or f' of a row, if there are good ones."""
    target = Target.of(name, direction)
    found = search(target, bits)
    far = search_far(target, found[0].cut.cover, bits) if found and not found[0].closed else None
    told = [f"{kernel[1]:.3f} ULP simulated" if kernel else "none" for kernel in (found, far)]
    print(f"{name} {direction}, {1 << bits} pieces: {told[0]}, far: {told[1]}", file=sys.stderr, flush=True)
    if not found:
        return None
    written = write(name, direction, target, found[0], "far" if far else "scalar")
    return Made(*written, *write_far(name, direction, far[0])) if far else Made(*written)


def main(names: list[str]) -> None:
    """Print the header."""
    wanted = list(product(filter(worth_a_table, names or fastact.names()), DIRECTIONS))
    print(HEAD)
    with ProcessPoolExecutor() as workers:
        for bits, condition in ((5, "#if FA__WIDTH == 16"), (3, "#else")):
            results = workers.map(made, *zip(*wanted, strict=True), repeat(bits))
            kernels = {key: kernel for key, kernel in zip(wanted, results, strict=True) if kernel}
            arrays: dict[str, str] = {}
            print(condition)
            for kernel in kernels.values():
                for array in filter(None, (kernel.far_array, kernel.array)):
                    print(shared(array, arrays))
            far_lines = [kernel.far_line for kernel in kernels.values() if kernel.far_line]
            lists({key: kernel.line for key, kernel in kernels.items()}, far_lines)
    print("#endif")


def shared(array: str, arrays: dict[str, str]) -> str:
    """An array, or if there is the same one by another name already, a second name for that."""
    start, numbers = array.split("[]", 1)
    name = start.split()[-1]
    first = arrays.setdefault(numbers, name)
    return array if first == name else f"#define {name} {first}\n"


def lists(lines: dict[tuple[str, str], str], far_lines: list[str]) -> None:
    """Which loops there are: f and f' themselves, backward, both at once; and with parameters by element."""
    rows = list(dict.fromkeys(name for name, _ in lines))
    derivative = DIRECTIONS[1]
    derived = [name for name in rows if (name, derivative) in lines]

    def kind(name: str, direction: str) -> str:
        return "fast" if (name, direction) in lines else "scalar"

    loops = [(name, WORDS[direction], 1, 1) for name, direction in lines]
    loops += [(name, "backward", 2, 1) for name in derived] + [(name, "both", 1, 2) for name in rows]
    macros = {
        "FA__EACH_FAR_TABLE": far_lines,
        "FA__EACH_TABLE": list(lines.values()),
        "FA__EACH_WITH_DERIVATIVE": [f"M({name})" for name in derived],
        "FA__EACH_WITH_BOTH": [
            f"M({name}, {kind(name, DIRECTIONS[0])}, {kind(name, DIRECTIONS[1])})" for name in rows
        ],
        "FA__EACH_BY_ELEMENT": [
            f"M({', '.join(map(str, loop))})" for loop in loops if fastact.get(loop[0]).parameters
        ],
    }
    for macro, items in macros.items():
        print(f"#define {macro}(M) \\\n    " + " \\\n    ".join(items) + "\n")


def worth_a_table(name: str) -> bool:
    """Whether the formula of f' calls a function, or that of f does and f' divides by something with x.

    Lines, parabolas and a division alone are cheaper computed than looked up.
    """
    row = fastact.get(name)
    divides = any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "x" in ast.dump(node.right)
        for node in ast.walk(ast.parse(row.derivative_formula, mode="eval"))
    )
    return calls_a_function(row.derivative_formula) or (divides and calls_a_function(row.formula))


def calls_a_function(text: str) -> bool:
    """Whether a formula calls more than what a machine has an instruction for."""
    cheap = {"where", "min", "max", "abs", "sign"}
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in cheap
        for node in ast.walk(ast.parse(text, mode="eval"))
    )


if __name__ == "__main__":
    main(sys.argv[1:])
