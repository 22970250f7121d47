"""``revive``: new incoming weights for dead units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact.dense.network_layers import views_of
from fastact.health.report import Report
from fastact.training.creation import one_gain
from fastact.training.network import Network
from fastact.training.optimizer import Optimizer
from fastact.training.weights import lecun

_NAME = "fastact.revive"
_OF_NEW_NORMS = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}


def revive(
    network: Network, report: Report, rng: np.random.Generator | int | None = None
) -> tuple[NDArray[np.int64], ...]:
    """Initialise the dead units of a network again, in place: ReDo.

    Their incoming weights are drawn anew, as :meth:`Network.create` draws them, their biases become 0, and
    their outgoing weights become 0, so that they disturb no other unit. Where there is a norm, their part of
    it becomes that of a new one. States of the network's optimiser
    that belong to these weights begin anew, too. Other weights stay as they are.

    Parameters
    ----------
    network : Network
        The one that the report is about, or a copy.
    report : Report
        From ``network.diagnose`` or ``Health.report``. Its `dead_units` are revived; those of the last layer,
        which are outputs, are not.
    rng : numpy.random.Generator or int, optional
        Draws the weights; or its seed. By default another one each time.

    Returns
    -------
    tuple of ndarray
        The revived units of each layer.

    Raises
    ------
    ValueError
        For a report on a network of another shape.
    TypeError
        For another kind of network or report.

    Notes
    -----
    Sokar, Agarwal, Castro and Evci (2023), The dormant neuron phenomenon in deep reinforcement learning,
    arXiv:2302.12902. A dead relu unit gives 0, so that the network's outputs do not change. A unit that is
    dead because it is saturated gives a constant, which its outgoing weights no longer add.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> net = fa.Network.create([8, 16, 2], "relu", output="softmax")
    >>> net.layers[0].b[:3] = -100
    >>> x = np.random.default_rng(0).normal(size=(200, 8))
    >>> fa.revive(net, net.diagnose(x), rng=1)
    (array([0, 1, 2]), array([], dtype=int64))
    >>> net.diagnose(x).findings
    ()
    """
    _check(network, report)
    dead = (*(layer.dead_units for layer in report.layers[:-1]), np.empty(0, np.int64))
    _draw_incoming(network, dead, np.random.default_rng(rng))
    for following, units in zip(network.layers[1:], dead, strict=False):
        following.w[units] = 0
    _begin_states_anew(network, dead)
    return dead


def _check(network: Any, report: Any) -> None:
    if not isinstance(network, Network) or not isinstance(report, Report):
        given = [type(value).__name__ for value in (network, report)]
        raise TypeError(f"{_NAME}: got {' and '.join(given)}; expected a Network and a Report")
    widths = [layer.w.shape[1] for layer in network.layers]
    if widths != [layer.units for layer in report.layers]:
        raise ValueError(f"{_NAME}: report is on a network of another shape")


def _draw_incoming(network: Network, dead: Sequence[NDArray[np.int64]], rng: np.random.Generator) -> None:
    gain = 1.0
    for layer, units in zip(network.layers, dead, strict=True):
        if units.size:
            shape = (layer.w.shape[0], units.size)
            layer.w[:, units] = lecun(shape, gain, rng=rng, dtype=layer.w.dtype)
            if layer.b is not None:
                layer.b[..., units] = 0
            for name, array in (layer.norm.arrays() if layer.norm else {}).items():
                array[units] = _OF_NEW_NORMS[name]
        gain = one_gain(layer.activation)


def _begin_states_anew(network: Network, dead: Sequence[NDArray[np.int64]]) -> None:
    """States of fastact's optimisers, as before the first step, where they belong to weights that are new."""
    optimizer = network.optimizer
    if not isinstance(optimizer, Optimizer):
        return
    is_new = np.zeros(network.parameters.shape, bool)
    views = views_of(is_new, [layer._arrays for layer in network.layers])
    for own, following, units in zip(views, views[1:], dead, strict=False):
        own.w[:, units] = following.w[units] = True
        for array in (own.b, own.norm_weight, own.norm_bias):
            if array is not None:
                array[..., units] = True
    for name, arrays in optimizer.state.items():
        for state in arrays:
            state[is_new] = optimizer._initial(name, network.parameters)[is_new]
