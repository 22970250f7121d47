"""Generate the table files of several activations in parallel processes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import fastact

from . import float32, float64
from .files import DIRECTIONS, Kernel, table_file
from .target import worth_a_table

ISA = "avx2"  # has FMA, and float64 kernels that are formulas rather than tables
LANES = {"float32": (16, 8), "float64": (8,)}
# On AVX2 these have direct formulas, which are faster: polynomial/direct_beside_tables.h
DIRECT = {("exp", "forward"), ("exp", "derivative"), ("sin", "forward"), ("sin", "derivative")}
DIRECT |= {("snake", "forward"), ("xielu", "forward"), ("xielu", "derivative")}
DIRECT |= {("elu", "derivative"), ("celu", "derivative"), ("mish", "derivative"), ("telu", "derivative")}
DIRECT |= {(name, which) for name in ("isru", "isrlu", "bent_identity") for which in DIRECTIONS}
DIRECT |= {("arctan", "derivative"), ("dish", "derivative")}
DIRECT_FLOAT64 = {"exp", "isru", "isrlu"}  # on AVX-512, in both directions
NO_TABLES = {"gaussian"}  # its direct formulas are faster on AVX-512 too


def _fit(name: str, dtype: str, lanes: int, direction: str) -> Kernel | None:
    if dtype == "float32":
        if lanes == 8 and (name, direction) in DIRECT:
            return None
        return float32.kernel(name, direction, lanes)
    return None if name in DIRECT_FLOAT64 else float64.kernel(name, direction)


def texts(names: Sequence[str], dtypes: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the text of each table file, by activation and dtype; empty where no table pays."""
    tasks = [
        (name, dtype, lanes, direction)
        for name in names
        if name not in NO_TABLES and worth_a_table(name)
        for dtype in dtypes
        for lanes in LANES[dtype]
        for direction in DIRECTIONS
    ]
    fitted: dict[tuple[str, str], dict[int, dict[str, Kernel]]] = {
        (name, dtype): {lanes: {} for lanes in LANES[dtype]} for name in names for dtype in dtypes
    }
    with ProcessPoolExecutor(initializer=fastact.set_isa, initargs=(ISA,)) as pool:
        results = pool.map(_fit, *zip(*tasks, strict=True)) if tasks else ()
        for (name, dtype, lanes, direction), kernel in zip(tasks, results, strict=True):
            if kernel:
                fitted[name, dtype][lanes][direction] = kernel
    return {
        (name, dtype): table_file(name, dtype, kernels, bool(fastact.get(name).parameters))
        for (name, dtype), kernels in fitted.items()
    }
