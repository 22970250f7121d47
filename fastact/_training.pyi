# Types of the compiled module _training.pyx.
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

LAYER_NORM: int
RMS_NORM: int
BATCH_NORM: int
SGD: int
ADAM: int
RMSPROP: int
ADAGRAD: int
LION: int
AMSGRAD: int

class Steps:
    count: int
    def __init__(self, optimizer: int, numbers: list[dict[str, float]]) -> None: ...
    def set_factors(self, factors: Sequence[float]) -> None: ...
    def run(self, number: int, parameters: Array, gradients: Array, states: list[Array | None]) -> None: ...
    def run_plain(self, number: int, parameters: Any, gradients: Any, states: list[Array | None]) -> bool: ...

def shares_of(weights: Array, to: Array) -> bool: ...
def sum_of_squares(array: Array) -> float: ...
def may_share_bytes(a: Array, b: Array) -> bool: ...
def dropout(x: Array, out: Array, p: float, seed: int, step: int, layer: int) -> None: ...
def norm(
    kind: int,
    x: Array,
    weight: Array | None,
    bias: Array | None,
    y: Array,
    statistics: Array | None,
    n: int,
    eps: float,
    running_mean: Array | None = None,
    running_variance: Array | None = None,
    training: bool = True,
    momentum: float = 0,
) -> None: ...
def norm_backward(
    kind: int,
    grad_y: Array,
    x: Array,
    weight: Array | None,
    grad_x: Array,
    grad_weight: Array | None,
    grad_bias: Array | None,
    statistics: Array,
    n: int,
    eps: float,
    running_mean: Array | None = None,
    running_variance: Array | None = None,
    training: bool = True,
) -> None: ...
