# Types of the compiled module _health.pyx.
from typing import Any, Final

from numpy.typing import NDArray

Array = NDArray[Any]

COUNTS: Final[dict[str, int]]
SUMS: Final[dict[str, int]]

def count(
    activation: int,
    parameters: Array,
    z: Array,
    y: Array | None,
    derivative: Array | None,
    grad_y: Array | None,
    low: Array,
    high: Array,
    counts: Array,
    sums: Array,
    extremes: Array,
) -> None: ...
def forward(
    activation: int,
    parameters: Array,
    x: Array,
    w: Array,
    b: Array | None,
    z: Array,
    y: Array,
    low: Array,
    high: Array,
    counts: Array,
    sums: Array,
    extremes: Array,
) -> None: ...
