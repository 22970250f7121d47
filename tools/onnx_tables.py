"""Outputs of ONNX Runtime's quantised activations for all 256 inputs, as data that tests compare with.

    python tools/onnx_tables.py --write        # needs onnx and onnxruntime, which tests do not

Scales are random: float32 numbers over three powers of ten, and powers of 2, with which half-way cases occur.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

DATA = Path(__file__).resolve().parent.parent / "tests/data/onnx_tables.json"
CASES = 25  # of each operator and dtype


def run(operator: str, case: dict[str, Any]) -> np.ndarray:
    """What the operator makes of all inputs, in the order of their bytes."""
    kind = np.dtype(case["dtype"])
    tensor = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}[case["dtype"]]
    given = {
        "input_scale": np.float32(case["input_scale"]),
        "input_zero_point": kind.type(case["input_zero_point"]),
        "output_scale": np.float32(case["output_scale"]),
        "output_zero_point": kind.type(case["output_zero_point"]),
    }
    attributes = {"alpha": case["alpha"]} if "alpha" in case else {}
    node = helper.make_node(operator, ["x", *given], ["y"], domain="com.microsoft", **attributes)
    graph = helper.make_graph(
        [node],
        operator,
        [helper.make_tensor_value_info("x", tensor, [256])],
        [helper.make_tensor_value_info("y", tensor, [256])],
        [numpy_helper.from_array(np.array(value), name) for name, value in given.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": np.arange(256, dtype=np.uint8).view(kind)})[0]
    return found


def scale(rng: np.random.Generator, centre: float) -> float:
    """A random float32, one in three a power of 2."""
    found = centre * 10 ** rng.uniform(-1.5, 1.5)
    return float(np.float32(2.0 ** round(np.log2(found)) if rng.random() < 1 / 3 else found))


def cases(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Every operator and dtype, with random scales and zero points."""
    for operator, centre in (("QLinearSigmoid", 1 / 256), ("QLinearLeakyRelu", 0.05)):
        for dtype in ("uint8", "int8"):
            ends = np.iinfo(dtype)
            for _ in range(CASES):
                case: dict[str, Any] = {
                    "operator": operator,
                    "dtype": dtype,
                    "input_scale": scale(rng, 0.05),
                    "input_zero_point": int(rng.integers(ends.min, ends.max + 1)),
                    "output_scale": scale(rng, centre),
                    "output_zero_point": int(rng.integers(ends.min, ends.max + 1)),
                }
                if operator == "QLinearLeakyRelu":
                    case["alpha"] = float(np.float32(rng.choice([0.01, 0.1, 0.5, rng.uniform(0, 1)])))
                yield {**case, "outputs": run(operator, case).tobytes().hex()}


def main() -> None:
    """Write the data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", required=True, help="replace the data")
    parser.parse_args()
    made = {"onnxruntime": onnxruntime.__version__, "cases": list(cases(np.random.default_rng(22)))}
    DATA.write_text(json.dumps(made, indent=0) + "\n")
    print(f"{len(made['cases'])} cases")


if __name__ == "__main__":
    main()
