"""Dense layers against NumPy in float64, finite differences for every entry of the table, and PyTorch.

Must not depend on any activation.
"""

from __future__ import annotations

import math

import dense_cases
import numpy as np
import pytest
from dense_cases import assert_close, forward_and_backward, gradients, layer, on_a_grid, pre_activation

import fastact as fa

SHAPES = [
    (1, 64, 64),
    (4, 100, 100),
    (32, 64, 64),
    (64, 256, 256),
    (500, 130, 70),
    (700, 33, 1030),
    (200, 800, 300),
    (600, 777, 1100),
    (70, 300, 257),
    (7, 600, 5),
    (13, 5, 600),
    (1, 1, 300),
    (3, 1, 1),
    (0, 3, 4),
    (5, 0, 4),
    (5, 4, 0),
    (0, 0, 0),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_shapes(shape: tuple[int, int, int], dtype: type, bias: bool) -> None:
    """Sizes around those of blocks, tiles and panels, and none at all."""
    case = layer(*shape, dtype)
    if not bias:
        case.b = None
    y, dx, dw, db, _ = forward_and_backward(case, "tanh")
    z = pre_activation(case)
    want_dx, want_dw, want_db = gradients(case, fa.tanh.backward(case.grad_y.astype(np.float64), z))
    rows, inputs, outputs = shape
    assert y.dtype == dx.dtype == dw.dtype == dtype
    assert_close(y, fa.tanh(z), inputs)
    assert_close(dx, want_dx, outputs)
    assert_close(dw, want_dw, rows)
    if bias:
        assert_close(db, want_db, rows)
    else:
        assert db is None
    assert np.array_equal(fa.dense(*case.arrays, activation="tanh"), y)


@pytest.mark.parametrize("columns", [1, 7, 16, 37])
@pytest.mark.parametrize("rows", [2, 5, 191, 1000])
def test_bias_gradients_of_columns_that_cancel(rows: int, columns: int, dtype: type) -> None:
    """float32 is summed in float64, and float64 with compensation, so that only the sum itself is rounded."""
    generator = np.random.default_rng(rows)
    grad_y = np.ldexp(generator.normal(size=(rows, columns)), generator.integers(-20, 20, (rows, columns)))
    grad_y = grad_y.astype(dtype)
    half = rows // 2
    grad_y[half : 2 * half] = -grad_y[generator.permutation(half)]
    grad_y[0] += dtype(1)
    x, w, b = np.ones((rows, 1), dtype), np.ones((1, columns), dtype), np.zeros(columns, dtype)
    _, saved = fa.dense_forward(x, w, b)
    db = fa.dense_backward(grad_y, x, w, saved)[2]
    unit = 2.0**-53 if dtype is np.float32 else 2.0**-106 * rows
    for got, column in zip(db, grad_y.astype(np.float64).T, strict=True):
        want = math.fsum(column)
        assert abs(got - want) <= np.spacing(dtype(abs(want))) + rows * unit * np.abs(column).sum()


def test_bias_gradients_of_infinite_columns(dtype: type) -> None:
    grad_y = np.array([[np.inf, np.inf, np.nan, 1], [1, -np.inf, 1, 1]], dtype)
    x, w, b = np.ones((2, 1), dtype), np.ones((1, 4), dtype), np.zeros(4, dtype)
    _, saved = fa.dense_forward(x, w, b)
    assert np.array_equal(
        fa.dense_backward(grad_y, x, w, saved)[2], [np.inf, np.nan, np.nan, 2], equal_nan=True
    )


@pytest.mark.filterwarnings("ignore")  # PyTorch's are its own
@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "silu", "elu", "mish"])
def test_pytorch(name: str, dtype: type) -> None:
    """Result and gradients are those of its autograd."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    case = layer(48, 80, 36, dtype)
    y, dx, dw, db, _ = forward_and_backward(case, name)
    x, w, b = (torch.from_numpy(a.copy()).requires_grad_() for a in case.arrays)
    want = getattr(torch.nn.functional, name)(x @ w + b)
    want.backward(torch.from_numpy(case.grad_y.copy()))
    rows, inputs, outputs = 48, 80, 36
    assert_close(y, want.detach().numpy(), inputs)
    assert_close(dx, x.grad.numpy(), outputs)
    assert_close(dw, w.grad.numpy(), rows)
    assert_close(db, b.grad.numpy(), rows)


def test_every_entry(activation: fa.Activation, dtype: type) -> None:
    """Where x w + b is exact, y and delta have the very bits of the activation and of its backward pass."""
    case = on_a_grid(37, 9, 20, dtype)
    y, dx, dw, db, saved = forward_and_backward(case, activation)
    z = pre_activation(case).astype(dtype)
    with np.errstate(all="ignore"):
        assert np.array_equal(y, activation(z), equal_nan=True)
        delta = activation.backward(case.grad_y, z).astype(np.float64)
        wants = gradients(case, delta)
        largest = float(np.max(np.abs(delta)))
    assert saved.shape == z.shape
    for got, want, terms in zip((dx, dw, db), wants, (20, 37, 37), strict=True):
        assert_close(got, want, terms, largest)


def test_every_entry_with_other_parameters(activation: fa.Activation, dtype: type) -> None:
    """Bound scalars, and one value for each column."""
    if not activation.parameters:
        assert activation.bind() is activation
        return
    other = {name: value * 1.25 + 0.125 for name, value in activation.parameters.items()}
    columns = {name: np.linspace(value, value * 1.5 + 0.1, 20).astype(dtype) for name, value in other.items()}
    case = on_a_grid(37, 9, 20, dtype)
    z = pre_activation(case).astype(dtype)
    for values in (other, columns):
        bound = activation.bind(**values)
        y, dx, _, db, _ = forward_and_backward(case, bound)
        with np.errstate(all="ignore"):
            assert np.array_equal(y, bound(z), equal_nan=True)
            delta = bound.backward(case.grad_y, z).astype(np.float64)
            want_dx, _, want_db = gradients(case, delta)
        largest = float(np.max(np.abs(delta)))
        assert_close(dx, want_dx, 20, largest)
        assert_close(db, want_db, 37, largest)


def test_finite_differences(activation: fa.Activation) -> None:
    """d/dt of sum(grad_y y) along a random direction of x, w and b together."""
    case = layer(3, 4, 5, np.float64, seed=3)
    direction = layer(3, 4, 5, np.float64, seed=4)
    _, dx, dw, db, _ = forward_and_backward(case, activation)
    slope = (dx * direction.x).sum() + (dw * direction.w).sum() + (db * direction.b).sum()

    def value(t: float) -> float:
        moved = (a + t * d for a, d in zip(case.arrays, direction.arrays, strict=True))
        return float((case.grad_y * fa.dense(*moved, activation=activation)).sum())

    h = 1e-6
    z = np.sort(np.abs(pre_activation(case)[..., None] - np.array([*activation.kinks, np.inf])), axis=None)
    assert z[0] > 100 * h  # no kink is crossed
    with np.errstate(all="ignore"):
        measured = (value(h) - value(-h)) / (2 * h)
    assert measured == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("x", "w", "b"),
    [
        ((3, 8, 5), (3, 5, 4), (3, 1, 4)),
        ((8, 5), (3, 5, 4), (3, 1, 4)),
        ((3, 8, 5), (5, 4), (4,)),
        ((2, 1, 8, 5), (3, 5, 4), (4,)),
        ((2, 3, 8, 5), (2, 1, 5, 4), (3, 1, 4)),
        ((8, 5), (5, 4), (6, 1, 4)),
        ((0, 8, 5), (5, 4), (4,)),
        ((70, 2, 5), (70, 5, 4), (1, 4)),
        ((8, 5), (5, 4), (1, 4)),
        ((70, 2, 5), (70, 5, 4), (70, 1, 4)),
    ],
    ids=str,
)
def test_leading_axes(x: tuple[int, ...], w: tuple[int, ...], b: tuple[int, ...], dtype: type) -> None:
    """A stack of layers; gradients are summed where an array was broadcast."""
    generator = np.random.default_rng(5)
    arrays = [generator.normal(size=shape).astype(dtype) for shape in (x, w, b)]
    stack = np.broadcast_shapes(x[:-2], w[:-2], b[:-2])
    case = dense_cases.Layer(
        *arrays, generator.normal(size=(*stack, 8 if x[-2] == 8 else 2, 4)).astype(dtype)
    )
    y, dx, dw, db, _ = forward_and_backward(case, "tanh")
    z = pre_activation(case)
    wants = gradients(case, fa.tanh.backward(case.grad_y.astype(np.float64), z))
    assert_close(y, fa.tanh(z), 5)
    for got, want in zip((dx, dw, db), wants, strict=True):
        assert_close(got, want, 600)


def test_learned_parameters(activation: fa.Activation) -> None:
    """Against the activation's own gradients of all elements at once."""
    shapes = {name: np.full(6, value) for name, value in activation.learned.items()}
    if not shapes:
        case = layer(4, 3, 6, np.float64)
        _, saved = fa.dense_forward(*case.arrays, activation=activation)
        last = fa.dense_backward(
            case.grad_y, case.x, case.w, saved, activation=activation, need_parameters=True
        )[3]
        assert last == {}
        return
    case = layer(30000, 3, 6, np.float64)
    values = {n: np.linspace(0.5, 1, 6) if i else 0.75 for i, n in enumerate(activation.learned)}
    bound = activation.bind(**values)
    _, saved = fa.dense_forward(*case.arrays, activation=bound)
    found = fa.dense_backward(case.grad_y, case.x, case.w, saved, activation=bound, need_parameters=True)[3]
    want = bound.parameter_gradients(case.grad_y, pre_activation(case))
    assert list(found) == list(activation.learned)
    for name in found:
        assert np.shape(found[name]) == np.shape(values[name])
        assert found[name] == pytest.approx(want[name], rel=1e-9, abs=1e-9)


def test_parameters_that_vary_along_the_batch(dtype: type) -> None:
    case = on_a_grid(11, 4, 6, dtype)
    slopes = np.random.default_rng(0).uniform(0.1, 0.9, (11, 6)).astype(dtype)
    bound = fa.get("rrelu", slope=slopes)
    y, dx, _, _, _ = forward_and_backward(case, bound)
    z = pre_activation(case).astype(dtype)
    assert np.array_equal(y, bound(z))
    assert_close(dx, gradients(case, bound.backward(case.grad_y, z).astype(np.float64))[0], 6)


@pytest.mark.parametrize(
    "made",
    [
        fa.surrogate("step", "arctan"),
        fa.surrogate("relu", "leaky_relu"),
        fa.mixed(["relu"] * 4 + ["tanh"] * 2),
        fa.mixed(["prelu"] * 3 + ["silu"] * 3),
    ],
    ids=repr,
)
def test_composite_activations(made: fa.Activation, dtype: type) -> None:
    """They are computed in two steps; the bits of y and delta are theirs, and so are the gradients of
    parameters."""
    case = on_a_grid(11, 4, 6, dtype)
    y, dx, _, _, saved = forward_and_backward(case, made)
    z = pre_activation(case).astype(dtype)
    assert np.array_equal(y, made(z))
    assert np.array_equal(fa.dense(*case.arrays, activation=made), y)
    assert_close(dx, gradients(case, made.backward(case.grad_y, z).astype(np.float64))[0], 6)
    found = fa.dense_backward(case.grad_y, case.x, case.w, saved, activation=made, need_parameters=True)[3]
    want = made.parameter_gradients(case.grad_y, z) if made.learned else {}
    assert list(found) == list(want)
    for name in want:
        assert np.allclose(found[name], want[name])


def test_names_of_other_libraries() -> None:
    case = layer(4, 3, 5, np.float32)
    for alias, name in (("expit", "sigmoid"), ("ReLU", "relu")):
        for got, want in zip(
            forward_and_backward(case, alias)[:4], forward_and_backward(case, name)[:4], strict=True
        ):
            assert np.array_equal(got, want)


class Cube:
    """An activation from elsewhere: it can be called, and has a derivative."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x**3

    def derivative(self, x: np.ndarray) -> np.ndarray:
        return 3 * x**2


def test_any_object_with_a_derivative(dtype: type) -> None:
    case = on_a_grid(11, 4, 6, dtype)
    cube = Cube()
    y, dx, dw, db, _ = forward_and_backward(case, cube)
    z = pre_activation(case)
    wants = gradients(case, case.grad_y * cube.derivative(z))
    assert_close(y, z**3, 4, 30)
    for got, want in zip((dx, dw, db), wants, strict=True):
        assert_close(got, want, 11, 30)


@pytest.mark.parametrize(
    ("x", "w", "result"),
    [
        (np.float32, np.float32, np.float32),
        (np.float32, np.float64, np.float64),
        (np.float16, np.float16, np.float32),
        (np.int8, np.float32, np.float32),
        (np.int64, np.float32, np.float64),
        (bool, bool, np.float32),
        (">f4", "<f4", np.float32),
    ],
)
def test_dtypes(x: object, w: object, result: type) -> None:
    y = fa.dense(np.ones((2, 3), x), np.ones((3, 2), w), activation="relu")
    assert y.dtype == result
    assert np.array_equal(y, np.full((2, 2), 3))


def test_many_layers_against_longdouble() -> None:
    """30 layers, composed by hand: gradients in float64 agree with those in extended precision."""
    generator = np.random.default_rng(1)
    weights = [generator.normal(size=(16, 16)) / 3 for _ in range(30)]
    x = generator.normal(size=(5, 16))
    saved, h = [], x
    for w in weights:
        y, s = fa.dense_forward(h, w, activation="tanh")
        saved.append((h, s))
        h = y
    grad = np.ones_like(h)
    found = []
    for w, (inputs, s) in zip(reversed(weights), reversed(saved), strict=True):
        grad, dw, _ = fa.dense_backward(grad, inputs, w, s, activation="tanh")
        found.append(dw)
    exact = x.astype(np.longdouble)
    trace = []
    for w in weights:
        trace.append((exact, exact @ w))
        exact = np.tanh(trace[-1][1])
    delta = np.ones_like(exact)
    for w, (inputs, z), dw in zip(reversed(weights), reversed(trace), found, strict=True):
        delta = delta / np.cosh(z) ** 2
        want = inputs.T @ delta
        assert np.max(np.abs(dw - want)) <= 1e-13 * np.max(np.abs(want))
        delta = delta @ w.T
    assert np.max(np.abs(grad - delta)) <= 1e-13 * np.max(np.abs(delta))
