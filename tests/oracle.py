"""The truth of the tests: every entry's formula text in ball arithmetic, errors in ULP, and where to look.

Balls (flint) hold the exact value and say how well it is known, however much cancels; mpmath, which does
not, is the second opinion. Knows both, IEEE formats and how to find what is special about a function by
searching for it. Does not know any activation, nor how the library computes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from flint import arb
from mpmath import mp, mpf

from fastact import _core
from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy import errors as measured
from fastact.evaluation.accuracy.truth import Truth, decided, parts

ENTRIES = {entry["name"]: entry for entry in _core.entries()}
PRECISION = 400  # bits of mpmath
SURE_BITS = 200  # of every truth
ON_THE_WAY = tuple(1024 * mpf(k) for k in ("1", "1.1", "2", "5", "9", "16"))  # all exponentials still differ
INFINITY_AT = mpf(2) ** 400
UNDERFLOWS = mpf(2) ** -2000
NEAR_ZERO = mpf(2) ** -120

Real = mpf | None


# The formulas ------------------------------------------------------------------------------------


@lru_cache(None)
def compiled(name: str, key: str, arithmetic: str = "mpmath", argument: str = "x") -> Callable[..., Any]:
    """A formula text of an entry, such as its ``"derivative_formula"``, as a function of numbers."""
    entry = ENTRIES[name]
    return compile_formula(entry[key], (argument, *entry["parameters"]), arithmetic)


def evaluate(function: Callable[..., Any], *arguments: mpf) -> Real:
    """function(*arguments) by mpmath at its precision; None where it can not tell."""
    try:
        value = function(*arguments)
    except (ArithmeticError, ValueError, MemoryError):  # a pole; a number too large to write down
        return None
    if isinstance(value, mpmath.mpc):  # a root or logarithm of a negative number
        return None
    return mpf(value)


def from_ball(ball: arb) -> mpf:
    """The middle, exactly; zero for a ball next to zero whose sign is not known."""
    if ball.contains(0):
        return mp.zero
    mantissa, exponent = ball.mid().man_exp()
    return mp.make_mpf(mpmath.libmp.from_man_exp(int(mantissa), int(exponent)))


@lru_cache(1_000_000)
def truth(name: str, key: str, x: float | mpf, parameters: tuple[float, ...]) -> Real:
    """The value of f (key "formula") or f' ("derivative_formula") at x, to 200 bits; None where undefined."""
    ball = decided(compiled(name, key, "flint"), arb(x), [arb(p) for p in parameters], SURE_BITS)
    return None if ball is None else from_ball(ball)


def truths(name: str, key: str, x: np.ndarray, parameters: tuple[float, ...]) -> tuple[Truth, np.ndarray]:
    """The same for an array, as float64 numbers and fractions of an ULP; NaN where undefined. And whether
    the sign is known: not of all values far below the smallest number."""
    function, exact = compiled(name, key, "flint"), [arb(p) for p in parameters]
    balls = [decided(function, arb(point), exact) for point in x.tolist()]
    both = np.array([(np.nan, np.nan) if ball is None else parts(ball) for ball in balls])
    signed = [ball is not None and (ball.is_exact() or not ball.contains(0)) for ball in balls]
    return Truth(both[:, 0], both[:, 1]), np.array(signed)


def defaults(name: str, dtype: type = np.float64) -> tuple[float, ...]:
    """Default parameters as an array of the dtype holds them."""
    return tuple(float(dtype(value)) for value in ENTRIES[name]["parameters"].values())


def limit(name: str, key: str, sign: int, parameters: tuple[float, ...]) -> Real:
    """The limit of f or f' at sign * infinity; None if it has none. A limit of zero is given as a number
    beyond every dtype, with the sign of the values on the way there.

    Of elementary functions, what shrinks or grows steadily on the way does so for ever; what has settled is
    read off far out; what is still neither there nor here waves.
    """
    values = [truth(name, key, sign * x, parameters) for x in ON_THE_WAY]
    first, last, sizes = values[0], values[-1], [abs(v) for v in values]
    one_sign = all(v * first > 0 for v in values)
    if one_sign and sizes == sorted(sizes, reverse=True) and abs(last) < abs(first) / 2:
        return mp.sign(first) * UNDERFLOWS
    if one_sign and sizes == sorted(sizes) and abs(last) > 2 * abs(first):
        return mp.inf * mp.sign(first)
    return truth(name, key, sign * INFINITY_AT, parameters) if max(values) - min(values) <= 1e-2 else None


# IEEE formats ------------------------------------------------------------------------------------


def ulp(value: mpf, dtype: type) -> mpf:
    """The spacing of the dtype at a true value: of the largest binade above it, of subnormals below."""
    info = np.finfo(dtype)
    lowest, highest = info.minexp, info.maxexp - 1
    exponent = lowest if value == 0 else int(mpmath.mag(value)) - 1
    return mpf(2) ** (min(max(exponent, lowest), highest) - info.nmant)


def error_in_ulp(got: float, want: mpf, dtype: type) -> float:
    """abs(got - want) in ULP of the truth. Infinity counts as the next number above the largest, so that
    it is no error where the truth rounds to it."""
    if np.isnan(got):
        return float("inf")
    beyond = mpf(2) ** int(np.finfo(dtype).maxexp)
    return float(abs(clip(mpf(float(got)), beyond) - clip(want, beyond)) / ulp(clip(want, beyond), dtype))


def errors_in_ulp(got: np.ndarray, want: Truth) -> np.ndarray:
    """The same for arrays. The tests of the ``accuracy`` command have float64; float32 is done here."""
    if got.dtype == np.float64:
        return measured.errors_in_ulp(got, want)
    beyond, size = 2.0**128, np.abs(want.floor)
    _, exponent = np.frexp(np.clip(size, 2.0**-126, beyond / 2))
    with np.errstate(invalid="ignore", under="ignore"):
        part = np.where(size < beyond, np.copysign(want.fraction * measured.ulp64(size), want.floor), 0)
        difference = np.clip(got.astype(np.float64), -beyond, beyond) - np.clip(want.floor, -beyond, beyond)
        found = np.abs(difference - part) / np.ldexp(1.0, exponent - 24)
    return np.where(np.isnan(got), np.inf, found)


def clip(value: mpf, beyond: mpf) -> mpf:
    return max(min(value, beyond), -beyond)


def rounded(value: mpf, dtype: type) -> np.floating:
    """The nearest number of the dtype, ties to even; zero keeps the sign of a value that underflows."""
    beyond = mpf(2) ** int(np.finfo(dtype).maxexp)
    unit = ulp(clip(value, beyond), dtype)
    with mp.workprec(PRECISION):
        nearest = float(mp.nint(clip(value, beyond) / unit)) if abs(value) < beyond else float("inf")
    with np.errstate(all="ignore"):
        magnitude = dtype(abs(nearest)) * dtype(unit) if np.isfinite(nearest) else dtype("inf")
    return -magnitude if value < 0 else magnitude


def bits(array: object) -> np.ndarray:
    """The bytes of floats as unsigned integers, all NaNs as one."""
    array = np.asarray(array)
    native = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    native[np.isnan(native)] = np.nan
    return native.view(f"u{native.itemsize}")


def assert_same_bits(got: object, want: object) -> None:
    """Equal dtype, shape and bits; the message shows the first difference."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype.newbyteorder("=") == want.dtype.newbyteorder("=")
    assert got.shape == want.shape
    different = np.flatnonzero((bits(got) != bits(want)).ravel())
    if different.size:
        first = different[0]
        pair = f"got {got.ravel()[first]!r}, want {want.ravel()[first]!r}"
        raise AssertionError(f"{different.size} of {got.size} differ, first at {first}: {pair}")


def ordered(x: float, dtype: type) -> int:
    """The position of x in the order of all floats of the dtype; 0 for either zero."""
    form, sign = ("<f", 1 << 31) if dtype is np.float32 else ("<d", 1 << 63)
    number = int.from_bytes(struct.pack(form, x), "little")
    return sign - number if number >= sign else number


def from_ordered(position: int, dtype: type) -> float:
    """The float at a position, inverse of `ordered`."""
    form, size = ("<f", 4) if dtype is np.float32 else ("<d", 8)
    value = struct.unpack(form, abs(position).to_bytes(size, "little"))[0]
    return -value if position < 0 else value


def neighbours(x: float, dtype: type, reach: int) -> Iterable[float]:
    """x and `reach` floats on each side of it, as far as they are finite."""
    middle, last = ordered(x, dtype), ordered(float(np.finfo(dtype).max), dtype)
    return [from_ordered(p, dtype) for p in range(max(middle - reach, -last), min(middle + reach, last) + 1)]


# Where to look -----------------------------------------------------------------------------------


def bit_steps(dtype: type, count: int) -> list[float]:
    """`count` floats of each sign at even steps through all finite bit patterns, offset from their start."""
    last = ordered(float(np.finfo(dtype).max), dtype)
    step = last // count
    return [s * from_ordered(step // 3 + i * step, dtype) for i in range(count) for s in (1, -1)]


def binade_edges(dtype: type) -> list[float]:
    """Every power of two and the float before it, both signs."""
    info = np.finfo(dtype)
    powers = [2.0**e for e in range(info.minexp - info.nmant, info.maxexp)]
    before = [from_ordered(ordered(p, dtype) - 1, dtype) for p in powers]
    return [s * x for p, b in zip(powers, before, strict=True) for x in (p, b) for s in (1, -1)]


def _kind(name: str, key: str, x: float, parameters: tuple[float, ...], dtype: type) -> tuple[object, ...]:
    """What class of number f(x) is: a change of class between two x marks a root, or a threshold at which
    an implementation may switch to a tail, underflow, saturate or overflow."""
    value = truth(name, key, x, parameters)
    if value is None:
        return (None,)
    result, info = rounded(value, dtype), np.finfo(dtype)
    size = abs(result)
    kind = 0 if size == 0 else 1 if size < info.tiny else 3 if np.isinf(size) else 2
    return kind, value > 0, value < 0, result == x, result in (1, -1)


@lru_cache(None)
def turning_points(name: str, key: str, parameters: tuple[float, ...], dtype: type) -> tuple[float, ...]:
    """Floats just before a change of class, found by bisection between coarse steps; for functions that
    have very many, those nearest to zero."""
    steps = [x for x in bit_steps(dtype, 120) if abs(x) < 2.0**40] + [
        s * k / 4 for k in range(40) for s in (1, -1)
    ]
    steps = sorted({0.0, *steps})
    kinds = [_kind(name, key, x, parameters, dtype) for x in steps]
    brackets = [i for i in range(len(steps) - 1) if kinds[i] != kinds[i + 1]]

    def kind(position: int) -> tuple[object, ...]:
        return _kind(name, key, from_ordered(position, dtype), parameters, dtype)

    found = []
    for i in sorted(brackets, key=lambda i: abs(steps[i]))[:24]:
        low, high = ordered(steps[i], dtype), ordered(steps[i + 1], dtype)
        found += [from_ordered(p, dtype) for p in changes(kind, low, high)]
    return tuple(found)


MOST_CHANGES = 6  # of a bracket: more classes than these a wave has, and nothing else


def changes(kind: Callable[[int], object], low: int, high: int) -> list[int]:
    """Positions from low to high before which and after which `kind` differs, such as those before a
    function becomes subnormal, then zero: each is found from the end of the one before."""
    found, last = [], kind(high)
    while (here := kind(low)) != last and len(found) < MOST_CHANGES:
        before, after = low, high
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if kind(middle) == here else (before, middle)
        found.append(before)
        low = after
    return found


@lru_cache(None)
def roots(name: str, parameters: tuple[float, ...]) -> tuple[float, ...]:
    """Where f' changes its sign, to float64."""
    signs = {}
    for x in turning_points(name, "derivative_formula", parameters, np.float64):
        after = from_ordered(ordered(x, np.float64) + 1, np.float64)
        pair = [truth(name, "derivative_formula", p, parameters) for p in (x, after)]
        if None not in pair and (pair[0] > 0) != (pair[1] > 0):
            signs[x] = pair
    return tuple(signs)


def points(
    name: str, key: str, parameters: tuple[float, ...], kinks: tuple[float, ...], dtype: type
) -> np.ndarray:
    """Finite inputs for one entry and direction: everywhere, and closely around whatever is special."""
    special = [*turning_points(name, key, parameters, dtype), *(float(dtype(k)) for k in kinks)]
    near = [y for x in special for y in neighbours(x, dtype, 5)]
    with np.errstate(over="ignore"):
        near += [float(dtype(x + s * 2.0**-k)) for x in special for k in range(2, 50, 3) for s in (1, -1)]
    generator = np.random.default_rng(20)
    dense = generator.choice([-1, 1], 2500) * 2.0 ** generator.uniform(-40, 10, 2500)
    everywhere = [*bit_steps(dtype, 150), *binade_edges(dtype), *dense.astype(dtype).tolist()]
    return np.array(sorted({*everywhere, *near, *np.linspace(-20, 20, 801).astype(dtype).tolist()}), dtype)
