"""One dense layer, or a stack of them, on plain arrays: checked, of one dtype, with arrays for the results,
then handed to C.

Activations that C does not take are computed by fastact.dense.fallback, in two steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastact import _dense
from fastact._dense import Prepared, Saved
from fastact.arrays import Array, common_dtype
from fastact.dense import arguments, fallback
from fastact.dense.arguments import Geometry, Target, target
from fastact.dense.saved import AS_IDENTITY, kind_to_save, prepared, saved_matrix, with_mask


class Layer:
    """The arguments of one call. `arrays` are x, w and, where the call has them, b and grad_y, as arrays of
    real numbers; a backward pass has `saved` in place of b."""

    def __init__(
        self, function: str, arrays: Mapping[str, Array], activation: Any, saved: Saved | None = None
    ) -> None:
        self.function = function
        self.activation = activation
        shapes = {name: a.shape for name, a in arrays.items() if name != "grad_y"}
        if saved is not None and saved.shape[-1:] != shapes["w"][-1:]:
            raise ValueError(
                f"{function}: saved has shape {saved.shape}, w {shapes['w']}; expected equal last axes"
            )
        if saved is not None and saved.b_shape is not None:
            shapes["b"] = saved.b_shape
        self.form: Geometry = arguments.geometry(function, shapes)
        self.b_shape = shapes.get("b")
        self.dtype = common_dtype(a.dtype for name, a in arrays.items() if name != "grad_y")
        if saved is not None:
            self.dtype = self._dtype_of(saved)
        readable = {name: arguments.as_readable(a, self.dtype) for name, a in arrays.items()}
        self.x_shape = readable["x"].shape
        self.x = readable["x"] if readable["x"].ndim > 1 else readable["x"][np.newaxis]
        self.w = readable["w"]
        self.b = readable.get("b")
        if self.b is not None:
            self.b = arguments.with_adjacent_columns(arguments.bias_row(self.b))
        self.grad_y = readable.get("grad_y")
        self.saved = saved
        if saved is not None:
            self.saved_array = saved_matrix(function, saved, self.form)
            self._check_gradient()

    def _dtype_of(self, saved: Saved) -> Any:
        """That of the forward pass, which the biases may have made float64."""
        if not np.can_cast(self.dtype, saved.dtype):
            raise ValueError(f"{self.function}: saved has dtype {saved.dtype}; expected {self.dtype}")
        return saved.dtype

    # Forward ---------------------------------------------------------------------------------------

    def forward(self, out: Any) -> Array:
        """f(x w + b)."""
        as_c = self._as_c()
        if as_c is None:
            return self._store(
                fallback.value(self.function, self.activation, self._product(), self.dtype), out
            )
        form, parameters = as_c
        y = self._target("out", out, [self.x, self.w, self.b, *parameters])
        self._run(form, False, "nothing", parameters, {"y": self.form.matrix(y.array)})
        return y.finish()

    def forward_and_save(self, out: Any, save: str | None) -> tuple[Array, Saved]:
        """f(x w + b), and what the backward pass needs."""
        given, reuse = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
        as_c = self._as_c()
        if as_c is None:
            if save not in (None, "input"):
                message = f"{self.function}: save is {save!r}; {self.activation!r} needs its input"
                raise TypeError(message)
            z = self._product()
            y = self._store(fallback.value(self.function, self.activation, z, self.dtype), given)
            return y, self._saved(None, "input", z)
        form, parameters = as_c
        kind = kind_to_save(self.function, self.activation, save)
        if kind == "bit_mask" and form.default != kind:
            form = with_mask(self.activation, self.function)
        target_of_y = self._target("out", given, [self.x, self.w, self.b, *parameters])
        y = target_of_y.array
        array: Array | None = y
        if kind != "output":
            array = self._saved_array(kind, reuse, [self.x, self.w, self.b, y, given, *parameters])
        arrays = {"y": self.form.matrix(y), "saved": None if array is None else self.form.matrix(array)}
        self._run(form, False, kind, parameters, arrays)
        result = target_of_y.finish()
        return result, self._saved(form, kind, array, is_result=array is result)

    def _saved(self, form: Prepared | None, kind: str, array: Any, is_result: bool = False) -> Saved:
        return _dense.make_saved(
            self.activation, form, kind, array, self.form.result, self.dtype, self.b_shape, is_result
        )

    def _saved_array(self, kind: str, reuse: Any, others: Sequence[Any]) -> Array | None:
        """The array of an earlier Saved, where it can be used again; else a new one."""
        if reuse is not None and not isinstance(reuse, Saved):
            message = f"{self.function}: out[1] is of type {type(reuse).__name__}"
            raise TypeError(f"{message}; expected what an earlier call saved")
        if kind == "nothing":
            return None
        shape, dtype = self.form.result, np.dtype(self.dtype)
        if kind == "bit_mask":
            shape, dtype = (*shape[:-1], (shape[-1] + 7) // 8), np.dtype(np.uint8)
        array = reuse.array if reuse is not None and reuse.kind == kind else None
        if type(array) is np.ndarray and array.shape == shape and array.flags.c_contiguous:
            arrays = [a for a in others if isinstance(a, np.ndarray)]
            if arguments.can_write(array, dtype) and not _dense.overlap(array, arrays):
                return array
        return np.empty(shape, dtype)

    def _product(self) -> Array:
        """x w + b, of the result's shape."""
        z = np.empty(self.form.result, self.dtype)
        self._run(AS_IDENTITY, False, "nothing", (), {"y": self.form.matrix(z)})
        return z

    def _store(self, y: Array, out: Any) -> Array:
        """A result that was computed already, in the caller's array where there is one."""
        if out is None:
            return y
        target(f"{self.function}: out", out, y.shape, self.dtype, [])
        return Target(y, out).finish()

    # Backward --------------------------------------------------------------------------------------

    def backward(self, need_dx: bool, out: Any, accumulate: bool) -> tuple[Any, Any, Any]:
        """dx, dw, db."""
        saved, array = self.saved, self.saved_array
        assert saved is not None
        assert self.grad_y is not None
        grad_y = self.form.matrix(self.grad_y)
        as_c = self._as_c()
        parameters: tuple[Array, ...] = ()
        form, kind = AS_IDENTITY, "nothing"
        if as_c is None:
            if saved.kind != "input":
                raise TypeError(f"{self.function}: saved is of kind {saved.kind!r}; expected 'input'")
            delta = fallback.delta(self.function, self.activation, self.grad_y, saved.array, self.dtype)
            grad_y, array = self.form.matrix(delta), None
        else:
            (form, parameters), kind = as_c, saved.kind
            if kind == "bit_mask" and form.default != kind:
                form = with_mask(self.activation, self.function)
        others = [grad_y, self.x, self.w, array, *parameters]
        results = self._gradients(need_dx, out, accumulate, others)
        arrays = {name: None if r is None else r.array for name, r in results.items()}
        if 0 not in self.form.stack:
            if arrays["dx"] is not None and self.form.is_vector:
                arrays["dx"] = arrays["dx"][np.newaxis]
            if arrays["db"] is not None:
                arrays["db"] = arguments.bias_row(arrays["db"])
            self._run(form, True, kind, parameters, {"grad_y": grad_y, "saved": array, **arrays}, accumulate)
        elif not accumulate:  # sums over no layers
            for result in arrays.values():
                if result is not None:
                    result[...] = 0
        dx, dw, db = (None if r is None else r.finish() for r in results.values())
        return dx, dw, db

    def _gradients(
        self, need_dx: bool, out: Any, accumulate: bool, others: list[Array | None]
    ) -> dict[str, Target | None]:
        """Arrays to compute gradients into, none of which overlaps another or an input."""
        out = (None, None, None) if out is None else out
        if not (isinstance(out, tuple) and len(out) == 3):
            message = f"{self.function}: out is of type {type(out).__name__}"
            raise TypeError(f"{message}; expected (dx, dw, db), arrays or None")
        shapes = {"dx": self.x_shape if need_dx else None, "dw": self.w.shape, "db": self.b_shape}
        results: dict[str, Target | None] = {}
        for (name, shape), given in zip(shapes.items(), out, strict=True):
            results[name] = None
            if shape is None:
                continue
            if accumulate and given is None:
                raise TypeError(f"{self.function}: accumulate=True, but out has no array for {name}")
            blame = f"{self.function}: out for {name}"
            results[name] = found = target(blame, given, shape, self.dtype, others, keep=accumulate)
            others += [found.array, found.given]
        return results

    def _check_gradient(self) -> None:
        assert self.grad_y is not None
        if self.grad_y.shape != self.form.result:
            listed = f"x {self.x_shape}, w {self.w.shape}, grad_y {self.grad_y.shape}"
            message = f"{self.function}: shapes do not fit: {listed}"
            raise ValueError(f"{message}; expected grad_y {self.form.result}")

    # Parameters, results, the call -------------------------------------------------------------------

    def _as_c(self) -> tuple[Prepared, tuple[Array, ...]] | None:
        """The activation as C takes it, with those parameters that are arrays: of shape (), or one value for
        each column. None where C cannot take it: then it is computed from x w + b."""
        found = prepared(self.activation)
        if found is None:
            return None
        if found[1].numbers:
            return found[1], ()
        parameters = []
        for name, value in self.activation.parameters.items():
            parameter = self._parameter(name, value)
            if parameter is None:
                return None
            parameters.append(parameter)
        return found[1], tuple(parameters)

    def _parameter(self, name: str, value: Any) -> Array | None:
        """A parameter as C takes it; None where it varies along the batch."""
        array = arguments.as_readable(np.asarray(value), self.dtype)
        shape, expected = array.shape, self.form.result
        if not arguments.broadcasts_to(shape, expected):
            message = f"{self.function}: parameter {name} has shape {shape}"
            raise ValueError(f"{message}; expected one that broadcasts to {expected}")
        if self.form.is_vector or array.ndim < 2:
            return array
        return array[..., 0, :] if shape[-2] == 1 else None

    def _target(self, name: str, out: Any, others: list[Any]) -> Target:
        return target(f"{self.function}: {name}", out, self.form.result, self.dtype, others)

    def _run(
        self,
        form: Prepared,
        backward: bool,
        kind: str,
        parameters: tuple[Array, ...],
        arrays: dict[str, Array | None],
        accumulate: bool = False,
    ) -> None:
        """Call C; a stack that shares its weights, and lies in memory as one batch, is one batch."""
        stack = self.form.stack
        arrays = {"x": self.x, "w": self.w, "b": None if backward else self.b, **arrays}
        present = {name: a for name, a in arrays.items() if a is not None}
        batched = {name: a for name, a in present.items() if name not in ("w", "b", "dw", "db")}
        shared = [self.w.shape[:-2], *(p.shape[:-1] for p in parameters)]
        shared += [present[name].shape[:-1] for name in ("b", "db") if name in present]
        one_batch = all(a.shape[:-2] == stack and a.flags.c_contiguous for a in batched.values())
        if stack and one_batch and not any(shared):
            rows = self.form.rows * int(np.prod(stack, dtype=np.int64))
            arrays.update({name: a.reshape(rows, a.shape[-1]) for name, a in batched.items()})
            stack = ()
        _dense.run(form, backward, kind, parameters, stack, arrays, accumulate)
