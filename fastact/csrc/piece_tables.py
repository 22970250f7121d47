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
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from piece import TINY, Floats, Piece, best, fma, ulp32
from piece_far import FarTable, far_piece
from piecewise import Cut, Table, cuts, far_cuts, form_of

import fastact
from fastact.measure.bits import ordered, unordered
from fastact.measure.points import roots
from fastact.measure.subjects import DIRECTIONS, Subject
from fastact.measure.truth import truth

LIMIT = 0.93  # ULP, of a simulation: all 2^32 inputs may show a little more
FAR_LIMIT = 0.95  # the same of far tables: fewer inputs lie there, so probes miss less
THRICE_ROUNDED = 0.06  # taken off it in pieces with a slope: the worst case of three roundings is rarer
DEGREES, FAR_DEGREES = range(4, 9), range(2, 10)
LINE_SEEN_AT = 2.0**64  # a power of two, so that a quotient is the slope
FARTHEST = 512.0  # |x| up to which a far table may reach
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

    def ends(self, cover: float, dtype: str = "float32") -> tuple[float, float]:
        """From where on, beyond the cover, f is a number or a multiple of x, to the left and to the right."""
        return end(self, -1, cover, dtype).place, end(self, 1, cover, dtype).place

    def error(self, table: Table) -> float:
        """The largest error of a table in a simulation, in ULP, allowing for what that misses; infinite if it
        loses the sign of a zero."""
        zeros = np.array([0.0, -0.0])
        if not table.cut.start and np.any(np.signbit(table(zeros)) != np.signbit(self.subject(zeros))):
            return math.inf
        dense = [np.linspace(lo, hi, 100_001) for _, lo, hi in table.cut.pieces()]
        x = np.concatenate([*dense, np.geomspace(TINY, table.cut.cover, 500_000)]).astype(np.float32)
        x = np.unique(np.concatenate([x, -x]))
        ends = {end for _, *ends in table.cut.pieces() for end in ends}
        near = [neighbours(e, 200) for e in ends | {-e for e in ends}]  # |x| + offset may round past an end
        near += [neighbours(r, 20_000) for r in self.roots]
        x = np.concatenate([x, *near, *self._crossings(x)])
        x = x[(np.abs(x) < table.cut.cover) & (np.abs(x) >= max(TINY, table.cut.start)) & table.has(x)]
        want = self.subject(x.astype(np.float64))
        errors = np.abs(table(x) - want) / ulp32(want)
        errors[np.abs(want) > np.finfo(np.float32).max] = 0
        if not table.cut.start:
            errors += THRICE_ROUNDED * table.sloped_at(x)
        return float(np.max(errors))

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


def far_sides(target: Target, cover: float) -> dict[int, float]:
    """The sides, -1 and 1, on which f comes to an end beyond the cover but not at once, and where."""
    places = dict(zip((-1, 1), map(abs, target.ends(cover)), strict=True))
    if target.form != "SIGNED":
        return {side: max(places.values()) for side in places if 1.01 * cover < max(places.values()) < FARTHEST}
    return {side: place for side, place in places.items() if 1.01 * cover < place < FARTHEST}


def search_far(target: Target, cover: float, bits: int) -> tuple[FarTable, float] | None:
    """The cheapest far table that is good enough from a cover on, if there is a side that wants one."""
    sides = far_sides(target, cover)
    if not sides:
        return None
    near = np.array([cover if target.form != "SIGNED" else side * cover for side in sides])
    signs = dict(zip(sides, np.sign(target.q(near)).astype(int).tolist(), strict=True))
    cuts_ = list(far_cuts(target.form, bits + 1, cover * (1 - 2.0**-9), max(sides.values()) * (1 + 2.0**-9)))
    for degree in FAR_DEGREES:
        for cut in cuts_:
            pieces = fit_far(target, cut, degree, sides)
            if pieces is None:
                continue
            table = FarTable(
                cut, target.form, target.right, False, pieces, signs=(signs.get(-1, 0), signs.get(1, 0))
            )
            if (error := target.error(table)) < FAR_LIMIT:
                return table, error
    return None


def fit_far(target: Target, cut: Cut, degree: int, sides: dict[int, float]) -> dict[int, Piece] | None:
    """The pieces on these sides, or None if some piece is already too bad."""
    pieces = {}
    for slot, lo, hi in cut.pieces():
        if cut.signed and np.sign(lo + hi) not in sides:
            continue
        piece = far_piece(target.q, lo, hi, degree)
        if piece is None or not piece.error < FAR_LIMIT:
            return None
        pieces[slot] = piece
    return pieces


# Ends, and output -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """From some place on, outwards, the rounded f is one number, or (slope + rest) x if the slope is not 0."""

    place: float = math.nan
    slope: float = 0.0
    rest: float = 0.0
    number: float = 0.0

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """What the kernel gives."""
        number = x.dtype.type
        if not self.slope:
            return np.full_like(x, self.number)
        if not self.rest:
            return x * number(self.slope)
        return fma(x, number(self.slope), x * number(self.rest))


def end(target: Target, sign: int, cover: float, dtype: str) -> End:
    """Where f comes to its end on one side; NaN if nowhere."""
    first, last = ordered(np.array([cover, np.finfo(dtype).max], dtype))
    places = np.unique(
        np.concatenate([np.arange(first, first + 2000), np.linspace(first, last, 200_000).astype(int)])
    )
    x = sign * unordered(places, dtype)
    found = End()
    with np.errstate(over="ignore", invalid="ignore"):
        y = target.subject(x.astype(np.float64)).astype(dtype)
        slope = float(target.subject(np.array([sign * LINE_SEEN_AT]))[0]) / (sign * LINE_SEEN_AT)
        nearest = float(np.dtype(dtype).type(slope))
        if abs(nearest) > abs(slope):  # the rest has the slope's sign, so that infinities do not meet
            nearest = float(np.nextafter(np.dtype(dtype).type(nearest), np.dtype(dtype).type(0)))
        for ending in (End(number=float(y[-1])), End(slope=nearest, rest=slope - nearest)):
            got = ending(x)
            same = (got == y) & (np.signbit(got) == np.signbit(y))
            since = int(np.flatnonzero(~same)[-1]) + 1 if not same.all() else 0
            if since >= same.size - 1 or (ending.slope and abs(x[since]) > LINE_SEEN_AT):
                continue
            # everything from the next probed place on; between probes f may still change
            place = float(x[since + 1])
            if not abs(found.place) <= abs(place):
                found = replace(ending, place=place)
    return found


def _text(value: float, dtype: str) -> str:
    if not math.isfinite(value):
        return "NAN" if math.isnan(value) else "-INFINITY" if value < 0 else "INFINITY"
    return re.sub(r"\.?0*p", "p", float(np.dtype(dtype).type(value)).hex()) + SUFFIXES[dtype]


def write(name: str, direction: str, target: Target, table: Table, beyond: str = "scalar") -> tuple[str, str]:
    """The line for the list, and the array; `beyond` is the loop for other inputs."""
    dtype = table.dtype
    facts = [f"FA__{table.form}", int(table.right), int(table.exact_sum), int(table.sloped)]
    facts += [int(table.skips_tiny)]
    facts += [table.degree, table.cut.shift_of(dtype)]
    facts += [_text(number, dtype) for number in (table.cut.scale, table.cut.offset, table.cut.cover)]
    for side in (-1, 1):
        found = end(target, side, table.cut.cover, dtype)
        numbers = ", ".join(_text(n, dtype) for n in (found.slope, found.rest, found.number))
        facts += [_text(found.place, dtype), f"FA__END({numbers})"]
    line = f"M({name}, {WORDS[direction]}, {beyond}, {', '.join(map(str, facts))})"
    return line, _array(f"{name}_{WORDS[direction]}_table", table)


def write_far(name: str, direction: str, table: FarTable) -> tuple[str, str]:
    """The same of a far table."""
    cut, dtype = table.cut, table.dtype
    facts = [f"FA__{table.form}", int(table.right), table.degree, cut.shift_of(dtype)]
    begin = float(np.float32(cut.start * (1 + 2.0**-11)))  # scale |x| + offset is rounded
    facts += [_text(number, dtype) for number in (cut.scale, cut.offset, cut.cover, begin)]
    facts += table.signs
    line = f"M({name}, {WORDS[direction]}, {', '.join(map(str, facts))})"
    return line, _array(f"{name}_{WORDS[direction]}_far_table", table)


def _array(name: str, table: Table) -> str:
    rows = ",\n".join("    {" + ", ".join(_text(n, table.dtype) for n in row) + "}" for row in table.rows())
    entries = "FA__FAR_ENTRIES" if table.cut.start else "FA__ENTRIES"
    return f"static FA__ALIGNED const {C_NAMES[table.dtype]} {name}[][{entries}] = {{\n{rows}}};\n"


def main(names: list[str]) -> None:
    """Print the header."""
    print(HEAD)
    for bits, condition in ((4, "#if FA__WIDTH == 16"), (3, "#else")):
        print(condition)
        lines: dict[tuple[str, str], str] = {}
        far_lines: list[str] = []
        arrays: dict[str, str] = {}
        for name, direction in product(filter(worth_a_table, names or fastact.names()), DIRECTIONS):
            target = Target.of(name, direction)
            found = search(target, bits)
            far = search_far(target, found[0].cut.cover, bits) if found else None
            for what, kernel in (("", found), (" far", far)):
                error = f"{kernel[1]:.3f} ULP simulated" if kernel else "none"
                print(f"{name} {direction}{what}, {1 << bits}: {error}", file=sys.stderr)
            if far:
                line, array = write_far(name, direction, far[0])
                far_lines.append(line)
                print(shared(array, arrays))
            if found:
                beyond = "far" if far else "scalar"
                lines[name, direction], array = write(name, direction, target, found[0], beyond)
                print(shared(array, arrays))
        lists(lines, far_lines)
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
