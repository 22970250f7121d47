# Types of the compiled module _dense.pyx.
from collections.abc import Callable, Iterable
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

SAVING: dict[str, int]
OMITTED: Any

def integer_bits(signature: str) -> int: ...
def overlap(array: Array, others: Iterable[Array | None]) -> bool: ...
def run(
    prepared: Prepared,
    backward: bool,
    saving: str,
    parameters: tuple[Array, ...],
    stack_shape: tuple[int, ...],
    arrays: dict[str, Array | None],
    accumulate: bool = False,
) -> None: ...
def use_preparation(function: Callable[[Any], tuple[Any, Prepared] | None]) -> None: ...
def forward(x: Any, w: Any, b: Any, activation: Any, keep: bool, save: str | None, out: Any) -> Any: ...
def backward(
    grad_y: Any, x: Any, w: Any, saved: Any, activation: Any, need_dx: bool, out: Any, accumulate: bool
) -> tuple[Any, Any, Any] | None: ...
def make_saved(
    activation: Any,
    prepared: Prepared | None,
    kind: str,
    array: Any,
    shape: tuple[int, ...],
    dtype: Any,
    b_shape: tuple[int, ...] | None,
    is_result: bool = False,
) -> Saved: ...

class Prepared:
    numbers: bool
    default: str
    def __init__(
        self,
        activation: int,
        saving: str,
        hidden: str,
        values: tuple[float, ...] | None,
        mask_values: tuple[float, float],
    ) -> None: ...

class Saved:
    @property
    def activation(self) -> Any: ...
    @property
    def kind(self) -> str: ...
    @property
    def array(self) -> Any: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def b_shape(self) -> tuple[int, ...] | None: ...
    def __init__(
        self,
        activation: Any,
        kind: str,
        array: Any,
        shape: tuple[int, ...],
        dtype: Any,
        b_shape: tuple[int, ...] | None = None,
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...

class Kept: ...

class Passes:
    def __init__(
        self,
        prepared: tuple[Prepared, ...],
        weights: tuple[Array, ...],
        biases: tuple[Array | None, ...],
    ) -> None: ...
    def forward(
        self, x: Any, parameters: tuple[tuple[Array, ...], ...] | None, keep: bool
    ) -> tuple[Array, Kept | None] | None: ...
    def backward(
        self,
        kept: Any,
        x: Any,
        grad_y: Any,
        parameters: tuple[tuple[Array, ...], ...] | None,
        gradients: tuple[Any, ...] | None,
        need_dx: bool,
        accumulate: bool = False,
    ) -> tuple[Any, ...] | None: ...

LOSSES: dict[str, int]

class Norm:
    def __init__(
        self,
        kind: str,
        after: bool,
        momentum: float,
        eps: float,
        weight: Array,
        bias: Array | None,
        running_mean: Array | None,
        running_variance: Array | None,
    ) -> None: ...

class TrainingPasses(Passes):
    def __init__(
        self,
        prepared: tuple[Prepared, ...],
        weights: tuple[Array, ...],
        biases: tuple[Array | None, ...],
        rates: tuple[float, ...],
        norms: tuple[Norm | None, ...],
        loss: int,
    ) -> None: ...
    def differentiate(
        self,
        x: Any,
        target: Any,
        shares: Array | None,
        gradients: tuple[Any, ...],
        seed: int = 0,
        number: int = 0,
    ) -> float | None: ...

class CopiesPasses(TrainingPasses):
    def __init__(
        self,
        prepared: tuple[Prepared, ...],
        weights: tuple[Array, ...],
        biases: tuple[Array | None, ...],
        rates: tuple[float, ...],
        norms: tuple[Norm | None, ...],
        loss: int,
        stride: int,
        own_rates: Array,
        seeds: Array,
    ) -> None: ...
    def differentiate_all(
        self,
        x: Any,
        target: Any,
        shares: Array | None,
        gradients: tuple[Any, ...],
        losses: Array,
        numbers: Array | None,
    ) -> bool: ...
