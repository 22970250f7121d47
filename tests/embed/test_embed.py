"""Programs of others, compiled against an installed fastact and compared with Python, bit for bit.

Knows what the README promises to clients; does not know the sources of the library.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
HERE = Path(__file__).parent
Python = Callable[..., str]
Config = Callable[..., list[str]]

TRAIN = """
import sys
import numpy as np
import fastact as fa
samples, inputs, hidden, results, steps = sizes = 40, 7, 13, 3, 25
rng = np.random.default_rng(1)
shapes = (samples, inputs), (samples, results), (inputs, hidden), (hidden,), (hidden, results), (results,)
x, target, w1, b1, w2, b2 = (rng.normal(size=s).astype(np.float32) for s in shapes)
with open(sys.argv[1], "wb") as file:
    for array in (np.array(sizes, np.int64), x, target, w1, b1, w2, b2):
        file.write(array.tobytes())
fa.set_isa(fa.isas()[-1])
net = fa.Network([(w1, b1, "gelu"), (w2, b2, None)])
for _ in range(steps):
    y, saved = net.forward(x)
    _, dw, db = net.backward(y - target, saved)
    for layer, grad_w, grad_b in zip(net.layers, dw, db):
        layer.w -= np.float32(0.001) * grad_w
        layer.b -= np.float32(0.001) * grad_b
for layer in net.layers:
    print(layer.w.tobytes().hex() + layer.b.tobytes().hex())
"""


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="there is no pkg-config")
@pytest.mark.parametrize("standard", ["c99", "gnu17"])
def test_a_perceptron_in_c_by_pkg_config(
    python: Python, config: Config, tmp_path: Path, standard: str
) -> None:
    folder = {**os.environ, "PKG_CONFIG_PATH": config("--pkgconfigdir")[0]}
    found = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "fastact"],
        env=folder, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    flags = [f"-std={standard}", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    made, data, trained = tmp_path / "perceptron", tmp_path / "data", tmp_path / "trained"
    subprocess.run(["cc", *flags, str(HERE / "perceptron.c"), *found, "-o", str(made)], check=True)
    expected = bytes.fromhex(python("-c", TRAIN, str(data)).replace("\n", ""))
    environment = {key: value for key, value in os.environ.items() if key != "FASTACT_ISA"}
    subprocess.run([str(made), str(data), str(trained)], env=environment, check=True)
    assert trained.read_bytes() == expected


CLASSIFY = """
import numpy as np
import fastact as fa
fa.set_isa(fa.isas()[-1])
x = np.linspace(-6, 6, 301)
print(*map(float.hex, fa.softmax(np.stack([fa.gelu(x), fa.snake(x, alpha=0.5)], -1)).ravel().tolist()))
"""


@pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no CMake")
def test_a_classifier_in_cpp_by_cmake(python: Python, config: Config, tmp_path: Path) -> None:
    for name in ("CMakeLists.txt", "classifier.cpp"):
        shutil.copy(HERE / name, tmp_path)
    build = tmp_path / "a folder"
    found = f"-Dfastact_DIR={config('--cmakedir')[0]}"
    subprocess.run(["cmake", "-S", str(tmp_path), "-B", str(build), found], stdout=-3, check=True)
    subprocess.run(["cmake", "--build", str(build)], stdout=-3, check=True)
    numbers = python("-c", "import numpy as np; print(*np.linspace(-6, 6, 301).tolist())")
    environment = {key: value for key, value in os.environ.items() if key != "FASTACT_ISA"}
    done = subprocess.run(
        [str(build / "classifier")],
        input=numbers,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    printed = [float.fromhex(line) for line in done.stdout.split()]
    expected = [float.fromhex(each) for each in python("-c", CLASSIFY).split()]
    assert printed == expected
    assert len(printed) == 602


def test_the_version_that_cmake_and_pkg_config_see(python: Python, config: Config) -> None:
    version = python("-c", "import fastact; print(fastact.__version__)")
    assert config("--version") == [version]
    assert f"\nVersion: {version}\n" in Path(config("--pkgconfigdir")[0], "fastact.pc").read_text()
    checked = Path(config("--cmakedir")[0], "fastactConfigVersion.cmake").read_text()
    assert f"set(PACKAGE_VERSION {version})" in checked


def test_a_client_compiled_with_an_older_header(config: Config, tmp_path: Path) -> None:
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    made = tmp_path / "client"
    subprocess.run(["cc", *flags, str(HERE / "old/client.c"), *config("--libs"), "-o", str(made)], check=True)
    done = subprocess.run([str(made)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


# In one process with Python -----------------------------------------------------------------------

CTYPES = """
import ctypes, sys
import numpy as np
import fastact as fa
library = ctypes.CDLL(fa.get_library())
library.fa_leaky_relu_f64.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_double]
library.fa_leaky_relu_f64.restype = None
x, y = np.linspace(-9, 9, 5001), np.zeros(5001)
library.fa_leaky_relu_f64(x.ctypes.data, y.ctypes.data, x.size, 0.2)
assert y.tobytes() == fa.leaky_relu(x, negative_slope=0.2).tobytes()
assert library.fa_activation_by_name(b"mish") >= 0 > library.fa_activation_by_name(b"no such name")
print("same")
"""


def test_ctypes(python: Python) -> None:
    assert python("-c", CTYPES) == "same"


CFFI = """
import subprocess, sys
import cffi
import numpy as np
import fastact as fa
ffi = cffi.FFI()
ffi.cdef(subprocess.run([sys.executable, "-m", "fastact", "config", "--cdef"],
                        capture_output=True, text=True, check=True).stdout)
library = ffi.dlopen(fa.get_library())
x = np.linspace(-9, 9, 5001, dtype=np.float32)
grad, dx = np.cos(x), np.empty_like(x)
library.fa_mish_backward_f32(*(ffi.from_buffer("float[]", a) for a in (grad, x, dx)), x.size)
assert dx.tobytes() == fa.mish.backward(grad, x).tobytes()
about = ffi.new("fa_activation *", {"size": ffi.sizeof("fa_activation")})
assert library.fa_activation_info(library.FA_prelu, about) == library.FA_OK
assert ffi.string(about.name) == b"prelu" and about.n_parameters == 1
assert ffi.string(about.parameter_names[0]) == b"weight" and about.parameter_defaults[0] == 0.25
print("same")
"""


def test_cffi(python: Python) -> None:
    if python("-c", "import importlib.util as u; print(u.find_spec('cffi'))") == "None":
        pytest.skip("cffi is not installed where fastact is")
    assert python("-c", CFFI) == "same"


SETTINGS = """
import ctypes, re, sys
from pathlib import Path
import numpy as np
clients = [ctypes.CDLL(sys.argv[1])]  # one before fastact, one after
import fastact as fa
clients += [ctypes.CDLL(sys.argv[2])]
for client in clients:
    client.client_isa.restype = ctypes.c_char_p
before = clients[0].client_threads()
x, y = np.linspace(-9, 9, 999, dtype=np.float32), np.empty(999, np.float32)
for isa in fa.isas():
    fa.set_isa(isa)
    for client in clients:
        assert client.client_isa().decode() == isa
        client.client_mish(*(ctypes.c_void_p(a.ctypes.data) for a in (x, y)), ctypes.c_size_t(999))
        assert y.tobytes() == fa.mish(x).tobytes(), isa
fa.set_num_threads(1)
assert [client.client_threads() for client in clients] == [1, 1]
fa.set_num_threads(None)
assert [client.client_threads() for client in clients] == [before, before]
maps = Path("/proc/self/maps").read_text()
print(len(set(re.findall(r"(\\S*/libfastact\\S*)", maps))), len(set(re.findall(r"(\\S*/libgomp\\S*)", maps))))
"""


def test_settings_are_those_of_every_client(
    python: Python, compiled: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """And there is one copy of the library in the process, with one OpenMP runtime."""
    made = [tmp_path / f"client{i}.so" for i in range(2)]
    for path in made:
        compiled(HERE / "shared_settings.c", path)
    copies = python("-c", SETTINGS, *map(str, made), FASTACT_ISA=None).split()
    assert copies[0] == "1"
    assert copies[1] in ("0", "1")  # 0: a build without OpenMP


def test_a_library_of_another_version_is_an_import_error(python: Python, tmp_path: Path) -> None:
    declared = python("-m", "fastact", "config", "--cdef")
    names = set(re.findall(r"\b(fa_\w+)\(", declared)) - {"fa_version"}
    stubs = [f"void {name}(void) {{}}" for name in sorted(names)]
    others = ["int fa_version(void) { return 77; }", "void *fa__private(void) { return 0; }"]
    (tmp_path / "wrong.c").write_text("\n".join([*stubs, *others, ""]))
    made = tmp_path / "libfastact.so"
    shared = ["cc", "-shared", "-fPIC", "-Wl,-soname,libfastact.so"]
    subprocess.run([*shared, str(tmp_path / "wrong.c"), "-o", str(made)], check=True)
    code = "try:\n    import fastact\nexcept ImportError as error:\n    print(error)"
    printed = python("-c", code, LD_PRELOAD=str(made))
    assert "libfastact.so (version 77) was not built together with this extension module" in printed
