"""The double-double reference: right within its error bounds, and independent of the kernels.

Exact values come from flint's balls. Faults are put into the kernels of both dtypes at once.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import helpers
import numpy as np
import oracle
import pytest
from flint import arb
from mpmath import mp, mpf

import fastact as fa
from fastact.activations.formula import compile_formula
from fastact.evaluation import _reference
from fastact.evaluation.accuracy import double, points
from fastact.evaluation.accuracy.bits import ordered
from fastact.evaluation.accuracy.errors import Exact
from fastact.evaluation.accuracy.run import Run
from fastact.evaluation.accuracy.subjects import DIRECTIONS, Subject
from fastact.evaluation.accuracy.sweep import CHUNK
from fastact.evaluation.accuracy.truth import decided, truth
from fastact.evaluation.reference.program import UnsupportedError, compile_text
from fastact.evaluation.reference.values import Reference

pytestmark = pytest.mark.once

FOLDER = helpers.ROOT / "fastact/evaluation/reference"
MAX32 = float(np.finfo(np.float32).max)


def float32_points(seed: int) -> np.ndarray:
    """About 400 numbers: some of every second binade of both signs, some where activations bend."""
    rng = np.random.default_rng(seed)
    patterns = np.arange(seed % 2, 255, 2, dtype=np.uint32) << 23
    sizes = (patterns | rng.integers(0, 1 << 23, patterns.size, dtype=np.uint32)).view(np.float32)
    band = np.exp2(rng.uniform(-6, 7, 60)).astype(np.float32)
    x = np.concatenate([sizes, band, np.float32([1, 0.5, 2, 3, 6, MAX32, 2.0**-149])])
    return np.concatenate([x, -x, [0.0]]).astype(np.float64)


def at(text: str, x: np.ndarray | list[float], **parameters: float) -> tuple[Exact, np.ndarray]:
    """Values, and the indices of those that are left to the oracle."""
    x = np.array(x, np.float64)
    found = Exact.empty(x.size)
    return found, Reference(text, parameters).undecided(x, found)


# Against ball arithmetic --------------------------------------------------------------------------


@pytest.mark.parametrize("name", fa.names())
def test_values_of_activations_are_within_their_error(name: str) -> None:
    seed = sum(map(ord, name))
    for direction in DIRECTIONS:
        subject = Subject(fa.get(name), direction).rounded("float32")
        parameters, x = subject.activation.parameters, float32_points(seed)
        reference = Reference(subject.text, parameters)
        assert not reference.contradicts(x, truth(subject.text, parameters, x)).size
        assert reference.undecided(x, Exact.empty(x.size)).size <= 2


@pytest.mark.parametrize("name", fa.names())
def test_limits_of_activations(name: str) -> None:
    """As the tests of the kernels find them, by other means."""
    for direction, key in zip(DIRECTIONS, ("formula", "derivative_formula"), strict=True):
        subject, out = Subject(fa.get(name), direction).rounded("float32"), Exact.empty(2)
        parameters = subject.activation.parameters
        assert not Reference(subject.text, parameters)(np.array([-np.inf, np.inf]), out).size
        for sign, hi, lo in zip((-1, 1), out.hi, out.lo, strict=True):
            limit = oracle.limit(name, key, sign, tuple(parameters.values()))
            want = np.nan if limit is None else float(oracle.rounded(limit, np.float64))
            assert float(hi + lo) == pytest.approx(want, rel=1e-15, nan_ok=True)


FUNCTIONS = {  # and the least share of float64 points that is decided
    "log(x)": 0.4,
    "log1p(x)": 0.5,
    "expm1(x) - x": 0.6,
    "exp(x) - 1": 0.5,
    "x - tanh(x)": 0.9,
    "sin(x)": 0.6,
    "cos(x)": 0.6,
    "1 - cos(x)": 0.4,
    "sqrt(x)": 0.4,
    "sqrt(abs(x) + 1) - 1": 0.7,
    "atan(x)": 0.9,
    "erf(x)": 0.9,
    "1 - erf(x)": 0.5,
    "Phi(x)": 0.9,
    "phi(x)": 0.9,
    "sigmoid(x) - sigmoid(x - 1)": 0.7,
    "softplus(x)": 0.9,
    "softplus(x) - max(x, 0)": 0.7,
    "exp(x)/cosh(exp(x))**2": 0.9,
    "cosh(x)/exp(abs(x))": 0.4,
    "exp(-x)*exp(x)": 0.4,
    "x**5/(3*(1 + abs(x))**5)": 0.7,
    "1/2 + x/sqrt(1 + x**2) - x**3/(2*sqrt(1 + x**2)**3)": 0.7,
    "min(max(x/3, -1), sign(x)*2/7)": 0.9,
    "where(x >= 0.1, x - 0.1, where(x < -0.1, x + 0.1, 0))": 0.9,
}


def domain(text: str, x: np.ndarray) -> np.ndarray:
    """The points where the function is a number."""
    if text.startswith(("log(", "sqrt(x")):
        return x[x > 0]
    return x[x > -1] if text.startswith("log1p(") else x


@pytest.mark.parametrize("text", FUNCTIONS)
def test_values_of_functions_are_within_their_error(text: str) -> None:
    x = domain(text, points.sample(800, np.array([1.0, np.pi, -np.pi / 2]), seed=len(text)))
    x = x[(np.abs(x) < 1e300) & (np.abs(x) > 1e-300)]
    reference = Reference(text, {})
    assert not reference.contradicts(x, truth(text, {}, x)).size
    left = reference.undecided(x, Exact.empty(x.size)).size
    assert 1 - left / x.size >= FUNCTIONS[text]


@pytest.mark.parametrize("text", FUNCTIONS)
def test_errors_are_bounds_to_the_last_bit(text: str) -> None:
    """With 2500 bits, where the values that runs compare with have 80."""
    f = compile_formula(text, ("x",), "flint")
    rng = np.random.default_rng(len(text))
    x = domain(text, np.exp2(rng.uniform(-40, 11, 150)) * rng.choice([-1.0, 1.0], 150))
    found, left = at(text, x)
    for i in np.setdiff1d(np.arange(x.size), left):
        exact = oracle.from_ball(decided(f, arb(x[i]), [], 2500))
        if np.isfinite(found.hi[i]):
            with mp.workprec(4000):
                distance = abs(exact - mpf(found.hi[i]) - mpf(found.lo[i]))
            assert distance <= found.err[i], (x[i], float(distance / found.err[i]))


def test_a_wrong_value_is_contradicted() -> None:
    x = np.array([-3.0, 0.5, 1e30])
    want = truth("x/3", {}, x)
    assert not Reference("x/3", {}).contradicts(x, want).size
    assert Reference("x/third", {"third": 3 + 2.0**-50}).contradicts(x, want).tolist() == x.tolist()


def test_the_float64_run_checks_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    job = double.Job(Subject(fa.tanh, "f"), np.array([0.5, 2.0]), np.array([]))
    assert double.measure(job).errors.points == 2
    monkeypatch.setattr(double, "Reference", lambda text, *rest: Reference("tanh(x)*(1 + x**2/2**60)", *rest))
    with pytest.raises(ArithmeticError, match=r"the reference of float32 is wrong at x = 0x1\.0"):
        double.measure(job)


# Where double-double does not suffice -------------------------------------------------------------


def test_balls_decide_what_cancels() -> None:
    text = "x**2 + 1 - x**2"
    x = np.array([3.0, 2.0**55 + 2.0**10, 1e38, 1e20])
    out = Exact.empty(x.size)
    reference = Reference(f"({text})/3", {})
    assert reference.undecided(x, out).size
    assert not reference(x, out).size
    assert out.hi.tolist() == [1 / 3] * 4
    assert np.all(np.abs((out.hi - 0.375 + out.lo) * 3 + 0.125) <= 2.0**-52)


def test_what_balls_cannot_decide_is_returned() -> None:
    x = np.array([0.0, 1e4, 1.0])
    assert Reference("sin(exp(x))", {})(x, Exact.empty(3)).tolist() == [1]


def test_comparisons_that_are_not_certain_are_left_to_balls() -> None:
    third = Exact.empty(3)
    reference = Reference("where(sqrt(x)*sqrt(x) >= x, 1, 2)", {})
    assert reference.undecided(np.array([2.0, 3.0, 5.0]), third).tolist() == [0, 1, 2]
    found, left = at("where(2*x + 1 > 0, 5, 7)", [-0.5, -0.5 + 2.0**-54, -0.5 - 2.0**-53, 1e300, -1e300])
    assert found.hi[1:].tolist() == [5, 7, 5, 7]
    assert left.tolist() in ([], [0])


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [
        ("exp(x)", 1e38, np.inf),
        ("exp(x)", -1e38, 0),
        ("1/(1 + exp(-x))", -1e30, 0),
        ("exp(exp(x))", 1e30, np.inf),
        ("-cosh(x)**2", 800, -np.inf),
        ("1/cosh(x)**2", 800, 0),
        ("x*exp(x)/cosh(exp(x))**2", 500, 0),
        ("tanh(exp(x))", 1e5, 1),
        ("erf(exp(x)) - atan(0*exp(x))", 1e5, 1),
        ("max(exp(x), 3) + min(exp(x), 3)", 1e5, np.inf),
        ("where(exp(x) > 2, 4, 5)", 1e5, 4),
        ("abs(-exp(x)) + x", 1e5, np.inf),
        ("expm1(x)*expm1(-x)", 1e5, -np.inf),
        ("sign(-exp(x))", 1e5, -1),
    ],
)
def test_values_beyond_double(text: str, x: float, value: float) -> None:
    found, left = at(text, [x])
    assert not left.size
    assert found.hi[0] == pytest.approx(value, abs=2.0**-200)


@pytest.mark.parametrize(
    "text", ["exp(x)/exp(x)", "exp(x) - exp(x)", "sin(exp(x))", "sqrt(exp(x))", "1/(x - x)"]
)
def test_what_is_not_known_beyond_double_is_left(text: str) -> None:
    assert at(text, [1e5])[1].tolist() == [0]


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("tanh(x)", -1, 1),
        ("x*Phi(x)", 0, np.inf),
        ("1 + x/(2*sqrt(x**2 + 1))", 0.5, 1.5),
        ("-softplus(-x)", -np.inf, 0),
        ("exp(-x**2)", 0, 0),
        ("-exp(x)", 0, -np.inf),
        ("sin(x)", np.nan, np.nan),
        ("x + sin(x)**2", -np.inf, np.inf),
        ("atan(x)", -np.pi / 2, np.pi / 2),
        ("log1p(abs(x))", np.inf, np.inf),
        ("where(x > 0, 1, 0.25)", 0.25, 1),
    ],
)
def test_values_at_infinities_are_limits(text: str, left: float, right: float) -> None:
    out = Exact.empty(3)
    assert not Reference(text, {})(np.array([-np.inf, np.nan, np.inf]), out).size
    values = np.clip((out.hi + out.lo)[[0, 2]], -1e300, 1e300)
    assert np.array_equal(values, np.clip([left, right], -1e300, 1e300), equal_nan=True)
    assert np.isnan(out.hi[1])


# Programs -----------------------------------------------------------------------------------------


def test_parameters_and_constants_keep_their_digits() -> None:
    found, _ = at("x + third*3 - 1/3", [2.0], third=1 / 3)
    exact = 2 + 3 * (1 / 3) - 1 / 3
    assert found.hi[0] == exact
    assert found.err[0] < 2.0**-98
    found, _ = at("sqrt(8/pi)*x", [1.0])
    assert found.hi[0] == np.sqrt(8 / np.pi)
    assert found.err[0] < 2.0**-70


def test_parameters_may_be_infinite() -> None:
    found, left = at("where(x < top, min(max(x, -top), top), -top)", [-1e300, 3.0], top=np.inf)
    assert found.hi.tolist() == [-1e300, 3.0]
    assert not left.size


@pytest.mark.parametrize("text", ["gamma(x)", "x**0.5", "x**-1", "where(x == 0, 1, 2)", "x % 2", "y"])
def test_texts_that_are_not_supported_are_refused(text: str) -> None:
    with pytest.raises((UnsupportedError, NameError)):
        compile_text(text, {})


def test_damaged_programs_are_refused() -> None:
    add = _reference.OPERATIONS.index("add")
    for steps, registers, result in (
        ([(999, 1, 0, 0, -1)], 2, 1),
        ([(add, 2, 0, 0, -1)], 2, 1),
        ([(add, 1, 0, 1, -1)], 2, 1),
        ([(add, 0, 0, 0, -1)], 2, 1),
        ([], 1, 1),
    ):
        with pytest.raises(ValueError, match="register"):
            _reference.Program(steps, [], registers, result)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700])
def test_values_do_not_depend_on_blocks(size: int) -> None:
    x = np.linspace(-20, 20, 700)
    whole, _ = at("x*sigmoid(x)", x)
    part, _ = at("x*sigmoid(x)", x[:size])
    assert all(np.array_equal(a[:size], b) for a, b in zip(whole, part, strict=True))


# Independence -------------------------------------------------------------------------------------


def included(path: Path) -> set[Path]:
    """A C file and the project's headers that it includes, directly or not."""
    found = {path}
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.MULTILINE):
        found |= included(helpers.ROOT / "fastact" / name)
    return found


def test_c_files_share_no_header_with_the_library() -> None:
    sources = sorted(FOLDER.glob("*.[ch]"))
    assert len(sources) > 6
    headers = set().union(*map(included, sources))
    assert {path.parent.relative_to(helpers.ROOT).as_posix() for path in headers} == {
        "fastact/evaluation",
        "fastact/evaluation/reference",
    }


def test_modules_do_not_import_kernels() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            assert not module.startswith("fastact") or re.match(
                r"fastact\.evaluation\.(_reference|reference\.|accuracy\.(bits|errors|truth))", module
            )


def test_tables_regenerate() -> None:
    import reference_tables

    assert reference_tables.header() == reference_tables.HEADER.read_text()


# Faults -------------------------------------------------------------------------------------------


def between_samples(subject: Subject, count: int) -> tuple[float, float]:
    """Two neighbours near 1 among the float64 points of a run."""
    x = np.concatenate([job.points for job in double.jobs(subject, count)])
    i = int(np.searchsorted(x, 1.0, side="right"))
    return float(x[i]), float(x[i + 1])


@pytest.mark.parametrize("name", ["gelu", "softsign", "hard_swish", "mish"])
@pytest.mark.parametrize("factor", [1.01, 1 + 2.0**-21])
def test_a_fault_between_two_samples_is_found(
    name: str, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same wrong kernel in both dtypes: a comparison of one with the other cannot see it."""
    low, high = between_samples(Subject(fa.get(name), "f"), 200)
    kernel = Subject.__call__

    def faulty(self: Subject, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        y = kernel(self, x, out)
        wrong = (x > low) & (x < high)
        y[wrong] = factor * kernel(self, x[wrong].astype(np.float64))
        return y

    monkeypatch.setattr(Subject, "__call__", faulty)
    pattern = int(ordered(np.float32([(low + high) / 2]))[0])
    first = pattern - pattern % (CHUNK >> 6)
    run = Run([range(first, first + (CHUNK >> 6))], points=200)
    found = list(run.measure([fa.get(name)]))
    assert not run.failures
    assert {r.direction: r.ok for r in found if r.dtype == "float64"} == {"f": True, "f'": True}
    single = [r for r in found if r.dtype == "float32"]
    assert not any(r.ok for r in single)
    assert all(low < r.errors.worst[0] < high for r in single)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_one_wrong_result_among_a_share_is_found(direction: str) -> None:
    """2 ULP at one input."""
    subject = Subject(fa.silu, direction).rounded("float32")
    wrong_at = np.float32(1.2345678)

    def kernel(x: np.ndarray, out: np.ndarray) -> None:
        subject(x, out)
        at = x == wrong_at
        out[at] = out[at] + 2 * np.spacing(out[at])

    pattern = int(wrong_at.view(np.int32))
    run = Run([range(pattern - 5000, pattern + 5000)], override=lambda _: kernel)
    (found,) = (r for r in run.measure([fa.silu]) if r.direction == direction)
    assert not found.ok
    assert found.errors.worst[0] == wrong_at
    assert 1 < found.errors.max_ulp < 3
