"""Calls of activations: every method, ufuncs, keywords and containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import reference
from calls import Call, Want, plain
from models import Model, any_model, entry, subshape
from operands import FLOATS, INTEGERS, KINDS, Choices, Operands, Shape, wrapped

import fastact as fa

SHAPES = [(5,), (3, 4), (), (1,), (0,), (2, 0), (2, 3, 5), (1, 7), (17,), (33,), (2, 1, 3, 2)]
LARGE = [(3000,), (70, 41), (3, 1000)]
METHODS = {
    "__call__": ("x",),
    "derivative": ("x",),
    "backward": ("grad_y", "x"),
    "value_and_derivative": ("x",),
    "backward_from_output": ("grad_y", "y"),
    "derivative_by": ("x",),
    "parameter_gradients": ("grad_y", "x"),
}


def any_shape(choices: Choices) -> Shape:
    return choices.of(LARGE if choices.often(25) else SHAPES)


def any_dtype(choices: Choices) -> Any:
    return choices.of([*FLOATS, *FLOATS[1:], *(INTEGERS if choices.often(3) else FLOATS)])


def computed_in(arrays: list[Any]) -> np.dtype[Any]:
    """The widest of the dtypes that np.exp gives for each."""
    found = [np.exp(np.empty(0, np.asarray(a).dtype.newbyteorder("="))).dtype for a in arrays]
    return max(found, key=lambda d: d.itemsize)


def unknown_at(grad_y: Any, x: Any, slopes: Any) -> Any:
    """Where NumPy's formulas do not hold: extreme inputs, infinite gradients where f' may underflow."""
    with np.errstate(all="ignore"):
        x = np.asarray(x, np.float64)
        found = np.abs(x) > 6.5
        if grad_y is not None:
            grad_y = np.asarray(grad_y, np.float64)
            found = found | (np.isfinite(grad_y) & (np.abs(grad_y) > 6.5))
            found = found | (~np.isfinite(grad_y) & (slopes != 0) & (np.abs(slopes) < 1e-2))
    return found


# One method ---------------------------------------------------------------------------------------


class Drawn:
    """What one call of a method is made of."""

    def __init__(self, choices: Choices, method: str) -> None:
        self.choices, self.method = choices, method
        self.names = METHODS[method]
        self.shape = any_shape(choices)
        self.operands = Operands(choices, choices.of(FLOATS))
        self.kind: str | None = None
        self.dtype: np.dtype[Any] | None = None  # as the call asks for
        self.x: Any = None  # of which y is the value
        self.parameter = ""  # by which f is differentiated
        if self.shape and choices.often(4):
            kinds = [k for k, suits in KINDS.items() if suits(len(self.shape))]
            self.kind = choices.of(kinds)
        arrays = self.kind in (None, "list", "masked", "subclass")
        self.model = self.suitable_model(arrays)
        self.arrays = self.data()
        self.containers = {n: self.contained(a) for n, a in self.arrays.items()}

    def computed_in(self, part: str) -> np.dtype[Any]:
        """The dtype of the result that depends on this part of a surrogate."""
        if self.dtype is not None:
            return self.dtype
        data = [
            passed
            for name, (passed, _) in self.containers.items()
            if self.method != "parameter_gradients" or name == "x"
        ]
        return computed_in([*data, *self.model.arrays(part)])

    def precision(self, dtype: np.dtype[Any]) -> int:
        """Bytes of the least precise dtype on the way to a result of this one."""
        if self.method == "backward_from_output":
            return min(dtype.itemsize, self.arrays["y"].itemsize)
        if self.model.units is not None and self.dtype is None:  # each group is computed in its own dtype
            return computed_in([passed for passed, _ in self.containers.values()]).itemsize
        return dtype.itemsize

    def suitable_model(self, arrays: bool) -> Model:
        options: dict[str, Any] = {"arrays": arrays}
        if self.method in ("derivative_by", "parameter_gradients"):
            options["names"] = [n for n in fa.names() if fa.get(n).learned]
            return entry(
                self.choices, self.operands, self.shape, {**options, "native": False, "keywords": True}
            )
        if self.method == "backward_from_output":
            options["names"] = [n for n in fa.names() if fa.get(n).output_formula]
            return entry(
                self.choices, self.operands, self.shape, {**options, "native": False, "keywords": True}
            )
        return any_model(self.choices, self.operands, self.shape, **options)

    def data(self) -> dict[str, np.ndarray]:
        """Data of shapes that broadcast to the shape of the call."""
        found = {}
        extreme = self.method != "parameter_gradients" and self.choices.often(3)
        for name in self.names:
            whole = self.kind is not None or self.model.units is not None or not self.choices.often(4)
            shape = self.shape if whole else subshape(self.choices, self.shape)
            dtype = self.operands.base if self.choices.often(2) else any_dtype(self.choices)
            special = extreme or (name == "grad_y" and self.choices.often(4))
            found[name] = self.operands.input(
                shape, dtype, self.kind is None, extreme=special and name != "y"
            )
        if "y" in found:
            self.store_outputs(found["y"])
        return found

    def store_outputs(self, y: np.ndarray) -> None:
        """y = f(x), rounded, in place of x."""
        fits = np.broadcast_shapes(y.shape, *(a.shape for a in self.model.arrays())) == y.shape
        if y.dtype.kind != "f" or not fits or 0 in y.strides or not y.flags.writeable:
            return
        self.x = np.array(y, np.float64)
        with np.errstate(all="ignore"):
            y[...] = self.model.value(self.x, self.model.wide(y.dtype.newbyteorder("=")))

    def contained(self, array: np.ndarray) -> tuple[Any, Any]:
        """The operand as it is passed, and its mask."""
        if self.kind is None:
            return array, None
        mask = self.choices.integer(0, 2**16)
        mask = np.random.default_rng(mask).random(array.shape) < 0.3 if self.kind == "masked" else None
        native = array.astype(array.dtype.newbyteorder("="))
        return wrapped(self.kind, native, mask), mask


def method_call(choices: Choices, method: str) -> Call | None:
    """A call of one method; None where what was chosen has no meaning."""
    drawn = Drawn(choices, method)
    model = drawn.model
    if method == "backward_from_output" and (drawn.x is None or not model.from_output):
        return None
    keywords: dict[str, Any] = dict(model.given)
    if drawn.kind is None and method != "parameter_gradients" and choices.often(10):
        keywords["dtype"] = drawn.dtype = np.dtype(choices.of(FLOATS[1:]))
    wants = wanted(drawn)
    computed = [want.dtype.itemsize for want in wants]
    if drawn.kind in (None, "list") and method != "parameter_gradients":
        add_where_and_out(choices, drawn, keywords, wants)
    data = [passed for passed, _ in drawn.containers.values()]
    arguments = [*([drawn.parameter] if method == "derivative_by" else []), *data]
    copies = [(passed, plain(passed).copy()) for passed in data if drawn.kind is not None]
    wide = zip(wants, computed, strict=True)
    narrowed = any(max(want.precision, size) > want.dtype.itemsize for want, size in wide)
    # NumPy also reads an `out` of another dtype where `where` is given, and converts what is in it
    # and masked arrays have a fill value that float16 cannot hold
    narrowed = narrowed or "where" in keywords or drawn.kind == "masked"
    if drawn.dtype is not None:
        narrowed = narrowed or any(a.itemsize > drawn.dtype.itemsize for a in drawn.arrays.values())
    text = f"{model.activation!r}.{method}"
    function = getattr(model.activation, method)
    if suits_ufunc(drawn) and choices.often(4):
        function, arguments, text = as_ufunc(drawn, arguments[-len(data) :])
        keywords = {name: value for name, value in keywords.items() if name not in model.parameters}
    return Call(text, function, arguments, keywords, wants, drawn.operands, copies, narrowed)


SUFFIXES = {
    "__call__": "",
    "derivative": "_derivative",
    "backward": "_backward",
    "backward_from_output": "_backward_from_output",
    "derivative_by": "_derivative_",
}


def suits_ufunc(drawn: Drawn) -> bool:
    """Whether the method has a ufunc, to which numbers mean what they mean to the method."""
    numbers = len(drawn.model.arrays()) < len(drawn.model.parameters)
    floats = all(np.asarray(passed).dtype.kind == "f" for passed, _ in drawn.containers.values())
    weak = floats and drawn.kind not in ("series", "frame")  # pandas makes arrays of numbers
    return drawn.method in SUFFIXES and drawn.model.name in fa.names() and (weak or not numbers)


def as_ufunc(drawn: Drawn, data: list[Any]) -> tuple[Any, list[Any], str]:
    """The ufunc, its arguments, and a text."""
    name = f"{drawn.model.name}{SUFFIXES[drawn.method]}{drawn.parameter}"
    values = [v if isinstance(v, np.ndarray) else float(v) for v in drawn.model.parameters.values()]
    return getattr(fa.ufuncs, name), [*data, *values], f"fastact.ufuncs.{name}"


def wanted(drawn: Drawn) -> list[Want]:
    """What NumPy's formulas give for each result."""
    method, model = drawn.method, drawn.model
    known = {name: np.array(a, np.float64) for name, a in drawn.arrays.items()}
    x, grad_y = drawn.x if method == "backward_from_output" else known["x"], known.get("grad_y")
    if method == "parameter_gradients":
        return [gradient_of(drawn, name, known) for name in sorted(model.by)]
    wants = []
    for of in {"__call__": ["value"], "value_and_derivative": ["value", "slope"]}.get(method, ["slope"]):
        dtype = drawn.computed_in("forward_" if of == "value" else "backward_")
        wide = model.wide(dtype)
        unknown, scale = unknown_at(grad_y, x, 1.0), 1.0
        if method == "derivative_by":
            drawn.parameter = drawn.choices.of(sorted(model.by))
            found = model.by[drawn.parameter](x, wide)
        else:
            found = getattr(model, of)(x, wide)
        if grad_y is not None:
            unknown = unknown | unknown_at(grad_y, x, found)
            found = reference.times(grad_y, found)
            scale = 8.0 if method == "backward" else 60.0
        kind, mask = kind_of(drawn)
        wants.append(Want(found, dtype, unknown, scale, mask, kind, drawn.precision(dtype)))
    return wants


def gradient_of(drawn: Drawn, name: str, known: Mapping[str, Any]) -> Want:
    """The sum of grad_y df/dparameter; masked elements do not count."""
    dtype = drawn.computed_in("")
    wide = drawn.model.wide(dtype)
    slopes = drawn.model.by[name](known["x"], wide)
    terms = reference.times(known["grad_y"], slopes)
    masks = [mask for _, mask in drawn.containers.values() if mask is not None]
    for mask in masks:
        terms = np.where(mask, 0, terms)
    uncertain = ~np.isfinite(np.broadcast_to(known["grad_y"], terms.shape)) & (np.abs(slopes) < 1e-2)
    uncertain &= slopes != 0
    shape = np.shape(drawn.model.parameters[name])
    with np.errstate(all="ignore"):
        total = reference.sum_to(terms, shape)
    given = np.asarray(drawn.containers["grad_y"][0]).dtype.newbyteorder("=")
    finite = np.where(np.isfinite(terms), np.abs(terms), 0)
    return Want(
        np.asarray(total),
        np.result_type(given, dtype),
        np.any(uncertain),
        1.0 + finite.sum(),
        precision=dtype.itemsize,
    )


def kind_of(drawn: Drawn) -> tuple[type | None, Any]:
    """The type of results, and their mask."""
    if drawn.kind in (None, "list"):
        return None, None
    passed, mask = next(iter(drawn.containers.values()))
    if drawn.kind != "masked":
        return type(passed), None
    for _, other in drawn.containers.values():
        mask = mask | other
    return np.ma.MaskedArray, mask


def add_where_and_out(choices: Choices, drawn: Drawn, keywords: dict[str, Any], wants: list[Want]) -> None:
    """Choose out= and where=, and what they make of the results."""
    if choices.often(2):
        return
    shape = np.broadcast_shapes(*(w.values.shape for w in wants))
    pair = drawn.method == "value_and_derivative"
    outs = [None if pair and choices.often(6) else result_for(choices, drawn, want, shape) for want in wants]
    kept = np.zeros(shape, bool)
    if None not in [out if out is None else 0 for out in outs] and choices.often(4):
        seed, other = choices.integer(0, 2**16), subshape(choices, shape)
        where = np.random.default_rng(seed).random(other) < 0.6
        keywords["where"] = where
        kept = np.broadcast_to(~where, shape)
    for want, out in zip(wants, outs, strict=True):
        if out is not None:  # elements that are not computed stay as they are
            want.values = np.broadcast_to(want.values, shape)
            want.values = np.where(kept, np.array(out, np.float64), want.values)
            want.unknown = np.where(kept, False, np.broadcast_to(want.unknown, shape))
    if len(outs) == 2 and outs[0] is not None and outs[1] is not None and np.may_share_memory(*outs):
        wants[0].unknown = True  # the second result may have been stored over it
        wants[1].unknown = np.broadcast_to(wants[1].unknown, shape) | kept
    keywords["out"] = tuple(outs) if pair else outs[0]


def result_for(choices: Choices, drawn: Drawn, want: Want, shape: Shape) -> np.ndarray:
    """An array to write to, of the result's dtype or another to which it can be cast."""
    kinds = [want.dtype] * 4 + [t for t in FLOATS if np.can_cast(want.dtype, t, "same_kind")]
    out = drawn.operands.result(shape, choices.of(kinds))
    want.precision, want.dtype = min(want.precision, want.dtype.itemsize), out.dtype
    return out
