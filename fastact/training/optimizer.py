"""What all optimisers share: numbers, states, updates in place.

Must not depend on layers or networks, nor on any rule.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from fastact import _training
from fastact.arrays import Array
from fastact.training.numbers import Number
from fastact.training.operands import Operand, norms, operands_of

_CACHE_LINE = 64
_NORM_EPS = 1e-6  # PyTorch's clip_grad_norm_ adds it to the norm


class Optimizer:
    """An optimiser: numbers that can be set between steps, states, and ``update``.

    Attributes
    ----------
    steps : int
        How many updates were made.
    state : dict
        Arrays by name, as PyTorch calls them: a list with one for each array of parameters. Empty before the
        first update.
    """

    lr = Number()
    weight_decay = Number()
    clip_value = Number(optional=True)
    clip_norm = Number(optional=True)

    _rule: ClassVar[int]
    _options: ClassVar[tuple[str, ...]]  # the arguments of the class, in order
    _states: ClassVar[tuple[str, ...]]  # in C's order

    def __init__(self, **options: Any) -> None:
        self.values: dict[str, Any] = {}
        self.steps = 0
        self.state: dict[str, list[Array]] = {}
        self._kinds: list[tuple[Any, Any]] = []  # shape and dtype of each array
        self._lock = threading.Lock()
        self.changed()
        for name, value in options.items():
            setattr(self, name, value)

    # What a rule defines ---------------------------------------------------------------------------

    def _state_names(self) -> tuple[str | None, ...]:
        """Names of the states in C's order; None for one that these numbers do not need."""
        return self._states

    def _rule_now(self) -> int:
        """C's rule with these numbers."""
        return self._rule

    def _initial(self, name: str, operand: Array) -> Array:
        """A state before the first step."""
        return _zeros_beside(operand)

    # Numbers ----------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Take the numbers anew at the next update."""
        self._prepared: _training.Steps | None = None
        self._slots: list[Array | None] | None = None

    @property
    def copies(self) -> int | None:
        """The length of numbers that are arrays, one for each copy; None where all are single numbers."""
        lengths = {name: len(v) for name, v in self.values.items() if isinstance(v, np.ndarray)}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"{self._blame()}: numbers of different lengths: {listed}")
        return next(iter(lengths.values()), None)

    def _blame(self) -> str:
        return f"fastact.optim.{type(self).__name__}"

    def _steps_of_copies(self, copies: int | None) -> _training.Steps:
        count = self.copies
        if count is None and copies is not None and self.clip_norm is not None:
            count = copies  # norms are those of each copy
        sets = []
        for i in range(count or 1):
            chosen = {n: v[i] if isinstance(v, np.ndarray) else v for n, v in self.values.items()}
            chosen["clip_value"] = chosen["clip_value"] or 0.0
            sets.append(chosen)
        return _training.Steps(self._rule_now(), sets)

    # Updates ----------------------------------------------------------------------------------------

    def update(self, parameters: Any, gradients: Any, *, copies: int | None = None) -> None:
        """Make one step: change the parameters in place.

        Parameters
        ----------
        parameters : ndarray, or list of ndarray
            float32 or float64. Where a number of the optimiser is an array of length k, the first axis of
            each array has that length: copies, which have nothing in common.
        gradients : ndarray, or list of ndarray
            Of the same shapes; only read.
        copies : int, optional
            The length of the first axis of each array, where that is one of copies and all numbers are single
            ones: ``clip_norm`` is then the limit of each copy's norm.

        Raises
        ------
        TypeError, ValueError
            For arrays that cannot be changed in place, do not fit, or are not those of the first update in
            number, shape and dtype. Nothing has been changed then.
        RuntimeError
            If another thread is in an update of this optimiser.
        """
        if not self._lock.acquire(False):
            raise RuntimeError(f"{self._blame()}.update: another thread is in an update of this optimiser")
        try:
            number = self.steps + 1
            prepared, slots = self._prepared, self._slots
            if (
                prepared is None
                or slots is None
                or not prepared.run_plain(number, parameters, gradients, slots)
            ):
                operands = operands_of(f"{self._blame()}.update", parameters, gradients)
                self._update(number, operands, copies)
            self.steps = number
        finally:
            self._lock.release()

    def _update(self, number: int, operands: Sequence[Operand], copies: int | None) -> None:
        """The general case: any number of arrays of any layout."""
        prepared = self._steps_of_copies(copies)
        self._check_copies(operands, self.copies or copies)
        self._ensure_states(operands)
        for operand in operands:
            operand.prepare(operands)
        if self.clip_norm is not None:
            prepared.set_factors(self._factors([o.gradient for o in operands], prepared.count))
        names = self._state_names()
        slots: list[Array | None] = []
        for i, operand in enumerate(operands):
            slots = [None if name is None else self.state[name][i] for name in names]
            prepared.run(number, operand.work, operand.gradient, slots)
            operand.finish()
        is_simple = len(operands) == 1 and self.clip_norm is None
        self._prepared, self._slots = prepared, slots if is_simple else None

    def _factors(self, gradients: Sequence[Array], count: int) -> list[float]:
        """By how much the gradients of each copy are multiplied."""
        limits = np.broadcast_to(self.clip_norm, count)
        factors = [float(m) / (n + _NORM_EPS) for m, n in zip(limits, norms(gradients, count), strict=True)]
        # 0, for an infinite norm, would mean 1 in C
        return [1.0 if factor > 1 else factor or 5e-324 for factor in factors]

    @staticmethod
    def _check_copies(operands: Sequence[Operand], count: int | None) -> None:
        for operand in operands if count is not None else ():
            shape = operand.parameters.shape
            if shape[:1] != (count,):
                message = f"{operand.name} has shape {shape}"
                raise ValueError(f"{message}; expected ({count}, ...), one for each copy")

    # States -----------------------------------------------------------------------------------------

    def _ensure_states(self, operands: Sequence[Operand]) -> None:
        """Create what is missing, after a check that the arrays are those of the first update."""
        if self._kinds:
            self._check_kinds(operands)
        for name in self._state_names():
            if name is not None and name not in self.state:
                self.state[name] = [self._initial(name, o.parameters) for o in operands]
        if self.state:
            self._kinds = [_kind(o.parameters) for o in operands]

    def _check_kinds(self, operands: Sequence[Operand]) -> None:
        if len(operands) != len(self._kinds):
            message = f"{self._blame()}.update: parameters has {len(operands)} arrays"
            raise ValueError(f"{message}; expected {len(self._kinds)}, as in the first update")
        for operand, (shape, dtype) in zip(operands, self._kinds, strict=True):
            if _kind(operand.parameters) != (shape, dtype):
                found = operand.parameters
                message = f"{operand.name} has shape {found.shape} and dtype {found.dtype}"
                raise ValueError(f"{message}; expected {shape} and {dtype}, as in the first update")

    def state_dict(self) -> dict[str, Any]:
        """The numbers, the number of steps and copies of the states: all that an update depends on."""
        return {
            "numbers": {name: getattr(self, name) for name in self._options},
            "steps": self.steps,
            "state": {name: [a.copy() for a in arrays] for name, arrays in self.state.items()},
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` of an optimiser of this class returned.

        Raises
        ------
        ValueError, TypeError
            For anything else; the optimiser is unchanged then.
        """
        blame = f"{self._blame()}.load_state_dict"
        if not isinstance(state_dict, Mapping) or {*state_dict} != {"numbers", "steps", "state"}:
            raise ValueError(f"{blame}: expected what state_dict() of this class returns")
        numbers, steps = state_dict["numbers"], state_dict["steps"]
        if not isinstance(numbers, Mapping) or {*numbers} != {*self._options}:
            raise ValueError(f"{blame}: numbers are {[*numbers]}; expected {[*self._options]}")
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
            raise ValueError(f"{blame}: steps is {steps!r}; expected an integer of at least 0")
        found = type(self)(**numbers)
        found._load_states(blame, state_dict["state"])
        self.values, self.state, self._kinds = found.values, found.state, found._kinds
        self.steps = int(steps)
        self.changed()

    def _load_states(self, blame: str, state: Any) -> None:
        if not isinstance(state, Mapping) or not {*state} <= {*self._states}:
            raise ValueError(f"{blame}: state has {[*state]}; expected some of {[*self._states]}")
        for name, arrays in state.items():
            for array in arrays:
                if not isinstance(array, np.ndarray) or array.dtype.char not in "fd":
                    raise TypeError(f"{blame}: state[{name!r}] has no arrays of float32 or float64")
            self.state[name] = [np.array(a, order="C") for a in arrays]
            kinds = [_kind(a) for a in self.state[name]]
            if self._kinds and kinds != self._kinds:
                raise ValueError(f"{blame}: state[{name!r}] differs from other states in shape or dtype")
            self._kinds = kinds

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        Optimizer.__init__(self)
        type(self).__init__(self, **state["numbers"])
        self.load_state_dict(state)

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._options)
        return f"{type(self).__name__}({listed})"


def _zeros_beside(array: Array) -> Array:
    """Zeros of the same shape and dtype, as far from a cache line: then no vector crosses one."""
    dtype = array.dtype.newbyteorder("=")
    memory = np.zeros(array.nbytes + _CACHE_LINE, np.uint8)
    start = (array.ctypes.data - memory.ctypes.data) % _CACHE_LINE
    return memory[start : start + array.nbytes].view(dtype).reshape(array.shape)


def _kind(array: Array) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return array.shape, array.dtype.newbyteorder("=")
