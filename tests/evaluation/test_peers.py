"""The peers' tables and calls, with fake libraries: names and parameters exist, arguments arrive in order.

With the libraries themselves, test_speed.py compares results.
"""

import importlib.util
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

import fastact as fa
from fastact.evaluation import peers
from fastact.evaluation.cases import DIRECTIONS, DenseCase, ElementwiseCase

pytestmark = pytest.mark.once

NUMPY = peers.installed(["NumPy"])[0][0]


def load(monkeypatch, module, **libraries):
    """A peer's module with fake libraries, apart from the one that may be imported already."""
    for name, library in libraries.items():
        monkeypatch.setitem(sys.modules, name.replace("_", "."), library)
    spec = importlib.util.find_spec(f"fastact.evaluation.peers.{module}")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


# PyTorch -------------------------------------------------------------------------------------------


class Operator:
    """An operator with an overload that writes to an existing result."""

    def __init__(self, function):
        self.default = self.function = function

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def overloads(self):
        return ["default", "out"]

    def out(self, *args, out, **kwargs):
        np.copyto(out, self.function(*args, **kwargs))
        return out


@pytest.fixture
def torch(monkeypatch):
    """PyTorch's calls over NumPy arrays, computed by fastact."""
    operators = {
        "relu": fa.relu,
        "threshold_backward": lambda grad, x, threshold: np.where(x > threshold, grad, 0).astype(x.dtype),
        "tanh": fa.tanh,
        "tanh_backward": lambda grad, y: grad * (1 - y * y),
        "gelu": lambda x, approximate="none": (fa.gelu if approximate == "none" else fa.gelu_tanh)(x),
        "gelu_backward": lambda grad, x, approximate="none": (
            fa.gelu if approximate == "none" else fa.gelu_tanh
        ).backward(grad, x),
        "leaky_relu": lambda x, slope: fa.leaky_relu(x, negative_slope=slope),
        "leaky_relu_backward": lambda grad, xy, slope, is_result: fa.leaky_relu.backward(
            grad, xy, negative_slope=slope
        ),
        "softplus": lambda x, beta, threshold: fa.softplus(x, beta=beta),
        "softplus_backward": lambda grad, x, beta, threshold: fa.softplus.backward(grad, x, beta=beta),
        "prelu": lambda x, weight: fa.prelu(x, weight=weight),
        "hardsigmoid": fa.hard_sigmoid,
    }
    fake = MagicMock()
    fake.ops.aten = SimpleNamespace(**{name: Operator(function) for name, function in operators.items()})
    fake.from_numpy = fake.asarray = np.asarray
    fake.tensor = lambda array, requires_grad=False, dtype=None: np.asarray(array, dtype)
    fake.ones_like = np.ones_like
    fake.addmm = lambda b, x, w: x @ w + b
    fake.compile = lambda function, dynamic: function
    return load(monkeypatch, "torch", torch=fake)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "gelu_tanh", "leaky_relu", "softplus", "prelu"])
def test_operators_of_pytorch_get_their_arguments(torch, name):
    computed = 0
    for direction in DIRECTIONS:
        case = ElementwiseCase(name, direction, "float32", 100)
        call = torch.Peer().elementwise(case)
        if call is not None:
            np.testing.assert_allclose(call(), NUMPY.elementwise(case)(), rtol=1e-4, atol=1e-5)
            computed += 1
    assert computed >= (1 if name == "prelu" else 3)


def test_pytorch_passes_parameters_or_has_no_function(torch):
    x = np.linspace(-3, 3, 50, dtype=np.float32)
    for activation in (fa.leaky_relu.bind(negative_slope=0.5), fa.softplus.bind(beta=2.0)):
        out = np.empty_like(x)
        forward = torch._operators(activation)[0]
        np.copyto(out, forward(x=x))
        np.testing.assert_allclose(out, activation(x), rtol=1e-6)
    assert torch.Peer().function(fa.hard_sigmoid, "f") is not None
    assert torch.Peer().function(fa.hard_sigmoid.bind(slope=0.2), "f") is None


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "leaky_relu"])
@pytest.mark.parametrize("widths", [(5, 4), (5, 4, 6)])
def test_layers_of_pytorch_compute_the_same(torch, activation, widths):
    case = DenseCase(3, widths, activation=activation, dtype="float64")
    want = NUMPY.dense()["NumPy"](case)()
    ways = torch.Peer().dense()
    assert set(ways) == {"PyTorch", "PyTorch aten", "torch.compile"}
    for way in ("PyTorch aten", "torch.compile"):
        _, found = ways[way](case)()
        for gradients, expected in zip(found, want, strict=True):
            for one, wanted in zip(gradients, expected, strict=True):
                np.testing.assert_allclose(one, wanted, rtol=1e-10)
    assert ways["PyTorch aten"](DenseCase(3, widths, activation="telu")) is None


# Tables --------------------------------------------------------------------------------------------


def test_the_table_of_pytorch_names_parameters_that_exist(torch):
    for name, entries in torch._OPERATORS.items():
        activation = fa.get(name)
        assert activation.name == name
        assert torch._operators(activation)[0] is not None
        words = {
            getattr(word, "name", word)
            for entry in entries
            for word in entry[1:]
            if not isinstance(word, dict)
        }
        assert {word for word in words if isinstance(word, str)} <= {
            "x",
            "y",
            "grad_y",
            *activation.parameters,
        }


def test_the_table_of_jax_names_parameters_that_exist(monkeypatch):
    names = ("jax", "jax_numpy", "jax_extend", "jax_extend_backend")
    module = load(monkeypatch, "jax", **{name: MagicMock() for name in names})
    for name, (_, *parameters) in module._FUNCTIONS.items():
        activation = fa.get(name)
        assert activation.name == name
        assert set(parameters) <= set(activation.parameters)
        assert module._function(activation) is not None


def test_the_table_of_onnx_names_parameters_that_exist(monkeypatch):
    module = load(monkeypatch, "onnxruntime", onnx=MagicMock(), onnxruntime=MagicMock())
    for name, (_, attributes) in module._OPERATORS.items():
        activation = fa.get(name)
        assert activation.name == name
        named = {value for value in attributes.values() if isinstance(value, str)}
        assert named <= set(activation.parameters)
        assert module.Peer().function(activation, "f") is not None
    assert module.Peer().function(fa.softplus.bind(beta=2.0), "f") is None


def test_every_module_of_the_table_has_a_peer():
    for name, module in peers.MODULES.items():
        assert importlib.util.find_spec(f"fastact.evaluation.peers.{module}") is not None, name
    found, absent = peers.installed()
    assert {peer.name for peer in found} | set(absent) == set(peers.MODULES)
    assert {peer.name for peer in found} >= {*peers.ALWAYS, "SciPy"}
