"""The C loops that fastact is compared with: the text, the compiled loops, and what a machine may lack."""

import re
import subprocess
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest

import fastact as fa
from fastact.evaluation import cases
from fastact.evaluation.peers import base, c, c_text, onednn, svml

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def peer():
    try:
        return c.Peer()
    except base.UnavailableError as error:
        pytest.skip(f"needs {error}")


# Texts ---------------------------------------------------------------------------------------------


def body(name, direction="forward"):
    return re.findall(r"\w+_\[i\] = (.*);", c_text.loop("f", fa.get(name), direction))[-1]


def test_formulas_are_what_a_user_would_write():
    assert body("silu") == "(x * sigmoid(x))"
    assert body("relu_squared") == "pow(max(x, 0), (real)2)"
    assert body("tanh", "backward") == "(grad_y * (1 * (1 - tanh(x)*tanh(x))))"
    assert "exp(min(x, 0)) - 1" in body("elu")
    assert "1 - sigmoid(x)" in body("silu", "value_and_derivative")
    assert "(real)0.5 + " in body("dish", "value_and_derivative")


@pytest.mark.parametrize("name", fa.names())
def test_every_formula_has_a_translation(name):
    for direction in cases.directions(name):
        text = c_text.loop("f", fa.get(name), direction)
        assert text.count("{") == text.count("}") == 2


def test_floats_are_computed_as_floats():
    assert "#define exp expf" in c_text.beginning("float32")
    assert "expf" not in c_text.beginning("float64")


# Compiled ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("name", ["snake", "serf", "isru", "bent_identity"])
def test_loops_compute_the_activation(peer, name, dtype):
    for direction in cases.directions(name):
        case = cases.ElementwiseCase(name, direction, dtype, 37)
        got = np.array(peer.elementwise(case)())
        method = case.function if direction == "forward" else getattr(case.function, direction)
        np.testing.assert_allclose(got, np.array(method(*case.arguments)), rtol=1e-4, atol=1e-5)


def test_the_process_keeps_its_subnormal_numbers(peer):
    peer.elementwise(cases.ElementwiseCase("exp", "forward", "float64", 5))()
    with np.errstate(under="ignore"):
        assert (np.array([1e-300]) * 1e-10)[0] > 0


def test_parameters_are_passed(peer):
    x, out = np.linspace(-2, 2, 9, dtype=np.float32), np.empty(9, np.float32)
    peer.function(fa.leaky_relu.bind(negative_slope=0.5), "f")(x, out)
    np.testing.assert_array_equal(out, np.where(x > 0, x, 0.5 * x))


def test_the_version_is_the_compilers(peer):
    assert re.fullmatch(r"\d+(\.\d+)*", peer.version)


# What a machine may lack ---------------------------------------------------------------------------


def test_without_a_compiler_the_peer_says_so(monkeypatch):
    monkeypatch.setattr(c, "_COMPILER", "no-such-compiler")
    with pytest.raises(base.UnavailableError, match="no-such-compiler, which is not found"):
        c.Peer()


def test_a_compiler_that_fails_is_named(monkeypatch):
    def fails(*command):
        raise subprocess.CalledProcessError(1, command, stderr="no such option")

    monkeypatch.setattr(c, "compiler", fails)
    monkeypatch.setattr(c.shutil, "which", lambda name: name)
    with pytest.raises(base.UnavailableError, match="no such option"):
        c.Peer()


def test_a_compiler_without_vector_functions_is_not_used(peer, monkeypatch):
    monkeypatch.setattr(c, "_OPTIMIZED", ("-O0", "-fPIC", "-w"))
    with pytest.raises(base.UnavailableError, match="that calls glibc's libmvec"):
        c.Peer()


def test_svml_is_named_where_it_is_missing(peer, monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(base.UnavailableError, match="pip install intel-cmplr-lib-rt"):
        svml.Peer()


def test_a_jump_leads_to_the_function_of_the_same_width():
    jumps = list(svml._jumps())
    assert ".globl _ZGVeN8v_exp\n_ZGVeN8v_exp: jmp __svml_exp8_ha_z0@PLT" in jumps
    assert ".globl _ZGVdN8v_tanhf\n_ZGVdN8v_tanhf: jmp __svml_tanhf8_ha_l9@PLT" in jumps
    assert ".globl _ZGVbN2vv_pow\n_ZGVbN2vv_pow: jmp __svml_pow2_ha_ex@PLT" in jumps


@pytest.mark.parametrize("failure", [FileNotFoundError(), subprocess.CalledProcessError(1, "gcc", stderr="")])
def test_onednn_is_named_where_it_is_missing(monkeypatch, failure):
    def missing(*arguments):
        raise failure

    onednn._library.cache_clear()
    monkeypatch.setattr(c, "compiler", missing)
    with pytest.raises(base.UnavailableError, match="apt install libdnnl-dev"):
        onednn.Peer()


def test_onednn_without_a_cpu_is_not_used(monkeypatch):
    monkeypatch.setattr(onednn, "_library", lambda *numbers: SimpleNamespace(prepare=lambda *arguments: None))
    with pytest.raises(base.UnavailableError, match="built for CPUs"):
        onednn.Peer()
