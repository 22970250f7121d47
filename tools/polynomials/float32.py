"""Search for the float32 tables of an activation.

Several partitions are tried with rising degrees, and the cheapest table whose simulated error is below a
limit is kept. Only an exhaustive run shows whether the resulting kernel keeps its bound.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .files import Block, Kernel, braced, number
from .fit import fit_segment
from .log_tails import LogTail, fit_log_segment
from .segments import (
    Partition,
    Segment,
    Table,
    dyadic_partitions,
    equal_partitions,
    tail_partitions,
    wide_partitions,
)
from .target import SUBJECTS, End, Target, end_of, line_of

LIMIT = 0.94  # ULP, of a simulation: all 2^32 inputs may show a little more
DEGREES, TAIL_DEGREES = range(4, 9), range(2, 10)
FARTHEST = 512.0  # |x| up to which a tail may extend
COVERS = (5.0, 5.5, 6.0, 7.0, 9.0)  # of equal segments, in addition to powers of two
WIDE_COVERS = (30.25, 30.5, 30.75)  # beyond which inputs are rare even if their scale is large
TYPICAL = 2.0  # scale of the normal inputs for which the cheapest table is chosen
# elements that share one test for inputs outside the table, by bits of the index
GROUP = {5: 64, 4: 32, 3: 32}
WIDE_GAIN = 0.08  # nanoseconds that a cover of nearly all inputs is worth; 0.3 for inputs of large scale
# nanoseconds of most formulas in float64, by bits of the index; a table must be cheaper
FORMULA = {5: 1.2, 4: 5.0, 3: 5.0}
NEAR_END = 1.01  # times the cover: an end so near leaves no room for a tail
# bits of the index of a segment, by lanes: on AVX2 a row of coefficients is one register, or two, of which
# one is chosen
SLOTS = {16: (5,), 8: (3, 4)}


# Tables -------------------------------------------------------------------------------------------


def fit(target: Target, partition: Partition, degree: int, exact_sum: bool) -> Table | None:
    """Return a table, or None if the error of some segment is above the limit."""
    segments = {}
    # the outermost segments fail first
    for slot, lo, hi in sorted(partition.intervals(), key=lambda p: -abs(p[1])):
        segment = fit_segment(target.q, target.exact, (lo, hi), degree, target.roots)
        if segment is None or not segment.error < LIMIT:
            return None
        if segment.value == 0 and (target.form in ("SIGNED", "LEFT", "RELU") or segment.slope < 0):
            segment = replace(segment, value=-0.0)  # for the signs of zeros
        segments[slot] = segment
    line = line_of(target, "float32")
    table = Table(partition, target.form, target.right, exact_sum, segments, line=line)
    if exact_sum and table.sloped:
        return None
    return replace(table, skips_tiny=target.tiny_error(table) >= LIMIT)


def cost(partition: Partition, degree: int, exact_sum: bool, bits: int) -> float:
    """Return an estimate of nanoseconds per element on typical inputs."""
    outside = math.erfc(partition.cover / TYPICAL / math.sqrt(2))
    any_of_group = 1 - (1 - outside) ** GROUP[bits]
    if bits in SLOTS[8]:
        each = 0.1 if partition.bits == 3 and len(partition.sides) == 1 else 0.2
        return each * (degree + 2 + 2 * exact_sum) + 1.7 * any_of_group + 2.8 * outside
    return 0.02 * (degree + 2 + 2 * exact_sum) + 0.2 * any_of_group + 1.2 * outside


def partitions_of(form: str, bits: int) -> list[Partition]:
    """Return those that are tried for a number of bits."""
    found = list(dyadic_partitions(form, bits))
    if bits > SLOTS[8][0]:
        found += equal_partitions(form, bits, COVERS)
    if bits in SLOTS[16]:
        found += wide_partitions(form, bits, WIDE_COVERS)
    return found


def search(target: Target, lanes: int) -> tuple[Table, float] | None:
    """Return the cheapest table within the limit, and its error."""
    partitions = [(bits, each) for bits in SLOTS[lanes] for each in partitions_of(target.form, bits)]
    ending = end_of(target, 1, 1.0, "float32") if target.form in ("ODD", "EVEN") else End()
    ways = product(partitions, DEGREES, (False, True) if target.form == "RELU" else (False,))
    plans = [
        (
            cost(partition, degree, exact_sum, bits) - WIDE_GAIN * is_wide(ending, partition),
            degree,
            partition,
            exact_sum,
        )
        for (bits, partition), degree, exact_sum in ways
    ]
    for price, degree, partition, exact_sum in sorted(plans, key=lambda plan: plan[:2]):
        if price > FORMULA[SLOTS[lanes][0]]:
            return None
        table = fit(target, partition, degree, exact_sum)
        if table is None:
            continue
        if ends_within(ending, partition):
            table = replace(table, clamped=True)
            if not np.all(table(between(ending.place, partition.cover)) == ending.number):
                continue
        if (error := target.error(table)) < LIMIT:
            return table, error
    return None


def ends_within(ending: End, partition: Partition) -> bool:
    """Return whether f is constant from some place within the cover on."""
    reached: bool = ending.slope == 0 and ending.place < partition.cover
    return reached


def is_wide(ending: End, partition: Partition) -> bool:
    """Return whether nearly all inputs are within the cover."""
    return ends_within(ending, partition) or partition.cover > 0.99 * WIDE_COVERS[0]


def between(low: float, high: float) -> NDArray[np.float32]:
    """Return all float32 numbers from one positive number to another."""
    first, last = np.array([low, high], np.float32).view(np.uint32)
    found: NDArray[np.float32] = np.arange(first, last + 1, dtype=np.uint32).view(np.float32)
    return found


# Tails --------------------------------------------------------------------------------------------


def tail_sides(target: Target, cover: float) -> dict[int, float]:
    """Return the sides, -1 and 1, on which f has an end well beyond the cover, and where it is."""
    places = {side: abs(end_of(target, side, cover, "float32").place) for side in (-1, 1)}
    if target.form == "LEFT":
        del places[1]
    elif target.form != "SIGNED":  # the sides share their segments
        places = dict.fromkeys(places, max(places.values()))
    return {side: place for side, place in places.items() if NEAR_END * cover < place < FARTHEST}


def search_tail(target: Target, cover: float, bits: int) -> tuple[LogTail, float] | None:
    """Return the tail with the fewest coefficients within the limit, and its error, if a side needs one."""
    sides = tail_sides(target, cover)
    if not sides:
        return None
    near = np.array([side * cover if target.form in ("SIGNED", "LEFT") else cover for side in sides])
    signs = dict(zip(sides, np.sign(target.q(near)).astype(int).tolist(), strict=True))
    start, last = cover * (1 - 2.0**-9), max(sides.values()) * (1 + 2.0**-9)
    partitions = list(tail_partitions(target.form, bits, start, last))
    for degree, partition in product(TAIL_DEGREES, partitions):
        segments = fit_tail(target, partition, degree, sides)
        if segments is None:
            continue
        table = LogTail(
            partition,
            target.form,
            target.right,
            False,
            segments,
            line=line_of(target, "float32"),
            signs=(signs.get(-1, 0), signs.get(1, 0)),
        )
        if (error := target.error(table)) < LIMIT:
            return table, error
    return None


def fit_tail(
    target: Target, partition: Partition, degree: int, sides: dict[int, float]
) -> dict[int, Segment] | None:
    """Return the segments on these sides, or None if the error of some segment is above the limit."""
    segments = {}
    for slot, lo, hi in partition.intervals():
        if partition.signed and np.sign(lo + hi) not in sides:
            continue
        segment = fit_log_segment(target.q, lo, hi, degree)
        if segment is None or not segment.error < LIMIT:
            return None
        segments[slot] = segment
    return segments


# C ------------------------------------------------------------------------------------------------


def _rows(table: Table) -> list[str]:
    return [braced([number(n, table.dtype) for n in row]) for row in table.rows()]


def table_block(target: Target, table: Table) -> Block:
    """Return a table of either dtype in C."""
    dtype, partition = table.dtype, table.partition
    members = {
        "form": f"FA__{table.form}",
        "right": int(table.right),
        "exact_sum": int(table.exact_sum),
        "sloped": int(table.sloped),
        "skips_tiny": int(table.skips_tiny),
        "clamped": int(table.clamped),
        "two_registers": int(dtype == "float32" and partition.bits == 4),
        "degree": table.degree,
        "shift": partition.shift_of(dtype),
        "scale": number(partition.scale, dtype),
        "offset": number(partition.offset, dtype),
        "cover": number(partition.cover, dtype),
    }
    for side, member in ((-1, "low"), (1, "high")):
        found = end_of(target, side, partition.cover, dtype)
        members[member] = number(found.place, dtype)
        numbers = (found.slope, found.rest, found.number)
        members[f"at_{member}"] = braced([number(n, dtype) for n in numbers])
    return Block({member: str(value) for member, value in members.items()}, _rows(table))


def tail_block(table: LogTail) -> Block:
    """Return a tail in C."""
    dtype, partition = table.dtype, table.partition
    start = float(np.float32(partition.start * (1 + 2.0**-11)))  # scale |x| + offset is rounded
    members = {
        "form": f"FA__{table.form}",
        "right": int(table.right),
        "sloped": 1,
        "degree": table.degree,
        "shift": partition.shift_of(dtype),
        "scale": number(partition.scale, dtype),
        "offset": number(partition.offset, dtype),
        "cover": number(partition.cover, dtype),
        "from": number(start, dtype),
        "sign": braced(table.signs),
    }
    return Block({member: str(value) for member, value in members.items()}, _rows(table))


def kernel(name: str, direction: str, lanes: int) -> Kernel | None:
    """Return the table of f or f' with its tail, or None if no table pays.

    Parameters
    ----------
    name : str
        The activation.
    direction : {"forward", "derivative"}
    lanes : {16, 8}
        For AVX-512 or AVX2.
    """
    target = Target.of(name, SUBJECTS[direction])
    found = search(target, lanes)
    has_tail = found is not None and not found[0].clamped
    tail = search_tail(target, found[0].partition.cover, SLOTS[lanes][-1]) if has_tail else None
    errors = [f"{result[1]:.3f} ULP simulated" if result else "none" for result in (found, tail)]
    what = f"{name} {direction} float32, {lanes} lanes"
    print(f"{what}: table: {errors[0]}; tail: {errors[1]}", file=sys.stderr, flush=True)
    return Kernel(table_block(target, found[0]), tail_block(tail[0]) if tail else None) if found else None
