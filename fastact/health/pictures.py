"""Pictures of a network's health. Needs matplotlib, which is imported when something is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastact.health.layer_health import LayerReport


def draw(layers: Sequence[LayerReport], axes: Any = None) -> Any:
    """The share of samples in which each unit is active, gradient norms by depth, and a histogram."""
    if axes is None:
        axes = _new_axes()
    shares = [layer.stats.share("active") for layer in layers]
    _draw_units(axes[0], shares)
    _draw_gradients(axes[1], layers)
    for layer, share in zip(layers, shares, strict=True):
        axes[2].hist(share, bins=20, range=(0, 1), histtype="step", label=f"layer {layer.number}")
    axes[2].set(title="Units by activity", xlabel="share of samples", ylabel="units")
    axes[2].legend()
    return axes


def _new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = "fastact: Report.plot needs matplotlib, which is not installed: pip install matplotlib"
        raise ImportError(message) from error
    return plt.subplots(1, 3, figsize=(13, 3.5), layout="constrained")[1]


def _draw_units(ax: Any, shares: Sequence[Any]) -> None:
    """One row for each layer, its units in the order of their activity."""
    table = np.full((len(shares), max(len(share) for share in shares)), np.nan)
    for row, share in zip(table, shares, strict=True):
        row[: len(share)] = np.sort(share)
    image = ax.imshow(table, aspect="auto", vmin=0, vmax=1, interpolation="nearest")
    ax.set(title="Share of samples in which units are active", xlabel="units, sorted", ylabel="layer")
    ax.set_yticks(range(len(shares)))
    ax.figure.colorbar(image, ax=ax)


def _draw_gradients(ax: Any, layers: Sequence[LayerReport]) -> None:
    known = [(layer.number, layer.gradient_norm) for layer in layers if layer.gradient_norm]
    if known:
        ax.semilogy(*zip(*known, strict=True), marker="o")
    else:
        ax.text(0.5, 0.5, "no gradients", ha="center", va="center", transform=ax.transAxes)
    ax.set(title="Gradient norm by depth", xlabel="layer", ylabel="norm of the gradient of w")
