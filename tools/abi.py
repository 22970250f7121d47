"""The snapshot of the C ABI: functions, callbacks, ids and other constants, layouts of structs.

    python tools/abi.py --write        # after a deliberate change
    python tools/abi.py --check        # what a test does too

Until 1.0 the ABI changes deliberately, together with its snapshot; then functions are only added, ids are
never reused, and structs only grow at their end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from declarations import ROOT, Callback, Enum, Function, Struct, read

SNAPSHOT = ROOT / "tests/data/abi.json"
_PRINT = '    printf("%s %s %zu %zu\\n", "{0}", "{1}", offsetof({0}, {1}), sizeof((({0} *)0)->{1}));'


def field_names(struct: Struct) -> list[str]:
    """The names of a struct's fields."""
    names = []
    for field in struct.fields:
        declared = field.split("(*", 1)[1].split(")")[0] if "(" in field else field
        for part in declared.split(","):
            names.append(part.strip().split("[")[0].split()[-1].lstrip("*"))
    return names


def layouts(structs: list[Struct]) -> dict[str, Any]:
    """Size of each struct, and offset and size of each field, as the C compiler lays them out."""
    lines = ["#include <stdio.h>", '#include "fastact.h"', "int main(void) {"]
    for struct in structs:
        lines.append(
            f'    printf("%s %s %zu %zu\\n", "{struct.name}", "", (size_t)0, sizeof({struct.name}));'
        )
        lines += [_PRINT.format(struct.name, name) for name in field_names(struct)]
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "layouts.c", Path(folder) / "layouts"
        source.write_text("\n".join([*lines, "    return 0;", "}", ""]))
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run([*compiler, f"-I{ROOT / 'include'}", str(source), "-o", str(program)], check=True)
        printed = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = {}
    for line in printed.splitlines():
        name, field, offset, size = line.split(" ")
        if field:
            found[name]["fields"][field] = [int(offset), int(size)]
        else:
            found[name] = {"size": int(size), "fields": {}}
    return found


def signatures(functions: Sequence[Function | Callback]) -> dict[str, str]:
    """Results and arguments, as C declares them."""
    return {each.name: f"{each.result} ({', '.join(each.arguments)})" for each in functions}


def snapshot() -> dict[str, Any]:
    """The ABI as the header declares it."""
    declared = read()
    constants = [d for d in declared if isinstance(d, Enum)]
    return {
        "constants": {name: value for enum in constants for name, value in enum.values.items()},
        "structs": layouts([d for d in declared if isinstance(d, Struct)]),
        "callbacks": signatures([d for d in declared if isinstance(d, Callback)]),
        "functions": signatures([d for d in declared if isinstance(d, Function)]),
    }


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What was removed, changed or added, a line each."""
    lines = []
    for kind in old:
        for name in sorted({*old[kind], *new[kind]}):
            was, now = old[kind].get(name), new[kind].get(name)
            if was != now:
                lines.append(f"{kind}, {name}: {was} -> {now}")
    return lines


def main() -> int:
    """Write the snapshot, or compare the header with it; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--write", action="store_true", help="make it the snapshot")
    either.add_argument("--check", action="store_true", help="compare it with the snapshot")
    if parser.parse_args().write:
        SNAPSHOT.write_text(json.dumps(snapshot(), indent=1) + "\n")
        return 0
    found = differences(json.loads(SNAPSHOT.read_text()), snapshot())
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
