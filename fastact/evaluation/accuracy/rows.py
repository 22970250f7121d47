"""Errors of row-wise functions and losses on random rows, in ULP of exact values by mpmath.

Where terms cancel, errors are in ULP of the largest term. Must not depend on the form of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp, mpf

import fastact
from fastact.activations.formula import compile_formula
from fastact.evaluation.peers.base import Peer
from fastact.evaluation.row_cases import NAMES, OF_LABELS, Array, RowCase, noise_of, pieces_of
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.gated import GATED
from fastact.rowwise.losses import LOSSES
from fastact.rowwise.resizing import RESIZING

Exact = tuple[list[mpf], list[mpf]]  # values, and the terms whose ULP are the unit
OURS = "fastact"
_SPARSE = ("sparsemax", "entmax15", "hardmax")
_SMALLEST = mpf(float(np.finfo(np.float64).smallest_normal))
_DIGITS = 60  # beside those that exponentials of the elements take


@dataclass(frozen=True)
class RowError:
    """The largest error of one implementation."""

    name: str
    result: str  # "f", "gradient"
    dtype: str
    by: str
    ulp: float
    bound: float | None  # of fastact

    @property
    def ok(self) -> bool:
        """Whether it is within the bound."""
        return self.bound is None or self.ulp <= self.bound


# Exact values -------------------------------------------------------------------------------------


def _shares(x: Sequence[mpf], sign: int = 1, quiet: bool = False) -> list[mpf]:
    e = [mp.exp(sign * v) for v in x]
    total = mp.fsum(e) + (1 if quiet else 0)
    return [v / total for v in e]


def _of_function(name: str, x: Sequence[mpf], g: Sequence[mpf]) -> tuple[Exact, Exact]:
    """The value and the gradient."""
    if name in ("log_softmax", "logsumexp"):
        p, log_sum = _shares(x), mp.log(mp.fsum(map(mp.exp, x)))
        if name == "logsumexp":
            gradient = [g[0] * v for v in p]
            most = max(x)
            return ([log_sum], [max(abs(most), abs(log_sum - most))]), (gradient, gradient)
        value, total = [mp.log(v) for v in p], mp.fsum(g)
        terms = [max(abs(a), abs(b * total)) for a, b in zip(g, p, strict=True)]
        return (value, value), ([a - b * total for a, b in zip(g, p, strict=True)], terms)
    sign = -1 if name == "softmin" else 1
    p = _shares(x, sign, name == "quiet_softmax")
    products = [a * b for a, b in zip(g, p, strict=True)]
    dot, largest = mp.fsum(products), max(map(abs, products))
    terms = [max(abs(a), b * largest) for a, b in zip(products, p, strict=True)]
    return (p, p), ([sign * (a - b * dot) for a, b in zip(products, p, strict=True)], terms)


def _of_sparse(name: str, x: Sequence[mpf], g: Sequence[mpf], digits: int) -> tuple[Exact, Exact]:
    """Of y = max(z - t, 0)^power. An element's unit is at least 2^-digits of the largest one's."""
    if name == "hardmax":
        ones = [mpf(i == x.index(max(x))) for i in range(len(x))]
        return (ones, ones), ([mpf(0)] * len(x), [mpf(0)] * len(x))
    power = 1 if name == "sparsemax" else 2
    z = [v / power for v in x]
    for k in range(1, len(z) + 1):
        first = sorted(z, reverse=True)[: k + 1]
        mean = mp.fsum(first[:k]) / k
        spread = mp.fsum((v - mean) ** 2 for v in first[:k])
        threshold = mean - (mpf(1) / k if power == 1 else mp.sqrt(max(1 - spread, mpf(0)) / k))
        if len(first) == k or threshold >= first[k]:
            break
    y = [max(v - threshold, mpf(0)) ** power for v in z]
    slopes = [mpf(v > 0) if power == 1 else mp.sqrt(v) for v in y]
    mean, largest = mp.fsum(map(mp.fmul, slopes, g)) / mp.fsum(slopes), max(map(abs, g))
    units = [max(v, max(y) * mpf(2) ** -digits) for v in y]
    gradient = [s * (v - mean) for s, v in zip(slopes, g, strict=True)]
    return (y, units), (gradient, [s * largest for s in slopes])


def _of_resizing(name: str, x: Sequence[mpf], g: Sequence[mpf]) -> tuple[Exact, Exact]:
    """The largest elements of pieces, or the positive parts of x and of -x."""
    if name == "crelu":
        value = [max(v, mpf(0)) for v in (*x, *(-v for v in x))]
        parts = zip(x, g[: len(x)], g[len(x) :], strict=True)
        gradient = [a if v > 0 else -b if v < 0 else mpf(0) for v, a, b in parts]
        return (value, value), (gradient, gradient)
    pieces = pieces_of(len(x))
    parted = [x[i : i + pieces] for i in range(0, len(x), pieces)]
    value = [max(part) for part in parted]
    gradient = [
        a / part.count(most) if v == most else mpf(0)
        for part, most, a in zip(parted, value, g, strict=True)
        for v in part
    ]
    return (value, value), (gradient, gradient)


def _of_labels(name: str, x: Sequence[mpf], label: int) -> tuple[Exact, Exact]:
    p = _shares(x) if name == "softmax_cross_entropy" else [mpf(0)] * len(x)
    loss = [-mp.log(p[label])] if name == "softmax_cross_entropy" else [-x[label]]
    gradient = [v - (i == label) for i, v in enumerate(p)]
    return (loss, loss), (gradient, gradient)


def _of_element(name: str, x: mpf, t: mpf) -> tuple[Sequence[mpf], Sequence[mpf]]:
    """The terms of the loss and those of its derivative; their sums are these."""
    if name == "sigmoid_binary_cross_entropy":
        s, rest = 1 / (1 + mp.exp(-x)), 1 / (1 + mp.exp(x))
        return (-t * mp.log(s), -(1 - t) * mp.log(rest)), ((1 - t) * s, -t * rest)
    if name == "kl_divergence":
        return (t * mp.log(t), -t * x), (-t,)
    if name == "poisson":
        return (mp.exp(x), -t * x), (mp.exp(x), -t)
    if name == "hinge":
        return (max(1 - t * x, mpf(0)),), (-t if t * x < 1 else mpf(0),)
    d = x - t
    if name == "mse":
        return (d * d,), (2 * d,)
    return (d * d / 2 if abs(d) <= 1 else abs(d) - mpf(1) / 2,), (max(mpf(-1), min(mpf(1), d)),)


def _of_pair(name: str, x: Sequence[mpf], g: Sequence[mpf]) -> tuple[Exact, Exact]:
    """f(a) b, and the gradients with respect to both halves.

    Units are at least those of a subnormal f or f', which is rounded before it is multiplied.
    """
    pair = GATED[name]
    f, slope = (
        compile_formula(text, ("x",), "mpmath")
        for text in (pair.activation.formula, pair.activation.derivative_formula)
    )
    first, second = x[: len(g)], x[len(g) :]
    gates, others = (second, first) if pair.gate_is_second else (first, second)
    values = [f(a) for a in gates]
    slopes = [slope(a) for a in gates]
    factors = [c * b for b, c in zip(others, g, strict=True)]
    of_gates, of_others = _products(slopes, factors), _products(values, g)
    parts = (of_others, of_gates) if pair.gate_is_second else (of_gates, of_others)
    gradient, units = ([*one, *two] for one, two in zip(*parts, strict=True))
    return _products(values, others), (gradient, units)


def _products(values: Sequence[mpf], factors: Sequence[mpf]) -> Exact:
    pairs = list(zip(values, factors, strict=True))
    return [v * c for v, c in pairs], [max(abs(v), _SMALLEST) * abs(c) for v, c in pairs]


def exact(name: str, x: Array, other: Array) -> tuple[Exact, Exact]:
    """Value and gradient of one row; `other` is grad_y, the label or the targets."""
    with mp.workdps(int(_DIGITS + np.abs(x).max())):
        row = [mpf(float(v)) for v in x]
        if name in RESIZING:
            return _of_resizing(name, row, [mpf(float(v)) for v in other])
        if name == "gumbel_softmax":  # of the sum rounded to float64
            row = [mpf(float(v)) for v in x + noise_of(1, len(x))[0]]
        if name in FUNCTIONS or name == "gumbel_softmax":
            grad_y = [mpf(float(v)) for v in np.atleast_1d(other)]
            if name in _SPARSE:
                return _of_sparse(name, row, grad_y, 24 if x.dtype == np.float32 else 40)
            return _of_function(name, row, grad_y)
        if name in GATED:
            return _of_pair(name, row, [mpf(float(v)) for v in other])
        if name in OF_LABELS:
            return _of_labels(name, row, int(other))
        both = [_of_element(name, a, mpf(float(b))) for a, b in zip(row, other, strict=True)]
        values, slopes = zip(*both, strict=True)
        loss: Exact = [mp.fsum(v) for v in values], [max(map(abs, v)) for v in values]
        return loss, ([mp.fsum(v) for v in slopes], [max(map(abs, v)) for v in slopes])


def ulps(got: Array, want: Exact) -> float:
    """The largest error; infinite where a result is not a number."""
    worst = 0.0
    for one, value, term in zip(np.atleast_1d(got).ravel(), *want, strict=True):
        with np.errstate(all="ignore"):
            unit = float(np.spacing(got.dtype.type(max(abs(float(value)), abs(float(term))))))
        if not np.isfinite(one):
            return float("inf")
        worst = max(worst, float(abs(mpf(float(one)) - value)) / unit)
    return worst


# Measuring ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given(RowCase):
    """A case whose arrays are given."""

    arrays: tuple[Array, ...] = ()

    @property
    def arguments(self) -> tuple[Array, ...]:
        return self.arrays


def _case(name: str, direction: str, arguments: tuple[Array, ...]) -> RowCase:
    x = arguments[-1] if direction == "backward" else arguments[0]
    return _Given(name, direction, str(x.dtype), len(x), x.shape[-1], arguments)


Function = Callable[[str, str, tuple[Array, ...]], Any]  # of name, direction and arguments; None without one


def _ours(name: str, direction: str, arguments: tuple[Array, ...]) -> Any:
    case = _case(name, direction, arguments)
    function = case.function
    if direction != "value_and_gradient":
        return (function if direction == "forward" else function.backward)(*arguments, **case.keywords)
    return function.value_and_gradient(*arguments, reduction="sum")


def _of_peer(peer: Peer) -> Function:
    def call(name: str, direction: str, arguments: tuple[Array, ...]) -> Any:
        case = _case(name, direction, arguments)
        made = peer.rows(case)
        found = None if made is None else made()
        if isinstance(found, tuple):
            return tuple(np.asarray(getattr(a, "detach", lambda a=a: a)(), case.dtype) for a in found)
        return None if found is None else np.asarray(found)

    return call


def _is_loss(name: str) -> bool:
    return name in OF_LABELS or name in LOSSES


def _bounds(name: str) -> tuple[float, ...]:
    """In float32 and float64."""
    known = {**dict.fromkeys(OF_LABELS, (2.0, 4.0)), "gumbel_softmax": (1.0, 4.0)}
    return known.get(name) or tuple(getattr(fastact, name).max_ulp.values())


def _row(name: str, dtype: str, seed: int) -> tuple[Array, Array]:
    """Elements of a random scale, and what belongs to them."""
    rng = np.random.default_rng(seed)
    n, scale = int(rng.integers(1, 40)), 10.0 ** rng.uniform(-3, 1.7)
    x = np.clip(rng.normal(0, scale, 2 * n if name in GATED else n), -80, 80).astype(dtype)
    if name in OF_LABELS:
        return x, np.array(rng.integers(0, n))
    if not _is_loss(name):
        lengths = {"logsumexp": 1, "maxout": n // pieces_of(n), "crelu": 2 * n}
        return x, rng.normal(size=lengths.get(name, n)).astype(dtype)
    if name == "hinge":
        return x, rng.choice([-1.0, 1.0], n).astype(dtype)
    if name == "poisson":
        return x, rng.poisson(3, n).astype(dtype)
    return x, rng.uniform(0, 1, n).astype(dtype)


def _results(function: Function, name: str, x: Array, other: Array) -> tuple[Array, Array] | None:
    """What an implementation gives for one row: a matrix of one row, or elements one by one."""
    if not _is_loss(name):
        value = function(name, "forward", (x[np.newaxis],))
        grad_y = other if name == "logsumexp" else other[np.newaxis]
        gradient = function(name, "backward", (grad_y, x[np.newaxis]))
        return None if value is None or gradient is None else (value, gradient[0])
    if name in OF_LABELS:
        pairs = [function(name, "value_and_gradient", (x[np.newaxis], np.array([other])))]
    else:
        parts = zip(x.reshape(-1, 1, 1), other.reshape(-1, 1, 1), strict=True)
        pairs = [function(name, "value_and_gradient", pair) for pair in parts]
    if any(pair is None for pair in pairs):
        return None
    values, gradients = zip(*pairs, strict=True)
    return np.array(values), np.concatenate([np.ravel(g) for g in gradients])


def measure(
    names: Sequence[str] | None, rows: int, peers: Sequence[Peer] = (), ours: Function = _ours
) -> Iterator[RowError]:
    """Largest errors over `rows` random rows: of values, then of gradients."""
    functions: dict[str, Function] = {OURS: ours, **{peer.name: _of_peer(peer) for peer in peers}}
    for name in names or NAMES:
        for number, dtype in enumerate(("float32", "float64")):
            worst: dict[tuple[str, str], float] = {}
            for seed in range(rows):
                x, other = _row(name, dtype, seed)
                wanted = exact(name, x, other)
                for by, function in functions.items():
                    with np.errstate(all="ignore"):
                        found = _results(function, name, x, other)
                    for kind, got, want in zip(("f", "gradient"), found or (), wanted, strict=False):
                        worst[kind, by] = max(worst.get((kind, by), 0.0), ulps(got, want))
            bounds = _bounds(name)
            for (kind, by), ulp in sorted(worst.items(), key=lambda pair: (pair[0][0], pair[0][1] != OURS)):
                yield RowError(name, kind, dtype, by, ulp, bounds[number] if by == OURS else None)
