"""``nll``: the negative log-likelihood of labels, and its gradient."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastact import _rowwise
from fastact.rowwise import labels
from fastact.rowwise.entry import Named

_NLL = labels.Kind("nll", "log_probabilities", _rowwise.NLL, False)


class NegativeLogLikelihood(Named):
    """Minus the log-probability of the label.

        loss = -x[label]
        gradient with respect to x = -1 at the label, 0 elsewhere

    where x is a row of log-probabilities, such as log_softmax gives. For logits use
    ``softmax_cross_entropy``, which is more accurate and faster.

    Parameters
    ----------
    log_probabilities : array_like
        Real numbers; the classes along one axis.
    target : array_like
        Labels: integers of the shape of the log-probabilities without that axis.
    axis : int
        The axis of the classes.
    reduction : {"mean", "sum", "none"}
        What is returned of the losses of all rows. "mean" divides by the weights of the labels that are not
        ignored, as PyTorch does. A mean of nothing is NaN.
    ignore_index : int, optional
        A label whose rows do not count. It need not be a class.
    weight : array_like, optional
        One factor for each class.

    Returns
    -------
    ndarray or scalar
        The loss, of the dtype of the log-probabilities; summed in float64. ``value_and_gradient`` returns the
        gradient, too.

    Raises
    ------
    IndexError
        For a label that is not a class, with its position.
    ValueError, TypeError
        For shapes that do not fit, targets that are not integers, and masked, lazy and labelled arrays.

    Notes
    -----
    PyTorch's nll_loss. Error: at most 1 ULP.

    Examples
    --------
    >>> import numpy as np
    >>> import fastact as fa
    >>> log_p = fa.log_softmax(np.array([[2.0, 0.0, -1.0], [0.0, 3.0, 0.0]]))
    >>> loss, gradient = fa.nll.value_and_gradient(log_p, [0, 1])
    >>> round(float(loss), 4), gradient[0].tolist()
    (0.1324, [-0.5, 0.0, 0.0])
    """

    def __init__(self) -> None:
        super().__init__("nll")

    def __call__(  # noqa: D102 - the class says it
        self,
        log_probabilities: Any,
        target: Any,
        /,
        *,
        axis: int = -1,
        reduction: str = "mean",
        ignore_index: int | None = None,
        weight: Any = None,
    ) -> Any:
        given = (axis, reduction, 0.0, ignore_index, weight)
        return labels.run(_NLL, "", given, log_probabilities, target, False, None)[0]

    def value_and_gradient(
        self,
        log_probabilities: Any,
        target: Any,
        /,
        *,
        axis: int = -1,
        reduction: str = "mean",
        ignore_index: int | None = None,
        weight: Any = None,
        out: Any = None,
    ) -> tuple[Any, NDArray[Any]]:
        """The loss, and its gradient with respect to the log-probabilities, in one pass.

        Parameters
        ----------
        log_probabilities, target, axis, reduction, ignore_index, weight
            As for the loss. With ``reduction="none"`` row i of the gradient is that of loss i.
        out : ndarray, optional
            Where to store the gradient; may be the log-probabilities.
        """
        given = (axis, reduction, 0.0, ignore_index, weight)
        loss, gradient = labels.run(_NLL, ".value_and_gradient", given, log_probabilities, target, True, out)
        assert gradient is not None
        return loss, gradient

    def weighted(self, x: Any, target: Any, weights: NDArray[Any], *, out: Any) -> tuple[Any, NDArray[Any]]:
        """What a network's weights of samples need: see :func:`fastact.rowwise.labels.weighted`."""
        return labels.weighted(_NLL, x, target, weights, out)


nll = NegativeLogLikelihood()
