"""The losses of a step that are the negative log-likelihood of a softmax."""

from __future__ import annotations

from collections.abc import Iterator
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
    """A loss −Σ y log softmax(o): the loss, its softmax, the node o (None where it has no name), and the expression o."""

    at: StepContext
    loss: str
    p: str
    o: str | None
    expression: Expression
    row: Loss

    @property
    def classes(self) -> bool:
        return self.at.run.y.dtype.kind in "iu"

    @property
    def n(self) -> int:
        return self.at.run.sizes[self.p]

    @lazy_property
    def y(self) -> Array:
        return self.at.target(self.row, self.n)

    @property
    def raw(self) -> Array:
        """y as the loss takes it, for n rows."""
        return np.repeat(self.at.run.y[self.at.t - 1, self.at.sample][None], self.n, axis=0)

    @lazy_property
    def logits(self) -> Array:
        return np.asarray(self.at.run.argument(self.p, slice(self.at.t - 1, self.at.t))[0, self.at.sample], np.float64)

    @lazy_property
    def exact(self) -> Array:
        """∂L(t)/∂o(t) by imaginary steps from the logits."""
        assert self.row.definition_joint is not None
        joint = self.row.definition_joint
        return np.asarray(jacobian_by_steps(lambda o: joint(o, self.raw), self.logits)[0])

    def o_(self, index: str = "", at: str = "t") -> str:
        if self.o is not None:
            return entry_tex(self.o, index, at)
        return f"a_{{{','.join(filter(None, [latex(self.p), index]))}}}^{{({at})}}"

    def p_(self, index: str = "", at: str = "t") -> str:
        return entry_tex(self.p, index, at)

    def y_(self, index: str = "", at: str = "t") -> str:
        return entry_tex("y", index, at)

    @property
    def alone(self) -> bool:
        """Whether nothing but this softmax reads o, and nothing but this loss the softmax."""
        reads = [(node, read.name) for node, found in self.at.cell.reads.items() for read in found]
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


def joint_gradient_tex(out: SoftmaxLoss) -> str:
    return (out.row.latex_joint or "").format(p=out.p_(), y=out.y_()) if not out.classes else f"{out.p_()} - {out.y_()}"
