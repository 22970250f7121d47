"""What public functions that are objects have in common. Must not depend on what they compute."""

from __future__ import annotations

from typing import Any


class Named:
    """A function of the package, which pickle stores by its name."""

    __name__: str

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = "fastact"  # where pickle finds it

    def __repr__(self) -> str:
        return f"<fastact.{self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


class Entry(Named):
    """A function that is an entry of a table in C."""

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__(entry["name"])
        self._entry = entry

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._entry["name"])

    @property
    def formula(self) -> str:
        """The text of the formula, in the variables that the function's documentation names."""
        return str(self._entry["formula"])

    @property
    def gradient_formula(self) -> str:
        """The text of the gradient, likewise."""
        return str(self._entry["gradient"])

    @property
    def max_ulp(self) -> dict[str, float]:
        """Bounds of the error in ULP, by dtype."""
        return dict(zip(("float32", "float64"), self._entry["max_ulp"], strict=True))
