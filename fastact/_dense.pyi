# Types of the compiled module _dense.pyx.
from typing import Any

from numpy.typing import NDArray

def blas_facts() -> tuple[int, bool]: ...
def run(
    backward: bool,
    activation: int,
    saving: int,
    parameters: tuple[NDArray[Any], ...],
    stack_shape: tuple[int, ...],
    w: NDArray[Any],
    accumulate: bool,
    arrays: dict[str, NDArray[Any] | None],
) -> None: ...
