"""What the accuracy command is made of: errors in ULP, exact values, points, sweeps.

Errors are compared with exact fractions.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import helpers
import numpy as np
import pytest

import fastact as fa
from fastact.evaluation import _measure
from fastact.evaluation.accuracy import bits, double, points, results, subjects, sweep
from fastact.evaluation.accuracy.errors import Errors, Exact, errors_in_ulp, float32_errors, gather
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.terms import largest_term
from fastact.evaluation.accuracy.truth import Truth, UndecidedError, truth, truth_where_decided

pytestmark = pytest.mark.once

ORACLES = ("flint", "mpmath")
MAX32, MIN32 = float(np.finfo(np.float32).max), 2.0**-149
MAX64 = float(np.finfo(np.float64).max)


def as_fraction(x, limit):
    """x, an infinity taken as the power of two above the largest number."""
    return Fraction(2) ** limit * (1 if x > 0 else -1) if np.isinf(x) else Fraction(x)


def ulp_by_fractions(got, want, digits, least, limit):
    """abs(got - want) in units of the binade of want, by exact arithmetic alone."""
    edge = Fraction(2) ** limit
    want = max(min(want, edge), -edge)
    exponent = limit - digits if abs(want) == edge else least
    while Fraction(2) ** (exponent + digits) <= abs(want) < edge:
        exponent += 1
    return abs(as_fraction(got, limit) - want) / Fraction(2) ** exponent


# Errors in ULP ------------------------------------------------------------------------------------


def exactly(*values):
    """Exact values that float64 holds."""
    return Exact(np.array(values), *np.zeros((2, len(values))))


PAIRS_32 = [
    (1.0, 1.0),
    (1.0, 1 - 2.0**-25),
    (1.0, 1 + 2.0**-25),
    (2.0, 2 - 2.0**-24),
    (-3.0, 5.0),
    (0.0, MIN32 / 3),
    (MIN32, MIN32 / 3),
    (MIN32 * 5, -MIN32 * 7.25),
    (2.0**-126, 2.0**-126 - 2.0**-150),
    (0.0, 2.0**-126),
    (0.0, 1e-300),
    (MAX32, np.inf),
    (np.inf, MAX32),
    (np.inf, 1e300),
    (-np.inf, 1e300),
    (np.inf, 1.0),
    (MAX32, 2.0**128 * (1 - 2.0**-26)),
    (1.5, np.pi),
]


@pytest.mark.parametrize(("got", "want"), PAIRS_32)
def test_float32_error_equals_exact_arithmetic(got, want):
    expected = ulp_by_fractions(got, as_fraction(want, 1024), 24, -149, 128)
    found = float32_errors(np.float32([got]), np.float32([got]), exactly(want))
    assert found.max_ulp == pytest.approx(float(expected), rel=1e-15)
    assert found.sum_ulp == found.max_ulp
    assert found.over_one == (expected > 1)


def test_float32_counts():
    got = np.float32([np.nan, 1, np.nan, 0, -0.0, 0, MIN32, -1, 0, np.nan, 1])
    want = exactly(1, np.nan, np.nan, MIN32, -1e-30, MIN32 / 2, -MIN32 / 4, 1, 0, np.inf, 1)
    found = _measure.count_errors(got, *want)
    assert found["wrong_nan"] == 3
    assert found["lost"] == 2  # a truth below the smallest subnormal may round to 0
    assert found["wrong_sign"] == 2
    assert found["max_ulp"] == np.inf
    assert found["worst"] == 0
    assert np.isfinite(found["sum_ulp"])


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1000])
def test_float32_sums_and_worst_do_not_depend_on_blocks(size):
    rng = np.random.default_rng(size)
    want = rng.normal(size=size)
    got = (want * (1 + rng.normal(size=size) * 1e-7)).astype(np.float32)
    pairs = zip(got.tolist(), want.tolist(), strict=True)
    exact = [float(ulp_by_fractions(g, Fraction(w), 24, -149, 128)) for g, w in pairs]
    found = _measure.count_errors(got, *exactly(*want))
    assert found["sum_ulp"] == pytest.approx(sum(exact), rel=1e-12)
    if size:
        assert found["worst"] == int(np.argmax(exact))
        assert found["max_ulp"] == pytest.approx(max(exact), rel=1e-12)


@pytest.mark.parametrize(
    ("got", "hi", "lo", "ulp"),
    [
        (1.0, 1.0, 2.0**-60, 2.0**-37),
        (1.0, 1.0, -(2.0**-60), 2.0**-36),  # the binade below 1
        (1 - 2.0**-24, 1.0, -(2.0**-60), 1 - 2.0**-36),
        (-2.0, -2.0, 2.0**-60, 2.0**-37),
        (MIN32, MIN32, -MIN32 * 2.0**-30, 2.0**-30),
        (0.0, MIN32, -MIN32 * 2.0**-60, 1.0),
        (np.inf, MAX32, 2.0**70, 1 - 2.0**-34),
        (MAX32, 2.0**200, 2.0**100, 1.0),
    ],
)
def test_float32_error_of_a_pair(got, hi, lo, ulp):
    want = Exact(np.array([hi]), np.array([lo]), np.zeros(1))
    found = float32_errors(np.zeros(1), np.float32([got]), want)
    assert found.max_ulp == pytest.approx(ulp, rel=1e-12)
    assert found.lost == (got == 0 and hi + lo >= MIN32 and lo >= 0)


def test_the_error_of_an_exact_value_counts():
    want = Exact(np.array([1.0]), np.zeros(1), np.array([2.0**-30]))
    assert float32_errors(np.ones(1), np.float32([1]), want).max_ulp == 2.0**-7


def test_measure_wants_equal_lengths():
    with pytest.raises(ValueError, match="got has 2 elements and the exact values 3"):
        _measure.count_errors(np.zeros(2, np.float32), *np.zeros((3, 3)))


TINY = f"{2.0**-60!r}"
EXACT_64 = [
    ("x/3", 1.0),
    ("-x/3", 1.0),
    ("x/7", 5e-324 * 12),
    ("x/3", 5e-324),
    ("x*x", 1e200),
    ("-x*x", 1e200),
    (f"x - x*{TINY}", 1.0),
    (f"x + x*{TINY}", 1.0),
    (f"2*x + x*{TINY}", MAX64 / 2),
    ("x/3", 2.0**-1022),
]


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize(("text", "x"), EXACT_64)
def test_float64_error_equals_exact_arithmetic(text, x, oracle):
    pytest.importorskip(oracle, reason="a choice of oracles needs both")
    exact = eval(text.replace(TINY, "Fraction(1, 2**60)"), {"Fraction": Fraction, "x": Fraction(x)})
    want = truth(text, {}, np.array([x]), oracle)
    nearest = float(want.near()[0])
    beside = [math.nextafter(nearest, way) for way in (-np.inf, np.inf)]
    for got in (nearest, *beside, 0.0, np.inf):
        expected = ulp_by_fractions(float(got), exact, 53, -1074, 1024)
        found = errors_in_ulp(np.array([got]), want)[0]
        assert found == pytest.approx(float(expected) if expected < 2**1000 else np.inf, rel=1e-15, abs=1e-9)


def test_float64_counts():
    want = Truth(np.array([1.0, np.nan, np.nan, -1.0, 5e-324, 0.0]), np.array([0.25, 0, 0, 0, 0, 0.5]))
    got = np.array([np.nan, 1.0, np.nan, 1.0, 0.0, 0.0])
    found = gather(np.arange(6.0), got, want, errors_in_ulp(got, want))
    assert (found.points, found.wrong_nan, found.lost, found.wrong_sign) == (6, 2, 1, 1)
    assert found.max_ulp == np.inf
    assert found.sum_ulp == pytest.approx(2.0**53 + 1 + 0.5)


def test_errors_add_up():
    a = Errors(2, 0.5, 0.75, 0, 0, 0, 0, (1.0, 2.0, 3.0))
    b = Errors(3, 1.5, 2.0, 1, 0, 1, 1, (4.0, 5.0, 6.0))
    assert a + b == b + a == Errors(5, 1.5, 2.75, 1, 0, 1, 1, (4.0, 5.0, 6.0))
    assert (a + b).mean_ulp == 0.55
    assert a.within(0.5)
    assert not a.within(0.4)
    assert not b.within(2.0)  # lost, and of wrong sign


# Exact values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", fa.names())
@pytest.mark.parametrize("direction", subjects.DIRECTIONS)
def test_oracles_agree(name, direction):
    pytest.importorskip("flint", reason="a comparison of oracles needs both")
    subject = Subject(fa.get(name), direction)
    x = points.sample(200, np.array(subject.activation.kinks))
    x = x[np.abs(x) < 1e3][::5]  # mpmath takes seconds for an exponential of 1e300
    a, b = (truth(subject.text, subject.activation.parameters, x, oracle) for oracle in ORACLES)
    assert x.size > 20
    apart = errors_in_ulp(a.near(), a) - errors_in_ulp(a.near(), b)
    assert np.abs(apart).max() < 1e-6
    assert np.all(errors_in_ulp(b.near(), a) <= 0.5 + 1e-6)


@pytest.mark.parametrize("oracle", ORACLES)
def test_cancellation_is_seen_through(oracle):
    pytest.importorskip(oracle, reason="a choice of oracles needs both")
    want = truth("x/2*(1 + x/sqrt(1 + x**2))", {}, np.array([-1e150]), oracle)  # about 1/(4 x)
    assert want.floor[0] == pytest.approx(-0.25e-150, rel=1e-12)


@pytest.mark.parametrize("oracle", ORACLES)
def test_undecided_is_said(oracle):
    pytest.importorskip(oracle, reason="a choice of oracles needs both")
    with pytest.raises(UndecidedError, match=r"sin\(exp\(x\)\) at x = 10000.0"):
        truth("sin(exp(x))", {}, np.array([1e4]), oracle)  # exp(x) has 14427 bits before the point


@pytest.mark.parametrize("oracle", ORACLES)
def test_undecided_points_are_left_out(oracle):
    pytest.importorskip(oracle, reason="a choice of oracles needs both")
    found, decided = truth_where_decided("sin(exp(x))", {}, np.array([0.0, 1e4, 1.0]), oracle)
    assert decided.tolist() == [True, False, True]
    assert found.near() == pytest.approx(np.sin(np.exp([0.0, 1.0])), rel=1e-15)


def test_mpmath_without_gmpy2_decides_the_largest_numbers():
    script = """if True:
        import numpy as np
        import fastact as fa
        from fastact.evaluation.accuracy.truth import truth

        for activation in map(fa.get, ("gelu", "laplace", "mish", "gaussian", "tanh")):
            for text in (activation.formula, activation.derivative_formula):
                truth(text, activation.parameters, np.array([-1.797e308, 1.797e308]), "mpmath")
        """
    helpers.output_of(script, MPMATH_NOGMPY="1")


def test_largest_term_of_nested_sums():
    text = largest_term("where(x > 0, a - b*(c + d)/2, -(a + x)*(1 - x))")
    names = {"a": 1.0, "b": 2.0, "c": 5.0, "d": -4.0, "max": max, "abs": abs}
    names["where"] = lambda condition, p, q: p if condition else q
    assert eval(text, {**names, "x": -3.0}) == 9.0
    assert eval(text, {**names, "x": 3.0}) == 5.0


# Points -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ordered_is_monotone_and_undone(dtype):
    info = np.finfo(dtype)
    x = np.array([-info.max, -1, np.nextafter(dtype(-1), dtype(0)), 0, info.smallest_subnormal, 2], dtype)
    k = bits.ordered(x)
    assert np.all(np.diff(k) > 0)
    assert k[2] - k[1] == 1
    assert np.array_equal(bits.unordered(k, dtype), x)


def test_sample_has_edges_kinks_and_roots_with_neighbours():
    x = points.sample(60_000, np.array([-1.5]))
    assert np.all(np.isfinite(x))
    assert np.all(np.diff(x) > 0)
    centres = (2.0**-1022, 8.0, -1.5, -(2.0**900))
    with np.errstate(under="ignore"):
        wanted = [np.nextafter(c, way) for c in centres for way in (-np.inf, np.inf)]
    assert np.isin([*wanted, *centres, 0.0, 5e-324, MAX64], x).all()
    assert 55_000 <= x.size < 65_000


def test_roots_are_found():
    assert points.roots(lambda x: x - np.sqrt(2) - 1e-12) == pytest.approx([np.sqrt(2)], rel=1e-11)
    assert points.roots(np.cos).size == points.MOST_ROOTS
    assert points.roots(np.abs).size == 0


def test_chunks_cover_everything_once():
    whole = sweep.chunks()
    assert sum(map(len, whole)) == 2**32
    shares = [c for k in (1, 2, 3) for c in sweep.chunks(share=(k, 3))]
    assert sorted(shares, key=lambda c: c.start) == whole
    strided = sweep.chunks(stride=4099)
    assert all(a[-1] + 4099 == b[0] for a, b in pairwise(strided))
    assert sum(map(len, strided)) == len(range(0, 2**32, 4099))


def identity(x, out):
    """A reference of x itself."""
    for array, value in zip(out, (x, 0, 0), strict=True):
        np.copyto(array, value)
    return np.empty(0, np.uint32)


@pytest.mark.parametrize("threads", [1, 2])
def test_sweep_counts_every_pattern(threads):
    seen = []

    def one_off(x, out):
        np.copyto(out, x)
        out[x == 1.0] = np.nextafter(np.float32(1), np.float32(2))

    some = [range(0x3F7FFF00, 0x3F800100), range(0x7F800000, 0x7F800010)]  # around 1; infinity and NaN
    found, near_root, undecided = sweep.sweep(one_off, identity, some, threads, seen.append)
    assert (found.points, found.max_ulp, found.sum_ulp) == (528, 1.0, 1.0)
    assert found.worst == (1.0, 1 + 2.0**-23, 1.0)
    assert near_root == undecided == 0
    assert sorted(seen) == [16, 512]


@pytest.mark.parametrize("threads", [1, 2])
def test_sweep_leaves_out_what_is_undecided(threads):
    def reference(x, out):
        identity(x, out)
        return np.flatnonzero(x == 1.0).astype(np.uint32)

    def wrong(x, out):
        np.copyto(out, np.where(x == 1.0, 5, x))

    some = [range(0x3F7FFF00, 0x3F800000), range(0x3F800000, 0x3F800100)]
    found, _, undecided = sweep.sweep(wrong, reference, some, threads)
    assert (found.points, found.max_ulp, undecided) == (511, 0.0, 1)


def test_near_a_root_the_largest_term_counts():
    subject = Subject(fa.silu, "f'")
    (root,) = points.roots(subject)
    near, far = root * (1 + 2.0**-30), root * (1 + 2.0**-18)

    def measured(by, *x):
        def off(x, out):
            np.add(subject(x), by, out=out)

        return double.measure(double.Job(subject, np.array(x), np.array([root])), off)

    exact, near_root, undecided = measured(0.0, near, far)
    assert exact.within(2.0)
    assert near_root == undecided == 0
    one_ulp_of_the_terms = 2.0**-54
    shifted, near_root, _ = measured(one_ulp_of_the_terms, near)
    assert near_root == 1
    assert 0.5 < shifted.max_ulp < 2
    shifted, near_root, _ = measured(one_ulp_of_the_terms, far)  # beyond 2^-20 it counts in full
    assert near_root == 0
    assert 1e4 < shifted.max_ulp < 1e6
    shifted, *_ = measured(8 * one_ulp_of_the_terms, near)
    assert shifted.max_ulp > 2


def test_labels():
    for text in ("gelu", "leaky_relu:negative_slope=0.25"):
        assert subjects.label(subjects.named(text)) == text
    assert results.worst_hex(Errors(), "float32") == ("", "", "")
