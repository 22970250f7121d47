"""Calls of losses, of elements and of labels: weights, reductions, gradients over any operand."""

from __future__ import annotations

from typing import Any

import numpy as np
import row_reference
from calls import Call, Want
from operands import INTEGERS, Choices, Operands, Shape
from row_calls import FLOATS, add_out, any_input, any_rows, computed_in, wide

import fastact as fa

REDUCTIONS = ("mean", "sum", "none")
FRACTIONS = {"least": 0, "most": 8}


def weights_for(choices: Choices, operands: Operands, shape: Shape) -> np.ndarray | None:
    """Factors that broadcast to this shape, some of them 0; or None."""
    if choices.often(2):
        return None
    start = choices.integer(0, len(shape))
    own = tuple(1 if choices.often(5) else n for n in shape[start:])
    return any_input(choices, operands, own, **choices.of([{"least": 1}, FRACTIONS]))


# Losses of elements -----------------------------------------------------------------------------------


def any_target(choices: Choices, operands: Operands, name: str, shape: Shape) -> np.ndarray:
    if name == "hinge":
        signs = np.random.default_rng(choices.integer(0, 2**16)).choice([-1, 1], shape)
        return signs.astype(choices.of([*FLOATS, np.int8, np.int64]))
    like = {} if name in ("mse", "huber") else FRACTIONS
    return any_input(choices, operands, shape, **like)


def loss_call(choices: Choices, name: str, gradient: bool) -> Call:
    """A loss of elements, with all keywords."""
    operands = Operands(choices, choices.of(FLOATS))
    shape = any_rows(choices) if not choices.often(12) else ()
    x = any_input(choices, operands, shape)
    target = any_target(choices, operands, name, shape)
    keywords, parameter = loss_parameter(choices, operands, name, shape)
    weight = weights_for(choices, operands, shape)
    if weight is not None:
        keywords["weight"] = weight
    reduction = choices.of(REDUCTIONS)
    if reduction != "mean" or choices.often(2):
        keywords["reduction"] = reduction
    dtype = computed_in([x] if target.dtype.kind in "biu" else [x, target])
    if isinstance(parameter, (int, float, np.floating, np.integer)):
        parameter = float(np.float32(parameter) if dtype.itemsize < 8 else parameter)
    with np.errstate(all="ignore"):
        each, slopes = row_reference.LOSSES[name](
            wide(x), wide(target), None if parameter is None else wide(parameter)
        )
        wants = weighted(each, slopes, weight, reduction, name == "mse", dtype)
    if not gradient:
        wants = wants[:1]
    elif choices.often(2):
        keywords["out"] = add_out(choices, operands, wants[1])
    function = getattr(fa, name).value_and_gradient if gradient else getattr(fa, name)
    return Call(name, function, [x, target], keywords, wants, operands)


def loss_parameter(
    choices: Choices, operands: Operands, name: str, shape: Shape
) -> tuple[dict[str, Any], Any]:
    """The keywords of a loss that has a parameter, and its value."""
    if name == "huber":
        delta = choices.of([1.0, 0.5, 2, np.float32(1.5)])
        return {"delta": delta}, delta
    if name != "sigmoid_binary_cross_entropy":
        return {}, None
    if choices.often(2):
        return {}, 1.0
    given = weights_for(choices, operands, shape)
    given = choices.of([0.5, 2, np.float32(1.25)]) if given is None else given
    return {"pos_weight": given}, given


def weighted(
    each: np.ndarray, slopes: np.ndarray, weight: Any, reduction: str, of_weights: bool, dtype: np.dtype[Any]
) -> list[Want]:
    """The loss and the gradient; elements of weight 0 do not count."""
    w = np.ones(each.shape) if weight is None else np.broadcast_to(wide(weight), each.shape)
    each, slopes = (np.where(w == 0, 0, a * w) for a in (each, slopes))
    divisor = 1.0
    if reduction == "mean":
        divisor = float(w.sum()) if of_weights else float(w.size)
    precision = dtype.itemsize
    loss = each if reduction == "none" else np.asarray(each.sum() / divisor)
    finite = 1.0 + float(np.abs(each).sum() / divisor) if reduction != "none" else 50.0
    gradient = slopes / divisor if divisor else np.full(slopes.shape, np.nan)
    return [Want(loss, dtype, scale=finite, precision=precision), Want(gradient, dtype, scale=50.0)]


# Losses of labels -------------------------------------------------------------------------------------


def label_call(choices: Choices, name: str, gradient: bool) -> Call:
    """softmax_cross_entropy or nll, with labels or probabilities as targets."""
    operands = Operands(choices, choices.of(FLOATS))
    shape = any_rows(choices)
    axis = choices.integer(0, len(shape) - 1) if choices.often(2) else len(shape) - 1
    n, lead = shape[axis], shape[:axis] + shape[axis + 1 :]
    keywords: dict[str, Any] = {} if axis == len(shape) - 1 else {"axis": axis}
    x = any_input(choices, operands, shape)
    reduction = choices.of(REDUCTIONS)
    if reduction != "mean" or choices.often(2):
        keywords["reduction"] = reduction
    if choices.often(3):
        keywords["weight"] = any_input(choices, operands, (n,), least=1)
    smoothing = 0.0
    if name == "softmax_cross_entropy" and choices.often(3):
        smoothing = keywords["label_smoothing"] = choices.of([0.25, 0.5, 1.0])
    if name == "softmax_cross_entropy" and choices.often(3):
        target = operands.input(shape, choices.of(FLOATS), **FRACTIONS)
        hot, counted = np.moveaxis(wide(target), axis, -1), None
    else:
        target, counted = any_labels(choices, lead, n, keywords)
        hot = row_reference.one_hot(target, n) * counted[..., np.newaxis]
    rows, dtype = np.moveaxis(wide(x), axis, -1), computed_in([x])
    loss, slopes = label_wants(name, rows, hot, counted, smoothing, keywords, dtype)
    slopes.values = np.moveaxis(slopes.values, -1, axis)
    wants = [loss, slopes] if gradient else [loss]
    if gradient and choices.often(2):
        keywords["out"] = add_out(choices, operands, slopes)
    function = getattr(fa, name).value_and_gradient if gradient else getattr(fa, name)
    return Call(name, function, [x, target], keywords, wants, operands)


def any_labels(
    choices: Choices, lead: Shape, n: int, keywords: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels, some of which are ignored, and which of them count."""
    generator = np.random.default_rng(choices.integer(0, 2**16))
    labels = generator.integers(0, max(n, 1), lead)
    kinds = [t for t in INTEGERS[1:] if n <= np.iinfo(t).max]
    kind = choices.of([np.int64, *kinds])
    counted = np.ones(lead, bool)
    if choices.often(3) or n == 0:
        ignored = choices.of([-1, 0, 100, -100])
        if not np.iinfo(kind).min <= ignored <= np.iinfo(kind).max:
            ignored = 100
        keywords["ignore_index"] = ignored
        labels[(generator.random(lead) < 0.4) | (n == 0)] = ignored
        counted = labels != ignored
    labels = np.asarray(labels).astype(kind)
    return np.array(labels, order=choices.of("CF")), np.asarray(counted)


def label_wants(
    name: str,
    x: np.ndarray,
    hot: np.ndarray,
    counted: Any,
    smoothing: float,
    keywords: dict[str, Any],
    dtype: np.dtype[Any],
) -> list[Want]:
    """The loss and the gradient, with the classes last; `hot` is the target as weights of classes."""
    reduction = keywords.get("reduction", "mean")
    n = x.shape[-1]
    of_classes = wide(keywords["weight"]) if "weight" in keywords else np.ones(n)
    divisor: Any = 1.0
    if reduction == "mean":
        divisor = np.prod(x.shape[:-1]) if counted is None else float((hot * of_classes).sum())
    q = hot * (1 - smoothing) + (smoothing / n if n else 0)
    q = q * of_classes * (1.0 if counted is None else counted[..., np.newaxis])
    with np.errstate(all="ignore"):
        compute = row_reference.likelihood if name == "nll" else row_reference.cross_entropy
        each, slopes = compute(x, q)
        each = np.where(q.sum(axis=-1) == 0, 0, each)
        loss = each if reduction == "none" else np.asarray(each.sum() / divisor)
        gradient = slopes / divisor if divisor else np.zeros(slopes.shape)
        scale = 1 + float(np.abs(x).max(initial=0)) * float(np.abs(q).sum() / max(divisor, 1e-3))
    precision = dtype.itemsize
    return [Want(loss, dtype, scale=scale, precision=precision), Want(gradient, dtype, scale=scale)]
