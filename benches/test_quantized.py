"""Look-ups in tables of 256 bytes beside NumPy's, and beside a copy, with pytest-benchmark.

How to compare two runs is said in test_activations.py.
"""

import numpy as np
import pytest

import fastact as fa

TABLE = fa.quantized.table("sigmoid", 0.05, 128, 1 / 256, 0)

CALLS = {
    "fastact": lambda q, out: fa.quantized.apply(TABLE, q, out=out),
    "NumPy": lambda q, out: np.take(TABLE, q, out=out, mode="clip"),
    "table[q]": lambda q, out: TABLE[q],
    "copy": lambda q, out: np.copyto(out, q),
}


@pytest.mark.parametrize("by", CALLS)
@pytest.mark.parametrize("n", [1_000, 300_000, 10_000_000])
@pytest.mark.benchmark(max_time=0.05, min_time=1e-4, min_rounds=5, disable_gc=True)
def test_case(benchmark, n: int, by: str):
    q = np.random.default_rng(0).integers(0, 256, n, dtype=np.uint8)
    benchmark.group = f"table of {n} bytes"
    benchmark(CALLS[by], q, np.empty_like(q))
