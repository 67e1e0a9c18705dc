"""A run at one step, for one sample: its numbers, how they are written, and other routes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell
from engine.language.operations import Array, Loss, one_hot
from engine.support.lazy import lazy_property
from engine.verify.measured import Measured, measured_together
from engine.verify.tolerance import IMAGINARY_STEP, OF_A_LINE, OF_A_LINE_BY_QUOTIENT, rounding_floor
from engine.working.derivation.line import Line

_WORK = 2.5e8  # multiplications for the disturbances of one kind in a section
BY_STEP = "imaginary steps through the equations"
BY_QUOTIENT = "difference quotients of the loss, a function with a kink being on the way"
BY_DEFINITION = "the equation read literally"
BY_SIDES = "both sides computed apart"
BY_RUN = "the gradient of the run, this network being too large to be disturbed"


@dataclass(frozen=True)
class StepContext:
    """A run at one step, for one sample: its numbers, how they are written, and other routes to them."""

    run: Run
    t: int
    sample: int
    known: dict[tuple[str, int | None], Measured | None] = field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        """The cell of the run."""
        return self.run.cell

    def moved(self, steps: int) -> StepContext:
        return StepContext(self.run, self.t + steps, self.sample, self.known)

    def value(self, name: str) -> Array:
        return np.asarray(self.run.value[name][self.t - 1, self.sample], np.float64)

    def grad(self, name: str, t: int | None = None) -> Array:
        t = self.t if t is None else t
        grads = self.run.grad if t > 0 else self.run.initial_grad
        return np.asarray(grads[name][t - 1, self.sample], np.float64)

    def now(self, name: str) -> str:
        """A name at this step: h^{(3)}."""
        return notation.at_step(name, self.cell.parameters, str(self.t))

    @property
    def seed(self) -> float:
        """∂(total loss)/∂L(t) as far as the total loss itself goes."""
        return float(self.run.weights[self.t - 1, self.sample]) / (self.run.B if self.run.reduction == "mean" else 1)

    @lazy_property
    def tolerance(self) -> float:
        return OF_A_LINE[self.run.dtype.name]

    @lazy_property
    def floor(self) -> float:
        """What rounding may leave of the largest gradient of this and all later steps, over the tolerance."""
        largest = max(float(np.abs(grad[max(self.t - 1, 0) :]).max()) for grad in self.run.grad.values())
        return rounding_floor(self.run, largest, self.tolerance)

    def line(
        self, row: str, said: str, symbols: str, numbers: str, left: Any, right: Any, by: str = BY_STEP,
        elements: tuple[str, ...] = (), floor: float | None = None, tolerance: float | None = None,
    ) -> Line:  # fmt: skip
        """A line whose two sides are compared."""
        error = relative_difference(left, right, self.floor if floor is None else floor)
        return Line(row, said, symbols, numbers, elements, error, tolerance or self.tolerance, by)

    def look(self, name: str, lag: int) -> Array:
        """What an equation of this step reads, (1, 1, n); parameters as they are."""
        array = self.run.read(name, lag, slice(self.t - 1, self.t))
        if name in self.run.parameters:
            return array.astype(np.float64)
        array = array[:, self.sample : self.sample + 1]
        return array if array.dtype.kind in "iu" else array.astype(np.float64)

    def computed(self, name: str) -> Array:
        """A node's value, from its equation read literally."""
        logits, row = self.cell.logits(name), self.cell.loss(name)
        if logits is not None and row is not None and row.definition_joint is not None:
            found = row.definition_joint(interpreter.value(self.cell, logits, self.look), self.look("y", 0))
        else:
            found = interpreter.value(self.cell, self.cell.equations[name].expression, self.look)
        return only_vector(found, self.run.sizes[name])

    def target(self, row: Loss, n: int) -> Array:
        """y as a vector: a class has one 1."""
        y = self.run.y[self.t - 1, self.sample]
        return np.asarray(one_hot(np.asarray(y), n) if row.classes else y, np.float64)

    def disturbed(
        self, rows: int, nodes: Mapping[str, Array] = {}, before: Mapping[str, Array] = {},
        parameters: Mapping[str, Array] = {},
    ) -> dict[str, Array]:  # fmt: skip
        """How the nodes of this step change, (rows, n), when something is disturbed by an imaginary step.

        nodes (rows, n), before: state -> (K, rows, n), parameters (rows, *shape): the directions. Real parts are the run's.
        """
        run, index = self.run, [self.sample] * rows

        def early(name: str) -> Array:
            whole = np.concatenate([run.initial[name], run.value[name]])
            return whole[self.t - 1 : self.t - 1 + len(run.initial[name])][:, index].astype(complex)

        initial = {name: early(name) for name in run.initial}
        for name, direction in before.items():
            initial[name] = initial[name] + 1j * IMAGINARY_STEP * direction
        weights: dict[str, Array] = {name: array.astype(np.float64) for name, array in run.parameters.items()}
        for name, direction in parameters.items():
            weights[name] = weights[name] + 1j * IMAGINARY_STEP * direction

        def follow(name: str, _: int, value: Array) -> Array:
            found = run.value[name][self.t - 1, index] + 1j * value.imag
            return found + 1j * IMAGINARY_STEP * nodes[name] if name in nodes else found

        x = None if run.x is None else run.x[self.t - 1 : self.t, index].astype(complex)
        y = run.y[self.t - 1 : self.t, index]
        # A loss that is computed from the logits knows nothing of ŷ: if that is disturbed, the loss is computed from it.
        joint = self.cell.joint.keys().isdisjoint(nodes)
        values = interpreter.evaluate(self.cell, run.sizes, weights, x, y, initial, follow, joint)
        return {name: value[0].imag / IMAGINARY_STEP for name, value in values.items()}

    def losses(self, changes: Mapping[str, Array]) -> Array:
        """How much the losses of this step change the total loss, (rows,)."""
        return np.asarray(self.seed * np.sum([changes[name][:, 0] for name in self.cell.losses], axis=0))

    def own(self, name: str) -> Array:
        """∇_name L(t), times the loss's weight: what the loss of this step alone gives to a node."""
        return self.losses(self.disturbed(n := self.run.sizes[name], {name: np.eye(n)}))

    def step_jacobian(self, of: str, wrt: str, lag: int = 1) -> Array:
        """∂of(t)/∂wrt(t − lag), through the equations of this step alone; (n_of, n_wrt)."""
        n = self.run.sizes[wrt]
        direction = np.zeros((len(self.run.initial[wrt]), n, n))
        direction[len(direction) - lag] = np.eye(n)
        return self.disturbed(n, before={wrt: direction})[of].T

    def carried(self) -> dict[str, Array]:
        """What steps after this one send back to what is carried out of it: state -> (K, n), the last row to state(t)."""
        run = self.run
        found = {name: np.zeros((lag, run.sizes[name])) for name, lag in self.cell.lags.items() if lag}
        after = slice(self.t, self.t + max(self.cell.lags.values(), default=0))
        for target in self.cell.nodes:
            if any(read.lag for read in self.cell.reads[target]):
                for read, message in run.messages(target, after, found):
                    for j in range(read.lag):  # state(t − j) is read by target(t − j + lag)
                        if self.t - j + read.lag <= run.T:
                            found[read.name][-1 - j] += message[read.lag - 1 - j, self.sample]
        return found

    def disturb(self, names: Iterable[str], t: int | None) -> None:
        """Disturb several nodes, or parameters, together, for `by_disturbance`: what a section asks for has one bound."""
        wanted = [name for name in names if (name, t) not in self.known]
        for name, found in measured_together(self.run, wanted, t, self.sample, _WORK).items():
            self.known[name, t] = found

    def by_disturbance(self, name: str, t: int | None) -> tuple[Array, str, float]:
        """A gradient by disturbing the node or parameter and looking at the total loss; how; and how near that is."""
        self.disturb((name,), t)
        found = self.known[name, t]
        own = self.run.param_grad[name] if t is None else self.grad(name, t)
        if found is None or np.isnan(found.gradient).all():
            return own, BY_RUN, self.tolerance
        many = found.gradient.size
        some = "" if found.entries == many else f", at {found.entries} of its {many:,} entries"
        if found.exact:
            return (
                np.where(np.isnan(found.gradient) & (some != ""), own, found.gradient),
                BY_STEP + some,
                self.tolerance,
            )
        near = max(self.tolerance, OF_A_LINE_BY_QUOTIENT)
        return np.where(np.isnan(found.gradient), own, found.gradient), BY_QUOTIENT + some, near


def relative_difference(left: Any, right: Any, floor: float) -> float:
    """The largest |left − right| relative to the largest entry, and no less than to the floor."""
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    worst = float(np.abs(left - right).max(initial=0.0))
    if not np.isfinite(worst):
        return np.inf
    scale = max(float(np.abs(left).max(initial=0.0)), float(np.abs(right).max(initial=0.0)), floor)
    return worst / scale if worst else 0.0


def only_vector(found: Any, n: int) -> Array:
    """The vector (n,) of what was computed for one step and one sample; what is the same for all has fewer axes."""
    return np.asarray(np.broadcast_to(found, (1, 1, n))[0, 0])


def jacobian_by_steps(function: Callable[[Array], Array], x: Array) -> Array:
    """The Jacobian (m, n) of a function of rows (n,) -> (m,), by imaginary steps."""
    return np.asarray(function(x + 1j * IMAGINARY_STEP * np.eye(len(x))).imag / IMAGINARY_STEP).T
