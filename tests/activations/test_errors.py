"""Bad input: each case raises an ordinary exception that names the argument, what it was and what was
expected, and changes nothing.

Does not know any activation; finds ones with parameters in the table.
"""

from __future__ import annotations

import subprocess
import sys

import helpers
import numpy as np
import pytest
from oracle import ENTRIES

import fastact as fa
from fastact.activations.formula import compile_formula

WITH = [n for n in fa.names() if fa.get(n).parameters]
NOT_REAL = {
    "complex128": np.zeros(3, complex),
    "object": np.array([1, None, 3], object),
    "<U1": np.array(["a", "b", "c"]),
    "datetime64[s]": np.zeros(3, "datetime64[s]"),
    "timedelta64[s]": np.zeros(3, "timedelta64[s]"),
    "float128": np.zeros(3, np.longdouble),
    "void": np.zeros(3, [("a", "f4")]),
}


def blamed(call: helpers.Call) -> str:
    return f"fastact.{call.name}" + ("" if call.direction == "forward" else f".{call.direction}")


def names_of(call: helpers.Call) -> tuple[str, ...]:
    last = "y" if call.direction == "backward_from_output" else "x"
    return (last,) if call.inputs == 1 else ("grad_y", last)


@pytest.mark.parametrize("dtype", NOT_REAL)
def test_dtypes_that_are_not_real_numbers(call: helpers.Call, dtype: str) -> None:
    bad = NOT_REAL[dtype]
    for position, argument in enumerate(names_of(call)):
        arrays: list[object] = [np.ones(3, np.float32)] * call.inputs
        arrays[position] = bad
        with pytest.raises(TypeError) as caught:
            call(*arrays)
        message = str(caught.value)
        assert call.name in message
        assert f": {argument} has dtype {bad.dtype}" in message
        assert "expected float16, float32 or float64, or integers or booleans" in message


def test_not_an_array_of_numbers(call: helpers.Call) -> None:
    for bad in (None, "text", [[1, 2], [3]], {"a": 1}):
        with pytest.raises(TypeError, match=r"(has dtype|is not an array of numbers).*expected float16"):
            call(*[bad] * call.inputs)


def test_shapes_that_do_not_broadcast(call: helpers.Call, dtype: type) -> None:
    """Both shapes printed, for two arrays or for an array and a parameter."""
    if call.inputs == 2:
        with pytest.raises(
            ValueError, match=r"do not broadcast together: grad_y \(2, 3\), [xy] \(4,\)"
        ) as caught:
            call(np.zeros((2, 3), dtype), np.zeros(4, dtype))
        assert str(caught.value).startswith(blamed(call))
    for parameter in helpers.activation_of(call).parameters:
        values = {parameter: np.ones(5, dtype)}
        with pytest.raises(ValueError, match=rf"\(7,\).*{parameter} \(5,\)"):
            call(*[np.zeros(7, dtype)] * call.inputs, **values)


def outs(call: helpers.Call, bad: object) -> object:
    return bad if call.results == 1 else (bad, np.zeros(4, np.float32))


def test_out_of_another_shape(call: helpers.Call) -> None:
    arrays = [np.zeros(4, np.float32)] * call.inputs
    for shape in ((3,), (1,), (2, 3), ()):
        bad = np.full(shape, 9, np.float32)
        with pytest.raises(ValueError, match=r"out has shape .*; expected \(4,\)") as caught:
            call(*arrays, out=outs(call, bad))
        assert str(shape) in str(caught.value)
        assert (bad == 9).all()


def test_out_that_is_read_only(call: helpers.Call) -> None:
    bad = np.zeros(4, np.float32)
    bad.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only; expected a writeable array"):
        call(*[np.ones(4, np.float32)] * call.inputs, out=outs(call, bad))
    assert (bad == 0).all()


def test_out_of_another_dtype(call: helpers.Call) -> None:
    for dtype in (np.int32, np.uint8, np.bool_):
        bad = np.zeros(4, dtype)
        with pytest.raises(TypeError, match=rf"out has dtype {bad.dtype}; expected a float dtype"):
            call(*[np.ones(4, np.float32)] * call.inputs, out=outs(call, bad))


def test_out_that_is_no_array(call: helpers.Call) -> None:
    with pytest.raises(TypeError, match="out is a list; expected an array to write to"):
        call(*[np.ones(4, np.float32)] * call.inputs, out=outs(call, [0.0] * 4))


def test_out_of_a_pair_that_is_no_pair(activation: fa.Activation) -> None:
    x = np.ones(4, np.float32)
    for bad in (x.copy(), (x.copy(),), [x.copy(), x.copy()], (x, x, x)):
        with pytest.raises(
            TypeError, match=rf"{activation.name}.value_and_derivative: out .*expected a pair of arrays"
        ):
            activation.value_and_derivative(x, out=bad)


def test_unknown_keyword_lists_the_valid_ones(call: helpers.Call) -> None:
    parameters = helpers.activation_of(call).parameters
    for arrays in ([np.ones(3)] * call.inputs, [[1, 2, 3]] * call.inputs):
        with pytest.raises(TypeError, match="unexpected keyword 'nonsense'") as caught:
            call(*arrays, nonsense=1)
        for parameter in parameters:
            assert parameter in str(caught.value)
        if not parameters:
            assert "it has no parameters" in str(caught.value)


def test_misspelt_parameter_is_told_the_nearest() -> None:
    for name in WITH:
        for parameter in fa.get(name).parameters:
            if len(parameter) > 3:
                with pytest.raises(
                    TypeError, match=rf"unexpected keyword '{parameter}s'.*nearest: .*{parameter}"
                ):
                    fa.get(name)(1.0, **{parameter + "s": 1})


@pytest.mark.parametrize("how", [fa.get, lambda name, **k: fa.get(name).bind(**k)])
def test_binding_what_cannot_be_bound(how: object, activation: fa.Activation) -> None:
    with pytest.raises(TypeError, match=rf"fastact.{activation.name}: unexpected keyword 'nonsense'"):
        how(activation.name, nonsense=1)
    for parameter in activation.parameters:
        for bad in ("text", 1j, None, object()):
            with pytest.raises(
                TypeError, match=rf"{activation.name}: {parameter} is .*expected real numbers"
            ):
                how(activation.name, **{parameter: bad})


def test_parameter_that_is_not_real(call: helpers.Call) -> None:
    arrays = [np.ones(3, np.float32)] * call.inputs
    for parameter in helpers.activation_of(call).parameters:
        for bad in (1j, "text", None):
            with pytest.raises(TypeError, match=rf"{parameter} has dtype .*expected float16"):
                call(*arrays, **{parameter: bad})


def test_unknown_activation_is_told_the_nearest() -> None:
    for name in fa.names():
        with pytest.raises(ValueError, match=rf"unknown activation '{name}x'; nearest: .*{name}"):
            fa.get(name + "x")
    for odd in ("", "zzzzzz", 3, None):
        with pytest.raises(ValueError, match=r"unknown activation .*fastact\.names\(\) lists all"):
            fa.get(odd)


def test_missing_arguments(call: helpers.Call) -> None:
    with pytest.raises(TypeError, match="argument"):
        call(*[np.ones(3)] * (call.inputs - 1))


def test_backward_from_output_gives_the_reason(activation: fa.Activation) -> None:
    if activation.output_formula is not None:
        return  # it works; tested with the directions
    y = np.ones(3, np.float32)
    with pytest.raises(TypeError, match="the output does not determine it: ") as caught:
        activation.backward_from_output(y, y)
    assert str(caught.value).startswith(f"fastact.{activation.name}.backward_from_output")
    assert activation.backward_from_output_ufunc is None
    assert len(str(caught.value)) > 60, "a reason is expected"


def test_backward_from_output_tells_the_condition(activation: fa.Activation) -> None:
    """Some parameters out of these must violate any condition that has one to be violated."""
    condition = ENTRIES[activation.name]["condition"]
    if activation.output_formula is None or condition == "True":
        return
    y, violated = np.ones(3, np.float32), 0
    holds = compile_formula(condition, tuple(activation.parameters), "python")
    for parameter in activation.parameters:
        for value in (-1.0, 0.0, -0.5, 2.0, np.array([1.0, -1.0, 0.0])):
            values = {**activation.parameters, parameter: value}
            if np.ndim(value) == 0 and holds(**values):
                continue
            if np.ndim(value) and all(holds(**{**values, parameter: v}) for v in value):
                continue
            violated += 1
            with pytest.raises(TypeError, match=r"does not determine it for .*; needs ") as caught:
                activation.backward_from_output(y, y, **{parameter: value})
            assert condition in str(caught.value)
            with pytest.raises(TypeError, match="needs"):
                activation.bind(**{parameter: value}).backward_from_output(y, y)
    assert violated


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", np.float64(2), True])
def test_set_num_threads(n: object) -> None:
    before = fa.get_num_threads()
    with pytest.raises(ValueError, match=r"n is .*; expected a whole number of at least 1"):
        fa.set_num_threads(n)
    with pytest.raises(ValueError, match="n is"), fa.num_threads(n):
        pass
    assert fa.get_num_threads() == before


@pytest.mark.parametrize("value", ["0", "-2", "two", "1.5"])
def test_environment_of_threads(value: str) -> None:
    done = helpers.python("import fastact", FASTACT_NUM_THREADS=value)
    assert done.returncode == 1
    assert (
        f"environment variable FASTACT_NUM_THREADS is '{value}'; expected a positive whole number"
        in done.stderr
    )


def test_inputs_are_never_modified(call: helpers.Call, dtype: type) -> None:
    """Also not by calls that fail."""
    arrays = helpers.arguments(call, (5, 5), dtype)
    before = [a.tobytes() for a in arrays]
    call(*arrays)
    with pytest.raises(ValueError, match="shape"):
        call(*arrays, out=outs(call, np.zeros((4, 4), dtype)))
    assert [a.tobytes() for a in arrays] == before


def test_unknown_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fastact", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "unknown command 'nonsense'" in done.stderr
