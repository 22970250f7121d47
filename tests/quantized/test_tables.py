"""Tables of quantised activations: against ONNX Runtime and exact arithmetic; look-ups in any layout."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa

RECORDED = json.loads((helpers.ROOT / "tests/data/onnx_tables.json").read_text())["cases"]
ALL = np.arange(256, dtype=np.uint8)
NAMES = ("input_scale", "input_zero_point", "output_scale", "output_zero_point", "dtype")


# Tables ---------------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("operator", ["QLinearSigmoid", "QLinearLeakyRelu"])
def test_tables_are_those_of_onnx_runtime(operator: str) -> None:
    cases = [case for case in RECORDED if case["operator"] == operator]
    assert len(cases) >= 40
    for case in cases:
        alpha = case.get("alpha")
        activation = "sigmoid" if alpha is None else fa.leaky_relu.bind(negative_slope=alpha)
        table = fa.quantized.table(activation, *(case[name] for name in NAMES))
        np.testing.assert_array_equal(table.view(np.uint8), list(bytes.fromhex(case["outputs"])), str(case))


@pytest.mark.once
def test_sigmoid_differs_from_onnx_runtime_next_to_half_way_cases_only() -> None:
    """Its own sigmoid has errors of up to 2e-7. In 1000 tables that matters twice, and fastact is right."""
    recorded, differing = np.load(helpers.ROOT / "tests/data/onnx_sigmoids.npz"), 0
    assert len(recorded["outputs"]) == 1000
    for *given, outputs in zip(*(recorded[name] for name in (*NAMES, "outputs")), strict=True):
        input_scale, input_zero, output_scale, output_zero, dtype = (value.item() for value in given)
        table = fa.quantized.table("sigmoid", input_scale, input_zero, output_scale, output_zero, dtype)
        for byte in np.flatnonzero(table.view(np.uint8) != outputs):
            q = int(np.uint8(byte).view(dtype))
            x = np.float32(input_scale) * np.float32(q - input_zero)
            exact = 1 / (1 + np.exp(-np.float64(x))) / output_scale
            from_half_way = abs(exact - np.floor(exact) - 0.5)
            assert from_half_way < 2e-7 / output_scale + exact * 2.0**-23
            assert table[q] == round(exact) + output_zero
            assert abs(int(table[q]) - int(outputs.view(dtype)[byte])) == 1
            differing += 1
    assert differing == 2


def nearest(value: Fraction, rounding: str) -> int:
    """The nearest integer."""
    down = value.numerator // value.denominator
    rest = value - down
    if rest == Fraction(1, 2):
        up = bool(down % 2) if rounding == "even" else value > 0
    else:
        up = rest > Fraction(1, 2)
    return down + up


@pytest.mark.once
@pytest.mark.parametrize("key", ["formula", "derivative_formula"])
def test_every_activation_against_exact_arithmetic(activation: fa.Activation, key: str) -> None:
    """Scales are powers of 2, so that only the function is rounded; entries next to half-way are left out."""
    input_scale, output_scale, zero, parameters = 2.0**-4, 2.0**-5, 3, [*activation.parameters.values()]
    table = fa.quantized.table(
        activation, input_scale, zero, output_scale, -7, dtype=np.int8, derivative=key != "formula"
    )
    function, checked = oracle.compiled(activation.name, key), 0
    for q in range(-128, 128, 5):
        x = (q - zero) * input_scale
        if x in activation.kinks:
            continue
        exact = oracle.evaluate(function, oracle.mpf(x), *map(oracle.mpf, parameters))
        if exact is None:
            continue
        quotient = Fraction(float(exact)) / Fraction(output_scale)
        if abs(abs(quotient - round(quotient)) - Fraction(1, 2)) < Fraction(1, 10**4):
            continue
        checked += 1
        assert table[q] == min(max(nearest(quotient, "even") - 7, -128), 127), (q, x)
    assert checked > 20


def test_half_way_cases() -> None:
    """identity of q/2."""
    for rounding, expected in (("even", [-2, -1, 0, 0, 0, 1, 2]), ("away", [-2, -1, -1, 0, 1, 1, 2])):
        table = fa.quantized.table("identity", 1, 0, 2, 0, dtype="int8", rounding=rounding)
        assert table[np.int8([-4, -2, -1, 0, 1, 2, 4])].tolist() == expected
        for q in range(-128, 128):
            assert table[q] == nearest(Fraction(q, 2), rounding)


def test_values_beyond_the_ends_become_these() -> None:
    assert fa.quantized.table("identity", 1e30, 100, 1e-30, 7)[[0, 99, 100, 101, 255]].tolist() == [
        0,
        0,
        7,
        255,
        255,
    ]
    assert fa.quantized.table("exp", 10, 0, 1, 0, dtype="int8")[127] == 127
    huge = fa.quantized.table("square", 3e38, 0, 1e-45, -128, dtype="int8")
    assert set(huge.tolist()) == {-128, 127}


def test_composites_and_bound_parameters() -> None:
    np.testing.assert_array_equal(
        fa.quantized.table(fa.surrogate("step", "tanh"), 0.1, 128, 0.01, 0, derivative=True),
        fa.quantized.table("tanh", 0.1, 128, 0.01, 0, derivative=True),
    )
    np.testing.assert_array_equal(
        fa.quantized.table(fa.mixed(["relu"]).parts["unit0"], 0.1, 0, 0.1, 0),
        fa.quantized.table("relu", 0.1, 0, 0.1, 0),
    )


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"activation": "gelo"}, ValueError, "unknown activation 'gelo'"),
        ({"activation": fa.mixed(["relu", "tanh"])}, ValueError, "differs by unit"),
        ({"activation": fa.prelu.bind(weight=np.ones(3))}, ValueError, "differs by unit"),
        ({"input_scale": 0}, ValueError, "input_scale is 0; expected a positive number"),
        ({"output_scale": 1e-60}, ValueError, "output_scale is 1e-60"),
        ({"output_scale": np.nan}, ValueError, "output_scale is nan"),
        ({"input_zero_point": -1}, ValueError, "input_zero_point is -1; expected an integer from 0 to 255"),
        ({"output_zero_point": 1.5}, ValueError, "output_zero_point is 1.5"),
        ({"dtype": "int16"}, TypeError, "dtype is int16; expected uint8 or int8"),
        ({"rounding": "up"}, ValueError, "rounding is 'up'; expected 'even' or 'away'"),
    ],
)
def test_refused_tables(changed: dict[str, Any], error: type[Exception], says: str) -> None:
    given = {"activation": "relu", "input_scale": 0.1, "input_zero_point": 0, "output_scale": 0.1}
    with pytest.raises(error, match=says):
        fa.quantized.table(**{**given, "output_zero_point": 0, **changed})


# Look-ups -------------------------------------------------------------------------------------------


@pytest.fixture(params=["uint8", "int8"])
def table(request: pytest.FixtureRequest) -> np.ndarray:
    return np.random.default_rng(5).permutation(256).astype(np.uint8).view(request.param)


def test_any_length(table: np.ndarray) -> None:
    q = np.random.default_rng(1).integers(0, 256, 1200, dtype=np.uint8).view(table.dtype)
    for n in (*range(0, 300), 511, 512, 513, 1199):
        found = fa.quantized.apply(table, q[1 : 1 + n])
        assert found.dtype == table.dtype
        np.testing.assert_array_equal(found, table[q[1 : 1 + n]])


@pytest.mark.parametrize("threads", [1, 3])
def test_any_layout(table: np.ndarray, threads: int) -> None:
    q = np.random.default_rng(2).integers(0, 256, (60, 70, 90), dtype=np.uint8).view(table.dtype)
    views = [q, q.T, q[::-1, ::2], q[..., ::-3], q.transpose(1, 0, 2), q[:, :1], q[3, 4, 5], q[:0]]
    views += [np.broadcast_to(q[0], (3, 70, 90)), np.asfortranarray(q), np.broadcast_to(q[0, 0, 0], (2, 5))]
    with fa.num_threads(threads):
        for view in views:
            np.testing.assert_array_equal(fa.quantized.apply(table, view), table[view])
            wide = np.zeros((*view.shape, 2), table.dtype)[..., 0]
            assert fa.quantized.apply(table, view, out=wide) is wide
            np.testing.assert_array_equal(wide, table[view])
    large = np.tile(q.ravel(), 3)
    with fa.num_threads(threads):
        np.testing.assert_array_equal(fa.quantized.apply(table, large), table[large])


def test_in_place_and_overlapping(table: np.ndarray) -> None:
    q = np.arange(1000).astype(np.uint8).view(table.dtype)
    expected = table[q]
    for source, target in (
        (slice(None), slice(None)),
        (slice(0, -1), slice(1, None)),
        (slice(None), slice(None, None, -1)),
    ):
        own = q.copy()
        fa.quantized.apply(table, own[source], out=own[target])
        np.testing.assert_array_equal(own[target], expected[source])
    own = table.copy()
    fa.quantized.apply(own, table, out=own)
    np.testing.assert_array_equal(own, table[table])


def test_refused_look_ups() -> None:
    table, q = np.arange(256, dtype=np.uint8), np.zeros(3, np.uint8)
    frozen = np.zeros(3, np.uint8)
    frozen.flags.writeable = False
    for arguments, error, says in (
        ((table[:255], q), ValueError, r"shape \(255,\)"),
        ((table.astype(int), q), ValueError, "dtype int64"),
        ((table, q.view(np.int8)), TypeError, "q has dtype int8; expected uint8"),
        ((table, [1, 2]), TypeError, "q has dtype int64"),
        ((table, np.ma.array(q)), TypeError, "MaskedArray"),
        ((table, q, np.zeros(4, np.uint8)), ValueError, "out has shape"),
        ((table, q, np.zeros(3, np.int16)), TypeError, "out has dtype int16"),
        ((table, q, frozen), ValueError, "read-only"),
    ):
        with pytest.raises(error, match=says):
            fa.quantized.apply(*arguments)
    assert isinstance(fa.quantized.apply(table, np.uint8(7)), np.uint8)
