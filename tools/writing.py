"""How tools write numbers and files."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path


def hexadecimal(value: float) -> str:
    """Return a finite number in hexadecimal, without zeros at the end of its fraction.

    Examples
    --------
    >>> hexadecimal(0.5), hexadecimal(-0.0), hexadecimal(0.1)
    ('0x1p-1', '-0x0p+0', '0x1.999999999999ap-4')
    """
    return re.sub(r"\.?0*p", "p", float(value).hex())


def write_atomically(path: Path, text: str) -> None:
    """Write a temporary file beside the path and rename it, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            file.write(text)
            file.close()
            os.chmod(file.name, mode)
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise
