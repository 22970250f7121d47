"""Bad input: each case raises an ordinary exception that names the argument, what it was and what was
expected, and changes nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys

import helpers
import numpy as np
import oracle
import pytest

import fastact as fa
from fastact.activations.formula import compile_formula

pytestmark = pytest.mark.once

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
    condition = oracle.ENTRIES[activation.name]["condition"]
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


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", np.float64(2), True, 2**31, 10**30, np.int64(0), [2]])
def test_set_num_threads(n: object) -> None:
    before = fa.get_num_threads()
    with pytest.raises(ValueError, match=r"n is .*; expected a whole number of at least 1"):
        fa.set_num_threads(n)
    with pytest.raises(ValueError, match="n is"), fa.num_threads(n):
        pass
    assert fa.get_num_threads() == before


@pytest.mark.parametrize(
    "value", ["0", "-2", "two", "1.5", "\u00b2", "2147483648", "4294967297", "+2", "1_0"]
)
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


# By keyword only -----------------------------------------------------------------------------------


def composites() -> list[fa.Activation]:
    return [fa.surrogate("prelu", "leaky_relu"), fa.mixed(["relu", *["prelu"] * 2])]


def test_more_positional_arguments_name_the_keywords(call: helpers.Call) -> None:
    """And nothing is written to."""
    activation = helpers.activation_of(call)
    arrays = [np.ones(3, np.float32)] * call.inputs
    extra = np.full(3, 0.5, np.float32)
    expected = " or ".join(f"{name}=" for name in (*activation.parameters, "out"))
    taken = f"{blamed(call)} takes {call.inputs} positional argument"
    for more in (1, 2):
        with pytest.raises(TypeError, match=r"by keyword$") as caught:
            call(*arrays, *[extra] * more)
        assert str(caught.value).startswith(taken)
        assert f"but {call.inputs + more} were given; expected {expected} by keyword" in str(caught.value)
        assert (extra == 0.5).all()


@pytest.mark.parametrize("f", composites(), ids=str)
def test_composites_take_parameters_by_keyword_only(f: fa.Activation) -> None:
    x, extra = np.ones(3), np.full(3, 0.5)
    for method, count in (
        ("__call__", 1),
        ("derivative", 1),
        ("backward", 2),
        ("backward_from_output", 2),
        ("value_and_derivative", 1),
        ("parameter_gradients", 2),
    ):
        with pytest.raises(
            TypeError, match=rf"takes {count} positional .*{next(iter(f.parameters))}=.* by keyword$"
        ):
            getattr(f, method)(*[x] * count, extra)
    with pytest.raises(TypeError, match=r"\(parameter, x\) but 3 were given"):
        f.derivative_by(next(iter(f.learned)), x, extra)
    assert (extra == 0.5).all()


def test_learned_methods_take_parameters_by_keyword_only() -> None:
    x, extra = np.ones(3), np.full(3, 0.5)
    with pytest.raises(TypeError, match=r"prelu.derivative_by takes 2 .*expected weight= or out= by keyword"):
        fa.prelu.derivative_by("weight", x, extra)
    with pytest.raises(TypeError, match=r"prelu.parameter_gradients takes 2 .*expected weight= by keyword"):
        fa.prelu.parameter_gradients(x, x, extra)
    assert (extra == 0.5).all()


# Hints ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "keyword", "hint"),
    [
        ("leaky_relu", {"alpha": 0.1}, "use negative_slope="),
        ("prelu", {"alpha": 0.1}, "use weight="),
        ("prelu", {"negative_slope": 0.1}, "use weight="),
        ("hard_sigmoid", {"alpha": 0.2}, "use slope="),
        ("hard_sigmoid", {"beta": 0.5}, "use offset="),
        ("hard_tanh", {"min_val": -1}, "use min_value="),
        ("hard_tanh", {"max_val": 1}, "use max_value="),
        ("clipped_relu", {"threshold": 6}, "use max_value="),
        ("soft_shrink", {"lambda_": 1}, "use lambd="),
        ("gelu", {"approximate": "tanh"}, "fastact.gelu_tanh is its tanh approximation"),
        ("relu", {"inplace": True}, "out=x computes in place"),
        ("silu", {"axis": 0}, "an element-wise function has no axis"),
    ],
)
def test_keywords_of_other_libraries(name: str, keyword: dict[str, object], hint: str) -> None:
    x = np.ones(3)
    for call in (fa.get(name), fa.get(name).derivative, lambda x, **k: fa.get(name).bind(**k)):
        with pytest.raises(TypeError, match=rf"unexpected keyword '{next(iter(keyword))}'.*{hint}$"):
            call(x, **keyword)


def test_keywords_of_other_libraries_in_composites() -> None:
    s = fa.surrogate("step", "leaky_relu")
    with pytest.raises(TypeError, match=r"use backward_negative_slope=$"):
        s.bind(backward_alpha=0.1)


def test_functions_that_are_not_element_wise() -> None:
    here = {"softmax": "fastact.softmax", "LogSoftmax": "fastact.log_softmax", "sparsemax": "it"}
    for name, subject in here.items():
        with pytest.raises(ValueError, match=f"unknown activation '{name}': {subject} is row-wise"):
            fa.get(name)
    for name in ("GLU", "geglu", "SwiGLU"):
        with pytest.raises(ValueError, match=f"unknown activation '{name}': it combines two halves"):
            fa.get(name)


@pytest.mark.parametrize("name", ["Leaky ReLU", "leaky-relu", "LReLU", "lrelu", "LEAKY_RELU"])
def test_spellings_are_found(name: str) -> None:
    assert fa.get(name) is fa.leaky_relu


# Numbers and keywords of ufuncs ----------------------------------------------------------------------


def test_integers_too_large(call: helpers.Call) -> None:
    huge = 10**400
    with pytest.raises(
        TypeError, match=rf"{names_of(call)[-1]} is an integer of 1329 bits; expected at most 64"
    ):
        call(*[1.0] * (call.inputs - 1), huge)
    for parameter in helpers.activation_of(call).parameters:
        with pytest.raises((TypeError, ValueError), match=rf"{parameter} is an integer"):
            call(*[np.ones(3)] * call.inputs, **{parameter: huge})


def test_binding_integers(activation: fa.Activation) -> None:
    for parameter in activation.parameters:
        with pytest.raises(ValueError, match=rf"{parameter} is an integer too large for float64"):
            activation.bind(**{parameter: 10**400})
        assert activation.bind(**{parameter: 10**30}).parameters[parameter] == 1e30
        oracle.assert_same_bits(
            activation(np.ones(2), **{parameter: 2**80}), activation(np.ones(2), **{parameter: 2.0**80})
        )


def test_keywords_of_ufuncs_with_bad_values(call: helpers.Call) -> None:
    arrays = [np.ones(3)] * call.inputs
    with pytest.raises(TypeError, match=rf"{re.escape(call.name)}.*: order is 2; expected a memory layout"):
        call(*arrays, order=2)
    with pytest.raises(ValueError, match="casting is 'nonsense'; expected a casting rule: one of 'no'"):
        call(*arrays, casting="nonsense")


# Learned parameters ----------------------------------------------------------------------------------


def test_gradients_of_nothing_learned(activation: fa.Activation) -> None:
    if activation.learned:
        return
    reason = rf"none of its parameters \({', '.join(activation.parameters)}\) is learned"
    with pytest.raises(
        TypeError, match=reason if activation.parameters else "it has no parameters"
    ) as caught:
        activation.parameter_gradients(np.ones(3), np.ones(3))
    assert str(caught.value).startswith(f"fastact.{activation.name}.parameter_gradients: ")
    with pytest.raises(TypeError, match=r"fastact\.mixed\.parameter_gradients: "):
        fa.mixed([activation]).parameter_gradients(np.ones(1), np.ones(1))


def test_gradients_of_leaky_relu_name_prelu() -> None:
    with pytest.raises(TypeError, match=r"\(negative_slope\) is learned; prelu's weight is$"):
        fa.leaky_relu.parameter_gradients(1.0, 1.0)


def test_gradients_take_no_keywords_of_ufuncs() -> None:
    for keyword in ("where", "out", "order"):
        with pytest.raises(TypeError, match=f"unexpected keyword '{keyword}'"):
            fa.prelu.parameter_gradients(np.ones(3), np.ones(3), **{keyword: np.ones(3, bool)})
