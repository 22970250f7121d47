"""Networks in .npz files, without pickles: arrays, and a description in JSON.

Must not depend on how networks are trained.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fastact.activations.builtin import UNBOUND, Builtin
from fastact.activations.mixed import Mixed
from fastact.activations.surrogate import Surrogate
from fastact.arrays import Array
from fastact.training import optim

_VERSION = 1
_DESCRIPTION, _PARAMETERS = "description", "parameters"


class Packed:
    """Values as JSON has them; arrays are set aside, and numbered."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def pack(self, blame: str, value: Any) -> Any:
        """Numbers, strings, None, arrays, and lists, tuples and dictionaries of them."""
        if isinstance(value, np.ndarray):
            name = f"array_{len(self.arrays)}"
            if value.dtype.kind not in "biuf":
                raise TypeError(f"{blame}: an array has dtype {value.dtype}; expected real numbers")
            self.arrays[name] = np.asarray(value)
            return {"array": name}
        if isinstance(value, Mapping):
            return {"items": [[self.pack(blame, k), self.pack(blame, v)] for k, v in value.items()]}
        if isinstance(value, (list, tuple)):
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: [self.pack(blame, v) for v in value]}
        if isinstance(value, np.generic):
            return self.pack(blame, value.item())
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        raise TypeError(f"{blame}: a {type(value).__name__} cannot be stored; pickle stores such networks")

    def pack_activation(self, blame: str, activation: Any) -> Any:
        """One of fastact's activations, with its parameters."""
        if type(activation) is Builtin:
            parameters = self.pack(blame, dict(activation.parameters))
            return {"name": activation.name, "parameters": parameters}
        if type(activation) is Surrogate:
            parts = [self.pack_activation(blame, part) for part in activation.parts.values()]
            return {"surrogate": parts}
        if type(activation) is Mixed:
            parts = [self.pack_activation(blame, part) for part in activation.parts.values()]
            return {"mixed": parts, "edges": list(activation._edges)}
        raise TypeError(f"{blame}: {activation!r} is no activation of fastact's; pickle stores such networks")


def _unpacked(value: Any, arrays: Mapping[str, Array]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "array":
        return arrays[content]
    if kind == "items":
        return {_unpacked(k, arrays): _unpacked(v, arrays) for k, v in content}
    listed = [_unpacked(v, arrays) for v in content]
    return tuple(listed) if kind == "tuple" else listed


def _unpacked_activation(value: dict[str, Any], arrays: Mapping[str, Array]) -> Any:
    if "surrogate" in value:
        return Surrogate(*(_unpacked_activation(part, arrays) for part in value["surrogate"]))
    if "mixed" in value:
        return Mixed([_unpacked_activation(part, arrays) for part in value["mixed"]], value["edges"])
    return UNBOUND[value["name"]].bind(**_unpacked(value["parameters"], arrays))


def _content(blame: str, network: Any, packed: Packed) -> dict[str, Any]:
    """All of a network but its parameters, as JSON has it."""
    layers = [
        {
            "w": list(layer._w.shape),
            "b": None if layer._b is None else list(layer._b.shape),
            "more": sum(a.size for a in layer._arrays.listed()[2:] if a is not None),
            "activation": packed.pack_activation(blame, layer.activation),
        }
        for layer in network.layers
    ]
    state = network.__getstate__()
    state["optimizer"] = _described(blame, state["optimizer"])
    return {
        "version": _VERSION,
        "layers": layers,
        "output": network.output,
        "options": packed.pack(blame, network._options._asdict()),
        "state": packed.pack(blame, state),
    }


def write(blame: str, path: Any, network: Any) -> None:
    """Write a file, under its name only when it is complete."""
    packed = Packed()
    content = _content(blame, network, packed)
    _store(blame, path, content, network.parameters, packed)


def write_copies(blame: str, path: Any, networks: Any) -> None:
    """The same for networks of one shape, and their optimiser."""
    packed = Packed()
    each = [_content(blame, network, packed) for network in networks]
    optimizer = packed.pack(blame, _described(blame, networks.optimizer))
    content = {"version": _VERSION, "networks": each, "optimizer": optimizer}
    _store(blame, path, content, networks.parameters, packed)


def _store(blame: str, path: Any, content: Any, parameters: Array, packed: Packed) -> None:
    import json  # slow to import, as the other modules that are imported in functions here

    target = Path(path)
    beside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            description = np.array(json.dumps(content))
            arrays: dict[str, Any] = {_DESCRIPTION: description, _PARAMETERS: parameters}
            np.savez(file, **arrays, **packed.arrays)  # type: ignore[arg-type]
        beside.replace(target)
    except OSError as error:  # of the temporary file, whose name the caller does not know
        raise OSError(error.errno, f"{blame}: {error.strerror}", str(path)) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _arrays_in(blame: str, path: Any) -> dict[str, Array]:
    """All arrays of a file, once it is known to be one of these."""
    import zipfile
    import zlib

    message = f"{blame}: {path} was not written by fastact.Network.save, or is damaged"
    try:
        with Path(path).open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile) or _DESCRIPTION not in file:
                raise ValueError(message)
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(message) from error


Read = tuple[list[tuple[Any, Any, Any]], str, dict[str, Any], dict[str, Any]]


def read(blame: str, path: Any) -> Read:
    """Layers, the output, options, and the network's state."""
    content, arrays = _content_of(blame, path, "layers")
    return _network_of(content, arrays[_PARAMETERS], arrays)


def read_copies(blame: str, path: Any) -> tuple[list[Read], Any]:
    """The same of each network, and the optimiser of all."""
    content, arrays = _content_of(blame, path, "networks")
    pairs = zip(content["networks"], arrays[_PARAMETERS], strict=True)
    optimizer = _optimizer_from(_unpacked(content["optimizer"], arrays))
    return [_network_of(one, parameters, arrays) for one, parameters in pairs], optimizer


def _content_of(blame: str, path: Any, key: str) -> tuple[dict[str, Any], dict[str, Array]]:
    import json

    arrays = _arrays_in(blame, path)
    content = json.loads(str(arrays[_DESCRIPTION]))
    if content["version"] != _VERSION:
        found = content["version"]
        raise ValueError(f"{blame}: {path} has format {found}; this version reads format {_VERSION}")
    if key not in content:
        there, other = ("copies of a network", "NetworkCopies") if key == "layers" else ("one", "Network")
        raise ValueError(f"{blame}: {path} has {there}; expected fastact.{other}.load")
    return content, arrays


def _network_of(content: dict[str, Any], parameters: Array, arrays: dict[str, Array]) -> Read:
    layers, used = [], 0
    for described in content["layers"]:
        taken = []
        for shape in (described["w"], described["b"]):
            size = 0 if shape is None else int(np.prod(shape))
            taken.append(None if shape is None else parameters[used : used + size].reshape(shape))
            used += size
        used += described["more"]
        layers.append((*taken, _unpacked_activation(described["activation"], arrays)))
    state = _unpacked(content["state"], arrays)
    state["optimizer"] = _optimizer_from(state["optimizer"])
    return layers, content["output"], _unpacked(content["options"], arrays), state


def _described(blame: str, optimizer: Any) -> Any:
    """The class and the state of an optimiser."""
    if optimizer is None:
        return None
    name = type(optimizer).__name__
    if type(optimizer) is not getattr(optim, name, None):
        raise TypeError(f"{blame}: {optimizer!r} is no optimiser of fastact's; pickle stores such networks")
    return {"class": name, "state": optimizer.state_dict()}


def _optimizer_from(described: Any) -> Any:
    if described is None:
        return None
    made = getattr(optim, described["class"])()
    made.load_state_dict(described["state"])
    return made
