"""A dense layer's arguments on their way to C: checked, of one dtype, with arrays for the results.

Knows shapes, dtypes, layouts and overlaps. Does not know any activation, nor how a layer is computed; what C
does not take (activations that are not rows of the table, parameters that vary along the batch) is done here
in two steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _dense, errors
from fastact._dense import Saved
from fastact.activations.base import Activation
from fastact.activations.registry import get
from fastact.activations.builtin import UNBOUND, Builtin
from fastact.dense.saving import KINDS, bit_values, check_saved, kind_to_save

Array = NDArray[Any]
IDENTITY = UNBOUND["identity"]
_CHUNK = 1 << 16  # elements at a time where NumPy computes, so that temporaries stay small


class Layer:
    """One call's arguments: `arrays` are x, w and, where the call has them, b and grad_y."""

    def __init__(self, function: str, arrays: Mapping[str, Any], activation: Any) -> None:
        self.function = function
        self.activation = resolve(function, activation)
        found = {name: as_real(function, name, a) for name, a in arrays.items() if a is not None}
        self.dtype = common_dtype(function, found)
        readable = {name: as_readable(a, self.dtype) for name, a in found.items()}
        self.x, self.w = readable["x"], readable["w"]
        self.grad_y = readable.get("grad_y")
        self.b = readable.get("b")
        if self.b is not None and self.b.ndim and self.b.strides[-1] != self.dtype.itemsize:
            self.b = self.b.copy()
        self.stack = self._check_shapes()
        self.shape = (*self.stack, self.x.shape[-2], self.w.shape[-1])

    def _check_shapes(self) -> tuple[int, ...]:
        """The broadcast leading axes."""
        x, w, b = self.x, self.w, self.b
        listed = f"x {x.shape}, w {w.shape}" + ("" if b is None else f", b {b.shape}")
        if x.ndim < 2 or w.ndim < 2 or x.shape[-1] != w.shape[-2]:
            expected = "x (..., n, i) and w (..., i, o)"
        elif b is not None and (b.ndim < 1 or b.shape[-1] != w.shape[-1]):
            expected = "b (..., o) for w (..., i, o)"
        else:
            try:
                return np.broadcast_shapes(x.shape[:-2], w.shape[:-2], () if b is None else b.shape[:-1])
            except ValueError:
                expected = "leading axes that broadcast together"
        raise ValueError(f"{self.function}: shapes do not fit: {listed}; expected {expected}")

    # Forward ---------------------------------------------------------------------------------------

    def forward(self, out: Any) -> Array:
        """f(x w + b)."""
        parameters = self._parameters()
        if parameters is None:
            return self._by_parts(self._product(), out)
        y, given = self._result("out", out, self.shape, [self.x, self.w, self.b])
        self._run(False, "nothing", parameters, y=y)
        return finish(y, given)

    def forward_and_save(self, out: Any, save: str | None) -> tuple[Array, Saved]:
        """f(x w + b), and what the backward pass needs."""
        target, reuse = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
        b_shape = None if self.b is None else self.b.shape
        parameters = self._parameters()
        if parameters is None:
            if save not in (None, "input"):
                raise TypeError(f"{self.function}: save is {save!r}; this activation needs its input")
            z = self._product()
            return self._by_parts(z, target), Saved(self.activation, "input", z, self.shape[-1], b_shape)
        kind = kind_to_save(self.function, self.activation, save)
        y, given = self._result("out", target, self.shape, [self.x, self.w, self.b])
        if kind == "output":
            self._run(False, kind, parameters, y=y)
            result = finish(y, given)
            return result, Saved(self.activation, kind, result, self.shape[-1], b_shape)
        saved = self._saved_array(kind, reuse, [self.x, self.w, self.b, y])
        self._run(False, kind, parameters, y=y, saved=saved)
        return finish(y, given), Saved(self.activation, kind, saved, self.shape[-1], b_shape)

    def _saved_array(self, kind: str, reuse: Any, others: Sequence[Array | None]) -> Array:
        """The array of an earlier Saved, where it can be used again; else a new one."""
        shape, dtype = self.shape, self.dtype
        if kind == "bits":
            shape, dtype = (*shape[:-1], (shape[-1] + 7) // 8), np.dtype(np.uint8)
        if reuse is None:
            return np.empty(shape, dtype)
        if not isinstance(reuse, Saved):
            message = f"{self.function}: out[1] is of type {type(reuse).__name__}"
            raise TypeError(f"{message}; expected what an earlier call saved")
        fits = reuse.kind == kind and reuse.array.shape == shape and takes_results(reuse.array, dtype)
        apart = not any(other is not None and np.may_share_memory(reuse.array, other) for other in others)
        return reuse.array if fits and apart else np.empty(shape, dtype)

    def _product(self) -> Array:
        """x w + b by itself."""
        z = np.empty(self.shape, self.dtype)
        self._run(False, "nothing", (), y=z, activation=IDENTITY)
        return z

    def _by_parts(self, z: Array, out: Any) -> Array:
        if out is None:
            return np.asarray(self.activation(z), dtype=self.dtype)
        y, _ = self._result("out", out, self.shape, [])
        np.copyto(y, self.activation(z), casting="same_kind")
        return finish(y, out if y is not out else None)

    # Backward --------------------------------------------------------------------------------------

    def backward(self, saved: Any, need_dx: bool, out: Any, accumulate: bool) -> tuple[Any, Any, Any]:
        """dx, dw, db."""
        grad_y = self._check_gradient(saved)
        out = (None, None, None) if out is None else out
        if not (isinstance(out, tuple) and len(out) == 3):
            message = (
                f"{self.function}: out is of type {type(out).__name__}; expected (dx, dw, db), arrays or None"
            )
            raise TypeError(message)
        shapes = {"dx": self.x.shape if need_dx else None, "dw": self.w.shape, "db": saved.b_shape}
        results: dict[str, Any] = {}
        given: dict[str, Any] = {}
        others = [grad_y, self.x, self.w, saved.array]
        for (name, shape), target in zip(shapes.items(), out, strict=True):
            results[name] = given[name] = None
            if shape is None:
                continue
            if accumulate and target is None:
                raise TypeError(f"{self.function}: accumulate=True, but out has no array for {name}")
            result, given[name] = self._result(f"out for {name}", target, shape, others, keep=accumulate)
            if 0 in self.stack and not accumulate:  # no layer will write to it
                result[...] = 0
            results[name] = result
            others.append(result)
        parameters = self._parameters()
        if parameters is None:
            grad_y = self._delta(grad_y, saved.array)
            self._run(
                True,
                "output",
                (),
                IDENTITY,
                grad_y=grad_y,
                saved=grad_y,
                accumulate=accumulate,
                **results,
            )
        else:
            self._run(
                True,
                saved.kind,
                parameters,
                grad_y=grad_y,
                saved=saved.array,
                accumulate=accumulate,
                **results,
            )
        dx, dw, db = (None if r is None else finish(r, given[name]) for name, r in results.items())
        return dx, dw, db

    def _check_gradient(self, saved: Any) -> Array:
        if not isinstance(saved, Saved):
            message = f"{self.function}: saved is of type {type(saved).__name__}"
            raise TypeError(f"{message}; expected what dense_forward returned")
        assert self.grad_y is not None
        stack = np.broadcast_shapes(self.stack, saved.array.shape[:-2])  # biases may have had leading axes
        self.stack, self.shape = stack, (*stack, *self.shape[-2:])
        check_saved(self.function, saved, self.activation, self.shape, self.dtype)
        if self.grad_y.shape != self.shape:
            listed = f"x {self.x.shape}, w {self.w.shape}, grad_y {self.grad_y.shape}"
            raise ValueError(f"{self.function}: shapes do not fit: {listed}; expected grad_y {self.shape}")
        return self.grad_y

    def _delta(self, grad_y: Array, z: Array) -> Array:
        """grad_y f'(z), by whatever the activation offers."""
        if hasattr(self.activation, "backward"):
            return as_readable(np.asarray(self.activation.backward(grad_y, z)), self.dtype)
        return as_readable(np.multiply(grad_y, self.activation.derivative(z)), self.dtype)

    def parameter_gradients(self, saved: Saved) -> dict[str, Any]:
        """Gradients of the learned parameters, summed in float64 over a few rows at a time."""
        grad_y = self._check_gradient(saved)
        if not isinstance(self.activation, Activation) or not self.activation.learned:
            return {}
        if saved.kind != "input":
            raise TypeError(f"{self.function}: gradients of parameters need save='input' in the forward pass")
        values = self.activation.parameters
        rows = self.shape[-2]
        step = max(1, _CHUNK // max(1, grad_y.size // max(1, rows)))
        if any(np.ndim(v) > 1 and np.shape(v)[-2] != 1 for v in values.values()):
            step = max(1, rows)  # a parameter varies along the batch
        sums = {name: np.zeros(np.shape(values[name])) for name in self.activation.learned}
        for start in range(0, rows, step):
            part = np.s_[..., start : start + step, :]
            found = self.activation.parameter_gradients(grad_y[part], saved.array[part])
            for name, value in found.items():
                sums[name] = sums[name] + value
        return {name: np.asarray(total).astype(self.dtype)[()] for name, total in sums.items()}

    # Parameters, results, the call -------------------------------------------------------------------

    def _parameters(self) -> tuple[Array, ...] | None:
        """Values of the activation's parameters as C takes them: one, or one for each column; else None."""
        if not isinstance(self.activation, Builtin):
            return None
        found = []
        for name, value in self.activation.parameters.items():
            with np.errstate(all="ignore"):  # a value may be too large for float32
                array = np.ascontiguousarray(value, self.dtype).reshape(np.shape(value))
            if array.ndim > 1 and array.shape[-2] != 1:
                return None
            if not broadcasts_to(array.shape, self.shape):
                message = f"{self.function}: parameter {name} has shape {array.shape}"
                raise ValueError(f"{message}; expected one that broadcasts to {self.shape}")
            found.append(array.reshape(array.shape[:-2] + array.shape[-1:]) if array.ndim > 1 else array)
        return tuple(found)

    def _result(
        self, name: str, out: Any, shape: tuple[int, ...], others: Sequence[Array | None], keep: bool = False
    ) -> tuple[Array, Array | None]:
        """An array to compute into, and, where that cannot be `out` itself, `out` to copy to afterwards."""
        if out is None:
            return np.empty(shape, self.dtype), None
        if not isinstance(out, np.ndarray):
            raise TypeError(
                f"{self.function}: {name} is a {type(out).__name__}; expected an array to write to"
            )
        if not out.flags.writeable:
            raise ValueError(f"{self.function}: {name} is read-only; expected a writeable array")
        if out.shape != shape:
            raise ValueError(f"{self.function}: {name} has shape {out.shape}; expected {shape}")
        if not np.can_cast(self.dtype, out.dtype, "same_kind"):
            raise TypeError(f"{self.function}: {name} has dtype {out.dtype}; expected {self.dtype}")
        if takes_results(out, self.dtype) and not any(
            other is not None and np.may_share_memory(out, other) for other in others
        ):
            return out, None
        return (out.astype(self.dtype, order="C") if keep else np.empty(shape, self.dtype)), out

    def _run(
        self,
        backward: bool,
        kind: str,
        parameters: tuple[Array, ...],
        activation: Builtin | None = None,
        accumulate: bool = False,
        **arrays: Array | None,
    ) -> None:
        """Hand it to C; a stack that shares its weights, and lies in memory as one batch, as one batch."""
        stack = self.stack
        arrays = {"x": self.x, "b": self.b, **arrays}
        rowed = {name: a for name, a in arrays.items() if name not in ("b", "dw", "db") and a is not None}
        shared = [self.w.shape[:-2], *(p.shape[:-1] for p in parameters)]
        shared += [a.shape[:-1] for name, a in arrays.items() if name in ("b", "db") and a is not None]
        if (
            stack
            and not any(shared)
            and all(a.shape[:-2] == stack and a.flags.c_contiguous for a in rowed.values())
        ):
            rows = self.shape[-2] * int(np.prod(stack, dtype=np.int64))
            arrays.update({name: a.reshape(rows, a.shape[-1]) for name, a in rowed.items()})
            stack = ()
        number = (activation or self.activation).number
        values = bit_values(self.function, self.activation) if kind == "bits" else (0.0, 0.0)
        _dense.run(backward, number, KINDS[kind], parameters, stack, self.w, accumulate, values, arrays)


def finish(result: Array, given: Array | None) -> Array:
    """The array that the caller gave, with the result in it, or the result itself."""
    if given is None:
        return result
    with np.errstate(all="ignore"):  # float64 results may not fit a float32 array
        np.copyto(given, result, casting="same_kind")
    return given


# Arguments ----------------------------------------------------------------------------------------


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether an array of this shape broadcasts to the target's."""
    ending = target[len(target) - len(shape) :]
    return len(shape) <= len(target) and all(n in (1, m) for n, m in zip(shape, ending, strict=True))


def resolve(function: str, activation: Any) -> Any:
    """An activation by name, or any object that can be called and has a derivative."""
    if isinstance(activation, str):
        try:
            return get(activation)
        except ValueError as error:
            raise ValueError(str(error).replace("fastact.get", function, 1)) from None
    if callable(activation) and hasattr(activation, "derivative"):
        return activation
    message = f"{function}: activation is of type {type(activation).__name__}"
    raise TypeError(f"{message}; expected a name, or an object with a method derivative that can be called")


def as_real(function: str, name: str, value: Any) -> Array:
    """An array of real numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        message = f"{function}: {name} is not an array of numbers; expected {errors.REAL_NUMBERS}"
        raise TypeError(message) from error
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{function}: {name} has dtype {array.dtype}; expected {errors.REAL_NUMBERS}")
    return array


def common_dtype(function: str, arrays: Mapping[str, Array]) -> np.dtype[Any]:
    """float32 or float64: what NumPy would compute the exponential of all of them in, float16 as float32."""
    together = np.result_type(*(a.dtype for a in arrays.values()))
    result = np.exp.resolve_dtypes((together, None))[-1]
    return np.dtype(np.float64 if result.itemsize > 4 else np.float32)


def as_readable(array: Array, dtype: np.dtype[Any]) -> Array:
    """The array itself where C can read it: this dtype, aligned, strides in whole elements; else a copy."""
    size = dtype.itemsize
    if array.dtype == dtype and array.flags.aligned and all(s % size == 0 for s in array.strides):
        return array
    with np.errstate(all="ignore"):
        return array.astype(dtype, order="C")


def takes_results(array: Array, dtype: np.dtype[Any]) -> bool:
    """Whether C can write to it: as readable, its last axis adjacent, no two elements at one place."""
    if array.dtype != dtype or not array.flags.aligned:
        return False
    size = dtype.itemsize
    if array.ndim and array.shape[-1] > 1 and array.strides[-1] != size:
        return False
    span = size
    for stride, n in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride < span or stride % size:
            return False
        span += stride * (n - 1)
    return True
