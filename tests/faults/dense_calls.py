"""Calls of dense layers, forward and backward: shapes, dtypes, activations, overlaps, what is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import reference
from activation_calls import any_dtype, computed_in
from calls import Call, Want, check
from models import Model, any_model
from operands import FLOATS, Choices, Operands, Shape

import fastact as fa

SIZES = [3, 4, 1, 2, 5, 0, 8, 17]
LARGE = [(70, 40, 50), (300, 30, 20), (5, 200, 130), (257, 3, 9)]
SMALL = {"least": -16, "most": 16}
TOO_LARGE = 1e15  # sums of such numbers cancel


class Cube:
    """An activation from elsewhere, with the methods that it is given."""

    def __init__(self, method: str) -> None:
        setattr(self, method, getattr(self, f"_{method}"))

    def __eq__(self, other: object) -> bool:
        return type(other) is Cube

    def __hash__(self) -> int:
        return 3

    def __repr__(self) -> str:
        return "Cube()"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x**3

    def _derivative(self, x: np.ndarray) -> np.ndarray:
        return 3 * x**2

    def _backward(self, grad_y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return grad_y * 3 * x**2


def identity() -> Model:
    return Model(None, {}, {}, lambda x, p: +x, lambda x, p: np.ones_like(x), name="identity")


def any_activation(choices: Choices, operands: Operands, result: Shape) -> Model:
    """What `activation` may be: None, a name, an activation, or an object from elsewhere."""
    kind = choices.integer(0, 9)
    if kind == 0:
        return identity()
    if kind == 1:
        cube = Cube(choices.of(["derivative", "backward"]))
        return Model(cube, {}, {}, lambda x, p: x**3, lambda x, p: 3 * x**2, name="cube")
    model = any_model(choices, operands, result, keywords=False)
    if not model.arrays() and kind == 2 and model.name in fa.names():
        model = any_model(choices, operands, result, keywords=False, arrays=False)
    if model.name in fa.names() and fa.get(model.name) == model.activation and choices.often(2):
        model.activation = model.name
    return model


@dataclass
class Products:
    """x w + b and gradients in float64, with the sums of the sizes of their terms."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray | None

    def pre_activation(self) -> np.ndarray:
        z = self.x @ self.w
        return z if self.b is None else z + self.b

    def gradients(self, delta: np.ndarray) -> list[np.ndarray | None]:
        """dx, dw, db of the operands' shapes."""
        rows, deltas = self.x, delta
        if self.x.ndim == 1:
            rows, deltas = self.x[np.newaxis], delta[..., np.newaxis, :]
        dx = deltas @ np.swapaxes(self.w, -1, -2)
        dw = np.swapaxes(rows, -1, -2) @ deltas
        found = [reference.sum_to(dx, rows.shape).reshape(self.x.shape), reference.sum_to(dw, self.w.shape)]
        return [*found, None if self.b is None else reference.sum_to(delta, self.b.shape)]

    def sizes(self, delta: np.ndarray) -> list[np.ndarray | None]:
        absolute = Products(*(None if a is None else np.abs(a) for a in (self.x, self.w, self.b)))
        return absolute.gradients(np.abs(delta))


class LayerCalls:
    """The calls of one layer, on operands that may lie over each other."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.operands = Operands(choices, choices.of(FLOATS[1:]))
        n, i, o = choices.of(LARGE) if choices.often(25) else (choices.of(SIZES) for _ in range(3))
        stack = choices.of([(), (), (), (2,), (3, 1), (1,), (0,)])
        x_stack, w_stack, b_stack = (choices.of([stack, stack[1:], ()]) for _ in range(3))
        x_shape = (i,) if choices.often(5) else (*x_stack, n, i)
        b_shapes: list[Shape | None] = [(o,), None]
        if len(x_shape) > 1:
            b_shapes += [(1, o), (*b_stack, 1, o)]
        self.b_shape = choices.of(b_shapes)
        self.x = self.operand(x_shape)
        self.w = self.operand((*w_stack, i, o))
        self.b = None if self.b_shape is None else self.operand(self.b_shape)
        operands = [self.x, self.w, *([] if self.b is None else [self.b])]
        self.dtype = max(np.dtype(np.float32), computed_in(operands), key=lambda d: d.itemsize)
        self.remember()
        self.shape = self.products.pre_activation().shape
        self.model = any_activation(choices.again(), self.operands, self.shape)
        self.grad_y = self.operand(self.shape)
        if choices.often(3) and self.grad_y.size and self.grad_y.dtype.kind == "f":
            self.infinite = self.grad_y.flags.writeable and 0 not in self.grad_y.strides
        else:
            self.infinite = False
        self.remember()

    def operand(self, shape: Shape) -> np.ndarray:
        dtype = self.operands.base if not self.choices.often(4) else any_dtype(self.choices)
        return self.operands.input(shape, dtype, **SMALL)

    def remember(self) -> None:
        """Values of the operands in float64, once all of them are in place."""
        wide = (None if a is None else np.array(a, np.float64) for a in (self.x, self.w, self.b))
        self.products = Products(*wide)

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.x, self.w, self.b

    # Forward -----------------------------------------------------------------------------------------

    def want_y(self, out: Any = None) -> Want:
        with np.errstate(all="ignore"):
            values = self.model.value(self.z, self.model.wide(self.dtype))
        dtype = self.dtype if out is None else out.dtype
        return Want(np.broadcast_to(values, self.shape), dtype, precision=self.dtype.itemsize)

    @property
    def z(self) -> np.ndarray:
        return self.products.pre_activation()

    def out(self, shape: Shape) -> np.ndarray:
        kinds = [self.dtype] * 4 + [np.dtype(t) for t in FLOATS]
        return self.operands.result(shape, self.choices.of(kinds))

    def call(self, function: Callable[..., Any], arguments: Any, keywords: Any, wants: Any) -> list[Any]:
        text = f"{function.__name__} with {self.model.activation!r}"
        call = Call(text, function, arguments, keywords, wants, self.operands)
        return check(call, threads=self.choices.often(30))

    def check_dense(self, out: bool) -> None:
        """fastact.dense"""
        keywords: dict[str, Any] = {"activation": self.model.activation}
        want = self.want_y()
        if out:
            keywords["out"] = self.out(self.shape)
            want = self.want_y(keywords["out"])
        self.call(fa.dense, self.arrays, keywords, [want])

    def check_forward(self, out: bool, save: str | None) -> fa.Saved | None:
        """fastact.dense_forward; None where what is to be saved does not suffice."""
        keywords: dict[str, Any] = {"activation": self.model.activation, "save": save}
        given = self.out(self.shape) if out else None
        earlier = held = None
        if self.choices.often(3):
            earlier = self.earlier()
            if earlier.array is not None and not earlier.array.flags.writeable:
                held = earlier.array.copy()
            keywords["out"] = given, earlier
        elif out:
            keywords["out"] = given
        want = self.want_y(given)
        kept: list[Any] = []

        def function(*arguments: Any, **keywords: Any) -> Any:
            y, saved = fa.dense_forward(*arguments, **keywords)
            kept.append(saved)
            return y

        try:
            self.y = self.call(function, self.arrays, keywords, [want])[0]
        except AssertionError as error:
            if save is None or not isinstance(error.__cause__, TypeError) or "save" not in str(error):
                raise
            return None
        saved = kept[-1]
        if held is not None:
            assert np.array_equal(earlier.array, held, equal_nan=True), "a read-only array was changed"
        if saved.array is not None and save != "output":
            for memory in (self.operands.shared, *self.operands.owned):
                assert not np.shares_memory(saved.array, memory.data), "saved lies in an operand"
        return saved

    def earlier(self) -> fa.Saved:
        """What an earlier pass has saved, in memory that may be read-only."""
        x = np.ones(self.products.x.shape, self.dtype)
        w = np.ones(self.products.w.shape, self.dtype)
        own = [self.model.activation] if not self.model.arrays() else []
        saved = fa.dense_forward(x, w, activation=self.choices.of(["gelu", "relu", *own]))[1]
        if saved.array is not None and self.choices.often(3):
            saved.array.flags.writeable = False
        return saved

    # Backward ----------------------------------------------------------------------------------------

    def check_backward(self, saved: fa.Saved, intact: bool) -> None:
        """fastact.dense_backward; unless the operands are intact, on copies of them."""
        choices = self.choices.again()
        x, w = self.x, self.w
        if not intact:
            x, w = (a.astype(self.dtype) for a in (self.products.x, self.products.w))
        keywords: dict[str, Any] = {}
        if choices.often(4):
            keywords["need_dx"] = False
        suits = self.model.units is None and (saved.kind == "input" or not self.model.by)
        if suits and choices.often(2 if self.model.by else 6):
            keywords["need_parameters"] = True
        if self.infinite and "need_parameters" in keywords:
            self.grad_y[(0,) * self.grad_y.ndim] = np.inf
        if choices.often(5):
            keywords["activation"] = self.model.activation
        wants = self.gradients(saved, keywords)
        if wants is None:
            return
        self.add_outs(choices, keywords, wants, saved)
        self.call(fa.dense_backward, (self.grad_y, x, w, saved), keywords, wants)

    def gradients(self, saved: fa.Saved, keywords: dict[str, Any]) -> list[Want | None] | None:
        grad_y = np.array(self.grad_y, np.float64)
        wide, z = self.model.wide(self.dtype), self.z
        with np.errstate(all="ignore"):
            slopes = np.broadcast_to(self.model.slope(z, wide), self.shape)
            delta = reference.times(grad_y, slopes)
            finite = np.where(np.isfinite(delta), delta, 0)
            if np.max(np.abs(finite), initial=0) > TOO_LARGE:
                return None
            every = zip(self.products.gradients(finite), self.products.sizes(finite), strict=True)
            scale = 60.0 if saved.kind == "output" else 8.0
            lost = not np.isfinite(grad_y).all()
            wants = [None if v is None else Want(v, self.dtype, lost, scale + s) for v, s in every]
            for want in wants:
                if want is not None:
                    want.precision = self.dtype.itemsize
            if "need_dx" in keywords:
                wants[0] = None
            if "need_parameters" in keywords:
                wants += self.parameter_gradients(grad_y, z, wide)
        return wants

    def parameter_gradients(self, grad_y: np.ndarray, z: np.ndarray, wide: Any) -> list[Want]:
        wants = []
        for name in sorted(self.model.by):
            slopes = self.model.by[name](z, wide)
            terms = reference.times(grad_y, slopes)
            small = (slopes != 0) & (np.abs(slopes) < 1e-2)
            uncertain = bool(np.any(~np.isfinite(grad_y) & small))
            total = reference.sum_to(terms, np.shape(self.model.parameters[name]))
            scale = 1.0 + np.where(np.isfinite(terms), np.abs(terms), 0).sum()
            wants.append(Want(np.asarray(total), self.dtype, uncertain, scale, precision=self.dtype.itemsize))
        return wants

    def add_outs(
        self, choices: Choices, keywords: dict[str, Any], wants: list[Want | None], saved: fa.Saved
    ) -> None:
        """Choose out= and accumulate=."""
        if choices.often(2):
            return
        accumulate = choices.often(3)
        outs: list[Any] = []
        for want in wants[:3]:
            if want is None or (not accumulate and choices.often(4)):
                outs.append(None)
                continue
            out = self.out(want.values.shape)
            array = saved.array
            if type(array) is np.ndarray and array.shape == out.shape and array.dtype == out.dtype:
                out = array if choices.often(2) and array.flags.writeable else out
            outs.append(out)
            want.dtype = out.dtype
        keywords["out"] = tuple(outs)
        for number, (want, out) in enumerate(zip(wants[:3], outs, strict=True)):
            later = [o for o in outs[number + 1 :] if o is not None]
            if want is not None and out is not None and any(np.may_share_memory(out, o) for o in later):
                want.unknown = True
                accumulate = False
        if accumulate:
            keywords["accumulate"] = True
            for want, out in zip(wants[:3], outs, strict=True):
                if want is not None:
                    want.values = want.values + np.array(out, np.float64)
                    want.scale = want.scale + 3
