"""Make coefficients.h: every polynomial and constant that the elementary functions use.

Knows the functions to approximate, their intervals and degrees; does not know how C evaluates them.
Each polynomial interpolates its function at Chebyshev points in 80-digit arithmetic, which comes
within a small factor of the best possible polynomial; the error reached is printed beside it.

    python fastact/csrc/coefficients.py > fastact/csrc/coefficients.h
"""

from __future__ import annotations

from collections.abc import Callable

from mpmath import mp, mpf

mp.dps = 80
TINY = mpf("1e-30")  # nearer than this to 0/0, take the limit
Real = Callable[[mpf], mpf]


def chebyshev_points(lo: mpf, hi: mpf, count: int) -> list[mpf]:
    """The zeros of the Chebyshev polynomial of degree `count`, mapped to [lo, hi]."""
    middle, half = (hi + lo) / 2, (hi - lo) / 2
    return [middle + half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def interpolate(f: Real, lo: float | mpf, hi: float | mpf, degree: int) -> list[mpf]:
    """Coefficients, constant first, of the polynomial that meets f at degree + 1 Chebyshev points."""
    points = chebyshev_points(mpf(lo), mpf(hi), degree + 1)
    matrix = mp.matrix([[x**k for k in range(degree + 1)] for x in points])
    return list(mp.lu_solve(matrix, mp.matrix([f(x) for x in points])))


def log2_error(f: Real, coefficients: list[mpf], lo: float | mpf, hi: float | mpf) -> float:
    """log2 of the largest error of the polynomial relative to f, on a grid off the nodes."""
    worst = mpf(0)
    for i in range(401):
        x = mpf(lo) + (mpf(hi) - mpf(lo)) * (i + mpf("0.37")) / 402
        worst = max(worst, abs(mp.polyval(coefficients[::-1], x) / f(x) - 1))
    return float(mp.log(worst, 2))


def split(x: mpf, bits: int = 53) -> tuple[mpf, mpf]:
    """x as high + low: high has `bits` significant bits, low is a double."""
    unit = mpf(2) ** (mp.floor(mp.log(abs(x), 2)) + 1 - bits)
    high = mp.nint(x / unit) * unit
    return high, mpf(float(x - high))


def define(name: str, value: mpf | float) -> None:
    print(f"#define FA_{name} {float(value).hex()}")


def define_pair(name: str, value: mpf) -> None:
    high, low = split(value)
    define(f"{name}_HI", high)
    define(f"{name}_LO", low)


def emit(
    name: str,
    f: Real,
    lo: float | mpf,
    hi: float | mpf,
    degree: int,
    what: str,
    constant: str | None = None,
) -> None:
    """Print one polynomial as a list for FA_POLY, highest power first; `constant` names the constant
    term where it is to be kept apart, as a pair of doubles."""
    exact = interpolate(f, lo, hi, degree)
    rounded = [mpf(float(c)) for c in exact]
    if constant:
        rounded[0] = sum(split(exact[0]), mpf(0))
    print(f"\n/* {what} on [{float(lo):.6g}, {float(hi):.6g}], degree {degree}:")
    print(f" * relative error 2^{log2_error(f, rounded, lo, hi):.1f} */")
    if constant:
        define_pair(constant, exact[0])
        rounded = rounded[1:]
    terms = [float(c).hex() for c in rounded[::-1]]
    lines = [", ".join(terms[i : i + 3]) for i in range(0, len(terms), 3)]
    print(f"#define FA_{name} " + ", \\\n    ".join(lines))


# The functions, each with its value where the formula is 0/0 ------------------------------------


def exp_rest(r: mpf) -> mpf:
    """(e^r - 1 - r)/r^2"""
    return mpf(1) / 2 if abs(r) < TINY else (mp.expm1(r) - r) / r**2


def atanh_rest(s2: mpf) -> mpf:
    """(2 atanh(s) - 2 s)/s^3, as a function of s^2"""
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


def silu_slope(x: mpf) -> mpf:
    s = 1 / (1 + mp.exp(-x))
    return s * (1 + x * (1 - s))


def gelu_slope(x: mpf) -> mpf:
    return mp.ncdf(x) + x * mp.npdf(x)


def mish_slope(x: mpf) -> mpf:
    softplus = mp.log1p(mp.exp(x))
    return mp.tanh(softplus) + x * mp.sech(softplus) ** 2 / (1 + mp.exp(-x))


def emit_root(name: str, slope: Real, start: float, width: float, degree: int) -> None:
    """A derivative near its root r as (x - r) P(x - r): keeps relative accuracy through zero."""
    root = mp.findroot(slope, mpf(start))
    define_pair(f"{name}_ROOT", root)
    define(f"{name}_ROOT_WIDTH", width)

    def quotient(d: mpf) -> mpf:
        return mp.diff(slope, root) if abs(d) < TINY else slope(root + d) / d

    what = f"{name.lower()}'(r + d)/d"
    emit(f"{name}_ROOT_POLY", quotient, -width, width, degree, what, f"{name}_SLOPE")
    print()


def main() -> None:
    print("/* Coefficients of the elementary functions, made by coefficients.py: data, not code.")
    print(" * Knows no evaluation scheme; coefficients are listed highest power first. */")
    print("#ifndef FA_COEFFICIENTS_H\n#define FA_COEFFICIENTS_H\n")
    ln2 = mp.log(2)
    high, low = split(ln2, 41)  # k * high is exact for abs(k) < 2^12
    define("LN2_HI", high)
    define("LN2_LO", low)
    define("LN2", ln2)
    define("LN2_REST", ln2 - mpf(float(ln2)))
    define("LOG2_E", 1 / ln2)
    emit("EXP_POLY", exp_rest, -ln2 / 2, ln2 / 2, 10, "(e^r - 1 - r)/r^2")
    limit = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
    emit("ATANH_POLY", atanh_rest, 0, limit**2, 6, "(2 atanh(s) - 2s)/s^3 in s^2")
    print()
    define_pair("INV_SQRT_2PI", 1 / mp.sqrt(2 * mp.pi))
    define("MILLS_CENTRE", MILLS_CENTRE)
    last = (40 - MILLS_CENTRE) / (40 + MILLS_CENTRE)
    what = "(2 + 4 a/sqrt(2 pi)) e^(a^2/2) Phi(-a) in t = (a-K)/(a+K)"
    emit("MILLS_POLY", mills_scaled, -1, last, 23, what, "MILLS_CONSTANT")
    print()
    emit_root("SILU", silu_slope, -1.2785, 0.0625, 9)
    emit_root("GELU", gelu_slope, -0.7518, 0.25, 13)
    emit_root("MISH", mish_slope, -1.1924, 0.0625, 9)
    print("#endif")


if __name__ == "__main__":
    main()
