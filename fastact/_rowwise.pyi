# Types of the compiled module _rowwise.pyx.
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

FORWARD: int
BACKWARD: int
BACKWARD_FROM_OUTPUT: int
CROSS_ENTROPY: int
NLL: int

class Rows:
    def __init__(self, number: int, has_one_result: bool, has_temperature: bool) -> None: ...
    def __call__(self, x: Any, /, *, out: Any = None, **keywords: Any) -> Any: ...
    def backward(self, grad_y: Any, x: Any, /, *, out: Any = None, **keywords: Any) -> Any: ...
    def backward_from_output(self, grad_y: Any, y: Any, /, *, out: Any = None, **keywords: Any) -> Any: ...

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
    pieces: int = 1,
) -> None: ...
def run_labels(
    loss: int,
    x: Array,
    labels: Array | None,
    probabilities: Array | None,
    weights: Array | None,
    losses: Array,
    grad_x: Array | None,
    rows: int,
    n: int,
) -> None: ...
def sum_of(losses: Array) -> float: ...
def run_plain_labels(
    loss: int, x: Any, labels: Any, wants_gradient: bool, out: Any, options: tuple[Any, Any, Any, Any, Any]
) -> tuple[Any, Array | None] | None: ...
def copies_of_labels(loss: int, z: Array, labels: Array) -> Array | None: ...
def copies_of_loss(number: int, z: Array, target: Array, parameter: Array | None) -> Array | None: ...
def can_hold(array: Any, x: Array) -> bool: ...
def overlaps_unsafely(out: Array, array: Array) -> bool: ...
def losses() -> list[dict[str, Any]]: ...
def run_loss(
    number: int,
    x: Array,
    target: Array,
    weights: Array | None,
    parameter: Array | None,
    each: Array | None,
    grad_x: Array | None,
    factor: float,
) -> float: ...
def are_signs(target: Any) -> bool: ...
def run_plain_loss(
    number: int, x: Any, target: Any, parameter: Array | None, wants_gradient: bool, out: Any
) -> tuple[Any, Array | None] | None: ...
