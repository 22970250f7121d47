"""Row-wise functions as objects: help, errors, pickling, names."""

from __future__ import annotations

import doctest
import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.rowwise.functions import FUNCTIONS
from fastact.rowwise.losses import LOSSES
from fastact.rowwise.resizing import RESIZING

pytestmark = pytest.mark.once
X = np.zeros((3, 4))
READ_ONLY = np.zeros((3, 4))
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize("name", [*FUNCTIONS, *RESIZING])
def test_help(name: str) -> None:
    f = getattr(fa, name)
    text = inspect.getdoc(f)
    assert text is not None
    for part in (f.formula, f.gradient_formula, "Parameters", "Raises", f"{f.max_ulp['float32']:g} ULP"):
        assert part in text
    assert str(inspect.signature(f)) in text
    parsed = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert doctest.DocTestRunner().run(parsed).failed == 0
    assert pickle.loads(pickle.dumps(f)) is f
    assert name in dir(fa)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if FUNCTIONS[name]._entry["has_temperature"]])
def test_a_temperature_of_any_type(name: str, dtype: type) -> None:
    """A Python float takes a shorter way through the bindings than NumPy's."""
    f, generator = getattr(fa, name), np.random.default_rng(0)
    x, g = generator.normal(size=(2, 5, 7)).astype(dtype)
    y = f(x, temperature=np.float64(0.7))
    np.testing.assert_array_equal(f(x, temperature=0.7), y)
    np.testing.assert_array_equal(f(x, temperature=0.7, axis=-1), y)
    for method, value in ((f.backward, x), (f.backward_from_output, y)):
        want = method(g, value, temperature=np.float64(0.7))
        np.testing.assert_array_equal(method(g, value, temperature=0.7), want)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_last_axis_by_name(name: str) -> None:
    """It takes the shorter way, too; None means all axes."""
    f, x = getattr(fa, name), np.random.default_rng(0).normal(size=(2, 5, 7))
    for axis, like in ((-1, 2), (None, (0, 1, 2)), (np.int64(-1), 2), (-2, 1)):
        np.testing.assert_array_equal(f(x, axis=axis), f(x, axis=like))
        g = np.ones_like(f(x, axis=axis))
        np.testing.assert_array_equal(f.backward(g, x, axis=axis), f.backward(g, x, axis=like))


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "nll"])
def test_losses_of_labels(name: str) -> None:
    f = getattr(fa, name)
    assert pickle.loads(pickle.dumps(f)) is f
    assert repr(f) == f"<fastact.{name}>"
    parsed = doctest.DocTestParser().get_doctest(type(f).__doc__ or "", {}, "x", None, None)
    assert doctest.DocTestRunner().run(parsed).failed == 0


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_elements(name: str) -> None:
    f = getattr(fa, name)
    text = inspect.getdoc(f)
    assert text is not None
    for part in (f.formula, f.gradient_formula, "Parameters", "Raises", f"{f.max_ulp['float64']:g} ULP"):
        assert part in text
    assert str(inspect.signature(f)) in text
    parsed = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert doctest.DocTestRunner().run(parsed).failed == 0
    assert pickle.loads(pickle.dumps(f)) is f
    assert name in dir(fa)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fa.softmax(None), TypeError, ["fastact.softmax", "x is None"]),
        (lambda: fa.softmax("ab"), TypeError, ["x has dtype"]),
        (lambda: fa.softmax(X.astype(complex)), TypeError, ["complex128"]),
        (lambda: fa.softmax(np.float64(1)), ValueError, ["x has no axes"]),
        (lambda: fa.softmax(X, axis=2), ValueError, ["axis is 2", "2 axes"]),
        (lambda: fa.softmax(X, axis=(0, 0)), ValueError, ["axis is (0, 0)", "once"]),
        (lambda: fa.softmax(X, axis=1.5), TypeError, ["axis is of type float"]),
        (lambda: fa.softmax(X, temperature=0), ValueError, ["temperature is 0"]),
        (
            lambda: fa.softmax(X.astype("f4"), temperature=1e-50),
            ValueError,
            ["temperature is 1e-50", "float32"],
        ),
        (lambda: fa.softmax(X, temperature=10**400), ValueError, ["temperature is 1000"]),
        (lambda: fa.softmax(X, temperature=np.inf), ValueError, ["temperature is inf"]),
        (lambda: fa.softmax(X, temperature="a"), TypeError, ["temperature is 'a'"]),
        (lambda: fa.softmax(X, dim=0), TypeError, ["'dim'", "axis"]),
        (lambda: fa.logsumexp(X, temperature=2), TypeError, ["'temperature'"]),
        (lambda: fa.softmax(X, axis=-1, dim=0), TypeError, ["'dim'"]),
        (lambda: fa.softmax(X[0, 0], axis=-1), ValueError, ["x has no axes"]),
        (lambda: fa.softmax(X, axis=-1.0), TypeError, ["axis is of type float"]),
        (lambda: fa.logsumexp(X, temperature=2.0), TypeError, ["'temperature'"]),
        (lambda: fa.hardmax(X, temperature=2.0), TypeError, ["'temperature'"]),
        (lambda: fa.sparsemax.backward(X, X, temperature=2.0), TypeError, ["'temperature'"]),
        (lambda: fa.softmax(X, temperature=-0.5), ValueError, ["temperature is -0.5"]),
        (lambda: fa.softmax(X, temperature=np.nan), ValueError, ["temperature is nan"]),
        (lambda: fa.softmax(X, where=X), TypeError, ["where has dtype float64"]),
        (lambda: fa.softmax(X, where=np.ones(3, bool)), ValueError, ["where has shape (3,)"]),
        (lambda: fa.softmax(X, out=X[:2]), ValueError, ["out has shape (2, 4)"]),
        (lambda: fa.softmax(X, out=READ_ONLY), ValueError, ["out is read-only"]),
        (lambda: fa.softmax(X, out=[1]), TypeError, ["out is of type list"]),
        (lambda: fa.softmax(X, out=np.zeros((3, 4), int)), TypeError, ["out has dtype int64"]),
        (lambda: fa.softmax.backward(X[0], X), ValueError, ["grad_y has shape (4,)", "(3, 4)"]),
        (lambda: fa.logsumexp.backward(X, X), ValueError, ["grad_y has shape (3, 4)", "(3,)"]),
        (lambda: fa.logsumexp.backward_from_output(X, X), TypeError, ["not available"]),
        (lambda: fa.logsumexp(np.ma.array(X)), TypeError, ["MaskedArray", "where="]),
        (lambda: fa.get("softmax"), ValueError, ["fastact.softmax"]),
    ],
)
def test_errors(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
