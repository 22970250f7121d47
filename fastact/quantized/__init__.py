"""Quantised numbers: activations of 8-bit integers by look-up tables, and fixed point.

A quantised number q stands for ``scale * (q - zero_point)``. With inputs and outputs of 8 bits, an activation
is a table of 256 entries: :func:`table` makes it, :func:`apply` looks up in it.

Examples
--------
>>> import numpy as np
>>> import fastact as fa
>>> table = fa.quantized.table("sigmoid", 0.05, 128, 1 / 256, 0)
>>> fa.quantized.apply(table, np.uint8([0, 128, 255]))
array([  0, 128, 255], dtype=uint8)
"""

from fastact.quantized.tables import apply as apply
from fastact.quantized.tables import table as table

__all__ = ["apply", "table"]
