"""What a dense layer saves between its two passes: the minimum that each activation needs, and whether a
`Saved` belongs to a call.

Must not depend on how a layer is computed. Nothing that depends on the values of bound arrays is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastact import _core, _dense
from fastact._dense import Prepared, Saved
from fastact.activations.builtin import UNBOUND, Builtin
from fastact.activations.formula import compile_formula
from fastact.activations.registry import get
from fastact.dense.arguments import Geometry

_NUMBERS = (int, float, np.integer, np.floating, np.bool_)
_ATTRIBUTE = "_prepared_for_dense"


# Activations as C takes them ----------------------------------------------------------------------


def prepared(activation: Any) -> tuple[Any, Prepared] | None:
    """An activation, or what stands for one, with its form for C; None where C does not have it."""
    if activation is None:
        activation = IDENTITY
    elif type(activation) is str:
        try:
            activation = get(activation)
        except ValueError:
            return None
    if not isinstance(activation, Builtin):
        return None
    found = activation.__dict__.get(_ATTRIBUTE)
    if found is None:
        found = activation.__dict__[_ATTRIBUTE] = _prepare(activation)
    return activation, found


def _prepare(activation: Builtin) -> Prepared:
    """Computed in advance, hence rounded to nearest."""
    with _core.DefaultEnvironment():
        values = _numbers(activation)
        saving = default_kind(activation)
        mask = mask_values("", activation) if saving == "bit_mask" else (0.0, 0.0)
        return Prepared(activation._entry["id"], saving, _hidden_kind(activation), values, mask)


def _numbers(activation: Builtin) -> tuple[float, ...] | None:
    """Its parameters, where all are numbers; an array of shape () is not one, since it can change."""
    values = activation.parameter_values
    return tuple(float(v) for v in values) if all(isinstance(v, _NUMBERS) for v in values) else None


def with_mask(activation: Builtin, function: str) -> Prepared:
    """Its form for C with the values of f' that a bit mask tells apart."""
    values = mask_values(function, activation)
    return Prepared(activation._entry["id"], "bit_mask", "input", _numbers(activation), values)


# Kinds --------------------------------------------------------------------------------------------


def kind_to_save(function: str, activation: Builtin, wanted: str | None) -> str:
    """The kind to save: what is wanted, where it is possible, or the minimum that needs no memory of y."""
    default = default_kind(activation)
    if wanted in (None, default):
        return default
    if wanted not in ("input", "output", "bit_mask"):
        raise ValueError(f"{function}: save is {wanted!r}; expected 'input', 'output', 'bit_mask' or None")
    check_kind(function, activation, wanted)
    return wanted


def check_kind(function: str, activation: Any, kind: str) -> None:
    """Raise TypeError unless f' can be computed from what is saved."""
    if kind == "input":
        return
    if not isinstance(activation, Builtin):
        raise TypeError(f"{function}: save is {kind!r}; {activation!r} needs its input")
    if kind == "output":  # with its own parameters passed, so that their values are looked at now
        activation.check_from_output(dict(activation.parameters))
    elif kind == "bit_mask":
        mask_values(function, activation)
    elif not _is_constant(activation):
        raise TypeError(f"{function}: nothing is saved; the derivative of {activation!r} is not constant")


def default_kind(activation: Builtin) -> str:
    """Nothing where f' is constant, a bit mask where it has two values, otherwise the input; always the input
    where parameters are learned."""
    if _is_constant(activation):
        return "nothing"
    if activation.learned or _numbers(activation) is None or activation._entry["mask"] is None:
        return "input"
    return "bit_mask"


def _hidden_kind(activation: Builtin) -> str:
    """The same for a hidden layer of a network, whose result nobody else sees: its output, where that is
    exact."""
    if _is_constant(activation):
        return "nothing"
    if activation.learned or _numbers(activation) is None or activation._entry["saves"] != "output":
        return "input"
    try:
        activation.check_from_output(dict(activation.parameters))
    except TypeError:  # not for these parameters
        return "input"
    return "output"


# Facts about an entry -----------------------------------------------------------------------------


def mask_values(function: str, activation: Builtin) -> tuple[float, float]:
    """f' where a bit is 0, and where it is 1; TypeError where it has other values."""
    texts, values = activation._entry["mask"], _numbers(activation)
    if _is_constant(activation):
        texts = (activation.derivative_formula,) * 2
    if texts is None or values is None:
        message = f"{function}: save is 'bit_mask'; the derivative of {activation!r} has more than two values"
        raise TypeError(message)
    with _core.DefaultEnvironment():
        low, high = (float(compile_formula(t, activation.parameter_names, "python")(*values)) for t in texts)
    return low, high


def _is_constant(activation: Builtin) -> bool:
    return str(activation._entry["saves"]) == "nothing"


# What was saved ------------------------------------------------------------------------------------


def check_type(function: str, saved: Any) -> Saved:
    """Raise TypeError unless this is what a forward pass saved."""
    if not isinstance(saved, Saved) or saved.shape is None:
        message = f"{function}: saved is of type {type(saved).__name__}"
        raise TypeError(f"{message}; expected what dense_forward returned")
    return saved


def check_same(function: str, saved: Saved, activation: Any) -> None:
    """Raise ValueError unless the activation is that of the forward pass."""
    if not (saved.activation is activation or saved.activation == activation):
        message = f"{function}: saved was made with activation {saved.activation!r}"
        raise ValueError(f"{message}; this call has {activation!r}")


def saved_matrix(function: str, saved: Saved, form: Geometry) -> Any:
    """The saved array as C reads it, or None where nothing is saved; ValueError unless it belongs to a layer
    of this geometry."""
    if saved.shape != form.result:
        raise ValueError(f"{function}: saved has shape {saved.shape}; expected {form.result}")
    check_kind(function, saved.activation, saved.kind)
    if saved.kind == "nothing":
        return None
    # arrays can be reshaped in place, so that this one is checked again
    checked = Saved(saved.activation, saved.kind, saved.array, saved.shape, saved.dtype)
    return form.matrix(checked.array)


IDENTITY = UNBOUND["identity"]
AS_IDENTITY = _prepare(IDENTITY)
_dense.use_preparation(prepared)
