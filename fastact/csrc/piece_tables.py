"""Make piece_tables.h: float32 kernels of smooth rows as tables of short polynomials, piece by piece.

    python fastact/csrc/piece_tables.py [NAME ...] > tables && mv tables fastact/csrc/piece_tables.h

Reads the rows and their float64 kernels from an installed fastact; tries several ways to cut the line, with
rising degrees, and keeps the cheapest whose simulated error is below a limit (some three minutes in all). A
row that none fits stays with its formula. Does not know how a piece is fitted (piece.py), nor how pieces
make a kernel (piecewise.py). Whether a kernel keeps its bound is for an exhaustive run to say.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from piece import TINY, Floats, best, ulp32
from piecewise import Cut, Table, cuts, form_of

import fastact
from fastact.measure.bits import ordered, unordered
from fastact.measure.points import roots
from fastact.measure.subjects import DIRECTIONS, Subject
from fastact.measure.truth import truth

LIMIT = 0.93  # ULP, of a simulation: all 2^32 inputs may show a little more
THRICE_ROUNDED = 0.06  # taken off it in pieces with a slope: the worst case of three roundings is rarer
DEGREES = range(4, 9)
C_NAMES, SUFFIXES = {"float32": "float", "float64": "double"}, {"float32": "f", "float64": ""}
WORDS = {"f": "forward", "f'": "derivative"}  # as loops are named
TYPICAL = 2.0  # scale of the normal inputs for which the cheapest is chosen
FORMULA = 1.2  # nanoseconds that most formulas take in double: a table must be cheaper
HEAD = """\
/* Coefficients of the float32 kernels of smooth rows, for 16 lanes and for 8, in the order of pieces.h.
 * Made by piece_tables.py: do not edit. */
// clang-format off
"""


# Searching ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What a kernel is to compute.

    Attributes
    ----------
    subject : Subject
        f or f' of a row, with parameters as float32 holds them.
    form : str
        As form_of tells it.
    right : bool
        Whether q(u) = f(u), not f(-u).
    roots : ndarray
        Of q, other than 0.
    """

    subject: Subject
    form: str
    right: bool
    roots: Floats

    @classmethod
    def of(cls, name: str, direction: str, dtype: str = "float32") -> Target:
        """f or f' of a row, with its default parameters as the dtype holds them."""
        subject = Subject(fastact.get(name), direction).rounded(dtype)
        form, right = form_of(subject)
        found = roots(subject)
        found = found[np.abs(found) > 1e-30]
        return cls(subject, form, right, found if right else -found)

    def q(self, u: Floats) -> Floats:
        """The table function, by the float64 kernel."""
        return self.subject(u if self.right else -u)

    def exact(self, u: Floats) -> Floats:
        """The same, correctly rounded."""
        x = u if self.right else -u
        return truth(self.subject.text, self.subject.activation.parameters, x).near()

    def error(self, table: Table) -> float:
        """The largest error of a table in a simulation, in ULP, allowing for what that misses; infinite if it
        loses the sign of a zero."""
        zeros = np.array([0.0, -0.0])
        largest = (
            0.0 if np.array_equal(np.signbit(table(zeros)), np.signbit(self.subject(zeros))) else math.inf
        )
        dense = [np.linspace(lo, hi, 100_001) for _, lo, hi in table.cut.pieces()]
        x = np.concatenate([*dense, np.geomspace(TINY, table.cut.cover, 500_000)]).astype(np.float32)
        x = np.unique(np.concatenate([x, -x]))
        ends = {end for _, *ends in table.cut.pieces() for end in ends}
        near = [neighbours(e, 200) for e in ends | {-e for e in ends}]  # |x| + offset may round past an end
        near += [neighbours(r, 20_000) for r in self.roots]
        x = np.concatenate([x, *near, *self._crossings(x)])
        x = x[(np.abs(x) < table.cut.cover) & (np.abs(x) >= TINY)]
        want = self.subject(x.astype(np.float64))
        errors = np.abs(table(x) - want) / ulp32(want) + THRICE_ROUNDED * table.sloped_at(x)
        return max(largest, float(np.max(errors)))

    def _crossings(self, x: Floats) -> Iterator[NDArray[np.float32]]:
        """Where |f| passes a power of two: just below, a ULP is half as large, so errors are twice."""
        _, exponent = np.frexp(self.subject(x.astype(np.float64)))
        for i in np.flatnonzero(np.diff(exponent)):
            yield neighbours(
                float(x[i]), min(int(ordered(x[i + 1 : i + 2])[0] - ordered(x[i : i + 1])[0]), 2000)
            )

    def tiny_error(self, table: Table) -> float:
        """The same next to zero, where products are subnormal."""
        bits = np.linspace(1, np.float32(TINY).view(np.uint32), 400_000).astype(np.uint32)
        x = np.concatenate([bits.view(np.float32), np.arange(1, 1 << 17, dtype=np.uint32).view(np.float32)])
        x = np.concatenate([x, -x])
        want = self.subject(x.astype(np.float64))
        return float(np.max(np.abs(table(x) - want) / ulp32(want)))


def neighbours(x: float, count: int) -> NDArray[np.float32]:
    """So many float32 numbers on either side."""
    found: NDArray[np.float32] = unordered(
        ordered(np.array([x], np.float32)) + np.arange(-count, count + 1), np.float32
    )
    return found


def fit(target: Target, cut: Cut, degree: int, exact_sum: bool) -> Table | None:
    """A table, or None if some piece is already too bad."""
    pieces = {}
    # outermost first: those fail first
    for slot, lo, hi in sorted(cut.pieces(), key=lambda p: -abs(p[1])):
        piece = best(target.q, target.exact, (lo, hi), degree, target.roots)
        if piece is None or not piece.error < LIMIT:
            return None
        if piece.value == 0 and (target.form in ("SIGNED", "RELU") or piece.slope < 0):
            piece = replace(piece, value=-0.0)  # so that zeros come out with their signs
        pieces[slot] = piece
    table = Table(cut, target.form, target.right, exact_sum, pieces)
    if exact_sum and table.sloped:
        return None
    return replace(table, skips_tiny=target.tiny_error(table) >= LIMIT)


def cost(cut: Cut, degree: int, exact_sum: bool, bits: int) -> float:
    """Nanoseconds per element, roughly, on typical inputs."""
    outside = math.erfc(cut.cover / TYPICAL / math.sqrt(2))
    look_up = 0.02 if bits == 4 else 0.09 if cut.signed else 0.045
    return look_up * (degree + 2 + 2 * exact_sum) + 2.0 * outside


def search(target: Target, bits: int) -> tuple[Table, float] | None:
    """The cheapest table that is good enough, and its error."""
    plans = [
        (cost(cut, degree, exact_sum, bits), degree, cut, exact_sum)
        for cut in cuts(target.form, bits)
        for degree in DEGREES
        for exact_sum in ((False, True) if target.form == "RELU" else (False,))
    ]
    for price, degree, cut, exact_sum in sorted(plans, key=lambda plan: plan[:2]):
        if price > FORMULA:
            return None
        table = fit(target, cut, degree, exact_sum)
        if table is not None and (error := target.error(table)) < LIMIT:
            return table, error
    return None


# Ends, and output -----------------------------------------------------------------------------------


def end(target: Target, sign: int, cover: float, dtype: str) -> tuple[float, float, bool]:
    """From where on, outwards, the rounded f is one number, or x: the place, the number, whether it is x.

    The place is NaN where there is no such number.
    """
    first, last = ordered(np.array([cover, np.finfo(dtype).max], dtype))
    places = np.unique(
        np.concatenate([np.arange(first, first + 2000), np.linspace(first, last, 200_000).astype(int)])
    )
    x = sign * unordered(places, dtype)
    with np.errstate(over="ignore"):
        y = target.subject(x.astype(np.float64)).astype(dtype)
    for is_x, same in ((False, (y == y[-1]) & (np.signbit(y) == np.signbit(y[-1]))), (True, y == x)):
        if not same[-1]:
            continue
        since = int(np.flatnonzero(~same)[-1]) + 1 if not same.all() else 0
        if since < same.size - 1:
            # everything from the next probed place on; between probes f may still change
            return float(x[min(since + 1, same.size - 1)]), float(y[-1]), is_x
    return math.nan, 0.0, False


def _text(value: float, dtype: str) -> str:
    if not math.isfinite(value):
        return "NAN" if math.isnan(value) else "-INFINITY" if value < 0 else "INFINITY"
    return re.sub(r"\.?0*p", "p", float(np.dtype(dtype).type(value)).hex()) + SUFFIXES[dtype]


def write(name: str, direction: str, target: Target, table: Table) -> tuple[str, str]:
    """The line for the list, and the array."""
    dtype = table.dtype
    low, at_low, low_is_x = end(target, -1, table.cut.cover, dtype)
    high, at_high, high_is_x = end(target, 1, table.cut.cover, dtype)
    facts = [f"FA__{table.form}", int(table.right), int(table.exact_sum), int(table.sloped)]
    facts += [int(table.skips_tiny)]
    facts += [table.degree, table.cut.shift_of(dtype)]
    facts += [_text(number, dtype) for number in (table.cut.scale, table.cut.offset, table.cut.cover)]
    facts += [_text(low, dtype), int(low_is_x), _text(0.0 if low_is_x else at_low, dtype)]
    facts += [_text(high, dtype), int(high_is_x), _text(0.0 if high_is_x else at_high, dtype)]
    line = f"M({name}, {WORDS[direction]}, {', '.join(map(str, facts))})"
    rows = ",\n".join("    {" + ", ".join(_text(n, dtype) for n in row) + "}" for row in table.rows())
    start = f"static FA__ALIGNED const {C_NAMES[dtype]} {name}_{WORDS[direction]}_table[][16]"
    return line, f"{start} = {{\n{rows}}};\n"


def main(names: list[str]) -> None:
    """Print the header."""
    print(HEAD)
    for bits, condition in ((4, "#if FA__WIDTH == 16"), (3, "#else")):
        print(condition)
        lines: dict[tuple[str, str], str] = {}
        for name in names or fastact.names():
            if not worth_a_table(name):
                continue
            for direction in DIRECTIONS:
                target = Target.of(name, direction)
                found = search(target, bits)
                error = f"{found[1]:.3f} ULP simulated" if found else "none"
                print(f"{name} {direction}, {1 << bits}: {error}", file=sys.stderr)
                if found:
                    lines[name, direction], array = write(name, direction, target, found[0])
                    print(array)
        lists(lines)
    print("#endif")


def lists(lines: dict[tuple[str, str], str]) -> None:
    """Which loops there are: f and f' themselves, backward, both at once; and with parameters by element."""
    rows = list(dict.fromkeys(name for name, _ in lines))
    derivative = DIRECTIONS[1]
    derived = [name for name in rows if (name, derivative) in lines]

    def kind(name: str, direction: str) -> str:
        return "fast" if (name, direction) in lines else "scalar"

    loops = [(name, WORDS[direction], 1, 1) for name, direction in lines]
    loops += [(name, "backward", 2, 1) for name in derived] + [(name, "both", 1, 2) for name in rows]
    macros = {
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
    """Whether the formula of f' calls a function or divides by something that depends on x.

    Lines and parabolas are cheaper computed than looked up.
    """
    text = fastact.get(name).derivative_formula
    return calls_a_function(text) or any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "x" in ast.dump(node.right)
        for node in ast.walk(ast.parse(text, mode="eval"))
    )


def calls_a_function(text: str) -> bool:
    """Whether a formula calls more than what a machine has an instruction for."""
    cheap = {"where", "min", "max", "abs", "sign"}
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in cheap
        for node in ast.walk(ast.parse(text, mode="eval"))
    )


if __name__ == "__main__":
    main(sys.argv[1:])
