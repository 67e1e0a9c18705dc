"""A recurrence step by step: a product for each stack, and the calls of a step one after the other.

Forward, the terms that read nothing of the recurrence are computed for all steps before the loop. Back, the sweep goes
through chunks of steps: first the coefficients of the linear system (`elimination`) for the chunk at once, then its steps from
the last to the first; gradients of eliminated values, of parameters and of values outside follow for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from engine.execute.backward import Backward, softmax_back
from engine.execute.elimination import Edge, System, eliminate
from engine.execute.forward import affine, longest_first, plain_cost
from engine.execute.memory import Bound, Buffer, Call, Product, Slot, Steps, fused
from engine.execute.recurrence import Recurrence, Stack
from engine.execute.schedule import Affine, Cost, Elementwise, Instruction, Normalise, Operand
from engine.execute.writer import Writer
from engine.language.operations import SOFTMAX, Array, Loss

_Scratch = Callable[[int], Slot]


class Stepwise:
    """Writes the calls of a recurrence."""

    #: Of an augmented recurrence the state: one product writes its gradient, and further gradients are added after it.
    late: Operand | None = None

    def __init__(self, writer: Writer, loop: Recurrence) -> None:
        """Take the writer and the plan of the recurrence."""
        self.writer, self.layout, self.loop = writer, writer.layout, loop

    # Forward ---------------------------------------------------------------------------------------------------------

    def forward(self) -> list[Bound]:
        """Write the terms that read nothing of the recurrence, for all steps at once; then the loop over the steps."""
        loop, writer, layout = self.loop, self.writer, self.layout
        written: set[str] = set()  # sums that have something in them
        calls = [call for names in loop.blocks for call in self.outer_sums(names, written)]
        calls += [call for names in self._singles() for call in Stepwise.outer_sums(self, names, written)]
        step: list[Call] = []
        scratch = Buffer("step").take
        waiting = list(loop.stacks)
        for name, i in loop.inside.items():
            if isinstance(i, Affine):
                for stack in [stack for stack in waiting if name in stack.names]:
                    waiting.remove(stack)
                    step += self.product(stack, written, scratch)
                for term in longest_first(term for term in loop.inner[name] if term.matrix is None):
                    factors = [writer.place(factor) for factor in term.factors]
                    step += writer.accumulate(
                        layout.value[name], term.coefficient, factors, name not in written, scratch
                    )
                    written.add(name)
            elif isinstance(i, Elementwise):
                step += writer.value_calls(i, scratch)
            elif isinstance(i, Normalise):
                step.append(Call(SOFTMAX.value, (layout.value_at(i.argument),), layout.value[name]))
            else:
                step.append(self._cost(i))
        return calls + layout.space.each_step(fused(step), range(layout.shape.T))

    def outer_sums(self, names: Sequence[str], written: set[str]) -> list[Bound]:
        """Add up, for all steps, the terms of some sums that read nothing of the recurrence; note these sums as written."""
        terms = {name: self.loop.outer[name] for name in names if self.loop.outer[name]}
        written.update(terms)
        return affine(self.writer, self.loop.sums(names), terms)

    def _singles(self) -> list[tuple[str, ...]]:
        """The sums that are in no block."""
        in_block = {name for names in self.loop.blocks for name in names}
        return [(name,) for name in self.loop.outer if name not in in_block]

    def product(self, stack: Stack, written: set[str], scratch: _Scratch) -> list[Call]:
        """Write the stacked product of a step to its sums, or add it to them."""
        layout, matrix = self.layout, self.writer.stacked(stack.members)
        slots, right = [layout.value[name] for name in stack.names], layout.value_at(stack.operand)
        whole = slots[0].joined(slots[-1])
        if _side_by_side(slots) and written.isdisjoint(stack.names) and self._whole_rows(whole):
            written.update(stack.names)
            return [Product(np.dot, (right,), whole, matrix)]
        result = Buffer("step").take(len(matrix))
        calls: list[Call] = [Product(np.dot, (right,), result, matrix)]
        top = 0
        for name, slot in zip(stack.names, slots, strict=True):
            part = Slot(result.buffer, top, top + slot.hi - slot.lo)
            calls += self.writer.accumulate(slot, 1.0, [part], name not in written, scratch)
            written.add(name)
            top = part.hi
        return calls

    def _whole_rows(self, slot: Slot) -> bool:
        """Whether a product can be written to a slot of one step directly: its memory has no gaps."""
        return self.layout.space.flat or slot.buffer.width == slot.hi - slot.lo

    def _cost(self, cost: Cost) -> Call:
        """Write a loss that a later step reads, with the target of the step."""
        layout = self.layout
        return Call(
            partial(_cost_with_pull, cost.loss, cost.logits is not None),
            (Steps(layout.y), layout.value_at(cost.argument), layout.pull[cost.out]),
            layout.value[cost.out],
        )

    # Backward --------------------------------------------------------------------------------------------------------

    def backward(self, back: Backward) -> None:
        """Write the sweep back from the last chunk to the first; then the gradients that follow for all steps at once."""
        space, T = self.layout.space, self.layout.shape.T
        system = eliminate(self.writer, self.loop)
        reached = self._reached(system, back.started)
        edges = {u: own if u in reached else [] for u, own in system.edges.items()}
        stacks = [stack for stack in self.loop.stacks if not reached.isdisjoint(stack.names)]
        first = self._first_additions(edges, stacks, back.started)
        back.calls += self._zero_ends(first)  # before the steps, whose writing takes the first additions out
        step = fused(self._step_back(edges, stacks, first))
        coefficients = fused(system.coefficients)
        back.calls += self.last_steps(back.started)
        for stop in range(T, 0, -space.chunk):
            start = max(0, stop - space.chunk)
            back.calls += space.at_once(coefficients, start, stop)
            back.calls += space.each_step(step, range(stop - 1, start - 1, -1), start)
        back.started |= reached
        self._rest(back)

    def _step_back(
        self, edges: Mapping[str, Sequence[Edge]], stacks: Sequence[Stack], first: dict[str, tuple[int, int]]
    ) -> list[Call]:
        """Write the calls of one step back, from the last value of the flow to the first."""
        scratch = Buffer("step").take
        calls: list[Call] = []
        late: list[Call] = []  # additions to the gradient that a product writes

        def claims_first(operand: Operand, u: str) -> bool:
            """Claim the first addition, which writes, if this is it; of several simultaneous ones, only one gets it."""
            if first.get(operand.name) != self._arrival(operand, u):
                return False
            del first[operand.name]
            return True

        for u in reversed(list(edges)):
            for edge in edges[u]:
                if edge.operand == self.late:
                    late += self._along(edge, u, False, scratch)
                else:
                    calls += self._along(edge, u, claims_first(edge.operand, u), scratch)
            for stack in stacks:
                if self._earliest(stack) == u:
                    calls += self.product_back(stack, claims_first(stack.operand, u), scratch)
        return calls + late

    def _along(self, edge: Edge, u: str, write: bool, scratch: _Scratch) -> list[Call]:
        """Send ∇u along an edge."""
        layout = self.layout
        out = layout.adjoint[edge.operand.name].back(edge.operand.lag)
        if isinstance(self.loop.inside[u], Normalise):
            return [Call(partial(softmax_back, write), (layout.adjoint[u], layout.value[u]), out)]
        factors = [layout.adjoint[u], *([] if edge.factor is None else [edge.factor])]
        return self.writer.accumulate(out, edge.coefficient, factors, write, scratch)

    def product_back(self, stack: Stack, write: bool, scratch: _Scratch) -> list[Call]:
        """∇operand(t − lag) += Mᵀ ∇(stacked sums)(t)."""
        layout = self.layout
        out = layout.adjoint[stack.operand.name].back(stack.operand.lag)
        slots = [layout.adjoint[name] for name in stack.names]
        if _side_by_side(slots):
            parts = [(slots[0].joined(slots[-1]), self.writer.stacked(stack.members))]
        else:
            parts = [(slot, self.writer.stacked([m])) for slot, m in zip(slots, stack.members, strict=True)]
        calls: list[Call] = []
        for grad, matrix in parts:
            if write and self._whole_rows(out):
                calls.append(Product(np.dot, (grad,), out, matrix.T))
            else:
                part = Buffer("step").take(out.hi - out.lo)
                calls.append(Product(np.dot, (grad,), part, matrix.T))
                calls += self.writer.accumulate(out, 1.0, [part], write, scratch)
            write = False
        return calls

    def last_steps(self, started: set[str]) -> list[Bound]:
        """Calls before the sweep, for gradients that no later step reaches."""
        return []

    # Which additions come, and which of them come first ----------------------------------------------------------------

    def _reached(self, system: System, started: set[str]) -> set[str]:
        """The core values to which a gradient comes at all; the others have nothing to send on."""
        reached = self.reached_from_outside(started)
        while True:
            more = {edge.operand.name for u in reached for edge in system.edges[u]}
            more |= {stack.operand.name for stack in self.loop.stacks if not reached.isdisjoint(stack.names)}
            if more <= reached:
                return reached
            reached |= more

    def reached_from_outside(self, started: set[str]) -> set[str]:
        """The core values to which the rest of the network sends something."""
        return set(self.loop.core & started)

    def _earliest(self, stack: Stack) -> str:
        """The member that a sweep back reaches last: then the gradients of all are complete."""
        return min(stack.names, key=self.loop.order.__getitem__)

    def _arrival(self, operand: Operand, u: str) -> tuple[int, int]:
        """The order of an addition from u in the sweep: messages from more steps ahead arrive earlier."""
        return -operand.lag, -self.loop.order[u]

    def _first_additions(
        self, edges: Mapping[str, Sequence[Edge]], stacks: Sequence[Stack], started: set[str]
    ) -> dict[str, tuple[int, int]]:
        """Value -> the arrival of the first addition to its gradient, unless its gradient has been started outside."""
        first: dict[str, tuple[int, int]] = {}
        arrivals = [(edge.operand, u) for u, own in edges.items() for edge in own]
        arrivals += [(stack.operand, self._earliest(stack)) for stack in stacks]
        for operand, u in arrivals:
            if operand.name not in started:
                arrival = self._arrival(operand, u)
                first[operand.name] = min(arrival, first.get(operand.name, arrival))
        return first

    def _zero_ends(self, first: Mapping[str, tuple[int, int]]) -> list[Bound]:
        """Zeros in the rows of a gradient that its first addition does not reach.

        From `lag` steps ahead it does not reach the last steps, from the same step not those before the first.
        """
        calls: list[Bound] = []
        for name, (minus_lag, _) in first.items():
            early, T = self.layout.initials(name), self.layout.shape.T
            begin, end = (max(-early, T + minus_lag), T) if minus_lag else (-early, 0)
            if begin < end and (self.late is None or name != self.late.name):
                calls.append(partial(self.layout.space.rows(self.layout.adjoint[name], begin, end).fill, 0))
        return calls

    # After the sweep ---------------------------------------------------------------------------------------------------

    def _rest(self, back: Backward) -> None:
        """Write the gradients of eliminated values, of parameters and of values outside, for all steps at once."""
        loop = self.loop
        for name in reversed(loop.inside):
            if name not in loop.core:
                for reader in loop.inside.values():
                    self._send(back, reader, name)
        for names in (*loop.blocks, *self._singles()):
            self.parameters(back, names)
            for instruction in loop.sums(names):
                back.elementwise(instruction, skip=loop.inside.keys())
        for name in loop.inside:
            back.show_joint(name)

    def _send(self, back: Backward, reader: Instruction, name: str) -> None:
        """Send the gradient of a reader to an eliminated value of the same step."""
        grad = self.layout.adjoint[reader.out]
        if isinstance(reader, Affine):
            for term in self.loop.inner[reader.out]:
                for i, factor in enumerate(term.factors):
                    if term.matrix is None and factor == Operand(name):
                        others = [self.writer.place(other) for other in term.others(i)]
                        back.add(factor, term.coefficient, [grad, *others])
        elif isinstance(reader, Elementwise) and reader.argument == Operand(name):
            back.add(reader.argument, 1.0, [grad, back.slope(reader)])

    def parameters(self, back: Backward, names: Sequence[str]) -> None:
        """Send the gradients of the sums of a block to their matrices and biases, and to the vectors outside."""
        sums = self.loop.sums(names)
        back.products(sums, {i.out: i.terms for i in sums}, skip=self.loop.inside.keys())


def _side_by_side(slots: Sequence[Slot]) -> bool:
    """Whether the slots lie in one buffer, each right after the one before."""
    return all(later.follows(earlier) for earlier, later in pairwise(slots))


def _cost_with_pull(loss: Loss, joint: bool, y: Array, p: Array, pull: Array, out: Array) -> None:
    if joint:
        assert loss.joint is not None
        loss.joint(p, y, np.empty_like(p), out[:, 0], pull)
    else:
        plain_cost(loss, p, y, out, pull)
