"""Losses of several matrices in one call, each with the bits that it has by itself: of copies of a network.

Must not depend on layers or networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastact import _core, _rowwise
from fastact.arrays import Array
from fastact.rowwise.losses import Loss

_WITH_LABELS = {"softmax_cross_entropy": _rowwise.CROSS_ENTROPY, "nll": _rowwise.NLL}


def losses_of_copies(loss: Any, z: Array, target: Any) -> Array | None:
    """Mean losses of the matrices of z, whose place the gradients take; the target is one for all, or one for
    each. None, and nothing is done, for what is not arrays that fit: then each needs a call of its own."""
    if type(target) is not np.ndarray:
        return None
    with np.errstate(all="ignore"), _core.DefaultEnvironment():
        if isinstance(loss, Loss):
            losses = _of_elements(loss, z, target)
        else:
            losses = _of_labels(_WITH_LABELS[loss.__name__], z, target)
        return None if losses is None else losses.astype(z.dtype)


def _of_labels(number: int, z: Array, target: Array) -> Array | None:
    if target.dtype.kind not in "iu":
        return None
    found: Array | None = _rowwise.copies_of_labels(number, z, np.ascontiguousarray(target, np.int64))
    return found


def _of_elements(loss: Loss, z: Array, target: Array) -> Array | None:
    if target.shape == z.shape[1:2] and z.shape[2] == 1:
        target = target.reshape(-1, 1)
    if target.dtype != z.dtype or (loss._entry["has_signs"] and not _rowwise.are_signs(target)):
        return None
    found: Array | None = _rowwise.copies_of_loss(loss._entry["number"], z, target, loss._default)
    return found
