"""What is timed on a case: fastact, the peers, and the work that no implementation can avoid.

Must not depend on how time is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import blas

import fastact
from fastact.evaluation import _measure
from fastact.evaluation.cases import Array, DenseCase, ElementwiseCase
from fastact.evaluation.health_cases import COUNTING, LOOK_UP, STATISTICS, HealthCase
from fastact.evaluation.peers.base import Call, Peer
from fastact.evaluation.peers.numpy import blas_threads
from fastact.evaluation.row_cases import RowCase
from fastact.evaluation.speed import libxsmm
from fastact.evaluation.train_cases import LEARNING_RATE, TrainCase
from fastact.health.statistics import forward_counting

OURS = "fastact"
MEMORY = {f"memory, {stores}": stores for stores in _measure.STORES}  # passes over memory alone
PRODUCTS = ("products, NumPy", "products, SciPy", "products, libxsmm")
# of health, in words as headings have them
READING, SLOPES, FORWARD, COPY = "reading", "value and derivative", "forward", "copy"
BASELINES = (
    *MEMORY,
    *PRODUCTS,
    READING,
    SLOPES,
    FORWARD,
    COPY,
)  # do less than the case; means and comparisons leave them out
LARGE = 10_000_000  # elements; smaller arrays may stay in a cache from one call to the next
_LINE = 64  # bytes of a cache line


@dataclass(frozen=True)
class Implementation:
    """One way to do the work of a case."""

    name: str
    call: Callable[[Any], Call | None]  # given a case, the function to time, with arguments bound, or None
    # given n, a context in which at most n threads are used
    threads: Callable[[int], AbstractContextManager[Any]]
    steps: int = 1  # how often one call does the work of the case
    limit: int | None = None  # largest number of elements worth timing; larger cases are scaled from it


def elementwise_implementations(peers: Iterable[Peer]) -> list[Implementation]:
    """fastact, the passes over memory, and the peers' calls."""
    listed = [Implementation(OURS, _fastact_call, fastact.num_threads)]
    for name, stores in MEMORY.items():
        listed.append(Implementation(name, partial(memory_pass, stores=stores), fastact.num_threads))
    return listed + [
        Implementation(peer.name, peer.elementwise, peer.threads, limit=peer.limit) for peer in peers
    ]


def dense_implementations(peers: Iterable[Peer]) -> list[Implementation]:
    """fastact, the bare matrix products, and the peers' ways to run dense layers."""
    listed = [
        Implementation(OURS, _fastact_layers, fastact.num_threads),
        Implementation(PRODUCTS[0], _numpy_products, blas_threads),
        Implementation(PRODUCTS[1], scipy_products, blas_threads),
        Implementation(PRODUCTS[2], _libxsmm_products, fastact.num_threads),
    ]
    for peer in peers:
        listed += [Implementation(name, call, peer.dense_threads) for name, call in peer.dense().items()]
    return listed


def row_implementations(peers: Iterable[Peer]) -> list[Implementation]:
    """fastact and the peers' calls on rows."""
    ours = Implementation(OURS, _fastact_on_rows, fastact.num_threads)
    return [ours, *(Implementation(peer.name, peer.rows, peer.threads) for peer in peers)]


def train_implementations(peers: Iterable[Peer]) -> list[Implementation]:
    """fastact, the bare matrix products of a step, and the peers' ways to take it."""
    listed = [
        Implementation(OURS, _fastact_step, fastact.num_threads),
        Implementation(PRODUCTS[0], products_of_step, blas_threads),
    ]
    for peer in peers:
        for name, way in peer.train().items():
            listed.append(Implementation(name, partial(_plain_step, way.call), peer.dense_threads, way.steps))
    return listed


def _plain_step(call: Callable[[Any], Call | None], case: TrainCase) -> Call | None:
    """A peer's step; None with norms or dropout, which peers are not timed with."""
    return call(case) if case.usual else None


def _fastact_step(case: TrainCase) -> Call:
    """The optimiser's update; a step of a network or of its copies."""
    kinds = {"SGD": fastact.optim.SGD, "Adam": fastact.optim.Adam}
    optimizer = kinds[case.optimizer](lr=LEARNING_RATE)
    if not case.widths:
        return partial(optimizer.update, *case.states)
    activations = [case.function] * (len(case.weights) - 1) + ["identity"]
    layers = [(w, b, f) for (w, b), f in zip(case.weights, activations, strict=True)]
    options: Any = {"output": case.output, "dropout": case.dropout, "norm": case.norm or None}
    if case.copies == 1:
        network: Any = fastact.Network(layers, **options)
    else:
        network = fastact.NetworkCopies(
            fastact.Network([(w[c], b[c], f) for w, b, f in layers], **options)
            for c in range(case.copies)
        )
    network.optimizer = optimizer
    return partial(network.step, case.x, case.target)


def products_of_step(case: TrainCase) -> Call | None:
    """The forward product and one or two backward products of each layer, into existing arrays."""
    if not case.widths:
        return None
    pairs, h = [], case.x
    for number, (w, _) in enumerate(case.weights):
        y = np.matmul(h, w)
        pairs += [(h, w, y), (np.swapaxes(h, -1, -2), y, np.empty_like(w))]
        if number:
            pairs.append((y, np.swapaxes(w, -1, -2), np.empty_like(h)))
        h = y

    def products() -> None:
        for a, b, out in pairs:
            np.matmul(a, b, out=out)

    return products


def _fastact_on_rows(case: RowCase) -> Call:
    function = case.function
    method: Any = function if case.direction == "forward" else getattr(function, case.direction)
    return partial(method, *case.arguments, **case.keywords, out=case.result)


# Health --------------------------------------------------------------------------------------------


def health_implementations(peers: Iterable[Peer]) -> list[Implementation]:
    """fastact, what each task cannot do without, and the peers' calls."""
    own = {OURS: _fastact_health, READING: _reading, SLOPES: _slopes, FORWARD: _forward, COPY: _copy}
    listed = [Implementation(name, call, fastact.num_threads) for name, call in own.items()]
    return listed + [Implementation(peer.name, peer.health, peer.dense_threads) for peer in peers]


def _fastact_health(case: HealthCase) -> Call:
    if case.task == STATISTICS:
        return partial(fastact.health, case.z, case.function)
    if case.task == COUNTING:
        return partial(forward_counting, *case.layer, case.function)
    return partial(fastact.quantized.apply, case.table, case.bytes, out=np.empty_like(case.bytes))


def _reading(case: HealthCase) -> Call | None:
    """Each byte of the array, once."""
    return (
        partial(np.bitwise_or.reduce, case.z.reshape(-1).view(np.int64)) if case.task == STATISTICS else None
    )


def _slopes(case: HealthCase) -> Call | None:
    results = (np.empty_like(case.z), np.empty_like(case.z)) if case.task == STATISTICS else None
    return results and partial(case.function.value_and_derivative, case.z, out=results)


def _forward(case: HealthCase) -> Call | None:
    """With the same results, z and y."""
    if case.task != COUNTING:
        return None
    x, w, b = case.layer
    results = fastact.dense_forward(x, w, b, activation=case.function)
    return partial(fastact.dense_forward, x, w, b, activation=case.function, out=results)


def _copy(case: HealthCase) -> Call | None:
    return partial(np.copyto, np.empty_like(case.bytes), case.bytes) if case.task == LOOK_UP else None


# Element-wise --------------------------------------------------------------------------------------


def _fastact_call(case: ElementwiseCase) -> Call:
    """The method of the activation, arguments and results bound to it."""
    function = case.function
    method: Any = function if case.direction == "forward" else getattr(function, case.direction)
    out = case.results if len(case.results) > 1 else case.results[0]
    return partial(method, *case.arguments, out=out)


def memory_pass(case: ElementwiseCase, stores: str) -> Call | None:
    """Read and write as many arrays as the case; None for cases that fit into a cache."""
    if case.n < LARGE:
        return None
    a, b, *_ = (*map(whole_lines, case.arguments), None)
    y, d, *_ = (*map(whole_lines, case.results), None)
    return partial(_measure.move_memory, a, b, y, d, stores)


def whole_lines(array: Array) -> Array:
    """The bytes of an array without its ends: cache lines, as many wherever the array begins."""
    start = -array.ctypes.data % _LINE
    size = (array.nbytes - _LINE) // _LINE * _LINE
    whole: Array = array.view(np.int8)[start : start + size]
    return whole


# Dense layers --------------------------------------------------------------------------------------


def _fastact_layers(case: DenseCase) -> Call:
    """dense_forward and dense_backward with existing results; for several layers, a Network."""
    layers = [(w, b, case.function) for w, b in case.weights]
    return (_network_passes if len(layers) > 1 else _layer_passes)(layers, case.x, case.grad_y)


def _layer_passes(layers: Sequence[tuple[Array, Array, Any]], x: Array, grad_y: Array) -> Call:
    ((w, b, activation),) = layers
    results = fastact.dense_forward(x, w, b, activation=activation)
    gradients = fastact.dense_backward(grad_y, x, w, results[1], activation=activation)

    def forward_and_backward() -> None:
        _, saved = fastact.dense_forward(x, w, b, activation=activation, out=results)
        fastact.dense_backward(grad_y, x, w, saved, activation=activation, out=gradients)

    return forward_and_backward


def _network_passes(layers: Sequence[tuple[Array, Array, Any]], x: Array, grad_y: Array) -> Call:
    network: Any = fastact.Network(layers)
    gradients = network.backward(grad_y, network.forward(x)[1])

    def forward_and_backward() -> None:
        _, saved = network.forward(x)
        network.backward(grad_y, saved, out=gradients)

    return forward_and_backward


def _numpy_products(case: DenseCase) -> Call:
    """The three products of each layer by NumPy's BLAS, into existing arrays."""
    arrays = _product_arrays(case)

    def products() -> None:
        for x, y, dx, dw, w in arrays:
            np.matmul(x, w, out=y)
            np.matmul(y, np.swapaxes(w, -1, -2), out=dx)
            np.matmul(np.swapaxes(x, -1, -2), y, out=dw)

    return products


def scipy_products(case: DenseCase) -> Call | None:
    """The same by SciPy's BLAS, called directly on transposed arrays, since it stores columns. No stacks."""
    if case.side_by_side > 1:
        return None
    gemm = blas.sgemm if case.dtype == "float32" else blas.dgemm
    transposed = [tuple(a.T for a in arrays) for arrays in _product_arrays(case)]

    def products() -> None:
        for x, y, dx, dw, w in transposed:
            gemm(1.0, w, x, 0.0, y, 0, 0, 1)
            gemm(1.0, w, y, 0.0, dx, 1, 0, 1)
            gemm(1.0, y, x, 0.0, dw, 0, 1, 1)

    return products


def _libxsmm_products(case: DenseCase) -> Call | None:
    """The same by libxsmm, which is meant for small matrices. Single layers only."""
    if case.side_by_side > 1 or case.depth > 1:
        return None
    return libxsmm.products(*_product_arrays(case)[0])


def _product_arrays(case: DenseCase) -> list[tuple[Array, ...]]:
    """x, y, dx, dw and w of each layer; only their sizes matter."""
    found: list[tuple[Array, ...]] = []
    lead = case.x.shape[:-1]
    for (w, _), i, o in zip(case.weights, case.widths[:-1], case.widths[1:], strict=True):
        x = np.resize(case.x, (*lead, i))
        y, dw = np.empty((*lead, o), x.dtype), np.empty((*lead[:-1], i, o), x.dtype)
        found.append((x, y, np.empty_like(x), dw, w))
    return found
