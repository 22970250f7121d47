"""A network of dense layers, forward and backward in one C call each, on arrays made once.

Knows how layers follow each other. Does not know any activation, nor how a layer is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastact import _dense
from fastact.dense.arguments import as_readable, as_real, resolve
from fastact.dense.saving import prepared

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class DenseStack:
    """Dense layers one after the other: s_i = h_(i-1) w_i + b_i, h_i = f_i(s_i), and all gradients.

    Parameters
    ----------
    layers : sequence of (w, b, activation)
        w of shape (i, o), b of shape (o,) or None, the activation a name or an Activation whose parameters
        are numbers. Each o is the next layer's i. All arrays are of one dtype, float32 or float64. They are
        not copied: training may change them in place between calls.

    Raises
    ------
    ValueError
        For shapes that do not fit, and an unknown activation.
    TypeError
        For arrays that are not of one float dtype, and activations that are not as above.

    Notes
    -----
    The arrays for results and for what is saved between the passes are made at the first call, and again only
    if the number of rows changes; after that a call allocates nothing. So results are overwritten by the next
    call: copy what must last, and do not call one object from two threads at a time. `x` is read by
    :meth:`backward` too and must not change before it. The interpreter lock is released.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> w1, w2 = np.full((3, 4), 0.5), np.full((4, 1), 0.25)
    >>> stack = fa.DenseStack([(w1, None, "relu"), (w2, np.zeros(1), "identity")])
    >>> stack.forward(np.ones((2, 3)))
    array([[1.5],
           [1.5]])
    >>> dx, dw, db = stack.backward(np.ones((2, 1)))
    >>> dx[0], dw[1].T, db[1]
    (array([0.5, 0.5, 0.5]), array([[3., 3., 3., 3.]]), array([2.]))
    """

    def __init__(self, layers: Sequence[tuple[Any, Any, Any]]) -> None:
        if not layers:
            raise ValueError("fastact.DenseStack: layers is empty; expected at least one (w, b, activation)")
        self._weights = tuple(self._array(i, "w", w, 2) for i, (w, _, _) in enumerate(layers))
        self._biases = tuple(
            None if b is None else self._array(i, "b", b, 1) for i, (_, b, _) in enumerate(layers)
        )
        self._activations = tuple(
            self._prepared(i, activation) for i, (_, _, activation) in enumerate(layers)
        )
        self._check_shapes()
        self._network: _dense.Network | None = None

    @staticmethod
    def _array(number: int, name: str, array: Any, ndim: int) -> NDArray[Any]:
        blame = f"fastact.DenseStack: {name} of layer {number}"
        if not isinstance(array, np.ndarray) or array.dtype not in _FLOATS:
            what = getattr(array, "dtype", type(array).__name__)
            raise TypeError(f"{blame} is {what}; expected an array of float32 or float64")
        plain = array.view(np.ndarray)
        if array.ndim != ndim:
            raise ValueError(f"{blame} has shape {array.shape}; expected {'(i, o)' if ndim == 2 else '(o,)'}")
        if as_readable(plain, array.dtype) is not plain or (ndim == 1 and not plain.flags.c_contiguous):
            raise ValueError(f"{blame} is not aligned, or its elements are not adjacent; pass a copy")
        return plain

    @staticmethod
    def _prepared(number: int, activation: Any) -> _dense.Prepared:
        found = prepared(resolve("fastact.DenseStack", activation))
        if found is None:
            message = f"fastact.DenseStack: activation of layer {number} is {activation!r}"
            raise TypeError(f"{message}; expected one of fastact's own, with numbers as parameters")
        return found

    def _check_shapes(self) -> None:
        arrays = [a for a in (*self._weights, *self._biases) if a is not None]
        dtypes = {a.dtype.name for a in arrays}
        if len(dtypes) > 1:
            raise TypeError(
                f"fastact.DenseStack: layers have dtypes {', '.join(sorted(dtypes))}; expected one"
            )
        width = self._weights[0].shape[0]
        for i, (w, b) in enumerate(zip(self._weights, self._biases, strict=True)):
            if w.shape[0] != width or (b is not None and b.shape != w.shape[1:]):
                listed = f"w {w.shape}" + ("" if b is None else f", b {b.shape}")
                message = f"fastact.DenseStack: shapes of layer {i} do not fit: {listed}"
                raise ValueError(f"{message}; expected w ({width}, o) and b (o,)")
            width = w.shape[1]

    def _readable(self, function: str, name: str, array: Any, shape: tuple[Any, int]) -> NDArray[Any]:
        blame = f"fastact.DenseStack.{function}"
        found = as_readable(as_real(blame, name, array), self._weights[0].dtype)
        if found.ndim != 2 or found.shape[1] != shape[1] or shape[0] not in ("n", found.shape[0]):
            raise ValueError(f"{blame}: {name} has shape {found.shape}; expected ({shape[0]}, {shape[1]})")
        return found

    def forward(self, x: Any) -> NDArray[Any]:
        """The last layer's result.

        Parameters
        ----------
        x : array_like, shape (n, i)
            The batch; converted to the dtype of the weights.

        Returns
        -------
        ndarray, shape (n, o)
            Overwritten by the next call.

        Raises
        ------
        ValueError, TypeError
            For another number of columns, and for what is not real numbers.
        """
        batch = self._readable("forward", "x", x, ("n", self._weights[0].shape[0]))
        network = self._network
        if network is None or network.rows != batch.shape[0]:
            network = _dense.Network(self._activations, self._weights, self._biases, batch.shape[0])
            self._network = network
        return network.forward(batch)

    def backward(
        self, grad_y: Any, *, need_dx: bool = True
    ) -> tuple[NDArray[Any] | None, tuple[NDArray[Any], ...], tuple[NDArray[Any] | None, ...]]:
        """All gradients, after :meth:`forward`.

        Parameters
        ----------
        grad_y : array_like, shape (n, o)
            Gradient with respect to the result.
        need_dx : bool
            False where the gradient with respect to `x` is not wanted.

        Returns
        -------
        dx : ndarray of the shape of `x`, or None
        dw : tuple of ndarray, one for each layer
        db : tuple of ndarray, one for each layer, None where it has no biases
            All overwritten by the next call.

        Raises
        ------
        RuntimeError
            Before the first call of :meth:`forward`.
        ValueError, TypeError
            For another shape, and for what is not real numbers.
        """
        if self._network is None:
            raise RuntimeError("fastact.DenseStack.backward: forward has not been called")
        shape = (self._network.rows, self._weights[-1].shape[1])
        return self._network.backward(self._readable("backward", "grad_y", grad_y, shape), need_dx)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays that it has made, weights not counted."""
        return 0 if self._network is None else self._network.nbytes
