# Types of the compiled module _quantized.pyx.
from typing import Any

from numpy.typing import NDArray

def look_up(table: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> None: ...
