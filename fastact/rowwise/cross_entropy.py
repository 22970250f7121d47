"""``softmax_cross_entropy``: the loss of a classifier, and its gradient, in one pass over the logits."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastact import _rowwise
from fastact.rowwise import labels
from fastact.rowwise.entry import Named

_CROSS_ENTROPY = labels.Kind("softmax_cross_entropy", "logits", _rowwise.CROSS_ENTROPY, True)


class SoftmaxCrossEntropy(Named):
    """Minus the logarithm of the probability that a softmax gives to the target.

        loss = -sum(q*log(p)), p = softmax(logits)
        gradient with respect to the logits = p*sum(q) - q

    where q is 1 at the label, or the probabilities that are the target.

    Parameters
    ----------
    logits : array_like
        Real numbers; the classes along one axis.
    target : array_like
        Labels: integers of the shape of the logits without that axis. Or probabilities: floats of the shape
        of the logits.
    axis : int
        The axis of the classes.
    reduction : {"mean", "sum", "none"}
        What is returned of the losses of all rows. "mean" divides by the weights of the labels that are not
        ignored, as PyTorch does; with probabilities, by the number of rows. A mean of nothing is NaN.
    label_smoothing : float
        A share of q, from 0 to 1, that is divided equally among the classes.
    ignore_index : int, optional
        A label whose rows do not count. It need not be a class.
    weight : array_like, optional
        One factor for each class.

    Returns
    -------
    ndarray or scalar
        The loss, of the dtype of the logits; summed in float64. ``value_and_gradient`` returns the gradient,
        too.

    Raises
    ------
    IndexError
        For a label that is not a class, with its position.
    ValueError, TypeError
        For shapes that do not fit, dtypes other than real numbers, and masked, lazy and labelled arrays.

    Notes
    -----
    Accurate where the loss is tiny: log(1 + r) is computed from r, the sum of the other terms. Error of the
    loss of a label and of its gradient: at most 2 ULP in float32, 4 ULP in float64; with probabilities, of
    the largest term. PyTorch's cross_entropy. Bridle (1990), Neurocomputing, 227-236.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> logits = np.array([[2.0, 0.0, -1.0], [0.0, 3.0, 0.0]])
    >>> loss, gradient = fa.softmax_cross_entropy.value_and_gradient(logits, [0, 1])
    >>> round(float(loss), 4), gradient.shape
    (0.1324, (2, 3))
    """

    def __init__(self) -> None:
        super().__init__("softmax_cross_entropy")

    def __call__(  # noqa: D102 - the class says it
        self,
        logits: Any,
        target: Any,
        /,
        *,
        axis: int = -1,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        weight: Any = None,
    ) -> Any:
        given = (axis, reduction, label_smoothing, ignore_index, weight)
        return labels.run(_CROSS_ENTROPY, "", given, logits, target, False, None)[0]

    def value_and_gradient(
        self,
        logits: Any,
        target: Any,
        /,
        *,
        axis: int = -1,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        weight: Any = None,
        out: Any = None,
    ) -> tuple[Any, NDArray[Any]]:
        """The loss, and its gradient with respect to the logits, in one pass.

        Parameters
        ----------
        logits, target, axis, reduction, label_smoothing, ignore_index, weight
            As for the loss. With ``reduction="none"`` row i of the gradient is that of loss i.
        out : ndarray, optional
            Where to store the gradient; may be the logits.
        """
        given = (axis, reduction, label_smoothing, ignore_index, weight)
        loss, gradient = labels.run(_CROSS_ENTROPY, ".value_and_gradient", given, logits, target, True, out)
        assert gradient is not None
        return loss, gradient

    def weighted(self, x: Any, target: Any, weights: NDArray[Any], *, out: Any) -> tuple[Any, NDArray[Any]]:
        """What a network's weights of samples need: see :func:`fastact.rowwise.labels.weighted`."""
        return labels.weighted(_CROSS_ENTROPY, x, target, weights, out)


softmax_cross_entropy = SoftmaxCrossEntropy()
