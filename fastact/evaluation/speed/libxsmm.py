"""The bare products of a layer by libxsmm, which compiles a kernel for each size; called from C."""

from __future__ import annotations

import ctypes
import subprocess
from functools import cache

import numpy as np

from fastact.evaluation.cases import Array
from fastact.evaluation.peers import c
from fastact.evaluation.peers.base import Call

_TEXT = """\
#include <libxsmm.h>
#include <stddef.h>

typedef libxsmm_blasint whole;
enum { TILE = 64, DEPTH = 256 };

static whole least(whole a, whole b) { return a < b ? a : b; }

/* c = a b by columns, m by n, in tiles that stay in the first caches; b is transposed if flags say so */
static int multiply(whole m, whole n, whole k, const real *a, whole lda, const real *b, whole ldb, real *c,
                    int flags) {
    const real alpha = 1, betas[2] = {0, 1};
    const int none = LIBXSMM_GEMM_PREFETCH_NONE;
    for (whole l = 0; l < k; l += DEPTH)
        for (whole j = 0; j < n; j += TILE)
            for (whole i = 0; i < m; i += TILE) {
                whole rows = least(TILE, m - i), columns = least(TILE, n - j), depth = least(DEPTH, k - l);
                const real *beta = &betas[l > 0];
                kernel run = DISPATCH(rows, columns, depth, &lda, &ldb, &m, &alpha, beta, &flags, &none);
                if (!run) return 1;
                const real *from = flags ? b + j + (size_t)l * ldb : b + l + (size_t)j * ldb;
                run(a + i + (size_t)l * lda, from, c + i + (size_t)j * m);
            }
    return 0;
}

/* y = x w, dx = y w^T, dw = x^T y by rows; there are no kernels for a transposed first factor */
int products(whole rows, whole in, whole out, const real *x, const real *w, real *y, real *dx, real *dw,
             real *transposed) {
    libxsmm_otrans(transposed, w, sizeof(real), out, in, out, in);
    return multiply(out, rows, in, w, out, x, in, y, LIBXSMM_GEMM_FLAG_NONE) ||
           multiply(in, rows, out, transposed, in, y, out, dx, LIBXSMM_GEMM_FLAG_NONE) ||
           multiply(out, in, rows, y, out, x, in, dw, LIBXSMM_GEMM_FLAG_TRANS_B);
}
"""
_NAMES = {"float32": ("float", "libxsmm_s"), "float64": ("double", "libxsmm_d")}


def products(x: Array, y: Array, dx: Array, dw: Array, w: Array) -> Call | None:
    """The three products of a layer, in one thread; None where gcc does not find libxsmm (libxsmm-dev)."""
    library = _library(x.dtype.name)
    if library is None:
        return None
    arrays = [x, w, y, dx, dw, np.empty_like(w)]
    pointers = [ctypes.c_void_p(one.ctypes.data) for one in arrays]

    def call() -> list[Array]:
        library.products(x.shape[0], *w.shape, *pointers)
        return arrays

    return None if library.products(x.shape[0], *w.shape, *pointers) else call


@cache
def _library(dtype: str) -> ctypes.CDLL | None:
    real, prefix = _NAMES[dtype]
    defined = [f"-Dreal={real}", f"-Dkernel={prefix}mmfunction", f"-DDISPATCH={prefix}mmdispatch"]
    libraries = ["-lxsmm", "-lxsmmnoblas", "-lpthread", "-ldl", "-lm"]
    try:
        return c.shared_library(_TEXT, *defined, *libraries)
    except (subprocess.CalledProcessError, OSError):
        return None
