"""fastact and NumPy on the timed cases, with pytest-benchmark: for measuring the effect of a change.

    pytest benches/ --benchmark-autosave                     before the change: stores a run
    pytest benches/ --benchmark-compare                      after it: shows both
    pytest benches/ --benchmark-compare-fail=median:10%      and fails if anything became 10 % slower

Options such as ``-k gelu`` select cases. ``python -m fastact bench`` times the same cases and more,
interleaved, and prints a summary.
"""

import numpy as np
import pytest

from fastact.evaluation import peers
from fastact.evaluation.cases import ElementwiseCase, elementwise_cases
from fastact.evaluation.speed.implementations import Implementation, elementwise_implementations

SIZES = (1_000, 100_000)
FASTACT, *_, NUMPY = elementwise_implementations(peers.installed(["NumPy"])[0])


@pytest.mark.parametrize("implementation", [FASTACT, NUMPY], ids=lambda one: one.name)
@pytest.mark.parametrize("case", list(elementwise_cases(sizes=SIZES)), ids=str)
@pytest.mark.benchmark(max_time=0.03, min_time=1e-4, min_rounds=5, disable_gc=True)
def test_case(benchmark, case: ElementwiseCase, implementation: Implementation):
    benchmark.group = str(case)
    benchmark.extra_info["elements"] = case.n
    with np.errstate(all="ignore"):  # expressions may overflow on the way to the right result
        benchmark(implementation.call(case))
