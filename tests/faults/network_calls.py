"""Calls of networks: several passes at once, in any order, with results fed back, changed or overwritten."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import reference
from activation_calls import any_dtype
from calls import POOL, Call, Want, check
from dense_calls import Products, any_activation
from models import Model
from operands import FLOATS, Choices, Operands, Shape

import fastact as fa

LARGEST = 1e5  # terms beyond which rounding errors are not followed
SMALL = {"least": -8, "most": 8}


@dataclass
class Step:
    """One layer of a pass in float64, and the size of what rounding may change, in units of the tolerance."""

    products: Products
    z: np.ndarray
    z_error: np.ndarray
    error: np.ndarray  # of the layer's input


@dataclass
class Pass:
    """What a forward pass saved, and what it computed in float64."""

    saved: Any
    x: np.ndarray
    steps: list[Step]
    operands: Operands
    y: np.ndarray  # the result
    y_then: np.ndarray  # and a copy of it

    def check_result(self) -> None:
        """It belongs to the caller: no later call changes it."""
        assert np.array_equal(self.y, self.y_then, equal_nan=True), "an earlier result was changed"


class NetworkCalls:
    """A network and what NumPy knows of it."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.operands = Operands(choices, choices.of(FLOATS[1:]))
        self.dtype = np.dtype(self.operands.base)
        widths = [choices.of([3, 1, 2, 4, 5, 8]) for _ in range(choices.integer(2, 5))]
        if choices.often(3):
            widths = [widths[0]] * len(widths)
        if choices.often(30):
            widths = [40, 120, 30]
        self.models: list[Model] = []
        self.weights: list[tuple[np.ndarray, np.ndarray | None]] = []
        layers = []
        for i, o in pairwise(widths):
            w = self.operands.input((i, o), overlap=False, **SMALL)
            shape = choices.of([(o,), (1, o), None])
            b = None if shape is None else self.operands.input(shape, overlap=False, **SMALL)
            # parameters of a network are of a layer of any size: numbers, or one for each column
            model = any_activation(choices.again(), self.operands, (o,))
            self.models.append(model)
            self.weights.append(
                (np.array(w, np.float64), None if b is None else np.array(b, np.float64).ravel())
            )
            layers.append((w, b, model.activation))
        self.net = with_bound_arrays(layers)
        self.widths = widths
        for w, b, _ in layers:  # they are copied
            for array in (w, b):
                if array is not None and array.flags.writeable and 0 not in array.strides:
                    array[...] = 77

    # In float64 --------------------------------------------------------------------------------------

    def steps(self, x: np.ndarray) -> tuple[list[Step], np.ndarray, np.ndarray] | None:
        """The pass, its result and that one's error; None where numbers become too large."""
        steps, h, error = [], x, np.zeros_like(x)
        for model, (w, b) in zip(self.models, self.weights, strict=True):
            products, wide = Products(h, w, b), model.wide(self.dtype)
            z = products.pre_activation()
            z_error = np.abs(h) @ np.abs(w) + error @ np.abs(w) + (0 if b is None else np.abs(b))
            steps.append(Step(products, z, z_error, error))
            with np.errstate(all="ignore"):
                h = np.broadcast_to(model.value(z, wide), z.shape)
                slopes = np.abs(model.slope(z, wide)) + curvature(model, z, wide)
                error = 2 * slopes * (1 + z_error) + np.abs(h)
            if not np.max(np.abs(h), initial=0) + np.max(error, initial=0) < LARGEST:
                return None
        return steps, h, error

    def gradients(self, steps: Sequence[Step], grad_y: np.ndarray) -> list[Want | None] | None:
        """dx, all dw, all db."""
        delta, error = grad_y, np.zeros_like(grad_y)
        dw: list[Want | None] = []
        db: list[Want | None] = []
        for model, step in zip(reversed(self.models), reversed(steps), strict=True):
            wide, before = model.wide(self.dtype), step.products
            with np.errstate(all="ignore"):
                slopes = np.broadcast_to(model.slope(step.z, wide), step.z.shape)
                bend = curvature(model, step.z, wide)
                error = error * np.abs(slopes) + np.abs(delta) * (np.abs(slopes) + bend * (1 + step.z_error))
            delta = reference.times(delta, slopes)
            sizes = Products(*(None if a is None else np.abs(a) for a in (before.x, before.w, before.b)))
            found, errors = before.gradients(delta), sizes.gradients(error + np.abs(delta))
            from_input = Products(step.error, before.w, before.b).gradients(np.abs(delta))[1]
            errors[1] = errors[1] + from_input
            if not max(np.max(e, initial=0) for e in errors if e is not None) < LARGEST:
                return None
            wants = [
                None if f is None else Want(f, self.dtype, scale=1 + 4 * e)
                for f, e in zip(found, errors, strict=True)
            ]
            dw.insert(0, wants[1])
            db.insert(0, wants[2])
            delta, error, dx = found[0], errors[0], wants[0]
        for want, layer in zip(db, self.net, strict=True):  # biases may have two axes
            if want is not None:
                want.values, want.scale = (np.reshape(a, layer.b.shape) for a in (want.values, want.scale))
        return [dx, *dw, *db]

    # Calls -------------------------------------------------------------------------------------------

    def batch(self, operands: Operands) -> np.ndarray:
        shape: Shape = self.choices.of([(4,), (1,), (0,), (2, 3), (), (17,)])
        if self.choices.often(30):
            shape = (300,)
        dtype = self.dtype if not self.choices.often(4) else any_dtype(self.choices)
        return operands.input((*shape, self.widths[0]), dtype, overlap=True, **SMALL)

    def predict(self) -> None:
        operands = Operands(self.choices, self.operands.base)
        x = self.batch(operands)
        found = self.steps(np.array(x, np.float64))
        if found is not None:
            want = Want(found[1], self.dtype, scale=1 + 4 * found[2])
            function = self.choices.of([self.net.predict, self.net])
            check(Call("Network.predict", function, (x,), {}, [want], operands), self.choices.often(5))

    def forward(self, x: np.ndarray | None = None) -> tuple[np.ndarray, Pass] | None:
        """The result and the pass; None where numbers become too large."""
        operands = Operands(self.choices, self.operands.base)
        x = self.batch(operands) if x is None else x
        found = self.steps(np.array(x, np.float64))
        if found is None:
            return None
        kept: list[Any] = []

        def forward(x: Any) -> Any:
            y, saved = self.net.forward(x)
            kept.append(saved)
            return y

        want = Want(found[1], self.dtype, scale=1 + 4 * found[2])
        y = check(Call("Network.forward", forward, (x,), {}, [want], operands), self.choices.often(10))[0]
        return y, Pass(kept[-1], x, found[0], operands, y, y.copy())

    def backward(self, of: Pass) -> bool:
        """Whether the pass can be used again: its input was not overwritten."""
        operands, choices = of.operands, self.choices.again()
        operands.choices = choices
        dtype = self.dtype if not choices.often(4) else any_dtype(choices)
        shape = (*of.x.shape[:-1], self.widths[-1])
        grad_y = operands.input(shape, dtype, overlap=False, **SMALL)
        wants = self.gradients(of.steps, np.array(grad_y, np.float64))
        if wants is None:
            return True
        keywords: dict[str, Any] = {}
        if choices.often(4):
            keywords["need_dx"], wants[0] = False, None
        if choices.often(2):
            self.add_outs(choices, operands, keywords, wants)
        check(Call("Network.backward", self.net.backward, (grad_y, of.saved), keywords, wants, operands))
        return "out" not in keywords

    def add_outs(
        self, choices: Choices, operands: Operands, keywords: dict[str, Any], wants: list[Want | None]
    ) -> None:
        accumulate = choices.often(3)
        outs: list[Any] = []
        for want in wants:
            out = None
            if want is not None and (accumulate or not choices.often(4)):
                out = operands.result(want.values.shape, choices.of([self.dtype] * 4 + [*FLOATS]))
                want.dtype, want.precision = out.dtype, self.dtype.itemsize
            outs.append(out)
        count = len(self.models)
        keywords["out"] = outs[0], tuple(outs[1 : count + 1]), outs[count + 1 :]
        for number, (want, out) in enumerate(zip(wants, outs, strict=True)):
            later = [o for o in outs[number + 1 :] if o is not None]
            if want is not None and out is not None and any(np.may_share_memory(out, o) for o in later):
                want.unknown = True
                accumulate = False
        if accumulate:
            keywords["accumulate"] = True
            for want, out in zip(wants, outs, strict=True):
                if want is not None:
                    want.values = want.values + np.array(out, np.float64)

    # Whatever may happen between calls -----------------------------------------------------------------

    def assign(self) -> None:
        """Other weights, in place or by assignment."""
        number = self.choices.integer(0, len(self.models) - 1)
        layer, (w, b) = self.net.layers[number], self.weights[number]
        w = np.round(w / 2 * 8) / 8 if self.choices.often(2) else -w
        if self.choices.often(2):
            layer.w = w
        else:
            layer.w[...] = w
        if b is not None:
            b = -b
            layer.b = b.reshape(layer.b.shape)
        self.weights[number] = w, b

    def replace(self, pending: list[Pass]) -> None:
        """Go on with a copy; what the original saved is refused by it."""
        ways = [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]
        ways.append(with_bound_arrays)
        self.net = self.choices.of(ways)(self.net)
        for one in pending:
            shape = (*one.x.shape[:-1], self.widths[-1])
            with pytest.raises(ValueError, match="saved belongs to another network"):
                self.net.backward(np.zeros(shape, self.dtype), one.saved)

    def several_threads(self) -> None:
        """Passes of different sizes at once."""
        batches = [np.full((n, self.widths[0]), n / 8, self.dtype) for n in (1, 3, 9, 4)]
        results = list(POOL.map(self.net.predict, batches))
        for batch, result in zip(batches, results, strict=True):
            alone = self.net.predict(batch)
            assert np.array_equal(result, alone, equal_nan=True), "another result in several threads"


def with_bound_arrays(layers: Any) -> fa.Network:
    """Arrays that are bound to activations are used as they are, not copied to be trained."""
    return fa.Network(layers, learn_activations=False)


def curvature(model: Model, z: np.ndarray, wide: Any) -> np.ndarray:
    """About abs(f''), on the side where f' does not jump."""
    h, here = 1e-4, model.slope(z, wide)
    return np.minimum(*(np.abs(model.slope(z + s * h, wide) - here) / h for s in (1, -1)))
