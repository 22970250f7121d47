# Types of the compiled module _dense.pyx.
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

def integer_bits(signature: str) -> int: ...
def run(
    backward: bool,
    activation: int,
    saving: int,
    parameters: tuple[Array, ...],
    stack_shape: tuple[int, ...],
    w: Array,
    accumulate: bool,
    bit_values: tuple[float, float],
    arrays: dict[str, Array | None],
) -> None: ...
def forward(x: Any, w: Any, b: Any, prepared: Prepared, save: bool, out: Any) -> Any: ...
def backward(
    grad_y: Any,
    x: Any,
    w: Any,
    saved: Any,
    prepared: Prepared,
    need_dx: bool,
    out: tuple[Any, ...] | None,
    accumulate: bool,
) -> tuple[Any, Any, Any] | None: ...

class Saved:
    activation: Any
    kind: str
    array: Array
    columns: int
    b_shape: tuple[int, ...] | None
    def __init__(
        self, activation: Any, kind: str, array: Array, columns: int, b_shape: tuple[int, ...] | None
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...

class Prepared:
    def __init__(self, activation: Any, kind: str, saving: int, values: tuple[float, ...]) -> None: ...

class Network:
    rows: int
    def __init__(
        self,
        prepared: tuple[Prepared, ...],
        weights: tuple[Array, ...],
        biases: tuple[Array | None, ...],
        rows: int,
    ) -> None: ...
    def forward(self, x: Array) -> Array: ...
    def backward(
        self, grad_y: Array, need_dx: bool
    ) -> tuple[Array | None, tuple[Array, ...], tuple[Array | None, ...]]: ...
    @property
    def nbytes(self) -> int: ...
