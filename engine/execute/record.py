"""The record of a run: its arguments, values, losses and gradients, at all steps and at any one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from engine.execute import interpreter
from engine.execute.data import Data
from engine.execute.schedule import counted, schedule
from engine.execute.tape import Kept, Results
from engine.language.cell import Cell
from engine.language.expressions import Apply
from engine.language.operations import Array, locked
from engine.support.arguments import one_of, sample_of, step_of
from engine.support.lazy import lazy_property

Reduction: TypeAlias = Literal["mean", "sum"]
Cause: TypeAlias = Literal["range", "log of a negative number", "log of zero"]


@dataclass(frozen=True)
class Overflow:
    """The first value of a run that is not finite.

    Attributes:
        name: the node.
        t: the step, from 1.
        value: inf, -inf or nan.
        cause: "log of a negative number" or "log of zero" at a loss that takes such a logarithm; else "range": the value has
            left the range of floating point.
    """

    name: str
    t: int
    value: float
    cause: Cause = field(default="range", compare=False)


class Record:
    """The arguments and results of a run, at all steps and at any one of them; the base of `Run`."""

    def __init__(self, data: Data, results: Results | Kept) -> None:
        """Take the checked arguments and the results."""
        self._data, self._results = data, results

    @lazy_property
    def value(self) -> Mapping[str, Array]:
        """Name -> (T, B, n): every node, and x."""
        return self._results["value"]

    @lazy_property
    def grad(self) -> Mapping[str, Array]:
        """Name -> ∂(total loss)/∂node, (T, B, n): for every node, and for x."""
        return self._results["grad"]

    @lazy_property
    def param_grad(self) -> Mapping[str, Array]:
        """Parameter -> ∂(total loss)/∂parameter, in its shape."""
        return self._results["param_grad"]

    @lazy_property
    def initial_grad(self) -> Mapping[str, Array]:
        """State -> ∂(total loss)/∂(its K initial values), (K, B, n); the last row is t = 0."""
        return self._results["initial_grad"]

    @property
    def cell(self) -> Cell:
        """The cell that was run."""
        return self._data.shape.cell

    @property
    def parameters(self) -> Mapping[str, Array]:
        """Parameter -> its value."""
        return self._data.parameters

    @property
    def x(self) -> Array | None:
        """The input (T, B, n_x), or None."""
        return self._data.x

    @property
    def y(self) -> Array:
        """The target: integers (T, B), or floats (T, B, n_y)."""
        return self._data.y

    @property
    def weights(self) -> Array:
        """The factor of each L(t): (T, B)."""
        return self._data.weights

    @property
    def seed(self) -> Array:
        """∂(total loss)/∂L(t), (T, B): the weight of each L(t), divided by B for the mean over the samples."""
        return self._data.seed

    @property
    def initial(self) -> Mapping[str, Array]:
        """State -> its K initial values, (K, B, n); the last row is t = 0."""
        return self._data.initial

    @property
    def reduction(self) -> Reduction:
        """How the losses of the samples are combined: "mean" or "sum"."""
        return self._data.reduction

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64 or float32."""
        return self._data.shape.dtype

    @property
    def sizes(self) -> Mapping[str, int]:
        """Units of x, y and of every node."""
        return self._data.shape.sizes

    @property
    def nbytes(self) -> int:
        """The memory that the run holds, in bytes, about: that of its two passes and of its arguments."""
        data = self._data
        arguments = [data.y, data.weights, *data.parameters.values(), *data.initial.values()]
        arguments += [] if data.x is None else [data.x]
        return self._results.nbytes + sum(array.nbytes for array in arguments)

    @property
    def T(self) -> int:
        """The number of steps."""
        return self._data.shape.T

    @property
    def B(self) -> int:
        """The number of samples."""
        return self._data.shape.B

    @lazy_property
    def losses(self) -> Array:
        """Each L(t) before its weight, (T, B): the sum of the losses of the cell."""
        return locked(np.sum([self.value[name][..., 0] for name in self.cell.losses], axis=0))

    @lazy_property
    def weighted_losses(self) -> Array:
        """The contribution of each L(t) to the total loss, (T, B): seed · L, and 0 where the seed is 0, even if L is infinite."""
        with np.errstate(all="ignore"):
            return locked(np.where(self.seed == 0, 0, self.seed * self.losses))

    @lazy_property
    def loss(self) -> float:
        """The total loss: Σ_t w(t) L(t), its mean or sum over the samples; a step of weight 0 does not count."""
        with np.errstate(all="ignore"):
            return float(np.sum(self.weighted_losses))

    @lazy_property
    def overflow(self) -> Overflow | None:
        """The first value that is not finite, by step and then by the order of the flow; None if all are finite."""
        places: list[tuple[int, int]] = []
        for order, name in enumerate(self.cell.nodes):
            finite = np.isfinite(self.value[name]).all(axis=(1, 2))
            if not finite.all():
                places.append((int(np.argmin(finite)), order))
        if not places:
            return None
        t, order = min(places)
        name = self.cell.nodes[order]
        row = self.value[name][t]
        return Overflow(name, t + 1, float(row[~np.isfinite(row)][0]), self._cause(name, t))

    def _cause(self, name: str, t: int) -> Cause:
        """The cause of a value that is not finite, at the row t."""
        row, expression = self.cell.loss(name), self.cell.equations[name].expression
        if row is None or row.logs is None or self.cell.logits(name) is not None or not isinstance(expression, Apply):
            return "range"
        with np.errstate(all="ignore"):
            p = interpreter.value(self.cell, expression.arguments[0], self.read)
        logs = row.logs(np.broadcast_to(p, (self.T, self.B, self.sizes["y"]))[t], self.y[t])
        return "log of a negative number" if (logs < 0).any() else "log of zero" if (logs == 0).any() else "range"

    def check_place(self, sample: Any = 0, t: Any = 1, name: str = "") -> tuple[int, int]:
        """Check a sample and a step.

        Args:
            sample: 0 … B − 1, an integer of any type.
            t: 1 … T, an integer of any type; from 1 − K on if `name` is a state with K initial values.
            name: the node that the step belongs to, if any; the message names it.

        Returns:
            (sample, t) as plain integers.

        Raises:
            ValueError: if the run has no such sample or step.
        """
        return sample_of(sample, self.B), step_of(t, self.T, 1 - self.cell.lags.get(name, 0), name)

    def at(self, name: str, t: int) -> Array:
        """The value of a node, or of x, at one step.

        Args:
            name: a node, or "x".
            t: the step, from 1; for a state with K initial values from 1 − K.

        Returns:
            (B, n); at t ≤ 0 the initial value of the state.

        Raises:
            ValueError: if the name or the step does not exist.
        """
        return self._at_step(self.value, self.initial, name, t)

    def grad_at(self, name: str, t: int) -> Array:
        """The gradient of a node, or of x, at one step.

        Args:
            name: a node, or "x".
            t: the step, from 1; for a state with K initial values from 1 − K.

        Returns:
            (B, n); at t ≤ 0 the gradient of the initial value of the state.

        Raises:
            ValueError: if the name or the step does not exist.
        """
        return self._at_step(self.grad, self.initial_grad, name, t)

    def _at_step(self, arrays: Mapping[str, Array], early: Mapping[str, Array], name: str, t: int) -> Array:
        one_of("name", name, arrays)
        _, t = self.check_place(0, t, name)
        value: Array = (arrays if t > 0 else early)[name][t - 1]
        return value

    def before(self, name: str, t: int) -> Array:
        """The values of a state at the K steps before step t, (K, B, n): the initial values of a run that begins at t."""
        early = self.initial[name]
        later = self.value[name][max(t - 1 - len(early), 0) : t - 1]
        return np.asarray(np.concatenate([early, later])[-len(early) :])

    def read(self, name: str, lag: int = 0, steps: slice = slice(None)) -> Array:
        """The value that an equation reads for a name, at each step.

        Args:
            name: a node, "x", "y" or a parameter.
            lag: the number of steps back.
            steps: some of the T rows; nothing is computed for the others.

        Returns:
            (T, B, n) or its rows `steps`, initial values in the first rows; the array itself for a parameter, the target
            for y.

        **Holds:** some_steps_are_rows_of_all_steps.
        """
        one_of("name", name, self._names)
        if name in self.parameters:
            return self.parameters[name]
        if name == "y":
            return self.y[steps]
        value = self.value[name]
        if not lag:
            return value[steps]
        if steps.step not in (None, 1):
            return self.read(name, lag)[steps]
        start, stop, _ = steps.indices(self.T)
        if start >= lag or stop <= start:
            return value[start - lag : max(stop, start) - lag] if start >= lag else value[:0]
        early = self.initial[name]
        first = len(early) + start - lag
        return np.concatenate([early[first : first + stop - start], value[: max(stop - lag, 0)]])

    @lazy_property
    def _names(self) -> Mapping[str, None]:
        """The names that have a value at a step: x, the nodes, the parameters and y."""
        return dict.fromkeys((*self.value, *self.parameters, "y"))

    @lazy_property
    def counted(self) -> Mapping[str, Array]:
        """Node -> (T, B), whether a loss whose weight is not 0 depends on it; elsewhere its gradient is 0."""
        return counted(schedule(self.cell), dict.fromkeys(self.cell.losses, self.seed != 0))
