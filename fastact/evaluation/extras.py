"""Optional packages of the commands, and how to install them."""

from __future__ import annotations

_EXTRAS = {
    "accuracy": ("mpmath", "flint", "gmpy2"),
    "bench": ("rich", "matplotlib", "PIL", "sklearn", "threadpoolctl"),
}  # everything else belongs to peers


def install_hint(module: str | None) -> str:
    """What to say about a module that is missing.

    Examples
    --------
    >>> install_hint("mpmath")
    "mpmath, which is not installed; in a clone of fastact: pip install -e '.[accuracy]'"
    """
    package = (module or "a package").partition(".")[0]
    extra = next((name for name, packages in _EXTRAS.items() if package in packages), "peers")
    return f"{package}, which is not installed; in a clone of fastact: pip install -e '.[{extra}]'"
