"""The exact values of formulas, kept so that errors in ULP of float64 can be told to 2^-50 of one.

Knows when an evaluation at many bits is good enough: a ball of flint says so itself, and mpmath is asked
twice. Does not know the kernels.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.bits import LARGEST, Floats

Oracle = Literal["flint", "mpmath"]
ENOUGH = 80  # bits: the error of a truth, 2^-80 of it, is then 2^-28 of a float64 ULP
FIRST, LAST = 128, 8192  # bits: to begin with, and when to give up
ZERO_FROM = (
    4400  # bits at which mpmath's zero is believed: sums of float64 numbers and their squares are exact
)
NEGLIGIBLE = -1200  # a truth below 2^-1200 is 0 to every float64
OVERFLOW = 1100


class UndecidedError(ArithmeticError):
    """A value could not be told accurately enough."""


@dataclass(frozen=True)
class Truth:
    """Exact values as float64 numbers, rounded towards zero, and what is left, in ULP of float64.

    Attributes
    ----------
    floor : ndarray of float64
        With the sign of the value; at most the largest finite number.
    fraction : ndarray of float64
        In [0, 1); 1 where the value overflows.
    """

    floor: Floats
    fraction: Floats

    def near(self) -> Floats:
        """The values rounded to nearest, for display."""
        away = np.where(self.fraction >= 0.5, np.copysign(np.inf, self.floor), self.floor)
        with np.errstate(over="ignore", under="ignore"):
            return np.nextafter(self.floor, away)


def default_oracle() -> Oracle:
    """``"flint"``, which is faster and proves its accuracy, if it is installed; else ``"mpmath"``."""
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
    excess = max(shift - 60, 0)  # bits of the rest that a float64 fraction has no room for
    floor = math.ldexp(whole, unit if shift else exponent) if whole else 0.0
    return sign * floor, math.ldexp(rest >> excess, excess - shift)


def decided(f: Callable[..., Any], x: Any, parameters: Sequence[Any], enough: int = ENOUGH) -> Any:
    """The ball of f(x), computed with so many bits that at least `enough` of it are sure.

    Parameters
    ----------
    f : callable
        A formula compiled for flint.
    x : arb
        Exact.
    parameters : sequence of arb
        Exact too.
    enough : int
        How many bits. A ball that lies within 2^NEGLIGIBLE of zero or beyond 2^OVERFLOW may have fewer; it
        contains zero if not even its sign is known.

    Returns
    -------
    arb or None
        None if LAST bits do not tell, or if the formula says nothing there.
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
    """The floor and the fraction, as in :class:`Truth`, of a ball that was decided."""
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
    f = compile_formula(text, arguments, "mpmath")
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
                except (MemoryError, OverflowError) as error:
                    raise UndecidedError(f"{text} at x = {x!r}: too large for mpmath") from error
                if before is not None and agree(before, value, bits):
                    mantissa, exponent = value.man_exp
                    return _split(int(mantissa) * (-1 if value < 0 else 1), int(exponent))
            bits, before = bits * 2, value
        raise UndecidedError(f"{text} at x = {x!r}: still changing with {LAST} bits")

    return at


_ORACLES: Mapping[Oracle, Any] = {"flint": _by_flint, "mpmath": _by_mpmath}


def truth(text: str, parameters: Mapping[str, float], points: Floats, oracle: Oracle | None = None) -> Truth:
    """The exact values of a formula at float64 points.

    Parameters
    ----------
    text : str
        A formula as the table writes it, in ``x`` and the parameters.
    parameters : mapping of str to float
        Their values, by name.
    points : ndarray of float64
        Finite values of x.
    oracle : {"flint", "mpmath"}, optional
        Who computes; :func:`default_oracle` by default.

    Raises
    ------
    UndecidedError
        If even 8192 bits do not tell a value.

    Examples
    --------
    >>> third = truth("x/3", {}, np.array([1.0]), "mpmath")
    >>> float(third.floor[0]), round(float(third.fraction[0]), 6)
    (0.3333333333333333, 0.333333)
    """
    prepare = _ORACLES[oracle or default_oracle()]
    at = prepare(text, ("x", *parameters), list(parameters.values()))
    found = np.array([at(x) for x in points.tolist()], dtype=np.float64).reshape(-1, 2)
    return Truth(found[:, 0].copy(), found[:, 1].copy())
