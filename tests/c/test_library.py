"""The C library by itself: built by make without Python, tested by a plain C program under every
instruction set, and linked into C++ and a shared library by others.

Knows how a user would build; does not know any activation.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import helpers
import pytest

import fastact as fa

pytestmark = pytest.mark.once

CSRC = helpers.ROOT / "fastact/csrc"
LINK = ["-fopenmp", "-lm", "-lpthread"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libfastact.a, as make builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("library")
    subprocess.run(["make", "-s", "-j2", "-C", str(CSRC), f"BUILD={folder}"], check=True)
    return folder / "libfastact.a"


def make(*arguments: str) -> helpers.Done:
    return helpers.run(["make", "-C", str(CSRC), *arguments], 120)


@pytest.mark.parametrize("flag", ["-ffast-math", "-ffinite-math-only", "-fno-signed-zeros"])
def test_flags_that_assume_away_special_values_are_refused(tmp_path: Path, flag: str) -> None:
    for made in ("gemm/gemm.o", "platform/float16.o"):
        done = make(f"BUILD={tmp_path}", f"CFLAGS={flag}", f"{tmp_path}/{made}")
        assert done.returncode != 0
        assert "fastact must not be compiled with -ffast-math or parts of it" in done.stderr


def test_a_build_folder_with_a_space_is_refused() -> None:
    done = make("BUILD=a b")
    assert done.returncode != 0
    assert 'BUILD is "a b": a folder whose name has spaces' in done.stderr


def compiled(name: str, library: Path) -> Path:
    """The program of that name, which may use what the library keeps to itself."""
    includes = [f"-I{helpers.ROOT / 'include'}", f"-I{CSRC}"]
    source, made = Path(__file__).parent / f"{name}.c", library.parent / name
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fopenmp"]
    subprocess.run(["cc", *flags, *includes, str(source), str(library), *LINK, "-o", str(made)], check=True)
    return made


@pytest.fixture(scope="module")
def program(library: Path) -> Path:
    return compiled("test_activations", library)


@pytest.mark.parametrize("isa", fa.isas())
def test_every_function(program: Path, isa: str) -> None:
    assert helpers.checks_passed(str(program), FASTACT_ISA=isa) > 10_000


@pytest.mark.parametrize("isa", fa.isas())
def test_what_activations_rest_on(library: Path, tmp_path: Path, isa: str) -> None:
    assert helpers.checks_passed(str(compiled("test_platform", library)), str(tmp_path), FASTACT_ISA=isa) > 50


@pytest.mark.parametrize("most", [None, "3"], ids=["as many as asked for", "fewer"])
def test_teams_of_threads(library: Path, most: str | None) -> None:
    passed = helpers.checks_passed(
        str(compiled("test_threads", library)),
        OMP_THREAD_LIMIT=most,
        OMP_DYNAMIC=None,
        OMP_WAIT_POLICY=None,
        FASTACT_NUM_THREADS=None,
    )
    if passed == 0:
        pytest.skip("a quota allows fewer than four CPUs, so that all teams are of one size")
    assert passed > 400


@pytest.mark.parametrize("most", range(1, 6))
def test_threads_that_cannot_be_started(library: Path, most: int) -> None:
    """So many may exist at a time: the runtime would end the process where it is refused one."""
    made = compiled("test_few_threads", library)
    unlimited = {"OMP_THREAD_LIMIT": None, "OMP_DYNAMIC": None, "FASTACT_NUM_THREADS": None}
    assert helpers.checks_passed(str(made), str(most), **unlimited) >= 1280


@pytest.mark.parametrize("isa", fa.isas())
def test_small_stacks(library: Path, isa: str) -> None:
    """Functions are looked up at once, since that takes stack of the dynamic linker."""
    made = compiled("test_stacks", library)
    assert helpers.checks_passed(str(made), FASTACT_ISA=isa, LD_BIND_NOW="1", FASTACT_NUM_THREADS="1") > 500


def test_affinity(library: Path) -> None:
    made = compiled("test_affinity", library)
    passed = helpers.checks_passed(
        str(made), OMP_THREAD_LIMIT=None, OMP_DYNAMIC=None, OMP_PROC_BIND=None, FASTACT_NUM_THREADS=None
    )
    if passed == 0:
        pytest.skip("a quota allows fewer than four CPUs")


@pytest.mark.parametrize("check", ["short", "long", "float64", "dense", "threads", "isa"])
def test_first_call(library: Path, check: str) -> None:
    """On one thread: to start threads takes memory."""
    made = compiled("test_first_call", library)
    assert helpers.checks_passed(str(made), check, FASTACT_NUM_THREADS="1", FASTACT_ISA=None) > 0


@pytest.mark.parametrize("isa", fa.isas())
def test_cancelled_threads(library: Path, isa: str) -> None:
    made = compiled("test_cancellation", library)
    assert helpers.checks_passed(str(made), FASTACT_NUM_THREADS=None, FASTACT_ISA=isa) > 1


def test_library_needs_no_python_and_shows_only_its_own_names(library: Path) -> None:
    symbols = subprocess.run(["nm", "-A", str(library)], capture_output=True, text=True, check=True).stdout
    assert not re.findall(r"\bPy\w+|\bnumpy\w*", symbols)
    defined = re.findall(r" [TDBRC] (\w+)$", symbols, re.MULTILINE)
    assert defined
    assert not [name for name in defined if not name.startswith("fa_")]


SEPARATE = """
import ctypes, os, sys
one, two = (ctypes.CDLL(path, os.RTLD_NOW | os.RTLD_GLOBAL) for path in sys.argv[1:])
two.threads.restype = ctypes.c_int
one.limit(1)
before = two.threads()
one.limit(0)
print(one.threads() == two.threads() == before, hasattr(ctypes.CDLL(None), "fa_num_threads"))
"""


def test_clients_with_static_copies_do_not_see_each_other(library: Path, tmp_path: Path) -> None:
    (tmp_path / "client.c").write_text(
        "#include <fastact.h>\n"
        "void limit(int n) { fa_set_num_threads(n); }\nint threads(void) { return fa_num_threads(); }\n"
    )
    made = [str(tmp_path / f"client{i}.so") for i in range(2)]
    for path in made:
        sources = [f"-I{helpers.ROOT / 'include'}", str(tmp_path / "client.c"), str(library)]
        subprocess.run(["cc", "-shared", "-fPIC", *sources, *LINK, "-o", path], check=True)
        names = subprocess.run(
            ["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True
        )
        assert {line.split()[-1] for line in names.stdout.splitlines()} == {"limit", "threads"}
    done = helpers.run([sys.executable, "-c", SEPARATE, *made], 60, FASTACT_NUM_THREADS="2")
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_an_activation_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = make(f"BUILD={tmp_path}", "ACTIVATIONS=relu geluu", f"{tmp_path}/include/fastact.h")
    assert done.returncode != 0
    assert "there is no activation geluu" in done.stderr


def test_the_table_of_some_activations(tmp_path: Path) -> None:
    """The entries that were asked for, in the order of the table, and every comment."""
    done = make(f"BUILD={tmp_path}", "ACTIVATIONS=mish relu", f"{tmp_path}/include/fastact.h")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "include/fastact/activations.def").read_text()
    assert re.findall(r"^FA_ACT\((\d+), (\w+)", text, re.MULTILINE) == [("1", "relu"), ("44", "mish")]
    whole = (helpers.ROOT / "include/fastact/activations.def").read_text()
    assert text.count("/*") == whole.count("/*")
    (tmp_path / "one.c").write_text("#include <fastact.h>\nint main(void) { return FA_mish != 44; }\n")
    include = f"-I{tmp_path / 'include'}"
    subprocess.run(["cc", include, str(tmp_path / "one.c"), "-o", str(tmp_path / "one")], check=True)
    subprocess.run([str(tmp_path / "one")], check=True)


def test_library_allocates_and_prints_nothing(library: Path) -> None:
    """What it asks of libc: nothing that allocates, prints, exits or aborts."""
    symbols = subprocess.run(["nm", "-u", str(library)], capture_output=True, text=True, check=True).stdout
    asked = set(re.findall(r" U (\w+)$", symbols, re.MULTILINE))
    forbidden = {"malloc", "calloc", "realloc", "printf", "puts", "exit", "abort", "__assert_fail", "perror"}
    assert not asked & forbidden


def test_header_is_plain_c_and_cpp(tmp_path: Path) -> None:
    (tmp_path / "one.c").write_text(
        "#include <fastact.h>\n#include <fastact/scalar.h>\n"
        "int main(void) { return fa_num_threads() < 1 || fa_inline_relu_f64(-1) != 0; }\n"
    )
    include = f"-I{fa.get_include()}"
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", include, str(tmp_path / "one.c")]
    for language in (
        ["cc", "-std=c99"],
        ["c++", "-x", "c++", "-std=c++11"],
        ["c++", "-x", "c++", "-std=c++17"],
    ):
        subprocess.run([*language, *strict, "-c", "-o", str(tmp_path / "one.o")], check=True)


USE_ALL = """
import ctypes, numpy as np, fastact as fa
client = ctypes.CDLL({made!r})
x, y = np.linspace(-9, 9, 1001), np.zeros(1001)
for name in fa.names():
    getattr(client, "call_" + name)(*(ctypes.c_void_p(a.ctypes.data) for a in (x, y)), ctypes.c_size_t(1001))
    assert y.tobytes() == fa.get(name)(x).tobytes(), name
print("same")
"""


def test_shipped_library_from_a_shared_library(tmp_path: Path) -> None:
    """What the package carries can be linked to another library, which shares it with Python."""
    lines = ["#include <fastact.h>"]
    for name in fa.names():
        listed = "".join(f", {value!r}" for value in fa.get(name).parameters.values())
        body = f"fa_{name}_f64(x, y, n{listed});"
        lines.append(f"void call_{name}(const double *x, double *y, size_t n) {{ {body} }}")
    (tmp_path / "client.c").write_text("\n".join(lines) + "\n")
    made = str(tmp_path / "client.so")
    command = ["cc", "-shared", "-fPIC", *helpers.c_client(str(tmp_path / "client.c")), "-o", made]
    subprocess.run(command, check=True)
    assert helpers.output_of(USE_ALL.format(made=made), FASTACT_ISA=fa.isa()) == "same"
