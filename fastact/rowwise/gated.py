"""Gated pairs: y = f(a) b, of two halves of an array or of two arrays, with both gradients in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from fastact import _gated
from fastact.activations.base import Activation
from fastact.activations.builtin import Builtin
from fastact.activations.registry import get
from fastact.rowwise import gated_help
from fastact.rowwise.gated_arrays import Pair, halves, two
from fastact.rowwise.rows import check_keywords


class _Variant(NamedTuple):
    """How a named pair differs from ``gated(activation)``."""

    name: str
    activation: str
    gate_is_second: bool
    parameters: Mapping[str, Any]
    about: str


_NONE: Mapping[str, Any] = MappingProxyType({})
_SHAZEER = "Shazeer (2020), GLU variants improve transformer, arXiv:2002.05202."
_VARIANTS = [
    _Variant(
        "glu", "sigmoid", True, _NONE, "The gated linear unit. Dauphin et al. (2017), ICML; arXiv:1612.08083."
    ),
    _Variant(
        "swiglu", "silu", False, MappingProxyType({"alpha": 1.0, "limit": None, "offset": 0.0}), _SHAZEER
    ),
    _Variant("geglu", "gelu", False, _NONE, _SHAZEER),
    _Variant("geglu_tanh", "gelu_tanh", False, _NONE, f"geglu with the approximation of gelu. {_SHAZEER}"),
    _Variant("reglu", "relu", False, _NONE, _SHAZEER),
    _Variant("bilinear", "identity", False, _NONE, f"The product of both halves. {_SHAZEER}"),
]


class Gated:
    """An activation of one half of an array times the other half; :func:`fastact.gated` makes them.

    Two are equal if they gate by equal activations in the same order.
    """

    def __init__(self, activation: Activation, variant: _Variant | None = None) -> None:
        self._activation, self._variant = activation, variant
        self._gate_is_second = variant is not None and variant.gate_is_second
        self._formula = _formula(activation, inf, 0.0)
        self._plain = self._formula is not None
        self.__name__ = self.__qualname__ = self.name
        self.__module__ = "fastact"  # where pickle finds it
        about = variant.about if variant else ""
        self.__doc__ = gated_help.of_pair(self, about, dict(self._defaults))
        self.__signature__ = gated_help.signature(dict(self._defaults))

    @property
    def name(self) -> str:
        """Its name."""
        return self._variant.name if self._variant else f"gated({self._activation.described()})"

    @property
    def activation(self) -> Activation:
        """What is applied to the gate."""
        return self._activation

    @property
    def gate_is_second(self) -> bool:
        """Whether the activation is applied to the second half unless ``swapped=True``."""
        return self._gate_is_second

    @property
    def max_ulp(self) -> dict[str, float]:
        """Bounds of the error of results and gradients in ULP, by dtype."""
        # In float64 those of f and f', which double where the product falls below a power of two, and one
        # rounding; no error of f' above 1.75 ULP is known.
        return {"float32": 1.0, "float64": min(4.0, 2 * max(self._activation.max_ulp["float64"]) + 0.5)}

    @property
    def _defaults(self) -> Mapping[str, Any]:
        return self._variant.parameters if self._variant else _NONE

    def __repr__(self) -> str:
        return f"<fastact.{self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gated) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self._activation, self._gate_is_second, self._defaults is _NONE

    def __reduce__(self) -> Any:
        return self._variant.name if self._variant else (gated, (self._activation,))

    def __call__(  # noqa: D102 - each has its own docstring
        self,
        a: Any,
        b: Any = None,
        /,
        *,
        axis: int = -1,
        swapped: bool = False,
        out: Any = None,
        **parameters: Any,
    ) -> Any:
        if not parameters and self._plain:
            found = self._run_plain(None, a, b, axis, swapped, out)
            if found is not None:
                return found
        pair = self._pair("", swapped, parameters)
        if b is None:
            return halves(pair, None, a, axis, out, False)
        return two(pair, None, a, b, _checked_axis(pair, axis, out), False)

    def backward(
        self,
        grad_y: Any,
        a: Any,
        b: Any = None,
        /,
        *,
        axis: int = -1,
        swapped: bool = False,
        out: Any = None,
        **parameters: Any,
    ) -> Any:
        """The gradients with respect to both halves, in one pass.

        Parameters
        ----------
        grad_y : array_like
            Of the shape of the result.
        a, b, axis, swapped, **parameters
            As in the forward pass.
        out : ndarray or pair of ndarray, optional
            Where to store the gradients; may be the inputs.

        Returns
        -------
        ndarray or pair of ndarray
            Of the shape of the array that was split; or a pair in the order of the two arrays. 0 where a
            derivative is 0, also for an infinite grad_y.
        """
        if not parameters and self._plain and grad_y is not None:
            found = self._run_plain(grad_y, a, b, axis, swapped, out)
            if found is not None:
                return found
        pair = self._pair(".backward", swapped, parameters)
        if b is None:
            return halves(pair, grad_y, a, axis, out, True)
        return two(pair, grad_y, a, b, _checked_axis(pair, axis, out), True)

    def _run_plain(self, grad_y: Any, a: Any, b: Any, axis: Any, swapped: Any, out: Any) -> Any:
        """The result for plain arrays; None for all else."""
        if type(axis) is not int or type(swapped) is not bool:
            return None
        assert self._formula is not None
        second = self._gate_is_second is not swapped
        if b is None:
            return _gated.run_plain_halves(self._formula, second, grad_y, a, axis, out)
        if axis != -1:
            return None
        results = (out, None)
        if grad_y is not None and out is not None:
            if type(out) is not tuple or len(out) != 2 or out[0] is None or out[1] is None:
                return None
            results = out
        if not second:
            return _gated.run_plain_two(self._formula, grad_y, a, b, *results)
        if grad_y is not None:
            results = results[::-1]
        found = _gated.run_plain_two(self._formula, grad_y, b, a, *results)
        return found[::-1] if isinstance(found, tuple) else found

    def _pair(self, method: str, swapped: Any, parameters: Mapping[str, Any]) -> Pair:
        """What a call computes, its keywords checked."""
        function = f"fastact.{self.name}{method}"
        known = ["axis", "swapped", *self._defaults, "out"]
        check_keywords(function, parameters, known)
        if not isinstance(swapped, (bool, np.bool_)):
            raise TypeError(f"{function}: swapped is {swapped!r}; expected True or False")
        formula = self._formula
        if parameters:
            formula = _with_parameters(function, {**self._defaults, **parameters})
        return Pair(function, formula, self._activation, self._gate_is_second is not bool(swapped))


def _checked_axis(pair: Pair, axis: Any, out: Any) -> Any:
    if axis != -1:
        raise TypeError(f"{pair.function}: axis is {axis!r}, but two arrays are given, which are not split")
    return out


def _formula(activation: Activation, limit: float, offset: float) -> _gated.Formula | None:
    """For C; None where C does not take the activation, or a parameter is an array."""
    if not isinstance(activation, Builtin):
        return None
    values = [*activation.parameters.values()]
    if not all(isinstance(value, (int, float)) for value in values):
        return None
    return _gated.Formula(activation.number, [float(value) for value in values], limit, offset)


def _with_parameters(function: str, values: Mapping[str, Any]) -> _gated.Formula | None:
    """swiglu with other parameters than the defaults."""
    for name, value in values.items():
        if value is None and name == "limit":
            continue
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not is_number or not isfinite(value) or (name == "limit" and value <= 0):
            expected = "a positive number or None" if name == "limit" else "a finite number"
            raise (ValueError if is_number else TypeError)(
                f"{function}: {name} is {value!r}; expected {expected}"
            )
    alpha, limit = float(values["alpha"]), values["limit"]
    known = {1.0: "silu", 1.702: "quick_gelu"}  # with kernels of their own
    activation = get(known[alpha]) if alpha in known else get("swish").bind(beta=alpha)
    return _formula(activation, inf if limit is None else float(limit), float(values["offset"]))


def gated(activation: str | Activation) -> Gated:
    """An activation of the first half of an array times the second half.

    Parameters
    ----------
    activation : str or Activation
        Any of :func:`fastact.names`, or an activation, with bound parameters, too, or a composite.

    Returns
    -------
    Gated
        Called as ``g(x, axis=-1)`` or ``g(a, b)``; with ``g.backward(grad_y, x)``.

    Raises
    ------
    ValueError
        For an unknown name.

    Notes
    -----
    An activation that C does not take, such as a composite or one with arrays as parameters, is computed in
    float64.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> fa.gated("tanh")(np.array([0.0, 1.0, 3.0, 2.0])).round(3)
    array([0.   , 1.523])
    """
    return Gated(get(activation))


GATED = {variant.name: Gated(get(variant.activation), variant) for variant in _VARIANTS}
