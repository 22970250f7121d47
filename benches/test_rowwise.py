"""Row-wise functions and losses, by fastact and as NumPy users write them, with pytest-benchmark.

How to compare two runs is said in test_activations.py. ``python -m fastact bench --rows`` times the same
cases and more, interleaved, and prints a summary.
"""

import numpy as np
import pytest

from fastact.evaluation import peers
from fastact.evaluation.row_cases import RowCase, row_cases
from fastact.evaluation.speed.implementations import Implementation, row_implementations

SHAPES = [(32, 10), (64, 1000), (4096, 512)]
FASTACT, NUMPY = row_implementations(peers.installed(["NumPy"])[0])


@pytest.mark.parametrize("implementation", [FASTACT, NUMPY], ids=lambda one: one.name)
@pytest.mark.parametrize("case", list(row_cases(None, ("float32", "float64"), SHAPES)), ids=str)
@pytest.mark.benchmark(max_time=0.03, min_time=1e-4, min_rounds=5, disable_gc=True)
def test_case(benchmark, case: RowCase, implementation: Implementation):
    benchmark.group = str(case)
    benchmark.extra_info["elements"] = case.elements
    with np.errstate(all="ignore"):  # array expressions may overflow on the way to the right result
        benchmark(implementation.call(case))
