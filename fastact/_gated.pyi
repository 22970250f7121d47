# Types of the compiled module _gated.pyx.
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

class Formula:
    def __init__(self, number: int, parameters: Sequence[float], limit: float, offset: float) -> None: ...

def run_halves(
    formula: Formula, gate_is_second: bool, grad_y: Array | None, x: Array, out: Array, rows: int, n: int
) -> None: ...
def run_two(
    formula: Formula, grad_y: Array | None, a: Array, b: Array, out_a: Array, out_b: Array | None
) -> None: ...
def run_plain_halves(
    formula: Formula, gate_is_second: bool, grad_y: Any, x: Any, axis: int, out: Any
) -> Array | None: ...
def run_plain_two(formula: Formula, grad_y: Any, a: Any, b: Any, first: Any, second: Any) -> Any: ...
