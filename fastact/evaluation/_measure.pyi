# Types of the compiled module _measure.pyx.
from typing import Any

import numpy as np
from numpy.typing import NDArray

def count_errors(
    got: NDArray[np.float32], hi: NDArray[np.float64], lo: NDArray[np.float64], err: NDArray[np.float64]
) -> dict[str, Any]: ...
def move_memory(
    a: NDArray[np.int8],
    b: NDArray[np.int8] | None,
    y: NDArray[np.int8],
    d: NDArray[np.int8] | None,
    stores: str,
) -> None: ...

STORES: dict[str, int]
