"""Calls of layer norm, RMS norm, batch norm and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
import row_reference
from calls import Call, Want
from operands import Choices, Operands, Shape
from row_calls import any_input, any_rows, computed_in, wide

import fastact as fa

EPS = (1e-5, 0.5, 1)


def out_over_any(choices: Choices, operands: Operands, want: Want, keywords: dict[str, Any]) -> None:
    """Choose out=, over whatever lies in shared memory."""
    if choices.often(2):
        out = operands.result(want.values.shape, choices.of([want.dtype] * 4 + [np.float16, np.float64]))
        want.precision, want.dtype = min(want.precision, want.dtype.itemsize), out.dtype
        keywords["out"] = out


# Over rows --------------------------------------------------------------------------------------------


def row_norm_call(choices: Choices, name: str, backward: bool) -> Call:
    """layer_norm or rms_norm, over one last axis or several."""
    operands = Operands(choices, choices.of([np.float16, np.float32, np.float64]))
    shape = any_rows(choices)
    axes = choices.integer(1, len(shape)) if choices.often(3) else 1
    own, keywords = shape[len(shape) - axes :], {}
    weight = bias = None
    if axes > 1 or not choices.often(3):
        weight = any_input(choices, operands, own, least=1)
    if name == "layer_norm" and not choices.often(3):
        bias = any_input(choices, operands, own, least=1)
    if weight is None and bias is None:
        axes, own = 1, shape[-1:]
    gradients = [any_input(choices, operands, shape)] if backward else []
    x = any_input(choices, operands, shape)
    given = [weight] if name == "rms_norm" else [weight, bias]
    dtype = computed_in([x, *(a for a in given if a is not None)])
    eps = choices.of(EPS)
    if name == "layer_norm" and choices.often(2):
        eps = 1e-5
    else:
        keywords["eps"] = eps
    rows = (*shape[: len(shape) - axes], int(np.prod(own)))
    flat = [None if a is None else wide(a).ravel() for a in (weight, bias)]
    centred = name == "layer_norm"
    with np.errstate(all="ignore"):
        values = row_reference.norm(wide(x).reshape(rows), *flat, eps, centred).reshape(shape)
        wants: list[Want | None] = [Want(values, dtype, scale=8.0)]
        if backward:
            g = wide(gradients[0]).reshape(rows)
            found = row_reference.norm_gradients(g, wide(x).reshape(rows), flat[0], eps, centred)
            wants = norm_wants(found, (shape, own), (weight, bias)[: len(given)], dtype)
    if not backward:
        out_over_any(choices, operands, wants[0], keywords)  # type: ignore[arg-type]
    function = getattr(fa, name).backward if backward else getattr(fa, name)
    return Call(name, function, [*gradients, x, *given], keywords, wants, operands)


def norm_wants(
    found: tuple[np.ndarray, ...], shapes: tuple[Shape, Shape], given: Any, dtype: np.dtype[Any]
) -> list[Want | None]:
    """dx, and the gradients of weight and bias where these are given; `found` has them last."""
    dx, *terms = found
    wants: list[Want | None] = [Want(dx.reshape(shapes[0]), dtype, scale=1e3)]
    for array, one in zip(given, terms, strict=False):
        lead = tuple(range(one.ndim - 1))
        scale = 60.0 + float(np.abs(one).sum(axis=lead).max(initial=0))
        total = one.sum(axis=lead).reshape(shapes[1])
        wants.append(None if array is None else Want(total, dtype, scale=scale))
    return wants


# Over the batch ---------------------------------------------------------------------------------------


def batch_norm_call(choices: Choices, backward: bool) -> Call | None:
    """batch_norm in training or evaluation; None for batches that have no variance."""
    operands = Operands(choices, choices.of([np.float16, np.float32, np.float64]))
    shape = any_rows(choices)
    axis = choices.integer(0, len(shape) - 1)
    n = shape[axis]
    training = not choices.often(3)
    if len(shape) < 2 or (training and 0 not in shape and np.prod(shape) < 2 * n) or np.prod(shape) == 0:
        return None
    weight, bias = (None if choices.often(3) else any_input(choices, operands, (n,), least=1) for _ in "wb")
    gradients = [any_input(choices, operands, shape)] if backward else []
    x = any_input(choices, operands, shape)
    dtype = computed_in([x, *(a for a in (weight, bias) if a is not None)])
    eps = choices.of([0.5, 1e-2, 1])
    keywords: dict[str, Any] = {"axis": axis - len(shape) if choices.often(2) else axis, "eps": eps}
    running = None
    if not training:
        keywords["training"] = False
    if not training or (choices.often(2) and not backward):
        computing = np.float64 if dtype.itemsize > 4 else np.float32
        running = [np.linspace(least, 2, n).astype(computing) for least in (-1, 0.5)]
        keywords["running_mean"], keywords["running_var"] = running
    moved = np.moveaxis(wide(x), axis, -1).reshape(-1, n).T  # features first, samples last
    flat = [None if a is None else wide(a)[:, np.newaxis] for a in (weight, bias)]
    want, wants = batch_wants(moved, flat, gradients, axis, shape, running, eps, training, dtype)
    if not backward:
        out_over_any(choices, operands, want, keywords)
        wants = [want]
    function = RunningStatistics(moved, running, training, backward)
    return Call("batch_norm", function, [*gradients, x, weight, bias], keywords, wants, operands)


class RunningStatistics:
    """Calls batch_norm, and checks how it changes the running statistics."""

    def __init__(self, rows: np.ndarray, running: Any, training: bool, backward: bool) -> None:
        self.rows, self.running, self.changes = rows, running, training and not backward
        self.function = fa.batch_norm.backward if backward else fa.batch_norm

    def __call__(self, *arrays: Any, **keywords: Any) -> Any:
        if self.running is None:
            return self.function(*arrays, **keywords)
        before = [wide(a) for a in self.running]
        copies = [a.copy() for a in self.running]
        keywords = {**keywords, "running_mean": copies[0], "running_var": copies[1]}
        found = self.function(*arrays, **keywords)
        if self.changes:
            batch = self.rows.mean(axis=-1), self.rows.var(axis=-1, ddof=1)
            before = [0.9 * old + 0.1 * new for old, new in zip(before, batch, strict=True)]
        for copy, want in zip(copies, before, strict=True):
            assert np.allclose(copy, want, rtol=1e-5, atol=1e-5), "other running statistics"
        return found


def batch_wants(
    x: np.ndarray,
    flat: list[Any],
    gradients: list[np.ndarray],
    axis: int,
    shape: Shape,
    running: Any,
    eps: float,
    training: bool,
    dtype: np.dtype[Any],
) -> tuple[Want, list[Want | None]]:
    """The result; and dx and the gradients of weight and bias. x has features first, samples last."""

    def back(array: np.ndarray) -> np.ndarray:
        lead = tuple(n for i, n in enumerate(shape) if i != axis)
        return np.moveaxis(array.T.reshape(*lead, shape[axis]), -1, axis)

    weight, bias = flat
    normal = row_reference.norm(x, None, None, eps, True)
    if not training:
        mean, variance = (wide(a)[:, np.newaxis] for a in running)
        normal = (x - mean) / np.sqrt(variance + eps)
    y = normal * (1 if weight is None else weight) + (0 if bias is None else bias)
    want = Want(back(y), dtype, scale=100.0)
    if not gradients:
        return want, []
    g = np.moveaxis(wide(gradients[0]), axis, -1).reshape(-1, shape[axis]).T
    dx, by_weight, by_bias = row_reference.norm_gradients(g, x, weight, eps, True)
    if not training:
        dx, by_weight = g * (1 if weight is None else weight) / np.sqrt(variance + eps), g * normal
    wants: list[Want | None] = [Want(back(dx), dtype, scale=1e3)]
    for array, terms in ((weight, by_weight), (bias, by_bias)):
        scale = 60.0 + float(np.abs(terms).sum(axis=-1).max(initial=0))
        wants.append(None if array is None else Want(terms.sum(axis=-1), dtype, scale=scale))
    return want, wants


# Dropout ----------------------------------------------------------------------------------------------


def philox(words: int, seed: int, layer: int, step: int) -> np.ndarray:
    """That many random words of Philox4x32-10, as the paper has it."""
    low = (1 << 32) - 1
    block = np.arange((words + 3) // 4, dtype=np.uint64)
    c = [block & low, block >> 32, np.full_like(block, layer), np.full_like(block, step)]
    k = [np.uint64(seed & low), np.uint64(seed >> 32)]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & low, (a >> 32) ^ c[3] ^ k[1], a & low]
        k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    return np.stack(c, axis=-1).ravel()[:words]


def dropout_call(choices: Choices) -> Call:
    """dropout, forward or backward, of one array or of copies."""
    operands = Operands(choices, choices.of([np.float16, np.float32, np.float64]))
    shape = any_rows(choices)
    x = any_input(choices, operands, shape, extreme=choices.often(4))
    p: Any = choices.of([0.5, 0.0, 1.0, 0.3, np.float32(0.25)])
    seed: Any = choices.of([0, 1, 2**64 - 1, np.int64(77)])
    places = {"step": choices.integer(0, 2**32 - 1), "layer": choices.integer(0, 3)}
    values, copies = wide(x), shape[0]
    rates, seeds = [float(p)], [int(seed)]
    is_stack = copies > 1 and choices.often(3)
    if is_stack:
        rates = [float(choices.of([0.5, 0.25])) for _ in range(copies)]
        p = np.array(rates)
        if choices.often(2):
            seeds = [choices.integer(0, 2**63) for _ in range(copies)]
            seed = seeds
    each = [(values, rates[0], seeds[0])]
    if is_stack:
        seeds = seeds * copies if len(seeds) == 1 else seeds
        each = [*zip(values, rates, seeds, strict=True)]
    found = [dropped(*one, places["layer"], places["step"]) for one in each]
    want = Want(np.stack(found) if is_stack else found[0], computed_in([x]), scale=1.0)
    want.values = want.values.reshape(shape)
    keywords: dict[str, Any] = {"seed": seed, **places}
    out_over_any(choices, operands, want, keywords)
    function = choices.of([fa.dropout, fa.dropout.backward])
    return Call("dropout", function, [x, p], keywords, [want], operands)


def dropped(x: np.ndarray, p: float, seed: int, layer: int, step: int) -> np.ndarray:
    kept = philox(x.size, seed, layer, step).reshape(x.shape) >= np.floor(p * 2**32)
    with np.errstate(all="ignore"):
        return np.where(kept, x / (1 - p), 0)
