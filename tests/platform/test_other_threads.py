"""The library beside others that start threads, and where none can be started: in processes of their own.

Must not depend on how work is shared out.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import helpers
import pytest

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this process may use one CPU only"),
]

LIMITS = ["OMP_NUM_THREADS", "FASTACT_NUM_THREADS", "OMP_THREAD_LIMIT"]
FREE: dict[str, str | None] = {**dict.fromkeys(LIMITS), "OPENBLAS_NUM_THREADS": "1"}

# Another library's use of OpenMP, as scikit-learn's, before fastact is imported
OTHER = """
#include <omp.h>
int count(void) {
    int n = 0;
#pragma omp parallel num_threads(4) reduction(+ : n)
    n += 1;
    return n;
}
"""

CALLS = """
import numpy as np, fastact as fa
x = np.linspace(-9, 9, 10**6, dtype=np.float32)
def same():
    with fa.num_threads(1):
        want = fa.gelu(x)
    return all(np.array_equal(fa.gelu(x), want) for _ in range(5))
"""


def test_callers_share_the_threads() -> None:
    """Threads that call leave no threads behind, beyond those of one caller."""
    code = f"""{CALLS}
import os, threading
inside, before = threading.Barrier(25), len(os.listdir("/proc/self/task"))
def work():
    for _ in range(10):
        fa.gelu(x)
    inside.wait()
    inside.wait()
callers = [threading.Thread(target=work) for _ in range(24)]
for caller in callers: caller.start()
inside.wait()
print(len(os.listdir("/proc/self/task")) - before - 24, fa.get_num_threads() - 1)
inside.wait()
for caller in callers: caller.join()
"""
    started, allowed = map(int, helpers.output_of(code, **FREE).split())
    assert started <= allowed


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    (folder / "other.c").write_text(OTHER)
    command = ["cc", "-shared", "-fPIC", "-fopenmp", "other.c", "-o", "other.so"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "other.so"


@pytest.mark.parametrize("imported", ["before", "after"])
def test_a_child_of_a_process_with_openmp_threads(other: Path, imported: str) -> None:
    """They are the parent's: to wait for them in the child is to wait for ever."""
    code = f"""
import ctypes, os, signal
{CALLS if imported == "before" else ""}
assert ctypes.CDLL({str(other)!r}).count() == 4
child = os.fork()
if child == 0:
    signal.alarm(30)
    {"" if imported == "before" else f"exec({CALLS!r})"}
    os._exit(0 if same() else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    helpers.output_of(code, timeout=60, **FREE)


def test_address_space_that_is_too_small_for_threads() -> None:
    code = f"""{CALLS}
import resource
from pathlib import Path
out = np.empty_like(x)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 2**19, before[1]))  # no room for the stack of a thread
for _ in range(5): fa.gelu(x, out=out)
resource.setrlimit(resource.RLIMIT_AS, before)
print(same() and np.array_equal(out, fa.gelu(x)))
"""
    assert helpers.output_of(code, **FREE) == "True"


@pytest.mark.parametrize("size", ["1000G", "16E"])
def test_stacks_of_openmp_that_cannot_be_had(size: str) -> None:
    assert helpers.output_of(CALLS + "print(same())", OMP_STACKSIZE=size, **FREE) == "True"


def test_processes_that_may_not_start_threads() -> None:
    """As in a container with a limit of pids. It does not bind root, so the process gives up its rights."""
    code = f"""{CALLS}
import os, resource
out = np.empty_like(x)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
if os.getuid() == 0: os.setuid(12345)
for _ in range(5): fa.gelu(x, out=out)
print(same())
"""
    assert helpers.output_of(code, **FREE) == "True"


@pytest.mark.parametrize("binding", ["true", "spread", "false"])
def test_openmp_that_binds_threads(binding: str) -> None:
    """The thread that calls is bound to one place; the workers are not."""
    code = f"""{CALLS}
import os
assert same()
print(max(len(os.sched_getaffinity(int(task))) for task in os.listdir("/proc/self/task")))
"""
    printed = helpers.output_of(code, OMP_PROC_BIND=binding, OMP_PLACES="cores", **FREE)
    assert int(printed) == len(os.sched_getaffinity(0))


def test_a_shared_library_that_is_unloaded_takes_its_threads_along(tmp_path: Path) -> None:
    """Threads that went on would run code that is gone."""
    (tmp_path / "client.c").write_text(
        "#include <fastact.h>\n"
        "void call(float *x, size_t n) { for (int i = 0; i < 20; i++) fa_gelu_f32(x, x, n); }\n"
    )
    command = ["cc", "-shared", "-fPIC", *helpers.c_client("client.c"), "-o", "client.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    code = f"""
import _ctypes, ctypes, os, time
def threads(): return len(os.listdir("/proc/self/task"))
client, before = ctypes.CDLL({str(tmp_path / "client.so")!r}), threads()
client.call((ctypes.c_float * 10**6)(), ctypes.c_size_t(10**6))
during = threads()
_ctypes.dlclose(client._handle)
time.sleep(0.05)  # longer than threads wait for work
print(during > before, threads() - before)
"""
    assert helpers.output_of(code, **FREE) == "True 0"
