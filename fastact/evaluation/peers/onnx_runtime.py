"""ONNX Runtime as a contestant: a model of one operator, its input and output bound beforehand.

Knows ONNX's names and attributes. Does not know how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import onnxruntime

from fastact.evaluation.speed.cases import Case

_OPSET = 20
_IR_VERSION = 10

# the operator, and which of its attributes is which parameter of the activation (or a fixed value)
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
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": b"tanh"}),
    "mish": ("Mish", {}),
    "hard_swish": ("HardSwish", {}),
    "abs": ("Abs", {}),
    "exp": ("Exp", {}),
    "sin": ("Sin", {}),
    "arctan": ("Atan", {}),
}


class Peer:
    """ONNX Runtime's CPU provider. It has forward operators only."""

    name = "ONNX Runtime"
    limit = None

    def __init__(self) -> None:
        """Begin with as many threads as it likes."""
        self._threads = 0

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Threads of the sessions that are made from now on."""
        before, self._threads = self._threads, n
        try:
            yield
        finally:
            self._threads = before

    def callable(self, case: Case) -> Callable[[], Any] | None:
        """One run of the model; None also where the operator has no kernel for the dtype."""
        if case.activation not in _OPERATORS or case.direction != "forward":
            return None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 4
        errors = onnxruntime.capi.onnxruntime_pybind11_state
        try:
            model = _model(case).SerializeToString()
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except (errors.NotImplemented, errors.InvalidGraph):
            return None
        result = onnxruntime.OrtValue.ortvalue_from_numpy(case.rooms[0])
        binding = session.io_binding()
        binding.bind_cpu_input("x", case.x)
        binding.bind_ortvalue_output("y", result)

        def run() -> Any:
            session.run_with_iobinding(binding)
            return result

        return run


def _model(case: Case) -> Any:
    operator, attributes = _OPERATORS[case.activation]
    parameters = case.function.parameters
    values = {k: parameters[v] if isinstance(v, str) else v for k, v in attributes.items()}
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(case.dtype))
    x, y = (onnx.helper.make_tensor_value_info(name, element, [case.n]) for name in "xy")
    node = onnx.helper.make_node(operator, ["x"], ["y"], **values)
    graph = onnx.helper.make_graph([node], case.activation, [x], [y])
    opset = onnx.helper.make_opsetid("", _OPSET)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
