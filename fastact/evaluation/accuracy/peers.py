"""Other libraries' activations, measured by the same code: PyTorch, JAX, ONNX Runtime, NumPy with SciPy.

Each peer is a dict from fastact's names to its functions of x and of the row's parameters in their order;
derivatives are its own automatic ones, where it has any. A name that fastact lacks is never asked for. Does
not know how errors are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from fastact.activations.formula import compile_formula
from fastact.evaluation.accuracy.bits import Floats
from fastact.evaluation.accuracy.subjects import Subject
from fastact.evaluation.accuracy.sweep import Function

Make = Callable[[Subject], Function | None]


@dataclass(frozen=True)
class Peer:
    """A library that is installed.

    Attributes
    ----------
    name : str
        With its version.
    function : callable
        Of a subject: what computes it in float32, as :func:`fastact.evaluation.accuracy.sweep.sweep` calls it, or None
        where the library has no such function.
    """

    name: str
    function: Make


def numbers_only(function: Function) -> Function:
    """The same, with NaN for NaN: several peers have a number for the derivative at NaN, which would count
    as an infinite error and hide all others."""

    def run(x: Floats, out: Floats) -> None:
        function(x, out)
        out[np.isnan(x)] = np.nan

    return run


def _values(subject: Subject) -> list[float]:
    return list(subject.activation.parameters.values())


def _torch() -> Make:
    import torch
    from torch.nn import functional as nn

    torch.set_num_threads(1)
    known: Mapping[str, Callable[..., Any]] = {
        "relu": nn.relu,
        "relu6": nn.relu6,
        "leaky_relu": nn.leaky_relu,
        "prelu": lambda x, weight: nn.prelu(x, torch.tensor([weight], dtype=x.dtype)),
        "threshold": nn.threshold,
        "elu": nn.elu,
        "celu": nn.celu,
        "selu": lambda x, *scales: nn.selu(x),
        "sigmoid": torch.sigmoid,
        "log_sigmoid": nn.logsigmoid,
        "hard_sigmoid": lambda x, slope, offset: nn.hardsigmoid(x),
        "tanh": torch.tanh,
        "hard_tanh": nn.hardtanh,
        "tanh_shrink": nn.tanhshrink,
        "softplus": nn.softplus,
        "softsign": nn.softsign,
        "soft_shrink": nn.softshrink,
        "hard_shrink": nn.hardshrink,
        "silu": nn.silu,
        "hard_swish": nn.hardswish,
        "mish": nn.mish,
        "gelu": nn.gelu,
        "gelu_tanh": lambda x: nn.gelu(x, approximate="tanh"),
        "abs": torch.abs,
        "square": torch.square,
        "exp": torch.exp,
        "sign": torch.sign,
        "sin": torch.sin,
        "arctan": torch.atan,
    }

    def make(subject: Subject) -> Function | None:
        f, values = known.get(subject.activation.name), _values(subject)
        if f is None:
            return None

        def forward(x: Floats, out: Floats) -> None:
            out[:] = f(torch.from_numpy(x), *values).numpy()

        def derivative(x: Floats, out: Floats) -> None:
            tensor = torch.from_numpy(x).requires_grad_()
            y = f(tensor, *values)
            (gradient,) = torch.autograd.grad(y, tensor, torch.ones_like(y))
            out[:] = gradient.numpy()

        return forward if subject.direction == "f" else derivative

    return make


def _jax() -> Make:
    import jax
    from jax import nn
    from jax import numpy as jnp

    known: Mapping[str, Callable[..., Any]] = {
        "relu": nn.relu,
        "relu6": nn.relu6,
        "leaky_relu": nn.leaky_relu,
        "elu": nn.elu,
        "celu": nn.celu,
        "selu": lambda x, *scales: nn.selu(x),
        "sigmoid": nn.sigmoid,
        "log_sigmoid": nn.log_sigmoid,
        "hard_sigmoid": lambda x, slope, offset: nn.hard_sigmoid(x),
        "tanh": jnp.tanh,
        "hard_tanh": lambda x, low, high: nn.hard_tanh(x),
        "softplus": lambda x, beta: nn.softplus(x),
        "softsign": nn.soft_sign,
        "silu": nn.silu,
        "hard_swish": nn.hard_swish,
        "mish": nn.mish,
        "gelu": lambda x: nn.gelu(x, approximate=False),
        "gelu_tanh": lambda x: nn.gelu(x, approximate=True),
        "squareplus": nn.squareplus,
        "sparse_plus": nn.sparse_plus,
        "sparse_sigmoid": nn.sparse_sigmoid,
        "abs": jnp.abs,
        "square": jnp.square,
        "exp": jnp.exp,
        "sign": jnp.sign,
        "sin": jnp.sin,
        "arctan": jnp.arctan,
    }

    def make(subject: Subject) -> Function | None:
        f, values = known.get(subject.activation.name), _values(subject)
        if f is None:
            return None

        def gradient(x: Any) -> Any:
            y, pull = jax.vjp(lambda z: f(z, *values), x)
            return pull(jnp.ones_like(y))[0]

        compiled = jax.jit((lambda x: f(x, *values)) if subject.direction == "f" else gradient)

        def run(x: Floats, out: Floats) -> None:
            out[:] = compiled(x.copy())  # x is written again while JAX may still hold its memory

        return run

    return make


def _onnxruntime() -> Make:
    import onnxruntime
    from onnx import TensorProto, helper

    # operators of ONNX, with their attributes for the row's parameters
    known: Mapping[str, tuple[str, Callable[..., dict[str, Any]]]] = {
        "relu": ("Relu", dict),
        "leaky_relu": ("LeakyRelu", lambda slope: {"alpha": slope}),
        "thresholded_relu": ("ThresholdedRelu", lambda alpha: {"alpha": alpha}),
        "elu": ("Elu", lambda alpha: {"alpha": alpha}),
        "celu": ("Celu", lambda alpha: {"alpha": alpha}),
        "selu": ("Selu", lambda *scales: {}),
        "sigmoid": ("Sigmoid", dict),
        "hard_sigmoid": ("HardSigmoid", lambda slope, offset: {"alpha": slope, "beta": offset}),
        "tanh": ("Tanh", dict),
        "softplus": ("Softplus", lambda beta: {}),
        "softsign": ("Softsign", dict),
        "soft_shrink": ("Shrink", lambda lambd: {"lambd": lambd, "bias": lambd}),
        "hard_shrink": ("Shrink", lambda lambd: {"lambd": lambd, "bias": 0.0}),
        "hard_swish": ("HardSwish", dict),
        "mish": ("Mish", dict),
        "gelu": ("Gelu", dict),
        "gelu_tanh": ("Gelu", lambda: {"approximate": "tanh"}),
        "abs": ("Abs", dict),
        "exp": ("Exp", dict),
        "sign": ("Sign", dict),
        "sin": ("Sin", dict),
        "arctan": ("Atan", dict),
    }
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1

    def make(subject: Subject) -> Function | None:
        if subject.direction != "f" or subject.activation.name not in known:
            return None
        operator, attributes = known[subject.activation.name]
        node = helper.make_node(operator, ["x"], ["y"], **attributes(*_values(subject)))
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in "xy")
        graph = helper.make_graph([node], "one", [x], [y])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

        def run(x: Floats, out: Floats) -> None:
            out[:] = session.run(None, {"x": x})[0]

        return run

    return make


def _numpy() -> Make:
    """The formulas as the table writes them, with NumPy's and SciPy's functions, in float32."""

    def make(subject: Subject) -> Function:
        f, values = compile_formula(subject.text, subject.arguments, "numpy"), _values(subject)

        def run(x: Floats, out: Floats) -> None:
            np.copyto(out, f(x, *values), casting="unsafe")

        return run

    return make


_PEERS: Mapping[str, tuple[str, Callable[[], Make]]] = {
    "PyTorch": ("torch", _torch),
    "JAX": ("jax", _jax),
    "ONNX Runtime": ("onnxruntime", _onnxruntime),
    "NumPy/SciPy": ("scipy", _numpy),
}


def find_peers() -> tuple[list[Peer], list[str]]:
    """The peers that are installed, and the names of those that are not."""
    present, absent = [], []
    for name, (package, make) in _PEERS.items():
        try:
            present.append(Peer(f"{name} {version(package)}", make()))
        except (ImportError, PackageNotFoundError):
            absent.append(name)
    return present, absent
