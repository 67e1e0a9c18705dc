"""The affine part of a recurrence as one product per step and direction: for one sample and few units.

Forward, the other operands of the sums and a 1 stand beside the state: [W | U | b] times [h(t−1) | x(t) | 1] is a(t). Back, the
gradients of the outputs stand beside those of the sums: [∇a(t) | ∇o(t−1)] times [W; V] is the whole of ∇h(t−1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from engine.execute.backward import Backward
from engine.execute.layout import Rows
from engine.execute.memory import Bound, Call, Product, Slot
from engine.execute.recurrence import Augmentation, Recurrence, Stack
from engine.execute.stepwise import Stepwise
from engine.execute.writer import Writer, product


class Augmented(Stepwise):
    """Writes the calls of a recurrence that has an augmentation.

    Attributes:
        state: the operand of the product.
        matrix: [W | U | b], in memory that each run fills.
        back: [W; V], transposed.
    """

    def __init__(self, writer: Writer, loop: Recurrence, plan: Augmentation, rows: Rows) -> None:
        """Make the matrices, which each run fills."""
        super().__init__(writer, loop)
        self.plan, self.rows = plan, rows
        self.state = self.late = plan.stack.operand
        units, dtype = self.layout.units, self.layout.shape.dtype
        self.matrix = np.zeros((rows.sums.hi, rows.row.hi), dtype)
        for part, name, coefficient, columns in self._parts():
            writer.fill(self.matrix[part, columns], name, coefficient)
        back, top = np.zeros((rows.grads.hi, units(self.state.name)), dtype), 0
        for name, term in (*plan.stack.members, *(plan.heads or ())):
            writer.fill(back[top : top + units(name)], term.matrix or "", term.coefficient)
            top += units(name)
        self.back = back.T

    def _parts(self) -> Iterator[tuple[slice, str, float, slice | int]]:
        """The parameters in the matrix: (rows, name, coefficient, columns)."""
        n, top = self.layout.units(self.state.name), 0
        for name, term in self.plan.stack.members:
            part = slice(top, top + self.layout.units(name))
            yield part, term.matrix or "", term.coefficient, slice(0, n)
            for outer in self.loop.outer[name]:
                if outer.matrix is None:
                    yield part, outer.factors[0].name, outer.coefficient, self.rows.one.lo
                else:
                    slot = self.rows.columns[self.plan.columns.index(outer.factors[0])]
                    yield part, outer.matrix, outer.coefficient, slice(slot.lo, slot.hi)
            top = part.stop

    # Forward ---------------------------------------------------------------------------------------------------------

    def outer_sums(self, names: Sequence[str], written: set[str]) -> list[Bound]:
        """Copy the columns beside the state: the product of a step is the whole sum."""
        space, lag, value_at = self.layout.space, self.state.lag, self.layout.value_at
        written.update(names)
        space.over(self.rows.one.back(lag))[...] = 1
        columns = zip(self.rows.columns, self.plan.columns, strict=True)
        return [
            partial(np.copyto, space.over(slot.back(lag)), space.over(value_at(column))) for slot, column in columns
        ]

    def product(self, stack: Stack, written: set[str], scratch: Callable[[int], Slot]) -> list[Call]:
        """All sums of a step."""
        return [Product(np.dot, (self.rows.row.back(self.state.lag),), self.rows.values, self.matrix)]

    # Backward --------------------------------------------------------------------------------------------------------

    def product_back(self, stack: Stack, write: bool, scratch: Callable[[int], Slot]) -> list[Call]:
        """Write the whole gradient of the state, `lag` steps earlier; add it if the state has other readers than heads."""
        out = self.layout.adjoint[self.state.name].back(self.state.lag)
        if self.plan.heads is not None:
            return [Product(np.dot, (self.rows.grads,), out, self.back)]
        part = scratch(out.hi - out.lo)
        return [Product(np.dot, (self.rows.grads,), part, self.back), Call(np.add, (out, part), out)]

    def reached_from_outside(self, started: set[str]) -> set[str]:
        """Those of any recurrence, and the state if a gradient comes to a head."""
        heads = {name for name, _ in self.plan.heads or ()}
        return super().reached_from_outside(started) | ({self.state.name} if heads & started else set())

    def last_steps(self, started: set[str]) -> list[Bound]:
        """Write the gradients of the last states, which get no message from a later step, only those of the heads."""
        space, T, lag = self.layout.space, self.layout.shape.T, self.state.lag
        gradient = self.layout.adjoint[self.state.name]
        if self.plan.heads is None:
            rows = space.rows(gradient, -lag, T)
            return [] if self.state.name in started else [partial(rows.fill, 0)]
        grads, out = space.rows(self.rows.grads, T, T + lag), space.rows(gradient, T - lag, T)
        return [partial(self.back.dot, grads[i, 0], out[i, 0]) for i in range(lag - 1, -1, -1)]

    def parameters(self, back: Backward, names: Sequence[str]) -> None:
        """Write one product over all steps for the gradients of every parameter of the sums; then those of the columns."""
        if names != self.plan.stack.names:
            super().parameters(back, names)
            return
        space, sums = self.layout.space, self.rows.sums
        outer = space.zeros(self.matrix.shape)
        row = space.table(self.rows.row.back(self.state.lag))
        back.calls.append(product(space.table(sums).T, row, outer))
        for part, name, coefficient, columns in self._parts():
            back.piece(name, coefficient, outer[part, columns])
        for column, slot in zip(self.plan.columns, self.rows.columns, strict=True):
            back.add_product(column, sums, self.matrix[:, slot.lo : slot.hi])
