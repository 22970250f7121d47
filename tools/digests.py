"""Digests of results, to show that a change which should change no bit changes none.

    python tools/digests.py --write digests.json
    python tools/digests.py --check digests.json

One digest for each instruction set of this machine, activation, direction and dtype: of 2^16 inputs spread
over bit space, of kinks and their neighbours, of lengths 1 to 70, in place and strided, and of other
parameters, as numbers and as arrays; one for each row-wise function and loss; and one for each dense layer,
on instruction sets whose products are computed by the library's own kernels. NaNs count as equal.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastact as fa
from fastact.evaluation.row_cases import NAMES, OF_LABELS
from fastact.rowwise.gated import GATED
from fastact.rowwise.losses import LOSSES

Array = NDArray[Any]
BITS = {"float16": np.uint16, "float32": np.uint32, "float64": np.uint64}
DIRECTIONS = ("forward", "derivative", "backward", "value_and_derivative", "backward_from_output")
SHAPES = ((1, 1, 1), (3, 5, 2), (17, 33, 9), (64, 64, 64), (130, 300, 70), (513, 257, 129))  # n, i, o
LAYERS = ("identity", "relu", "leaky_relu", "gelu", "tanh", "elu")


def spread(dtype: str, count: int = 2**16) -> Array:
    """`count` numbers at equal steps through the bit patterns of a dtype, and special ones."""
    bits = np.linspace(0, np.iinfo(BITS[dtype]).max, count, dtype=np.float64).astype(BITS[dtype])
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0], dtype)
    return np.concatenate([bits.view(dtype), special])


def beside(places: Any, dtype: str) -> Array:
    """Some places and the numbers next to them."""
    at = np.asarray(places, dtype)
    return np.concatenate([at, *(np.nextafter(at, np.asarray(side, dtype)) for side in (-np.inf, np.inf))])


def other_parameters(activation: fa.Activation, n: int, dtype: str) -> Iterator[dict[str, Any]]:
    """Other values of all parameters: numbers, then arrays some of whose elements are the defaults."""
    if not activation.parameters:
        return
    yield {name: 0.75 * value + 0.125 for name, value in activation.parameters.items()}
    share = np.random.default_rng(n).random(n)
    yield {
        name: np.where(share < 0.5, value, value * (0.5 + share)).astype(dtype)
        for name, value in activation.parameters.items()
    }


def method(activation: fa.Activation, direction: str) -> Any:
    """What computes this direction, or None."""
    if direction == "backward_from_output" and activation.output_formula is None:
        return None
    return activation if direction == "forward" else getattr(activation, direction)


def arguments(direction: str, x: Array) -> list[Array]:
    """The inputs of a direction, gradients first."""
    if not direction.startswith("backward"):
        return [x]
    grad = np.random.default_rng(x.size).normal(size=x.size).astype(x.dtype)
    return [grad, x]


def results(activation: fa.Activation, direction: str, dtype: str) -> Iterator[Any]:
    """All results that make up one digest."""
    call = method(activation, direction)
    x = np.concatenate([spread(dtype), beside(activation.kinks, dtype)])
    arrays = arguments(direction, x)
    yield call(*arrays)
    for parameters in other_parameters(activation, x.size, dtype):
        try:
            yield call(*arrays, **parameters)
        except TypeError:  # the output does not determine the derivative for these
            yield np.zeros(1, dtype)
    near = np.random.default_rng(0).normal(0, 3, 70).astype(dtype)
    for n in range(1, 71):
        yield call(*arguments(direction, near[:n]))
    yield call(*(np.repeat(a, 3)[1::3] for a in arrays))
    yield call(*(a[:4096].reshape(64, 64).T for a in arrays))
    if direction != "value_and_derivative":
        copies = [a.copy() for a in arrays]
        yield call(*copies, out=copies[-1])


def update(digest: Any, result: Any) -> None:
    """Add a result, or a pair of them, NaNs made alike."""
    for array in result if isinstance(result, tuple) else (result,):
        if array is not None:
            plain = np.array(array)
            plain[np.isnan(plain)] = np.nan
            digest.update(plain.tobytes())


def of_activations() -> Iterator[tuple[str, str]]:
    """Keys and digests of element-wise calls on the instruction set in use."""
    for name in fa.names():
        for direction in DIRECTIONS:
            if method(fa.get(name), direction) is None:
                continue
            for dtype in BITS:
                digest = hashlib.sha256()
                for result in results(fa.get(name), direction, dtype):
                    update(digest, result)
                yield f"{name} {direction} {dtype}", digest.hexdigest()[:16]


def of_layers() -> Iterator[tuple[str, str]]:
    """Keys and digests of dense layers, forward and backward, on the instruction set in use."""
    for name in LAYERS:
        for dtype in ("float32", "float64"):
            digest = hashlib.sha256()
            for n, i, o in SHAPES:
                rng = np.random.default_rng(n)
                x, w, b, grad = (rng.normal(size=s).astype(dtype) for s in ((n, i), (i, o), (o,), (n, o)))
                y, saved = fa.dense_forward(x, w / np.sqrt(i).astype(dtype), b, activation=name)
                update(digest, y)
                update(digest, fa.dense_backward(grad, x, w, saved, activation=name))
                update(digest, fa.dense(np.asfortranarray(x), w, activation=name))
            yield f"dense {name} {dtype}", digest.hexdigest()[:16]


def arrays_of_rows(dtype: str) -> Iterator[Array]:
    """Rows of many lengths and sizes of numbers, some with infinities and NaN."""
    rng = np.random.default_rng(7)
    for n in (*range(1, 36), 64, 100, 257, 1000):
        x = rng.normal(0, 1, (9, n)) * np.array([1e-3, 0.1, 1, 1, 3, 10, 30, 100, 3])[:, np.newaxis]
        x[8, rng.random(n) < 0.1] = rng.choice([np.inf, -np.inf, np.nan])
        yield x.astype(dtype)


def keywords_of_row(name: str, x: Array) -> Iterator[dict[str, Any]]:
    """Those that a row-wise function is called with, for rows along both axes."""
    if name == "maxout":
        for pieces in (1, 2, 3, 4, 5, 9):
            yield from ({"pieces": pieces, "axis": axis} for axis in (0, 1) if x.shape[axis] % pieces == 0)
        return
    others = {"noise": np.random.default_rng(3).gumbel(size=x.shape)} if name == "gumbel_softmax" else {}
    for axis in (0, 1):
        if name not in GATED or x.shape[axis] % 2 == 0:
            yield {"axis": axis, **others}


def of_row(name: str, dtype: str) -> Iterator[Any]:
    """All results of a row-wise function."""
    f = getattr(fa, name)
    for x in arrays_of_rows(dtype):
        for keywords in keywords_of_row(name, x):
            y = f(x, **keywords)
            grad = np.random.default_rng(x.size).normal(size=y.shape).astype(dtype)
            yield y
            yield f.backward(grad, x, **keywords)
        if name in GATED or name in ("logsumexp", "maxout"):
            continue
        y = f(x, **keywords)
        grad = np.random.default_rng(x.size).normal(size=y.shape).astype(dtype)
        yield f.backward_from_output(grad, y, axis=keywords["axis"])
        if "temperature" in inspect.signature(f).parameters:
            yield f(x, temperature=0.7)


def of_loss(name: str, dtype: str) -> Iterator[Any]:
    """All results of a loss, and of its reductions."""
    f = getattr(fa, name)
    for x in arrays_of_rows(dtype):
        rng = np.random.default_rng(x.size)
        target = rng.choice([-1.0, 1.0], x.shape) if name == "hinge" else rng.random(x.shape)
        target = target.astype(dtype)
        if name in OF_LABELS:
            target = rng.integers(0, x.shape[1], len(x))
        for reduction in ("mean", "none"):
            yield f.value_and_gradient(x, target, reduction=reduction)


def of_rows() -> Iterator[tuple[str, str]]:
    """Keys and digests of row-wise functions and losses on the instruction set in use."""
    for name in NAMES:
        for dtype in ("float32", "float64"):
            digest = hashlib.sha256()
            of_name = of_loss if name in LOSSES or name in OF_LABELS else of_row
            for result in of_name(name, dtype):
                update(digest, result)
            yield f"{name} {dtype}", digest.hexdigest()[:16]


def digests() -> dict[str, dict[str, str]]:
    """All digests, by instruction set."""
    found = {}
    for isa in fa.isas():
        fa.set_isa(isa)
        found[isa] = dict(of_activations()) | dict(of_rows())
        if isa != "sse2":  # where a BLAS computes the products
            found[isa].update(of_layers())
    return found


def differences(want: dict[str, dict[str, str]], got: dict[str, dict[str, str]]) -> list[str]:
    """Where digests of the instruction sets that both have differ."""
    return [
        f"{isa} {key}"
        for isa in got
        if isa in want
        for key in sorted({*want[isa], *got[isa]})
        if want[isa].get(key) != got[isa].get(key)
    ]


def main() -> int:
    """Write digests, or compare them with those of a file; 1 if some differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--write", type=Path, metavar="FILE", help="write the digests of this build")
    either.add_argument("--check", type=Path, metavar="FILE", help="compare this build with a file")
    arguments = parser.parse_args()
    with np.errstate(all="ignore"):
        found = digests()
    if arguments.write:
        arguments.write.write_text(json.dumps(found, indent=0) + "\n")
        return 0
    wrong = differences(json.loads(arguments.check.read_text()), found)
    print(*wrong[:50], sep="\n")
    print(f"{sum(map(len, found.values()))} digests, {len(wrong)} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
