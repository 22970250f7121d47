"""oneDNN: its element-wise primitives, called from C code that is compiled on the spot."""

from __future__ import annotations

import ctypes
import subprocess
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import fastact
from fastact.activations.base import Activation
from fastact.evaluation.cases import Array, ElementwiseCase
from fastact.evaluation.peers import base, c


class _Kind(NamedTuple):
    """An algorithm of oneDNN; a word among its two numbers is a parameter of the activation."""

    name: str
    alpha: str | float = 0.0
    beta: str | float = 0.0
    from_output: bool = False  # whether the backward pass may use the output


_KINDS = {
    "identity": _Kind("linear", 1.0),
    "relu": _Kind("relu", from_output=True),
    "leaky_relu": _Kind("relu", "negative_slope", from_output=True),
    "relu6": _Kind("clip", 0.0, 6.0),
    "elu": _Kind("elu", "alpha", from_output=True),
    "sigmoid": _Kind("logistic", from_output=True),
    "tanh": _Kind("tanh", from_output=True),
    "softplus": _Kind("soft_relu", 1.0),
    "silu": _Kind("swish", 1.0),
    "swish": _Kind("swish", "beta"),
    "gelu": _Kind("gelu_erf"),
    "gelu_tanh": _Kind("gelu_tanh"),
    "mish": _Kind("mish"),
    "hard_swish": _Kind("hardswish", 1 / 6, 0.5),  # numbers of version 3; version 2 ignores them
    "abs": _Kind("abs"),
    "square": _Kind("square"),
    "exp": _Kind("exp", from_output=True),
}

_TEXT = """\
#include <dnnl.h>
#include <stdlib.h>

typedef struct {
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    dnnl_exec_arg_t arguments[3];
    int count;
} call;

#if DNNL_VERSION_MAJOR < 3
#define AT(description) &description
static int describe(dnnl_memory_desc_t *made, dnnl_dim_t n) {
    return dnnl_memory_desc_init_by_tag(made, 1, &n, dnnl_f32, dnnl_a);
}
static int forward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_memory_desc_t of) {
    dnnl_eltwise_desc_t d;
    return dnnl_eltwise_forward_desc_init(&d, dnnl_forward_training, KIND, &of, ALPHA, BETA) ||
           dnnl_primitive_desc_create(made, &d, NULL, engine, NULL);
}
static int backward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_memory_desc_t of,
                    dnnl_primitive_desc_t hint) {
    dnnl_eltwise_desc_t d;
    return dnnl_eltwise_backward_desc_init(&d, KIND, &of, &of, ALPHA, BETA) ||
           dnnl_primitive_desc_create(made, &d, NULL, engine, hint);
}
#else
#define AT(description) description
static int describe(dnnl_memory_desc_t *made, dnnl_dim_t n) {
    return dnnl_memory_desc_create_with_tag(made, 1, &n, dnnl_f32, dnnl_a);
}
static int forward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_memory_desc_t of) {
    return dnnl_eltwise_forward_primitive_desc_create(made, engine, dnnl_forward_training, KIND, of, of,
                                                      ALPHA, BETA, NULL);
}
static int backward(dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_memory_desc_t of,
                    dnnl_primitive_desc_t hint) {
    return dnnl_eltwise_backward_primitive_desc_create(made, engine, KIND, of, of, of, ALPHA, BETA, hint,
                                                       NULL);
}
#endif

call *prepare(int backward_pass, dnnl_dim_t n, void **arrays) {
    static const int forwards[] = {DNNL_ARG_SRC, DNNL_ARG_DST};
    static const int backwards[] = {DNNL_ARG_DIFF_DST, SAVED, DNNL_ARG_DIFF_SRC};
    call *made = calloc(1, sizeof *made);
    dnnl_engine_t engine;
    dnnl_memory_desc_t description;
    dnnl_primitive_desc_t hint, wanted;
    if (!made || dnnl_engine_create(&engine, dnnl_cpu, 0) || describe(&description, n) ||
        dnnl_stream_create(&made->stream, engine, dnnl_stream_default_flags) ||
        forward(&hint, engine, description))
        return NULL;
    wanted = hint;
    if (backward_pass && backward(&wanted, engine, description, hint)) return NULL;
    if (dnnl_primitive_create(&made->primitive, wanted)) return NULL;
    made->count = backward_pass ? 3 : 2;
    for (int i = 0; i < made->count; i++) {
        made->arguments[i].arg = (backward_pass ? backwards : forwards)[i];
        if (dnnl_memory_create(&made->arguments[i].memory, AT(description), engine, arrays[i])) return NULL;
    }
    return made;
}

int run(const call *c) {
    return dnnl_primitive_execute(c->primitive, c->stream, c->count, c->arguments) ||
           dnnl_stream_wait(c->stream);
}

int version(int part) {
    const dnnl_version_t *v = dnnl_version();
    return part == 0 ? v->major : part == 1 ? v->minor : v->patch;
}
"""


class Peer(base.Peer):
    """Primitives for float32; float64 has none on a CPU."""

    name = "oneDNN"

    def __init__(self) -> None:
        """Compile a call of a primitive, and prepare it.

        Raises
        ------
        base.UnavailableError
            If gcc does not find the library, or the library no CPU.
        """
        try:
            library = _library(_KINDS["identity"], 1.0, 0.0)
        except (subprocess.CalledProcessError, OSError) as error:
            raise base.UnavailableError("gcc and oneDNN (Debian: apt install libdnnl-dev)") from error
        if (
            _call(fastact.get("identity"), "forward", [np.zeros(1, np.float32), np.zeros(1, np.float32)])
            is None
        ):
            raise base.UnavailableError("oneDNN built for CPUs")
        self._version = [library.version(part) for part in range(3)]

    def threads(self, n: int) -> AbstractContextManager[Any]:
        """OpenMP's threads."""
        return base.library_threads(n, "openmp")

    def elementwise(self, case: ElementwiseCase) -> base.Call | None:
        """The primitive's execution on memory objects of the arrays."""
        if case.dtype != "float32" or case.direction == "value_and_derivative":
            return None
        return _call(case.function, case.direction, [*case.arguments, *case.results])

    def function(self, activation: Activation, direction: str) -> base.Function | None:
        """The value, or the gradient where the output's is 1."""
        kind = _KINDS.get(activation.name)
        if kind is None or not base.passes_all(activation, [str(kind.alpha), str(kind.beta)]):
            return None

        def call(x: Array, out: Array) -> None:
            x = np.ascontiguousarray(x)
            arrays = [x, out] if direction == "f" else [np.ones_like(x), x, out]
            run = _call(activation, "forward" if direction == "f" else "backward", arrays)
            if run is not None:
                run()

        return call

    @property
    def version(self) -> str:
        """Of the library."""
        return ".".join(map(str, self._version))


def _call(activation: Activation, direction: str, arrays: list[Array]) -> base.Call | None:
    kind = _KINDS.get(activation.name)
    from_output = direction == "backward_from_output"
    if kind is None or (from_output and not kind.from_output):
        return None
    alpha, beta = (
        float(activation.parameters[one]) if isinstance(one, str) else one for one in (kind.alpha, kind.beta)
    )
    library = _library(kind, alpha, beta, from_output)
    pointers = (ctypes.c_void_p * 3)(*(one.ctypes.data for one in arrays))
    prepared = library.prepare(direction != "forward", ctypes.c_int64(arrays[0].size), pointers)
    if not prepared:
        return None
    run, bound = library.run, ctypes.c_void_p(prepared)

    def call() -> Array:
        run(bound)
        return arrays[-1]

    return call


@cache
def _library(kind: _Kind, alpha: float, beta: float, from_output: bool = False) -> ctypes.CDLL:
    name = f"dnnl_eltwise_{kind.name}" + ("_use_dst_for_bwd" if from_output else "")
    values = {"KIND": name, "ALPHA": f"{alpha}f", "BETA": f"{beta}f"}
    values["SAVED"] = "DNNL_ARG_DST" if from_output else "DNNL_ARG_SRC"
    defined = [f"-D{one}={value}" for one, value in values.items()]
    library = c.shared_library(_TEXT, *defined, "-ldnnl")
    library.prepare.restype = ctypes.c_void_p
    return library
