"""The report of a network's health: layers and findings, as text, as plain data and as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastact.health.findings import Finding, checked_thresholds, find
from fastact.health.layer_health import LayerReport

_COLUMNS = (
    "layer",
    "activation",
    "units",
    "dead",
    "in a batch",
    "dormant",
    "saturated",
    "zeros",
    "mean z^2",
    "|dw|",
)


class Report:
    """The health of a network.

    Attributes
    ----------
    layers : tuple of LayerReport
        What each layer did, and how its gradients fared.
    findings : tuple of Finding
        What is wrong; empty for a healthy network.
    notes : tuple of str
        What is not wrong, but good to know: layers without a slope, or without a limit of saturation.
    thresholds : dict
        What measured values were compared with, by name.

    Notes
    -----
    ``print(report)`` prints a table and the findings; notebooks show it as HTML; ``rich.print`` makes a
    table of its own.
    """

    def __init__(self, layers: Sequence[LayerReport], thresholds: Mapping[str, float] | None = None) -> None:
        self.layers = tuple(layers)
        self.thresholds = checked_thresholds(thresholds)
        self.findings: tuple[Finding, ...] = tuple(find(self.layers, self.thresholds))
        self.notes = tuple(note for layer in self.layers for note in _notes(layer))

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, as JSON has them."""
        return {
            "layers": [layer.to_dict() for layer in self.layers],
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
            "thresholds": dict(self.thresholds),
        }

    def plot(self, axes: Any = None) -> Any:
        """Pictures: how often each unit is active, as a map and as histograms, and gradient norms by depth.

        Parameters
        ----------
        axes : sequence of 3 matplotlib Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        ndarray of 3 Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from fastact.health import pictures

        return pictures.draw(self.layers, axes)

    def __repr__(self) -> str:
        return f"<report on {len(self.layers)} layers: {_count(len(self.findings))}>"

    def __str__(self) -> str:
        rows = [_COLUMNS, *map(_row, self.layers)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 1 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self._closing()])

    def _closing(self) -> list[str]:
        return [
            f"{_count(len(self.findings))} in {self.layers[0].stats.n} samples",
            *map(str, self.findings),
            *self.notes,
        ]

    def _repr_html_(self) -> str:
        import html  # slow to import

        head = "".join(f"<th>{html.escape(name)}</th>" for name in _COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _row(layer)) + "</tr>"
            for layer in self.layers
        )
        closing = "".join(f"<li>{html.escape(line)}</li>" for line in self._closing())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{closing}</ul>"

    def __rich__(self) -> Any:
        """What rich prints; rich calls it, so that it is installed."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(*_COLUMNS)
        for layer in self.layers:
            table.add_row(*map(Text, _row(layer)))
        return Group(table, *map(Text, self._closing()))


def _count(findings: int) -> str:
    return f"{findings or 'no'} finding{'' if findings == 1 else 's'}"


def _notes(layer: LayerReport) -> list[str]:
    reason = layer.stats.saturation.reason
    if not layer.has_slope:
        return [f"note: layer {layer.number}, {layer.activation}: {reason}: no gradient, by definition"]
    if "supremum" in reason and not layer.is_last:
        return [f"note: layer {layer.number}, {layer.activation}: {reason}: no limit of saturation"]
    return []


def _row(layer: LayerReport) -> tuple[str, ...]:
    shares = (layer.dead, layer.dead_in_batch, layer.dormant, layer.saturated, layer.sparsity)
    norm = "" if layer.gradient_norm is None else f"{layer.gradient_norm:.2g}"
    return (
        str(layer.number),
        layer.activation,
        str(layer.units),
        *(f"{share:.1%}" for share in shares),
        f"{layer.input_second_moment:.2g}",
        norm,
    )
