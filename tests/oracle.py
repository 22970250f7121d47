"""The truth of the tests: every row's formula text in multiprecision, errors in ULP, and where to look.

Knows mpmath, IEEE formats and how to find what is special about a function by searching for it. Does not
know any activation, nor how the library computes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache

import mpmath
import numpy as np
from mpmath import mp, mpf

from fastact import _core
from fastact.formula import compile_formula

ROWS = {row["name"]: row for row in _core.rows()}
PRECISION = 300  # bits; doubled until two evaluations agree
AGREEMENT = 2.0**-110
INFINITY_AT = (mpf(2) ** 400, mpf(2) ** 12)  # the second where exp(exp(x)) is beyond any arithmetic
UNDERFLOWS = mpf(2) ** -2000

Real = mpf | None


# The formulas ------------------------------------------------------------------------------------


@lru_cache(None)
def compiled(name: str, key: str, argument: str = "x") -> Callable[..., mpf]:
    """A formula text of a row, such as its ``"derivative_formula"``, as a function of mpmath numbers."""
    row = ROWS[name]
    return compile_formula(row[key], (argument, *row["parameters"]), "mpmath")


def evaluate(function: Callable[..., mpf], *arguments: mpf) -> Real:
    """function(*arguments) at the working precision; None where the formula says nothing."""
    try:
        value = function(*arguments)
    except (ZeroDivisionError, OverflowError, ValueError):  # a pole; a number too large to write down
        return None
    if isinstance(value, mpmath.mpc):  # a root or logarithm of a negative number
        return None
    return mpf(value)


def sure(function: Callable[..., mpf], *arguments: mpf) -> Real:
    """function(*arguments) to at least 100 bits, however much cancels in it."""
    precision, before = PRECISION, None
    while precision <= 16384:
        with mp.workprec(precision):
            now = evaluate(function, *arguments)
            if now is None or (before is not None and abs(now - before) <= AGREEMENT * abs(now)):
                return now
        before, precision = now, precision * 2 if before is not None else precision + 150
    raise AssertionError(f"the formula does not converge at {arguments}")


@lru_cache(1_000_000)
def truth(name: str, key: str, x: float | mpf, parameters: tuple[float, ...]) -> Real:
    """The exact value of f (key "formula") or f' ("derivative_formula") at x; None where undefined."""
    return sure(compiled(name, key), mpf(x), *map(mpf, parameters))


def defaults(name: str, dtype: type = np.float64) -> tuple[float, ...]:
    """Default parameters as an array of the dtype holds them."""
    return tuple(float(dtype(value)) for value in ROWS[name]["parameters"].values())


def limit(name: str, key: str, sign: int, parameters: tuple[float, ...]) -> Real:
    """The limit of f or f' at sign * infinity; None if it has none. A limit of zero is given as a number
    beyond every dtype, with the sign of the values on the way there."""
    for far in INFINITY_AT:
        values = [truth(name, key, sign * far * k, parameters) for k in (1, mpf("1.1"), 16)]
        if None in values:
            continue
        a, b, c = values
        if abs(c) < abs(a) / 2 and (a > 0) == (b > 0) == (c > 0):
            return mp.sign(a) * UNDERFLOWS
        if abs(a - b) + abs(a - c) <= 1e-2 * abs(a):
            return a
        growing = abs(c) > 2 * abs(a) and abs(b) > abs(a) and (a > 0) == (b > 0) == (c > 0)
        return mp.inf * mp.sign(a) if growing else None
    return None


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
    """Every power of two and the float before it, both signs. In float64 only every eighth beyond 2^+-160,
    where multiprecision is slow; the published run has them all."""
    info = np.finfo(dtype)
    exponents = range(info.minexp - info.nmant, info.maxexp)
    powers = [2.0**e for e in exponents if abs(e) <= 160 or e % 8 == 0 or e in (info.minexp, info.maxexp - 1)]
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
    found = []
    for i in sorted(brackets, key=lambda i: abs(steps[i]))[:24]:
        low, high = ordered(steps[i], dtype), ordered(steps[i + 1], dtype)
        while high - low > 1:
            middle = (low + high) // 2
            same = _kind(name, key, from_ordered(middle, dtype), parameters, dtype) == kinds[i]
            low, high = (middle, high) if same else (low, middle)
        found.append(from_ordered(low, dtype))
    return tuple(found)


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
    """Finite inputs for one row and direction: everywhere, and closely around whatever is special."""
    special = [*turning_points(name, key, parameters, dtype), *(float(dtype(k)) for k in kinks)]
    near = [y for x in special for y in neighbours(x, dtype, 5)]
    with np.errstate(over="ignore"):
        near += [float(dtype(x + s * 2.0**-k)) for x in special for k in range(2, 50, 3) for s in (1, -1)]
    generator = np.random.default_rng(20)
    dense = generator.choice([-1, 1], 2500) * 2.0 ** generator.uniform(-40, 10, 2500)
    everywhere = [*bit_steps(dtype, 150), *binade_edges(dtype), *dense.astype(dtype).tolist()]
    return np.array(sorted({*everywhere, *near, *np.linspace(-20, 20, 801).astype(dtype).tolist()}), dtype)
