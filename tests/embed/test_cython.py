"""Clients that `cimport fastact`: they link to nothing, share the runtime, and tell when they are too new."""

from __future__ import annotations

import json
from pathlib import Path

import building
import helpers
import numpy as np
import pytest

import fastact as fa

pytestmark = pytest.mark.once
ABI = json.loads((helpers.ROOT / "tests/data/abi.json").read_text())


@pytest.fixture(scope="module")
def training_loop(tmp_path_factory: pytest.TempPathFactory) -> object:
    source = building.CLIENTS / "training_loop.pyx"
    return building.imported(building.compiled(source, tmp_path_factory.mktemp("training")))


@pytest.mark.skipif(fa.isa() == "sse2", reason="there fa.Network passes a BLAS, and the client does not")
def test_training_loop(training_loop: object) -> None:
    rng = np.random.default_rng(1)
    shapes = [(40, 7), (40, 3), (7, 16), (16,), (16, 3), (3,)]
    x, target, *parameters = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    net = fa.Network([(*parameters[:2], fa.gelu), (*parameters[2:], None)])
    assert training_loop.train(x, target, *parameters, 0.001, 20) == 0
    for _ in range(20):
        y, saved = net.forward(x)
        _, dw, db = net.backward(y - target, saved)
        for layer, dw_i, db_i in zip(net.layers, dw, db, strict=True):
            layer.w -= np.float32(0.001) * dw_i
            layer.b -= np.float32(0.001) * db_i
    trained = np.concatenate([parameter.ravel() for parameter in parameters])
    assert np.isfinite(trained).all()
    assert trained.tobytes() == net.parameters.tobytes()


def test_every_function_can_be_imported(tmp_path: Path) -> None:
    """Cython compares signatures: those of the dictionary are the ones that it makes of the declarations.

    The header may be included beside them: names do not collide.
    """
    names = [name.removeprefix("fa_") for name in ABI["functions"]]
    lines = ["cimport fastact", 'cdef extern from "fastact.h":', "    int FA_VERSION"]
    lines += ["def versions():", "    return FA_VERSION, fastact.version(), sizeof(fastact.fa_dense)"]
    lines += [
        "def addresses():",
        "    return {",
        *(f"        {name!r}: <size_t>fastact.{name}," for name in names),
    ]
    (tmp_path / "every.pyx").write_text("\n".join([*lines, "    }", ""]))
    include = f"-I{fa.get_include()}"
    module = building.imported(building.compiled(tmp_path / "every.pyx", tmp_path, helpers.ROOT, include))
    addresses = module.addresses()
    assert len(set(addresses.values())) == len(addresses) == len(names)
    assert fa.__pyx_capi__.keys() == addresses.keys()
    of_header, of_library, size = module.versions()
    assert of_header == of_library
    assert size == ABI["structs"]["fa_dense"]["size"]


# Clients of other versions, which know few functions ------------------------------------------------

CLIENT = """
cimport fastact

def settings():
    return fastact.isa().decode(), fastact.num_threads()

def call(size_t x, size_t y, size_t n):
    fastact.{call}
"""
GELU = "gelu_f64(<const double *>x, <double *>y, n)"
DECLARED = "void gelu_f64(const double *x, double *y, size_t n)"
OLDER = [DECLARED, "const char *isa()", "int num_threads()"]


def client(folder: Path, declarations: list[str], call: str) -> Path:
    """A client that was built when these were the declarations."""
    package = folder / "cimported/fastact"
    package.mkdir(parents=True)
    lines = ["cdef:", *(f"    {declaration} noexcept nogil" for declaration in declarations), ""]
    (package / "__init__.pxd").write_text("\n".join(lines))
    (folder / "client.pyx").write_text(CLIENT.format(call=call))
    return building.compiled(folder / "client.pyx", folder, folder / "cimported")


def test_an_older_client_has_the_settings_of_python(tmp_path: Path, restore_threads: None) -> None:
    module = building.imported(client(tmp_path, OLDER, GELU))
    before = fa.isa()
    fa.set_num_threads(1)
    try:
        for isa in fa.isas():
            fa.set_isa(isa)
            assert module.settings() == (isa, 1)
            x, y = np.linspace(-9, 9, 1001), np.zeros(1001)
            module.call(x.ctypes.data, y.ctypes.data, 1001)
            assert y.tobytes() == fa.gelu(x).tobytes()
    finally:
        fa.set_isa(before)


def test_a_newer_client_is_refused(tmp_path: Path) -> None:
    declared, call = DECLARED.replace("gelu", "brelu"), GELU.replace("gelu", "brelu")
    made = client(tmp_path, [*OLDER, declared], call)
    with pytest.raises(ImportError, match="does not export expected C function brelu_f64"):
        building.imported(made)


def test_a_client_with_another_signature_is_refused(tmp_path: Path) -> None:
    declared, call = DECLARED.replace("size_t n", "int n"), GELU.replace(", n", ", <int>n")
    made = client(tmp_path, [declared, *OLDER[1:]], call)
    with pytest.raises(TypeError, match="gelu_f64 has wrong signature"):
        building.imported(made)
