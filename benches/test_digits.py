"""One epoch of training on the handwritten digits, with NumPy's activations and with fastact's.

To run and compare, see test_activations.py.
"""

import numpy as np
import pytest

from fastact.evaluation.speed import digits

PAIRS = digits.pairs("gelu")


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.benchmark(group="digits", min_rounds=10, disable_gc=True)
def test_epoch(benchmark, name: str):
    pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
    data, network = digits.load(), digits.Network(PAIRS[name])
    order = np.arange(len(data.train_y))
    benchmark(network.train_epoch, data.train_x, data.train_y, order)
