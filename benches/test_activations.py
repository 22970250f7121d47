"""fastact and NumPy on the timed cases, under pytest-benchmark: for watching a change to fastact.

    pytest benches/ --benchmark-autosave                     before the change: stores a run
    pytest benches/ --benchmark-compare                      after it: shows both
    pytest benches/ --benchmark-compare-fail=median:10%      and fails if anything became 10 % slower

``-k gelu`` and the like choose among them. To compare with others, in turns and with a summary, use
``python -m fastact bench``, which has the same list of cases. Knows no activation.
"""

import numpy as np
import pytest

from fastact.evaluation.speed.cases import Case, all_cases
from fastact.evaluation.speed.contestants import Contestant, Fastact, NumpyIdiom

SIZES = (1_000, 100_000)


@pytest.mark.parametrize("contestant", [Fastact(), NumpyIdiom()], ids=lambda one: one.name)
@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in all_cases(sizes=SIZES)])
@pytest.mark.benchmark(max_time=0.03, min_time=1e-4, min_rounds=5, disable_gc=True)
def test_case(benchmark, case: Case, contestant: Contestant):
    benchmark.group = str(case)
    benchmark.extra_info["elements"] = case.n
    with np.errstate(all="ignore"):  # the idiom may overflow on the way to the right result
        benchmark(contestant.callable(case))
