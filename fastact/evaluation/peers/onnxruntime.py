"""ONNX Runtime: models of one operator, with input and output bound before the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import onnxruntime

from fastact.activations.base import Activation
from fastact.evaluation.cases import Array, ElementwiseCase
from fastact.evaluation.peers import base

_OPSET, _IR_VERSION = 20, 10

# the operator, and its attributes: a str names the activation's parameter, anything else is a value
_OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": "negative_slope"}),
    "thresholded_relu": ("ThresholdedRelu", {"alpha": "alpha"}),
    "elu": ("Elu", {"alpha": "alpha"}),
    "celu": ("Celu", {"alpha": "alpha"}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": "slope", "beta": "offset"}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "soft_shrink": ("Shrink", {"lambd": "lambd", "bias": "lambd"}),
    "hard_shrink": ("Shrink", {"lambd": "lambd", "bias": 0.0}),
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": b"tanh"}),
    "mish": ("Mish", {}),
    "hard_swish": ("HardSwish", {}),
    "abs": ("Abs", {}),
    "exp": ("Exp", {}),
    "sign": ("Sign", {}),
    "sin": ("Sin", {}),
    "arctan": ("Atan", {}),
}


class Peer(base.Peer):
    """ONNX Runtime's CPU provider. It has forward operators only."""

    name = "ONNX Runtime"
    package = "onnxruntime"
    can_be_held = False

    def __init__(self) -> None:
        """Use ONNX Runtime's default number of threads."""
        self._threads = 0

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Threads of the sessions created within the context."""
        before, self._threads = self._threads, n
        try:
            yield
        finally:
            self._threads = before

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """One execution of the model."""
        if case.direction != "forward":
            return None
        session = self._session(case.function, case.dtype, case.n)
        if session is None:
            return None
        result = onnxruntime.OrtValue.ortvalue_from_numpy(case.results[0])
        binding = session.io_binding()
        binding.bind_cpu_input("x", case.x)
        binding.bind_ortvalue_output("y", result)

        def call() -> Any:
            session.run_with_iobinding(binding)
            return result

        return call

    def function(self, activation: Activation, direction: str) -> base.Function | None:
        """The model for any number of elements."""
        session = self._session(activation, "float32", None) if direction == "f" else None
        if session is None:
            return None

        def function(x: Array, out: Array) -> None:
            out[:] = session.run(None, {"x": x})[0]

        return function

    def _session(self, activation: Activation, dtype: str, n: int | None) -> Any:
        """A session for n elements; None where there is no operator, or no kernel for the dtype."""
        operator, attributes = _OPERATORS.get(activation.name, (None, {}))
        passed = [value for value in attributes.values() if isinstance(value, str)]
        if operator is None or not base.passes_all(activation, passed):
            return None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # beside other libraries
        parameters = activation.parameters
        values = {k: parameters[v] if isinstance(v, str) else v for k, v in attributes.items()}
        model = _model(operator, values, dtype, n).SerializeToString()
        errors = onnxruntime.capi.onnxruntime_pybind11_state
        try:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except (errors.NotImplemented, errors.InvalidGraph):
            return None


def _model(operator: str, attributes: dict[str, Any], dtype: str, n: int | None) -> Any:
    make: Callable[..., Any] = onnx.helper.make_tensor_value_info
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    x, y = (make(name, element, [n]) for name in "xy")
    node = onnx.helper.make_node(operator, ["x"], ["y"], **attributes)
    graph = onnx.helper.make_graph([node], operator, [x], [y])
    opset = onnx.helper.make_opsetid("", _OPSET)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
