"""The exact values of formulas, accurate to 2^-50 ULP of float64.

A ball of flint has a proven radius; mpmath evaluates with more and more bits until two values agree. Must not
depend on the kernels.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.bits import LARGEST, Floats

Oracle = Literal["flint", "mpmath"]
ENOUGH = 80  # bits: the error of a value, 2^-80 of it, is then 2^-28 ULP of float64
FIRST, LAST = 128, 8192  # bits: of the first and the last evaluation
# bits from which a zero of mpmath is one: sums of float64 numbers and their squares are exact
ZERO_FROM = 4400
NEGLIGIBLE = -1200  # a value below 2^-1200 is 0 in float64
OVERFLOW = 1100


class UndecidedError(ArithmeticError):
    """A value could not be computed accurately enough."""


@dataclass(frozen=True)
class Truth:
    """Exact values: float64 numbers, rounded towards zero, and the remainder in ULP of float64."""

    floor: Floats  # float64, with the sign of the value; at most the largest finite number
    fraction: Floats  # in [0, 1); 1 where the value overflows

    def near(self) -> Floats:
        """The values rounded to nearest, for display."""
        away = np.where(self.fraction >= 0.5, np.copysign(np.inf, self.floor), self.floor)
        with np.errstate(over="ignore", under="ignore"):
            return np.nextafter(self.floor, away)


def default_oracle() -> Oracle:
    """``"flint"``, which is faster and proves its accuracy, if installed; otherwise ``"mpmath"``."""
    return "flint" if importlib.util.find_spec("flint") else "mpmath"


def _split(mantissa: int, exponent: int) -> tuple[float, float]:
    """The floor and the fraction of mantissa * 2^exponent."""
    size = abs(mantissa)
    sign = -1.0 if mantissa < 0 else 1.0
    top = exponent + size.bit_length() - 1
    if size and top > 1023:
        return sign * LARGEST, 1.0
    unit = max(top - 52, -1074)
    shift = max(unit - exponent, 0)
    whole = size >> shift
    rest = size - (whole << shift)
    excess = max(shift - 60, 0)  # bits of the rest beyond those of a float64 fraction
    floor = math.ldexp(whole, unit if shift else exponent) if whole else 0.0
    return sign * floor, math.ldexp(rest >> excess, excess - shift)


def decided(f: Callable[..., Any], x: Any, parameters: Sequence[Any], enough: int = ENOUGH) -> Any:
    """The ball of f(x), of which at least `enough` bits are certain; None if LAST bits do not suffice.

    A ball within 2^NEGLIGIBLE of zero or beyond 2^OVERFLOW may have fewer; it contains zero if its sign is
    not certain. x and parameters are exact.
    """
    from flint import arb, ctx

    negligible, overflow = arb(2) ** NEGLIGIBLE, arb(2) ** OVERFLOW
    bits = FIRST + enough - ENOUGH
    while bits <= LAST:
        with ctx.workprec(bits):
            value = arb(f(x, *parameters))
        if value.is_finite():
            size = abs(value)
            accurate = value.is_exact() or value.rel_accuracy_bits() >= enough
            if accurate or size < negligible or size > overflow:
                return value
        bits *= 2
    return None


def parts(value: Any) -> tuple[float, float]:
    """The floor and the fraction, as in :class:`Truth`, of a ball from :func:`decided`."""
    mantissa, exponent = (0, 0) if value.contains(0) else value.mid().man_exp()
    return _split(int(mantissa), int(exponent))


def _by_flint(text: str, arguments: tuple[str, ...], parameters: list[float]) -> Callable[[float], Any]:
    from flint import arb

    f = compile_formula(text, arguments, "flint")
    exact = [arb(p) for p in parameters]

    def at(x: float) -> tuple[float, float]:
        value = decided(f, arb(x), exact)
        if value is None:
            raise UndecidedError(
                f"{text} at x = {x!r}: not known to {ENOUGH} bits after computing with {LAST}"
            )
        return parts(value)

    return at


def _by_mpmath(text: str, arguments: tuple[str, ...], parameters: list[float]) -> Callable[[float], Any]:
    import mpmath

    mp = mpmath.mp

    def normal_distribution(x: Any) -> Any:
        """Phi; its erfc takes no argument that is too large for a float."""
        return mp.erfc(-max(x, -(mp.mpf(2) ** 40)) / mp.sqrt(2)) / 2

    f = compile_formula(text, arguments, "mpmath", Phi=normal_distribution)
    exact = [mp.mpf(p) for p in parameters]
    negligible = mp.ldexp(1, NEGLIGIBLE)

    def agree(a: Any, b: Any, bits: int) -> bool:
        if a != 0 and abs(a - b) <= mp.ldexp(abs(b), -ENOUGH):
            return True
        return bool(abs(a) < negligible and abs(b) < negligible and bits >= ZERO_FROM)

    def at(x: float) -> tuple[float, float]:
        bits, before = FIRST, None
        while bits <= LAST:
            with mp.workprec(bits):
                try:
                    value = mp.mpf(f(mp.mpf(x), *exact))
                except (MemoryError, ArithmeticError) as error:
                    raise UndecidedError(f"{text} at x = {x!r}: mpmath fails: {error!r}") from error
                if before is not None and agree(before, value, bits):
                    mantissa, exponent = value.man_exp
                    return _split(int(mantissa) * (-1 if value < 0 else 1), int(exponent))
            bits, before = bits * 2, value
        raise UndecidedError(f"{text} at x = {x!r}: not settled with {LAST} bits")

    return at


_ORACLES: Mapping[Oracle, Any] = {"flint": _by_flint, "mpmath": _by_mpmath}


def truth(text: str, parameters: Mapping[str, float], points: Floats, oracle: Oracle | None = None) -> Truth:
    """The exact values of a formula of the table, in ``x`` and its parameters, at finite float64 points.

    Raises
    ------
    UndecidedError
        If 8192 bits do not suffice for a value.

    Examples
    --------
    >>> third = truth("x/3", {}, np.array([1.0]), "mpmath")
    >>> float(third.floor[0]), round(float(third.fraction[0]), 6)
    (0.3333333333333333, 0.333333)
    """
    at = _prepared(text, parameters, oracle)
    return _truth([at(x) for x in points.tolist()])


def truth_where_decided(
    text: str, parameters: Mapping[str, float], points: Floats, oracle: Oracle | None = None
) -> tuple[Truth, NDArray[np.bool_]]:
    """As :func:`truth`, but only at the points where the value is decided, and which points those are."""
    at = _prepared(text, parameters, oracle)
    found, decided = [], np.zeros(points.shape, bool)
    for i, x in enumerate(points.tolist()):
        with suppress(UndecidedError):
            found.append(at(x))
            decided[i] = True
    return _truth(found), decided


def _prepared(
    text: str, parameters: Mapping[str, float], oracle: Oracle | None
) -> Callable[[float], tuple[float, float]]:
    prepare = _ORACLES[oracle or default_oracle()]
    at: Callable[[float], tuple[float, float]] = prepare(text, ("x", *parameters), list(parameters.values()))
    return at


def _truth(found: Sequence[tuple[float, float]]) -> Truth:
    parts = np.array(found, dtype=np.float64).reshape(-1, 2)
    return Truth(parts[:, 0].copy(), parts[:, 1].copy())
