# Types of the compiled module _rowwise.pyx.
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

FORWARD: int
BACKWARD: int
BACKWARD_FROM_OUTPUT: int

def entries() -> list[dict[str, Any]]: ...
def run(
    number: int,
    direction: int,
    grad_y: Array | None,
    x: Array,
    out: Array,
    rows: int,
    n: int,
    temperature: float,
) -> None: ...
def cross_entropy(
    x: Array,
    labels: Array | None,
    probabilities: Array | None,
    weights: Array | None,
    loss: Array,
    grad_x: Array | None,
    rows: int,
    n: int,
) -> None: ...
def run_plain(number: int, direction: int, grad_y: Any, x: Any, out: Any) -> Array | None: ...
def can_hold(array: Any, x: Array) -> bool: ...
def overlaps_unsafely(out: Array, array: Array) -> bool: ...
