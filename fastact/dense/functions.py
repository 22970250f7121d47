"""Dense layers, y = f(x w + b), and their gradients, as functions.

Knows what callers may pass and what they get. Does not know how arguments are checked, nor how a layer is
computed.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastact import _dense
from fastact._dense import Saved
from fastact.dense.arguments import Layer
from fastact.dense.saving import prepared


def dense(x: Any, w: Any, b: Any = None, activation: Any = "gelu", *, out: Any = None) -> NDArray[Any]:
    """f(x w + b), with nothing saved: inference.

    Parameters
    ----------
    x : array_like, shape (..., n, i)
        The batch.
    w : array_like, shape (..., i, o)
        Weights. Leading axes of `x`, `w` and `b` broadcast: a stack of layers is one call.
    b : array_like, shape (..., o), optional
        Biases.
    activation : str or Activation
        A name, as for :func:`fastact.get`, or an activation, which may have parameters bound. Any object that
        can be called and has a method ``derivative`` will do.
    out : ndarray, shape (..., n, o), optional
        Where to store the result; may be an input.

    Returns
    -------
    ndarray, shape (..., n, o)
        float64 if any of the arrays is (or is of integers that ``numpy.exp`` takes to float64), else float32.

    Raises
    ------
    ValueError
        For shapes that do not fit, an unknown activation, and an `out` that is read-only or of another shape.
    TypeError
        For dtypes other than real numbers, and an activation that is not one.

    Notes
    -----
    Bias and activation are applied to each tile of the product while it is in cache; no array as large as
    the batch is made beside the result, unless `out` overlaps an input or its last axis is not of adjacent
    elements. Strided and transposed arrays are read as they are. Sums of products are rounded as in any
    matrix product, f as accurately as ``fastact.<name>``. The bits do not depend on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> x, w, b = np.array([[1.0, -2.0]]), np.eye(2), np.array([0.5, 0.5])
    >>> fa.dense(x, w, b, activation="relu")
    array([[1.5, 0. ]])
    """
    ready = prepared(activation)
    if ready is not None:
        y: NDArray[Any] | None = _dense.forward(x, w, b, ready, False, out)
        if y is not None:
            return y
    layer = Layer("fastact.dense.functions", {"x": x, "w": w, "b": b}, activation)
    return layer.forward(out)


def dense_forward(
    x: Any, w: Any, b: Any = None, activation: Any = "gelu", *, save: str | None = None, out: Any = None
) -> tuple[NDArray[Any], Saved]:
    """f(x w + b), and what :func:`dense_backward` needs of it.

    Parameters
    ----------
    x, w, b, activation
        As for :func:`dense`.
    save : {"input", "output", "bits"}, optional
        What the backward pass takes f' from. ``"input"`` is x w + b, in an array of its own, as large as the
        result. ``"output"`` is the result itself, which costs nothing and must then not be modified; only
        where f' follows from it. ``"bits"`` is one bit for each element, only where f' has two values; a
        NaN counts as the second of them. By default the output where nothing is lost by it (the relu
        family), else the input; always the input for activations with learned parameters.
    out : ndarray, or pair of ndarray and Saved, optional
        Where to store the result, and an earlier `saved` to overwrite.

    Returns
    -------
    y : ndarray, shape (..., n, o)
        The result.
    saved : Saved
        Its ``nbytes`` tells what it costs beside y: for each element its size if the input is saved, nothing
        if the output is, 1/8 byte if bits are.

    Raises
    ------
    ValueError, TypeError
        As :func:`dense`; also TypeError where the output does not determine the derivative.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> y, saved = fa.dense_forward(np.ones((4, 3)), np.ones((3, 2)), activation="tanh")
    >>> y.shape, saved.kind, saved.nbytes
    ((4, 2), 'input', 64)
    """
    ready = prepared(activation) if save is None else None
    if ready is not None:
        pair: tuple[NDArray[Any], Saved] | None = _dense.forward(x, w, b, ready, True, out)
        if pair is not None:
            return pair
    layer = Layer("fastact.dense_forward", {"x": x, "w": w, "b": b}, activation)
    return layer.forward_and_save(out, save)


def dense_backward(
    grad_y: Any,
    x: Any,
    w: Any,
    saved: Saved,
    activation: Any = "gelu",
    *,
    need_dx: bool = True,
    need_parameters: bool = False,
    out: Any = None,
    accumulate: bool = False,
) -> tuple[Any, ...]:
    """Gradients of a dense layer: with delta = grad_y f'(x w + b), these are delta w^T, x^T delta and sums of
    delta over the batch.

    Parameters
    ----------
    grad_y : array_like, shape (..., n, o)
        Gradient with respect to the result.
    x, w, activation
        As they were in :func:`dense_forward`.
    saved : Saved
        What :func:`dense_forward` returned.
    need_dx : bool
        False for a first layer: dx is then not computed.
    need_parameters : bool
        Also return gradients of the activation's learned parameters.
    out : tuple of three, each ndarray or None, optional
        Where to store dx, dw and db; may be inputs.
    accumulate : bool
        Add to the arrays in `out` instead of overwriting them.

    Returns
    -------
    dx : ndarray of the shape of `x`, or None
        Gradient with respect to `x`.
    dw : ndarray of the shape of `w`
        Gradient with respect to `w`.
    db : ndarray, or None if there was no bias
        Gradient with respect to `b`, of its shape.
    parameters : dict, only with `need_parameters`
        By name, each of its parameter's shape.

    Raises
    ------
    ValueError
        For shapes that do not fit, and a `saved` of another shape or activation.
    TypeError
        For dtypes other than real numbers; if `accumulate` lacks an array to add to.

    Notes
    -----
    delta is made and used tile by tile, never as a whole; db is summed in float64. Where an axis was
    broadcast in the forward pass, its gradients are summed.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0], [-1.0]]), np.array([0.5])
    >>> y, saved = fa.dense_forward(x, w, b, activation="relu")
    >>> dx, dw, db = fa.dense_backward(np.ones_like(y), x, w, saved, activation="relu")
    >>> dx, dw.T, db
    (array([[ 3., -1.]]), array([[1., 2.]]), array([1.]))
    """
    ready = prepared(activation)
    if ready is not None and not need_parameters and (out is None or type(out) is tuple):
        direct = _dense.backward(grad_y, x, w, saved, ready, need_dx, out, accumulate)
        if direct is not None:
            return direct
    layer = Layer("fastact.dense_backward", {"x": x, "w": w, "grad_y": grad_y}, activation)
    gradients = layer.backward(saved, need_dx, out, accumulate)
    return (*gradients, layer.parameter_gradients(saved)) if need_parameters else gradients
