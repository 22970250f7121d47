"""Steps of training as C takes them: layers, dropout, norms and a loss, of one network or of many.

Must not depend on training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastact import _dense
from fastact.arrays import Array

Biased = tuple[Array, Array | None]  # w and b


def steps_in_c(
    prepared: Sequence[_dense.Prepared],
    layers: Sequence[Biased],
    rates: Sequence[float],
    norms: Sequence[tuple[Any, ...] | None],
    loss: str,
    copies: tuple[Any, ...] = (),
) -> Any:
    """Steps in one C call, but for the update; None where C does not have an activation with such parameters.

    Parameters
    ----------
    prepared : sequence of Prepared
        Activations, where all layers have one.
    layers, rates, norms
        Weights and biases, the rate of dropout, and arguments of ``_dense.Norm``, of each layer.
    loss : str
        Its name.
    copies : tuple
        Of many networks: the number of parameters of each, rates of all, and seeds.
    """
    if len(prepared) != len(layers) or not all(form.numbers for form in prepared):
        return None
    found = tuple(None if one is None else _dense.Norm(*one) for one in norms)
    kind: Any = _dense.CopiesPasses if copies else _dense.TrainingPasses
    weights, biases = zip(*layers, strict=True)
    return kind(tuple(prepared), weights, biases, tuple(rates), found, _dense.LOSSES[loss], *copies)
