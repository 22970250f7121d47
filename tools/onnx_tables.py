"""Outputs of ONNX Runtime's quantised activations for all 256 inputs, as data that tests compare with.

    python tools/onnx_tables.py --write        # needs onnx and onnxruntime, which tests do not

Scales are random: float32 numbers over three powers of ten, and powers of 2, with which half-way cases occur.
Many more tables of the sigmoid, which ONNX Runtime approximates, are in a compressed file of their own.
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
SIGMOIDS = DATA.parent / "onnx_sigmoids.npz"
MANY = 500  # of each dtype
OPERATORS = {"QLinearSigmoid": 1 / 256, "QLinearLeakyRelu": 0.05}  # with their usual output scales


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


def case_of(operator: str, dtype: str, rng: np.random.Generator) -> dict[str, Any]:
    """An operator with random scales and zero points, and its outputs."""
    ends = np.iinfo(dtype)
    case: dict[str, Any] = {
        "operator": operator,
        "dtype": dtype,
        "input_scale": scale(rng, 0.05),
        "input_zero_point": int(rng.integers(ends.min, ends.max + 1)),
        "output_scale": scale(rng, OPERATORS[operator]),
        "output_zero_point": int(rng.integers(ends.min, ends.max + 1)),
    }
    if operator == "QLinearLeakyRelu":
        case["alpha"] = float(np.float32(rng.choice([0.01, 0.1, 0.5, rng.uniform(0, 1)])))
    return {**case, "outputs": run(operator, case).tobytes().hex()}


def cases(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Several of every operator and dtype."""
    for operator in OPERATORS:
        for dtype in ("uint8", "int8"):
            for _ in range(CASES):
                yield case_of(operator, dtype, rng)


def write_sigmoids(rng: np.random.Generator) -> None:
    """Many tables of one operator, as arrays."""
    for_each = [case_of("QLinearSigmoid", dtype, rng) for _ in range(MANY) for dtype in ("uint8", "int8")]
    listed = {name: np.array([case[name] for case in for_each]) for name in for_each[0]}
    listed["outputs"] = np.array([list(bytes.fromhex(case["outputs"])) for case in for_each], np.uint8)
    del listed["operator"]
    np.savez_compressed(SIGMOIDS, **listed)


def main() -> None:
    """Write the data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", required=True, help="replace the data")
    parser.parse_args()
    made = {"onnxruntime": onnxruntime.__version__, "cases": list(cases(np.random.default_rng(22)))}
    DATA.write_text(json.dumps(made, indent=0) + "\n")
    write_sigmoids(np.random.default_rng(2022))
    print(f"{len(made['cases'])} cases, and {2 * MANY} sigmoids")


if __name__ == "__main__":
    main()
