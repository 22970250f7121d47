"""ONNX's own test cases of row-wise functions and their losses: the data of tests/rowwise/test_onnx_rows.py.

    python tools/onnx_rows.py --write        # needs onnx, which tests do not
    python tools/onnx_rows.py --write --all  # large cases, too: 2 MB, to be run once and not to be committed

The cases of these operators in onnx.backend.test.case.node, each with its attributes, inputs and outputs.
"""

from __future__ import annotations

import argparse
import base64
import json
import warnings
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

DATA = Path(__file__).resolve().parent.parent / "tests/data/onnx_rows.json"
SMALL = 4000  # elements of an array at most, unless all are wanted
OPERATORS = (
    "Softmax",
    "LogSoftmax",
    "Hardmax",
    "ReduceLogSumExp",
    "SwiGLU",
    "SoftmaxCrossEntropyLoss",
    "NegativeLogLikelihoodLoss",
)


def encoded(array: Any) -> dict[str, Any]:
    """Dtype, shape and bytes."""
    plain = np.ascontiguousarray(array)
    return {
        "dtype": plain.dtype.str,
        "shape": list(np.shape(array)),
        "bytes": base64.b64encode(plain.tobytes()).decode(),
    }


def attributes(node: Any) -> dict[str, Any]:
    """Those of a node, as Python values."""
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def cases() -> Iterator[dict[str, Any]]:
    """All cases that are one node: not those of an operator's definition by other ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cases of other operators
        collected = collect_testcases(None)
    for each in collected:
        nodes = each.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in OPERATORS:
            continue
        for inputs, outputs in each.data_sets:
            yield {
                "name": each.name,
                "operator": nodes[0].op_type,
                "attributes": attributes(nodes[0]),
                "inputs": [encoded(a) for a in inputs],
                "outputs": [encoded(a) for a in outputs],
                "rtol": each.rtol,
                "atol": each.atol,
            }


def is_small(case: dict[str, Any]) -> bool:
    """Whether no array has many elements."""
    return all(prod(a["shape"]) <= SMALL for a in (*case["inputs"], *case["outputs"]))


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", required=True, help=f"write {DATA.name}")
    parser.add_argument("--all", action="store_true", help="large cases, too")
    wants_all = parser.parse_args().all
    found = [case for case in cases() if wants_all or is_small(case)]
    lines = ",\n".join(json.dumps(one) for one in found)
    DATA.write_text(f'{{"onnx": "{onnx.__version__}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(found)} cases")


if __name__ == "__main__":
    main()
