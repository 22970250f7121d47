"""Activations of every kind with values for their parameters, and what NumPy computes for them.

A model is an activation of the package beside functions made of the campaign's own formulas. Does not know
how it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import reference
from operands import FLOATS, INTEGERS, Choices, Operands, Shape

import fastact as fa

Wide = Mapping[str, Any]  # values of parameters, in float64

# With their defaults the derivative jumps where rounding decides, which NumPy's formula cannot tell
ROUNDED_KINKS = ("hard_sigmoid",)

NAMES = [*fa.names(), *2 * [name for name in fa.names() if fa.get(name).parameters]]


@dataclass
class Model:
    """An activation, values of its parameters, and its functions in NumPy."""

    activation: Any
    parameters: dict[str, Any]  # all of them, as the call sees them
    given: dict[str, Any]  # those that are passed by keyword
    value: Callable[[Any, Wide], np.ndarray]
    slope: Callable[[Any, Wide], np.ndarray]
    by: Mapping[str, Callable[[Any, Wide], np.ndarray]] = field(default_factory=dict)
    units: int | None = None
    from_output: bool = False
    name: str = ""
    has_parts: bool = False  # forward and backward

    def wide(self, dtype: Any) -> Wide:
        """Parameters in float64: numbers rounded to the dtype of the call, arrays as they are now."""
        dtype = np.dtype(dtype).type
        return {
            k: np.array(v, np.float64) if isinstance(v, np.ndarray) else np.float64(dtype(v))
            for k, v in self.parameters.items()
        }

    def arrays(self, of: str = "") -> list[np.ndarray]:
        """Parameters that are arrays; of surrogates those of one part only, if its name is given."""
        own = [k for k in self.parameters if not self.has_parts or k.startswith(of)]
        return [self.parameters[k] for k in own if isinstance(self.parameters[k], np.ndarray)]


def part(values: Wide, prefix: str) -> Wide:
    """The parameters that begin so, without it."""
    return {k[len(prefix) :]: v for k, v in values.items() if k.startswith(prefix)}


# Parameters ---------------------------------------------------------------------------------------

NUMBERS = (float, np.float64, np.float32, np.float16, int, np.int64, np.uint8)


def number(choices: Choices) -> Any:
    kind = choices.of(NUMBERS)
    chosen = choices.integer(1, 16)
    return kind(chosen / 8 if issubclass(kind, (float, np.floating)) else chosen)


def subshape(choices: Choices, shape: Shape) -> Shape:
    """A shape that broadcasts to this one."""
    start = choices.integer(0, len(shape))
    return tuple(1 if choices.often(5) else n for n in shape[start:])


def parameter(choices: Choices, operands: Operands, shape: Shape, arrays: bool, native: bool) -> Any:
    """A number, or an array that broadcasts to this shape."""
    if not arrays or choices.often(2):
        return number(choices)
    kinds = [operands.base] * 24 + ([] if native else [*FLOATS, *INTEGERS[1:]])
    return operands.input(subshape(choices, shape), choices.of(kinds), least=1)


def fixed_and_given(choices: Choices, values: dict[str, Any], bindable: bool) -> tuple[dict[str, Any], ...]:
    """Parameters to bind, and those to pass by keyword; the latter win."""
    if not bindable:
        return {}, values
    fixed = {k: v for k, v in values.items() if choices.often(2)}
    return fixed, {k: v for k, v in values.items() if k not in fixed}


# Kinds --------------------------------------------------------------------------------------------


def entry(choices: Choices, operands: Operands, shape: Shape, options: Mapping[str, Any]) -> Model:
    name = choices.of(options.get("names", NAMES))
    defaults = dict(fa.get(name).parameters)
    values = {
        k: parameter(choices, operands, shape, options["arrays"], options["native"])
        for k in defaults
        if name in ROUNDED_KINKS or not choices.often(5)
    }
    if name not in ROUNDED_KINKS and choices.often(3):
        values = {}
    fixed, given = fixed_and_given(choices, values, options["keywords"] is False or choices.often(2))
    if options["keywords"] is False:
        fixed, given = values, {}
    activation = fa.get(name, **fixed) if fixed else fa.get(name)
    return Model(
        activation,
        {**defaults, **values},
        given,
        lambda x, p: reference.value(name, x, p),
        lambda x, p: reference.slope(name, x, p),
        {k: (lambda x, p, k=k: reference.slope_by(name, k, x, p)) for k in activation.learned},
        from_output=activation.output_formula is not None,
        name=name,
    )


def surrogate(choices: Choices, operands: Operands, shape: Shape, options: Mapping[str, Any]) -> Model:
    f, g = (entry(choices, operands, shape, {**options, "keywords": False}) for _ in range(2))
    values = {
        **{f"forward_{k}": v for k, v in f.parameters.items()},
        **{f"backward_{k}": v for k, v in g.parameters.items()},
    }
    return Model(
        fa.surrogate(f.activation, g.activation),
        values,
        {},
        lambda x, p: f.value(x, part(p, "forward_")),
        lambda x, p: g.slope(x, part(p, "backward_")),
        {f"forward_{k}": (lambda x, p, k=k: f.by[k](x, part(p, "forward_"))) for k in f.by},
        name=f"{f.name}/{g.name}",
        has_parts=True,
    )


def mixed(choices: Choices, operands: Operands, shape: Shape, options: Mapping[str, Any]) -> Model:
    """One to three groups along the last axis, which has columns."""
    edges = sorted({0, shape[-1], *(choices.integer(0, shape[-1]) for _ in range(2))})
    groups: dict[str, tuple[int, int, Model]] = {}
    listed: list[Any] = []
    for start, stop in pairwise(edges):
        own = {**options, "keywords": False}
        model = entry(choices, operands, (*shape[:-1], stop - start), own)
        if any(a.ndim and a.shape[-1] not in (1, stop - start) for a in model.arrays()):
            continue
        if listed and listed[-1] == model.activation:
            label, (first, _, _) = list(groups.items())[-1]
            groups[label] = first, stop, model
        else:
            groups[f"unit{start}"] = start, stop, model
        listed += [model.activation] * (stop - start)
    values = {f"{label}_{k}": v for label, (*_, m) in groups.items() for k, v in m.parameters.items()}

    def each(compute: str) -> Callable[[Any, Wide], np.ndarray]:
        def joined(x: Any, p: Wide) -> np.ndarray:
            x = np.asarray(x, np.float64)
            parts = [
                getattr(m, compute)(x[..., start:stop], part(p, f"{label}_"))
                for label, (start, stop, m) in groups.items()
            ]
            lead = np.broadcast_shapes(*(a.shape[:-1] for a in parts))
            return np.concatenate([np.broadcast_to(a, (*lead, a.shape[-1])) for a in parts], axis=-1)

        return joined

    return Model(
        fa.mixed(listed),
        values,
        {},
        each("value"),
        each("slope"),
        units=shape[-1],
        from_output=all(m.from_output for *_, m in groups.values()),
        name="mixed",
    )


def any_model(choices: Choices, operands: Operands, shape: Shape, **options: Any) -> Model:
    """Options: `arrays` allows parameters that are arrays, `native` keeps them in the base dtype, `keywords`
    allows them by keyword, `names` limits the entries."""
    options = {"arrays": True, "native": False, "keywords": True, **options}
    choices = choices.again()
    kinds = [entry] * 6 + [surrogate] + ([mixed] * 2 if shape and shape[-1] else [])
    return choices.of(kinds)(choices, operands, shape, options)
