"""Activations inside loops of others: SciPy's integrators and filters, functions compiled by numba."""

from __future__ import annotations

import ctypes
import importlib
from pathlib import Path

import building
import numpy as np
import pytest
from scipy import LowLevelCallable, integrate, ndimage

import fastact as fa

pytestmark = pytest.mark.once


def integral(function: object) -> tuple[float, float]:
    return integrate.quad(function, -3.0, 2.5)


@pytest.mark.parametrize("activation", [fa.gelu, fa.leaky_relu, fa.mish], ids=lambda f: f.name)
def test_quad(activation: fa.Activation) -> None:
    """The integrator calls C functions, and gets the bits that Python gets."""
    value = LowLevelCallable.from_cython(fa, f"{activation.name}_scalar_f64")
    derivative = LowLevelCallable.from_cython(fa, f"{activation.name}_derivative_scalar_f64")
    assert integral(value) == integral(lambda x: float(activation(x)))
    assert integral(derivative) == integral(lambda x: float(activation.derivative(x)))


def test_quad_with_parameters() -> None:
    slopes = (ctypes.c_double * 1)(0.2)
    given = ctypes.cast(slopes, ctypes.c_void_p)
    for suffix, function in (("", fa.leaky_relu), ("_derivative", fa.leaky_relu.derivative)):
        name = f"leaky_relu{suffix}_scalar_with_f64"
        usual = integral(LowLevelCallable.from_cython(fa, name))
        assert usual == integral(lambda x, f=function: float(f(x)))
        sloped = integral(LowLevelCallable.from_cython(fa, name, given))
        assert sloped == integral(lambda x, f=function: float(f(x, negative_slope=0.2)))
        assert sloped != usual


def test_generic_filter(tmp_path: Path) -> None:
    client = building.imported(building.compiled(building.CLIENTS / "local_mean.pyx", tmp_path))
    image = np.random.default_rng(2).normal(size=(30, 20))
    found = ndimage.generic_filter(image, LowLevelCallable.from_cython(client, "smooth_mean"), size=3)

    def expected(values: np.ndarray) -> float:
        return float(fa.gelu(sum(values.tolist()) / values.size))

    assert found.tobytes() == ndimage.generic_filter(image, expected, size=3).tobytes()


def test_numba() -> None:
    pytest.importorskip("numba", reason="numba is not installed")
    client = importlib.import_module("clients.image_filter")
    image = np.random.default_rng(3).normal(size=(30, 20)).astype(np.float32)
    means = client.means(image)
    assert client.filtered(image).tobytes() == fa.gelu(means).tobytes()
    grad = np.random.default_rng(4).normal(size=means.shape).astype(np.float32)
    assert client.gradient(grad, image).tobytes() == fa.gelu.backward(grad, means).tobytes()
