"""A run at one step, for one sample: its numbers, and other routes to them, against which the lines are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell, Read
from engine.language.operations import Array, Loss, one_hot
from engine.support.lazy import lazy_property
from engine.verify.measured import Measured, measured_together
from engine.verify.tolerance import IMAGINARY_STEP, OF_A_LINE, OF_A_LINE_BY_QUOTIENT, rounding_floor
from engine.working.derivation.line import Line

_WORK: Final = 2.5e8  # multiplications for the disturbances of one kind in a section

#: The routes by which a line is checked.
BY_STEP: Final = "imaginary steps through the equations"
BY_QUOTIENT: Final = "difference quotients of the loss, a function with a kink being on the way"
BY_DEFINITION: Final = "the equation read literally"
BY_SIDES: Final = "both sides computed apart"
BY_RUN: Final = "the gradient of the run, this network being too large to be disturbed"


@dataclass(frozen=True)
class StepContext:
    """A run at one step, for one sample.

    Attributes:
        run: The run.
        t: The step, from 1.
        sample: The sample, from 0.
        known: Gradients measured so far, by name and step (None for a parameter); shared with the contexts of other steps.
    """

    run: Run
    t: int
    sample: int
    known: dict[tuple[str, int | None], Measured | None] = field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        """The cell of the run."""
        return self.run.cell

    @property
    def _rows(self) -> slice:
        return slice(self.t - 1, self.t)

    def moved(self, steps: int) -> StepContext:
        """The context some steps later."""
        return StepContext(self.run, self.t + steps, self.sample, self.known)

    # The numbers of the run

    def value(self, name: str) -> Array:
        """The value of a node, (n,)."""
        return np.asarray(self.run.at(name, self.t)[self.sample], np.float64)

    def grad(self, name: str, t: int | None = None) -> Array:
        """The gradient of a node, (n,), at this step or another."""
        return np.asarray(self.run.grad_at(name, self.t if t is None else t)[self.sample], np.float64)

    def now(self, name: str) -> str:
        """The symbol of a name at this step: h^{(3)}."""
        return notation.at_step(name, self.cell.parameters, str(self.t))

    @property
    def seed(self) -> float:
        """∂(total loss)/∂L(t)."""
        return float(self.run.seed[self.t - 1, self.sample])

    def target(self, row: Loss, n: int) -> Array:
        """The target as a vector, (n,); a class has a single 1."""
        y = self.run.y[self.t - 1, self.sample]
        return np.asarray(one_hot(np.asarray(y), n) if row.classes else y, np.float64)

    def look(self, name: str, lag: int) -> Array:
        """What an equation of this step reads, (1, 1, n); a parameter in its shape."""
        array = self.run.read(name, lag, self._rows)
        if name in self.run.parameters:
            return array.astype(np.float64)
        array = array[:, self.sample : self.sample + 1]
        return array if array.dtype.kind in "iu" else array.astype(np.float64)

    def look_repeated(self, rows: int) -> Callable[[str, int], Array]:
        """The same with the sample repeated, (1, rows, n)."""

        def look(name: str, lag: int) -> Array:
            array = self.look(name, lag)
            return array if name in self.run.parameters else np.repeat(array, rows, axis=1)

        return look

    def computed(self, name: str) -> Array:
        """The value of a node by its equation, read literally, (n,)."""
        return only_vector(interpreter.node_value(self.cell, name, self.look), self.run.sizes[name])

    # A line and its error

    @lazy_property
    def tolerance(self) -> float:
        """The largest error of a line."""
        return OF_A_LINE[self.run.dtype.name]

    @lazy_property
    def floor(self) -> float:
        """The size to which an error is relative at least, from the largest gradient of this and all later steps."""
        largest = max(float(np.abs(grad[max(self.t - 1, 0) :]).max()) for grad in self.run.grad.values())
        return rounding_floor(self.run, largest, self.tolerance)

    def line(
        self, row: str, explanation: str, symbols: str, numbers: str, left: Any, right: Any, by: str = BY_STEP,
        elements: tuple[str, ...] = (), floor: float | None = None, tolerance: float | None = None,
    ) -> Line:  # fmt: skip
        """Make a line whose two sides are compared.

        Args:
            row: The rows of the sources.
            explanation: What is done, in words.
            symbols: The line in symbols.
            numbers: The line in numbers.
            left: The line's own result.
            right: The same by another route.
            by: The other route.
            elements: The line entry by entry.
            floor: The size to which the error is relative at least; `floor` if missing.
            tolerance: The largest error; `tolerance` if missing.
        """
        error = relative_difference(left, right, self.floor if floor is None else floor)
        return Line(row, explanation, symbols, numbers, elements, error, tolerance or self.tolerance, by)

    def line_by_disturbance(
        self, row: str, explanation: str, symbols: str, numbers: str, left: Any, name: str, t: int | None,
        elements: tuple[str, ...] = (), floor: float | None = None,
    ) -> Line:  # fmt: skip
        """Make a line that is compared with the gradient that a disturbance of a node, or parameter, shows; as `line`."""
        gradient, by, tolerance = self.by_disturbance(name, t)
        left = np.broadcast_to(left, gradient.shape)
        return self.line(row, explanation, symbols, numbers, left, gradient, by, elements, floor, tolerance)

    # Disturbances of this step alone

    def disturbed(
        self, rows: int, nodes: Mapping[str, Array] = {}, before: Mapping[str, Array] = {},
        parameters: Mapping[str, Array] = {},
    ) -> dict[str, Array]:  # fmt: skip
        """How the nodes of this step change, (rows, n), along given directions, by an imaginary step.

        Args:
            rows: The number of directions.
            nodes: Node of this step -> its directions, (rows, n).
            before: State -> directions of its K earlier values, (K, rows, n).
            parameters: Parameter -> its directions, (rows, *shape).

        Returns:
            Node -> its changes. Their real parts are always those of the run.
        """
        run, samples = self.run, [self.sample] * rows
        initial = {name: run.before(name, self.t)[:, samples].astype(complex) for name in run.initial}
        for name, direction in before.items():
            initial[name] = initial[name] + 1j * IMAGINARY_STEP * direction
        weights: dict[str, Array] = {name: array.astype(np.float64) for name, array in run.parameters.items()}
        for name, direction in parameters.items():
            weights[name] = weights[name] + 1j * IMAGINARY_STEP * direction

        def follow(name: str, _: int, value: Array) -> Array:
            followed = run.value[name][self.t - 1, samples] + 1j * value.imag
            return followed + 1j * IMAGINARY_STEP * nodes[name] if name in nodes else followed

        x = None if run.x is None else run.x[self._rows, samples].astype(complex)
        joint = self.cell.joint.keys().isdisjoint(
            nodes
        )  # a disturbed ŷ moves a loss only where that is computed from ŷ
        values = interpreter.evaluate(
            self.cell, run.sizes, weights, x, run.y[self._rows, samples], initial, follow, joint
        )
        return {name: value[0].imag / IMAGINARY_STEP for name, value in values.items()}

    def losses(self, changes: Mapping[str, Array]) -> Array:
        """How much the losses of this step change the total loss, (rows,)."""
        return np.asarray(self.seed * np.sum([changes[name][:, 0] for name in self.cell.losses], axis=0))

    def own_grad(self, name: str) -> Array:
        """The gradient at a node of this step's own losses, with their weight, (n,)."""
        return self.losses(self.disturbed(n := self.run.sizes[name], {name: np.eye(n)}))

    def step_jacobian(self, of: str, wrt: str, lag: int = 1) -> Array:
        """∂of(t)/∂wrt(t − lag), (n_of, n_wrt), through the equations of this step alone."""
        n = self.run.sizes[wrt]
        direction = np.zeros((len(self.run.initial[wrt]), n, n))
        direction[len(direction) - lag] = np.eye(n)
        return self.disturbed(n, before={wrt: direction})[of].T

    def edge_jacobian(self, name: str, read: Read) -> Array:
        """∂name(t)/∂(the value read), (n, n_read), along this edge alone."""
        n = self.run.sizes[read.name]
        undisturbed = self.look_repeated(n)

        def look(looked_up: str, lag: int) -> Array:
            array = undisturbed(looked_up, lag)
            return array + 1j * IMAGINARY_STEP * np.eye(n) if (looked_up, lag) == (read.name, read.lag) else array

        value = interpreter.value(self.cell, self.cell.equations[name].expression, look)
        return np.asarray(value[0].imag / IMAGINARY_STEP).T

    def carried_back(self) -> dict[str, Array]:
        """State -> the gradients that later steps send to its last K values, (K, n); the last row is this step's."""
        run = self.run
        sums = {name: np.zeros((lag, run.sizes[name])) for name, lag in self.cell.lags.items() if lag}
        later = slice(self.t, self.t + max(self.cell.lags.values(), default=0))
        for target in self.cell.nodes:
            if any(read.lag for read in self.cell.reads[target]):
                for read, message in run.messages(target, later, sums):
                    for j in range(read.lag):  # state(t − j) is read by target(t − j + lag)
                        if self.t - j + read.lag <= run.T:
                            sums[read.name][-1 - j] += message[read.lag - 1 - j, self.sample]
        return sums

    # Disturbances of the whole run

    def disturb(self, names: Iterable[str], t: int | None) -> None:
        """Measure several gradients together, for `by_disturbance`, so that one bound holds for the work of a section."""
        wanted = [name for name in names if (name, t) not in self.known]
        for name, gradient in measured_together(self.run, wanted, t, self.sample, _WORK).items():
            self.known[name, t] = gradient

    def by_disturbance(self, name: str, t: int | None) -> tuple[Array, str, float]:
        """A gradient measured by disturbing a node, or a parameter (t is None); the route; and its tolerance.

        Entries that could not be measured are those of the run.
        """
        self.disturb((name,), t)
        measured = self.known[name, t]
        of_the_run = self.run.param_grad[name] if t is None else self.grad(name, t)
        if measured is None or np.isnan(measured.gradient).all():
            return of_the_run, BY_RUN, self.tolerance
        size = measured.gradient.size
        complete = measured.entries == size
        part = "" if complete else f", at {measured.entries} of its {size:,} entries"
        missing = np.isnan(measured.gradient)
        if measured.exact:  # a nan is a wrong result unless its entry was left out
            return np.where(missing & (not complete), of_the_run, measured.gradient), BY_STEP + part, self.tolerance
        tolerance = max(self.tolerance, OF_A_LINE_BY_QUOTIENT)
        return np.where(missing, of_the_run, measured.gradient), BY_QUOTIENT + part, tolerance


def relative_difference(left: Any, right: Any, floor: float) -> float:
    """The largest |left − right|, relative to the largest entry or to the floor; inf if a number is not finite."""
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    worst = float(np.abs(left - right).max(initial=0.0))
    if not np.isfinite(worst):
        return np.inf
    scale = max(float(np.abs(left).max(initial=0.0)), float(np.abs(right).max(initial=0.0)), floor)
    return worst / scale if worst else 0.0


def only_vector(value: Any, n: int) -> Array:
    """The vector (n,) of a value at one step for one sample, which may lack axes that do not vary."""
    return np.asarray(np.broadcast_to(value, (1, 1, n))[0, 0])


def jacobian_by_steps(function: Callable[[Array], Array], x: Array) -> Array:
    """The Jacobian (m, n) of a function of rows (n,) -> (m,), by imaginary steps."""
    return np.asarray(function(x + 1j * IMAGINARY_STEP * np.eye(len(x))).imag / IMAGINARY_STEP).T
