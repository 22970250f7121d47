# Types of the compiled module _reference.pyx.
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

OPERATIONS: tuple[str, ...]

class Program:
    def __init__(
        self,
        steps: Sequence[tuple[int, int, int, int, int]],
        constants: Sequence[tuple[float, float, float]],
        registers: int,
        result: int,
    ) -> None: ...
    def evaluate(
        self,
        x: NDArray[np.float64],
        hi: NDArray[np.float64],
        lo: NDArray[np.float64],
        err: NDArray[np.float64],
        undecided: NDArray[np.uint32],
    ) -> int: ...
