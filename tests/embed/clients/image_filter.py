"""A filter compiled by numba: the mean of each pixel's neighbourhood, activated, and then its gradient."""

from __future__ import annotations

import ctypes

import numba
import numpy as np
from numba.extending import get_cython_function_address

_Pointer = ctypes.c_void_p
_gelu = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)(
    get_cython_function_address("fastact", "gelu_scalar_f32")
)
_gelu_backward = ctypes.CFUNCTYPE(None, _Pointer, _Pointer, _Pointer, ctypes.c_size_t)(
    get_cython_function_address("fastact", "gelu_backward_f32")
)


@numba.njit
def means(image: np.ndarray) -> np.ndarray:
    found = np.empty((image.shape[0] - 2, image.shape[1] - 2), np.float32)
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            total = np.float32(0)
            for k in range(9):
                total += image[i + k // 3, j + k % 3]
            found[i, j] = total / np.float32(9)
    return found


@numba.njit
def filtered(image: np.ndarray) -> np.ndarray:
    found = means(image)
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = _gelu(found[i, j])
    return found


@numba.njit
def gradient(grad: np.ndarray, image: np.ndarray) -> np.ndarray:
    """With respect to the means."""
    x, found = means(image), np.empty_like(grad)
    _gelu_backward(grad.ctypes.data, x.ctypes.data, found.ctypes.data, grad.size)
    return found
