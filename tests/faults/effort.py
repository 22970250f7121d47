"""How long the campaign takes: in the suite the same few examples of each test, else as many as are asked
for in FASTACT_FAULTS_EXAMPLES, drawn anew.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("FASTACT_FAULTS_EXAMPLES", "0"))
AT_ONCE = os.environ.get("FASTACT_FAULTS_SHRINK") == "0"  # the first failure as it was drawn
PHASES = (Phase.explicit, Phase.generate) + (() if AT_ONCE else (Phase.shrink,))
SUPPRESSED = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
]


def effort(share: int) -> settings:
    """Settings for a test with this many examples in the suite, where they are the same in every run."""
    return settings(
        max_examples=EXAMPLES or share,
        derandomize=not EXAMPLES,
        database=None,
        phases=PHASES,
        report_multiple_bugs=False,
        print_blob=False,
        deadline=None,
        suppress_health_check=SUPPRESSED,
    )
