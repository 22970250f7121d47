"""Write fastact/csrc/math/coefficients.h: the polynomials and constants of the elementary functions.

    python tools/coefficients.py [--print]

Each polynomial interpolates its function at Chebyshev points in 80-digit arithmetic, which comes within a
small factor of the best possible polynomial. A comment states the error reached. This script must not depend
on how C evaluates the polynomials.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mpmath import mp, mpf
from writing import write_atomically

HEADER = Path(__file__).resolve().parents[1] / "fastact/csrc/math/coefficients.h"

mp.dps = 80
TINY = mpf("1e-30")  # closer than this to 0/0, the limit is used
Real = Callable[[mpf], mpf]


def chebyshev_points(lo: mpf, hi: mpf, count: int) -> list[mpf]:
    """Return the zeros of the Chebyshev polynomial of degree `count`, mapped to [lo, hi]."""
    middle, half = (hi + lo) / 2, (hi - lo) / 2
    return [middle + half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def interpolate(f: Real, lo: float | mpf, hi: float | mpf, degree: int) -> list[mpf]:
    """Return the polynomial that interpolates f at degree + 1 Chebyshev points, constant term first."""
    points = chebyshev_points(mpf(lo), mpf(hi), degree + 1)
    matrix = mp.matrix([[x**k for k in range(degree + 1)] for x in points])
    return list(mp.lu_solve(matrix, mp.matrix([f(x) for x in points])))


def log2_error(f: Real, coefficients: list[mpf], lo: float | mpf, hi: float | mpf) -> float:
    """Return log2 of the largest error of the polynomial relative to f, on a grid off the nodes."""
    worst = mpf(0)
    for i in range(401):
        x = mpf(lo) + (mpf(hi) - mpf(lo)) * (i + mpf("0.37")) / 402
        worst = max(worst, abs(mp.polyval(coefficients[::-1], x) / f(x) - 1))
    return float(mp.log(worst, 2))


def split(x: mpf, bits: int = 53) -> tuple[mpf, mpf]:
    """Return x as high + low, where high has `bits` significant bits and low is a double."""
    unit = mpf(2) ** (mp.floor(mp.log(abs(x), 2)) + 1 - bits)
    high = mp.nint(x / unit) * unit
    return high, mpf(float(x - high))


# Lines of the header ------------------------------------------------------------------------------


def define(name: str, value: mpf | float) -> str:
    """Return the definition of a constant."""
    return f"#define FA_{name} {float(value).hex()}"


def define_pair(name: str, value: mpf) -> Iterator[str]:
    """Yield the definitions of a constant as a pair of doubles."""
    high, low = split(value)
    yield define(f"{name}_HI", high)
    yield define(f"{name}_LO", low)


def define_list(name: str, items: Sequence[str], per_line: int) -> Iterator[str]:
    """Yield the definition of a list."""
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    yield f"#define FA_{name} " + ", \\\n    ".join(lines)


def polynomial(
    name: str,
    f: Real,
    lo: float | mpf,
    hi: float | mpf,
    degree: int,
    what: str,
    constant: str | None = None,
) -> Iterator[str]:
    """Yield a polynomial as a list for FA_POLY, highest power first.

    If `constant` is given, the constant term is not part of the list but a pair of doubles of that name.
    """
    exact = interpolate(f, lo, hi, degree)
    rounded = [mpf(float(c)) for c in exact]
    if constant:
        rounded[0] = sum(split(exact[0]), mpf(0))
    yield f"\n/* {what} on [{float(lo):.6g}, {float(hi):.6g}], degree {degree}:"
    yield f" * relative error 2^{log2_error(f, rounded, lo, hi):.1f} */"
    if constant:
        yield from define_pair(constant, exact[0])
        rounded = rounded[1:]
    yield from define_list(name, [float(c).hex() for c in rounded[::-1]], 3)


# Functions, each with its limit where the formula is 0/0 ------------------------------------------


def exp_rest(r: mpf) -> mpf:
    """(e^r - 1 - r)/r^2"""
    return mpf(1) / 2 if abs(r) < TINY else (mp.expm1(r) - r) / r**2


def exp_cubic(r: mpf) -> mpf:
    """(e^r - 1 - r - r^2/2)/r^3"""
    return mpf(1) / 6 if abs(r) < mpf("1e-20") else (mp.expm1(r) - r - r**2 / 2) / r**3


def exp2_rest(r: mpf) -> mpf:
    """(2^r - 1 - r ln 2)/r^2"""
    return mp.log(2) ** 2 / 2 if abs(r) < TINY else (mpf(2) ** r - 1 - r * mp.log(2)) / r**2


EXP2_REACH, EXP2_DEGREE = 0.501, 5


def atanh_rest(s2: mpf) -> mpf:
    """(2 atanh(s) - 2 s)/s^3 in s^2"""
    s = mp.sqrt(s2)
    return mpf(2) / 3 if s < TINY else (2 * mp.atanh(s) - 2 * s) / s**3


MILLS_CENTRE = mpf("4.5")


def mills_scaled(t: mpf) -> mpf:
    """(2 + 4 a/sqrt(2 pi)) M(a), a = K(1+t)/(1-t), M(a) = e^(a^2/2) Phi(-a)

    The factor makes it flat at a = 0, where rounding t = -1 + 2a/K would hurt most.
    """
    a = MILLS_CENTRE * (1 + t) / (1 - t)
    mills = mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2
    return (2 + 4 * a / mp.sqrt(2 * mp.pi)) * mills


def tanh_shrink_rest(square: mpf) -> mpf:
    """(x - tanh x)/x^3 in x^2"""
    x = mp.sqrt(square)
    return mpf(1) / 3 if x < TINY else (x - mp.tanh(x)) / x**3


def erf_rest(square: mpf) -> mpf:
    """erf(s)/s in s^2"""
    s = mp.sqrt(square)
    return 2 / mp.sqrt(mp.pi) if s < TINY else mp.erf(s) / s


def series_rest(square: mpf, first: int) -> mpf:
    """sum of (-1)^i x^(2i)/(first + 2i)!, in x^2"""
    return mp.nsum(lambda i: (-square) ** int(i) / mp.factorial(first + 2 * int(i)), [0, 24])


def sin_rest(square: mpf) -> mpf:
    """(sin r - r + r^3/6 - r^5/120 + r^7/5040)/r^9 in r^2"""
    return series_rest(square, 9)


def cos_rest(square: mpf) -> mpf:
    """(1 - cos r - r^2/2 + r^4/24 - r^6/720)/-r^8 in r^2"""
    return series_rest(square, 8)


def exp_tail(r: mpf) -> mpf:
    """sum of r^i/(7 + i)!"""
    return mp.nsum(lambda i: r ** int(i) / mp.factorial(7 + int(i)), [0, 24])


def atan_rest(square: mpf) -> mpf:
    """(atan t - t)/t^3 in t^2"""
    t = mp.sqrt(square)
    return -mpf(1) / 3 if t < TINY else (mp.atan(t) - t) / t**3


def sin_cubic(square: mpf) -> mpf:
    """(sin r - r)/r^3 in r^2"""
    return -series_rest(square, 3)


def hard_elish_factor(t: mpf) -> mpf:
    """(e^x - 1)/(2 x), x = t - 1/2"""
    x = t - mpf(1) / 2
    return mpf(1) / 2 if abs(x) < TINY else mp.expm1(x) / (2 * x)


# Functions whose derivatives cross zero, with a starting point, a half-width and a degree ---------


def sigmoid(x: mpf) -> mpf:
    """1/(1 + e^-x)"""
    return 1 / (1 + mp.exp(-x))


def softplus(x: mpf) -> mpf:
    """log(1 + e^x)"""
    return mp.log1p(mp.exp(x))


ROOTS: list[tuple[str, Real, float, float, int]] = [
    ("SILU", lambda x: x * sigmoid(x), -1.2785, 0.0625, 9),
    ("GELU", lambda x: x * mp.ncdf(x), -0.7518, 0.25, 13),
    (
        "GELU_TANH",
        lambda x: x * sigmoid(mp.sqrt(8 / mp.pi) * (x + mpf(0.044715) * x**3)),
        -0.7525,
        0.0625,
        10,
    ),
    ("MISH", lambda x: x * mp.tanh(softplus(x)), -1.1924, 0.0625, 9),
    ("TELU", lambda x: x * mp.tanh(mp.exp(x)), -1.0755, 0.0625, 10),
    ("SERF", lambda x: x * mp.erf(softplus(x)), -1.1, 0.25, 15),
    ("SMISH", lambda x: x * mp.tanh(mp.log1p(sigmoid(x))), -1.2, 0.0625, 9),
    ("LOGISH", lambda x: x * mp.log1p(sigmoid(x)), -1.2, 0.0625, 9),
    ("ELISH", lambda x: mp.expm1(x) * sigmoid(x), -0.8814, 0.0625, 9),
    ("HARD_ELISH", lambda x: mp.expm1(x) * (x + 1) / 2, -0.4429, 0.0625, 8),
]


def hard_elish() -> Iterator[str]:
    """Yield hard_elish and its derivative between -1 and 0: (e^x - 1)(x + 1)/2 and (e^x (x + 2) - 1)/2."""
    with mp.workdps(120):
        root = mp.findroot(lambda x: mp.exp(x) * (x + 2) - 1, mpf("-0.4429"))

        def slope(d: mpf) -> mpf:
            x = root + d
            return mp.exp(root) * (root + 3) / 2 if abs(d) < TINY else (mp.exp(x) * (x + 2) - 1) / (2 * d)

        for suffix, degrees in (("", (11, 12)), ("_FLOAT32", (6, 7))):
            constants = f"HARD_ELISH_FACTOR{suffix}_CONSTANT", f"HARD_ELISH_RISE{suffix}_CONSTANT"
            what, half = "(e^x - 1)/(2 x) in x + 1/2", mpf(1) / 2
            name = f"HARD_ELISH_FACTOR{suffix}"
            yield from polynomial(name, hard_elish_factor, -half, half, degrees[0], what, constants[0])
            what, name = "hard_elish'(r + d)/d", f"HARD_ELISH_RISE{suffix}"
            yield from polynomial(name, slope, -1 - root, -root, degrees[1], what, constants[1])


def root_polynomial(name: str, forward: Real, start: float, width: float, degree: int) -> Iterator[str]:
    """Yield a derivative near its root r as (x - r) P(x - r), whose relative accuracy holds through zero."""
    with mp.workdps(120):  # the quotient cancels digits
        root = mp.findroot(lambda x: mp.diff(forward, x), mpf(start))

        def quotient(d: mpf) -> mpf:
            return mp.diff(forward, root, 2) if abs(d) < TINY else mp.diff(forward, root + d) / d

        yield ""
        yield from define_pair(f"{name}_ROOT", root)
        yield define(f"{name}_ROOT_WIDTH", width)
        what = f"{name.lower()}'(r + d)/d"
        yield from polynomial(f"{name}_ROOT_POLY", quotient, -width, width, degree, what, f"{name}_SLOPE")


def polynomial_in_square(
    name: str, f: Real, limit: mpf, degree: int, constant: str | None = None
) -> Iterator[str]:
    """Yield a polynomial in the square of a variable of magnitude at most `limit`."""
    yield from polynomial(name, f, 0, limit**2, degree, (f.__doc__ or "").strip(), constant)


def sixteenths() -> Iterator[str]:
    """Yield powers of two whose exponents are multiples of 1/16, as pairs of doubles."""
    pairs = [split(mpf(2) ** (mpf(j) / 16)) for j in range(16)]
    yield "\n/* 2^(j/16) */"
    for name, parts in zip(("HI", "LO"), zip(*pairs, strict=True), strict=True):
        yield from define_list(f"SIXTEENTHS_{name}", [float(p).hex() for p in parts], 4)


def two_over_pi() -> Iterator[str]:
    """Yield 72 digits of 2/pi to base 2^24, enough to reduce the largest double."""
    yield "\n/* digits of 2/pi to base 2^24 */"
    with mp.workprec(24 * 72 + 100):
        digits = [int(mp.floor(2 / mp.pi * 2 ** (24 * (i + 1)))) & 0xFFFFFF for i in range(72)]
    yield from define_list("TWO_OVER_PI", [str(digit) for digit in digits], 9)


def exponential() -> Iterator[str]:
    """Yield what exponentials and logarithms need."""
    ln2 = mp.log(2)
    high, low = split(ln2, 41)  # k * high is exact for abs(k) < 2^12
    yield define("LN2_HI", high)
    yield define("LN2_LO", low)
    yield define("LN2_DOUBLE", ln2)
    yield define("LN2_REST", ln2 - mpf(float(ln2)))
    yield define("LOG2_E", 1 / ln2)
    yield from polynomial("EXP_POLY", exp_rest, -ln2 / 2, ln2 / 2, 10, "(e^r - 1 - r)/r^2")
    yield from polynomial("EXP_POLY_FLOAT32", exp_rest, -ln2 / 2, ln2 / 2, 4, "(e^r - 1 - r)/r^2")
    what = "(e^r - 1 - r - r^2/2)/r^3"
    yield from polynomial("EXP_CUBIC_FLOAT32", exp_cubic, -ln2 / 2, ln2 / 2, 4, what)
    what = "(2^r - 1 - r ln 2)/r^2"
    yield from polynomial("EXP2_POLY", exp2_rest, -EXP2_REACH, EXP2_REACH, EXP2_DEGREE, what)
    what = "(e^r - 1 - r)/r^2"
    yield from polynomial("EXP_SIXTEENTH_POLY", exp_rest, -ln2 / 31, ln2 / 31, 5, what)
    yield from polynomial("EXP_SIXTEENTH_POLY_FLOAT32", exp_rest, -ln2 / 32, ln2 / 32, 1, what)
    yield from sixteenths()
    what = "(e^r - 1 - r - ... - r^6/720)/r^7"
    yield from polynomial("EXP_TAIL_POLY", exp_tail, -ln2 / 2, ln2 / 2, 9, what)
    yield ""
    for n in (6, 24, 120, 720, 5040):
        yield from define_pair(f"INV_{n}", 1 / mpf(n))
    yield from polynomial_in_square("ATANH_POLY", atanh_rest, (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1), 6)
    yield from polynomial_in_square("TANH_SHRINK", tanh_shrink_rest, mpf("0.75"), 15, "TANH_SHRINK_CONSTANT")
    yield from polynomial_in_square(
        "TANH_SHRINK_FLOAT32", tanh_shrink_rest, mpf("0.5"), 5, "TANH_SHRINK_FLOAT32_CONSTANT"
    )


def normal_distribution() -> Iterator[str]:
    """Yield what the normal distribution and erf need."""
    yield ""
    yield from define_pair("INV_SQRT_2PI", 1 / mp.sqrt(2 * mp.pi))
    yield from define_pair("SQRT_8_PI", mp.sqrt(8 / mp.pi))
    yield from define_pair("2_SQRT_PI", 2 / mp.sqrt(mp.pi))
    yield from define_pair("SQRT_2", mp.sqrt(2))
    yield define("MILLS_CENTRE", MILLS_CENTRE)
    last = (40 - MILLS_CENTRE) / (40 + MILLS_CENTRE)
    what = "(2 + 4 a/sqrt(2 pi)) e^(a^2/2) Phi(-a) in t = (a-K)/(a+K)"
    yield from polynomial("MILLS_POLY", mills_scaled, -1, last, 23, what, "MILLS_CONSTANT")
    yield from polynomial_in_square("ERF_POLY", erf_rest, mpf("0.75"), 10, "ERF_CONSTANT")


def trigonometry() -> Iterator[str]:
    """Yield what sin, cos and atan need."""
    yield ""
    yield from define_pair("PI_2", mp.pi / 2)
    for name, c in (("ATAN_1_2", mpf(1) / 2), ("ATAN_1", mpf(1)), ("ATAN_3_2", mpf(3) / 2)):
        yield from define_pair(name, mp.atan(c))
    yield from polynomial_in_square("SIN_POLY", sin_rest, mp.pi / 4, 4)
    yield from polynomial_in_square("COS_POLY", cos_rest, mp.pi / 4, 4)
    yield from polynomial_in_square("HALF_TURN_POLY_FLOAT32", sin_cubic, mpf("1.572"), 4)
    yield from polynomial_in_square("ATAN_POLY", atan_rest, mpf(7) / 16, 10)
    yield from two_over_pi()


def header() -> Iterator[str]:
    """Yield the lines of the header."""
    yield "/* Coefficients of the elementary functions, generated by tools/coefficients.py: do not edit."
    yield " * Polynomials are listed highest power first. */"
    yield "/* clang-format off */"
    yield "#ifndef FA_MATH_COEFFICIENTS_H\n#define FA_MATH_COEFFICIENTS_H\n"
    yield from exponential()
    yield from normal_distribution()
    yield from trigonometry()
    for root in ROOTS:
        yield from root_polynomial(*root)
    yield from hard_elish()
    yield "\n#endif"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="coefficients.py", description="Write math/coefficients.h.")
    parser.add_argument("--print", action="store_true", help="print the header instead of writing it")
    options = parser.parse_args(arguments)
    text = "\n".join(header()) + "\n"
    if options.print:
        print(text, end="")
    else:
        write_atomically(HEADER, text)
        print(f"{HEADER}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
