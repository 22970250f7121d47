"""The table of activations, activations.def, read as data, for what is made from it before the compilation.

Its comments aside, every entry is also a Python expression.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "include/fastact/activations.def"


@dataclass(frozen=True)
class Entry:
    """What the files made from the table need of an entry.

    Attributes
    ----------
    id : int
        The ABI's number for it.
    name : str
    parameters : dict of str to str
        Names and defaults, as C writes them.
    from_output : bool
        Whether the derivative follows from the output.
    """

    id: int
    name: str
    parameters: dict[str, str]
    from_output: bool


def read(path: Path = PATH) -> list[Entry]:
    """All entries, in the order of the table.

    Raises
    ------
    ValueError
        For a statement that is no entry; it names the line.
    """
    entries = []
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), path.read_text(), flags=re.DOTALL)
    for statement in ast.parse(text).body:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
            raise ValueError(f"{path.name}: line {statement.lineno} is not an entry")
        number, name, parameters, _, _, _, source, *_ = statement.value.args
        fields = [ast.unparse(e) for e in getattr(parameters, "elts", [])]  # (0) is no tuple
        defaults = dict(zip(fields[1::3], fields[2::3], strict=True))
        from_output = ast.unparse(source).startswith("(OUTPUT")
        entries.append(Entry(int(ast.unparse(number)), ast.unparse(name), defaults, from_output))
    return entries
