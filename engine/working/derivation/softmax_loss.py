"""The losses of a step that are the negative log-likelihood of a softmax: L = −Σ y log ŷ with ŷ = softmax(o)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.language.expressions import Expression, Name
from engine.language.names import latex
from engine.language.operations import SOFTMAX, Array, Loss
from engine.support.lazy import lazy_property
from engine.working.derivation.step import StepContext, jacobian_by_steps
from engine.working.derivation.writing import entry_tex


@dataclass(frozen=True)
class SoftmaxLoss:
    """A loss −Σ y log softmax(o) at a step.

    Attributes:
        at: The step.
        loss: The node of the loss.
        p: The node of the softmax.
        o: The node o; None if o has no name.
        expression: o as the softmax's equation has it.
        row: The loss in the table of operations.
    """

    at: StepContext
    loss: str
    p: str
    o: str | None
    expression: Expression
    row: Loss

    @property
    def classes(self) -> bool:
        """Whether the target is a class; else it is a distribution."""
        return self.at.run.y.dtype.kind in "iu"

    @property
    def n(self) -> int:
        """The number of classes."""
        return self.at.run.sizes[self.p]

    @lazy_property
    def y(self) -> Array:
        """The target as a vector, (n,)."""
        return self.at.target(self.row, self.n)

    @lazy_property
    def probabilities(self) -> Array:
        """The value of the softmax, (n,)."""
        return self.at.value(self.p)

    @lazy_property
    def logits(self) -> Array:
        """The value of o, (n,)."""
        return np.asarray(self.at.run.argument(self.p, slice(self.at.t - 1, self.at.t))[0, self.at.sample], np.float64)

    @lazy_property
    def exact(self) -> Array:
        """∂L(t)/∂o(t), (n,), by imaginary steps from the logits."""
        return self.slope(lambda o: o, self.logits)

    @lazy_property
    def exact_jacobian(self) -> Array:
        """∂ŷ/∂o, (n, n), by imaginary steps."""
        return jacobian_by_steps(SOFTMAX.definition, self.logits)

    @lazy_property
    def slope_at_probabilities(self) -> Array:
        """∂L(t)/∂ŷ, (n,): −y / ŷ."""
        y, p = self.y, self.probabilities
        return np.asarray(-np.divide(y, p, out=np.zeros(self.n), where=y != 0))

    @lazy_property
    def slope_at_o(self) -> Array:
        """∂L(t)/∂o, (n,): ŷ Σy − y."""
        return np.asarray(self.probabilities * float(self.y.sum()) - self.y)

    def slope(self, logits: Callable[[Array], Array], point: Array) -> Array:
        """The gradient of L(t) as a function of a vector that the logits depend on, by imaginary steps."""
        joint = self.row.definition_joint
        assert joint is not None
        return np.asarray(jacobian_by_steps(lambda rows: joint(logits(rows), self.targets(len(rows))), point)[0])

    def targets(self, rows: int) -> Array:
        """The target as the loss takes it, for each of several rows."""
        return np.repeat(self.at.run.y[self.at.t - 1, self.at.sample][None], rows, axis=0)

    def o_(self, index: str = "", step: str = "t") -> str:
        """The symbol of o, or of an entry of it."""
        if self.o is not None:
            return entry_tex(self.o, index, step)
        return f"a_{{{','.join(filter(None, [latex(self.p), index]))}}}^{{({step})}}"

    def p_(self, index: str = "", step: str = "t") -> str:
        """The symbol of ŷ, or of an entry of it."""
        return entry_tex(self.p, index, step)

    def y_(self, index: str = "", step: str = "t") -> str:
        """The symbol of y, or of an entry of it."""
        return entry_tex("y", index, step)

    def l_(self, step: str = "t") -> str:
        """The symbol of the loss."""
        return f"{latex(self.loss)}^{{({step})}}"

    def slope_tex(self) -> str:
        """The symbols of ∂L/∂o."""
        if self.classes:
            return f"{self.p_()} - {self.y_()}"
        return (self.row.latex_joint or "").format(p=self.p_(), y=self.y_())

    @property
    def alone(self) -> bool:
        """Whether only this softmax reads o, and only this loss reads the softmax."""
        reads = [(node, read.name) for node, reads in self.at.cell.reads.items() for read in reads]
        return (
            self.o is not None
            and [node for node, name in reads if name == self.o] == [self.p]
            and [node for node, name in reads if name == self.p] == [self.loss]
        )


def softmax_losses(at: StepContext) -> Iterator[SoftmaxLoss]:
    """The losses that are nll(softmax(o), y)."""
    cell = at.cell
    for loss in cell.nodes:
        logits, row = cell.logits(loss), cell.loss(loss)
        if logits is not None and row is not None and row.after == SOFTMAX.name:
            named = isinstance(logits, Name) and not logits.lag and logits.name in cell.equations
            o = logits.name if named and isinstance(logits, Name) else None
            yield SoftmaxLoss(at, loss, cell.reads[loss][0].name, o, logits, row)
