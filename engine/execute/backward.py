"""The way back outside recurrences: from each gradient to those that it contributes to, for all steps at once."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import partial

import numpy as np

from engine.execute.forward import wide
from engine.execute.memory import Bound, Call, Slot
from engine.execute.memory import Operand as Place
from engine.execute.schedule import Affine, Cost, Elementwise, Instruction, Normalise, Operand, Term
from engine.execute.writer import Writer, neighbours, product
from engine.language.operations import SOFTMAX, Array, Loss


class Backward:
    """Writes the calls of the way back, in the order in which they run.

    Attributes:
        calls: the calls so far.
        started: the values whose gradients have been written, so that further messages are added.
        sent: node that a loss is computed jointly with -> the part of its gradient that goes on along its own equation.
        pieces: parameter -> (coefficient, contribution to its gradient) for each of its uses.
    """

    def __init__(self, writer: Writer) -> None:
        """Begin with no gradient written."""
        self.writer, self.layout, self.space = writer, writer.layout, writer.layout.space
        self.calls: list[Bound] = []
        self.started: set[str] = set()
        self.sent: dict[str, Array] = {}
        self.pieces: dict[str, list[tuple[float, Array]]] = {name: [] for name in self.layout.parameters}
        self._ones = np.ones(self.layout.shape.T * self.layout.shape.B, self.layout.shape.dtype)

    def seeds(self) -> None:
        """Load the seed as the gradient of each loss."""
        for name in self.layout.plan.cell.losses:
            place = self.space.over(self.layout.adjoint[name])[:, :, 0]
            self.writer.loads.others.append((place, lambda data: data.seed))
            self._begin(name, 0)

    def instruction(self, instruction: Instruction) -> None:
        """Send the finished gradient of a value outside all recurrences to the operands of its instruction."""
        name = instruction.out
        if name not in self.started:
            self.show_joint(name)
            return  # no gradient has arrived, so none is sent on
        grad = self.layout.adjoint[name]
        if isinstance(instruction, Affine):
            self.products([instruction], {name: instruction.terms})
            self.elementwise(instruction)
        elif isinstance(instruction, Elementwise):
            self.add(instruction.argument, 1.0, [grad, self.slope(instruction)])
            self.show_joint(name)
        elif isinstance(instruction, Normalise):
            self._softmax(instruction)
            self.show_joint(name)
        else:
            self.add(instruction.argument, 1.0, [self.layout.pull[name], grad])

    def parameter_grads(self) -> dict[str, Array]:
        """Sum the gradient of each parameter from its pieces; gives them by name."""
        grads = {}
        for name, pieces in self.pieces.items():
            if len(pieces) == 1 and pieces[0][0] == 1.0:
                grads[name] = pieces[0][1]
                continue
            grads[name] = self.space.zeros(self.layout.parameters[name])
            if pieces:
                self.calls.append(partial(_weighted_sum, pieces, grads[name]))
        return grads

    # Additions -----------------------------------------------------------------------------------------------------

    def _begin(self, name: str, lag: int) -> bool:
        """Whether the addition at hand may write, as the first one; rows that it does not reach are set to 0."""
        if name in self.started:
            return False
        self.started.add(name)
        early, slot = self.layout.initials(name), self.layout.adjoint[name]
        if lag or early:
            self.calls.append(partial(self.space.rows(slot, -early, self.layout.shape.T if lag else 0).fill, 0))
        return not lag

    def add(self, target: Operand, coefficient: float, factors: Sequence[Place]) -> None:
        """∇target += c · f (∘ g)."""
        first = self._begin(target.name, target.lag)
        out = self.layout.adjoint[target.name].back(target.lag)
        self.calls += self.space.at_once(self.writer.accumulate(out, coefficient, factors, first, wide))

    def add_product(self, target: Operand, grad: Slot, matrix: Array) -> None:
        """∇target += matrixᵀ ∇grad."""
        space = self.space
        first = self._begin(target.name, target.lag)
        out = self.layout.adjoint[target.name].back(target.lag)
        result = out if first else wide(out.hi - out.lo)
        self.calls.append(product(space.table(grad), matrix, space.table(result)))
        if not first:
            self.calls.append(partial(np.add, space.over(out), space.over(result), space.over(out)))

    def slope(self, instruction: Elementwise) -> Slot:
        """Compute φ' at all steps; gives its slot."""
        slot = wide(self.layout.units(instruction.out))
        self.calls += self.space.at_once(self.writer.slope_calls(instruction, wide, slot))
        return slot

    def _softmax(self, instruction: Normalise) -> None:
        a, name, over = instruction.argument, instruction.out, self.space.over
        first = self._begin(a.name, a.lag)
        out = over(self.layout.adjoint[a.name].back(a.lag))
        self.calls.append(
            partial(softmax_back, first, over(self.layout.adjoint[name]), over(self.layout.value[name]), out)
        )

    def show_joint(self, name: str) -> None:
        """Add to ∇ŷ, once it has been sent on, what the losses computed jointly with it contribute: −y/ŷ."""
        losses = self.started.intersection(self.layout.plan.cell.joint.get(name, ()))
        costs = [i for i in self.layout.plan.instructions if isinstance(i, Cost) and i.out in losses]
        if not costs:
            return
        over = self.space.over
        write = self._begin(name, 0)
        whole = over(self.layout.adjoint[name])
        if not write:
            self.sent[name] = self.space.zeros(whole.shape)
            self.calls.append(partial(np.copyto, self.sent[name], whole))
        for cost in costs:
            arrays = over(self.layout.value[name]), self.layout.y, over(self.layout.adjoint[cost.out]), whole
            self.calls.append(partial(_show, cost.loss, write, *arrays))
            write = False

    # Sums ------------------------------------------------------------------------------------------------------------

    def products(
        self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]], skip: Container[str] = ()
    ) -> None:
        """Send the gradients of sums to the vectors that they multiply by a matrix, to the matrices, and to the biases.

        Args:
            members: the sums; their gradients lie side by side.
            terms: sum -> its terms.
            skip: the vectors that get their messages elsewhere, from their recurrence.
        """
        space, adjoint = self.space, self.layout.adjoint
        for stack in neighbours(members, terms):
            names, vector = stack.names, stack.operand
            grad = adjoint[names[0]].joined(adjoint[names[-1]])
            if vector.name not in skip and (names[0], vector.name) not in self.layout.fused:
                self.add_product(vector, grad, self.writer.stacked(stack.members))
            outer = space.zeros((grad.hi - grad.lo, self.layout.units(vector.name)))
            self.calls.append(product(space.table(grad).T, space.table(self.layout.value_at(vector)), outer))
            top = 0
            for name, term in stack.members:
                n = self.layout.units(name)
                self.piece(term.matrix or "", term.coefficient, outer[top : top + n])
                top += n
        self._biases(members, {name: [term for term in own if term.is_bias] for name, own in terms.items()})

    def _biases(self, members: Sequence[Affine], biases: Mapping[str, Sequence[Term]]) -> None:
        if not any(biases.values()):
            return
        adjoint = self.layout.adjoint
        grad = adjoint[members[0].out].joined(adjoint[members[-1].out])
        sums = self.space.zeros((grad.hi - grad.lo,))
        self.calls.append(partial(self._ones.dot, self.space.table(grad), sums))
        for name, terms in biases.items():
            for term in terms:
                part = sums[adjoint[name].lo - grad.lo : adjoint[name].hi - grad.lo]
                self.piece(term.factors[0].name, term.coefficient, part)

    def elementwise(self, instruction: Affine, skip: Container[str] = ()) -> None:
        """Send the gradient of a sum to the factors of its elementwise terms, but not to the values in `skip`."""
        grad = self.layout.adjoint[instruction.out]
        for term in instruction.terms:
            for i, factor in enumerate(() if term.matrix is not None or term.is_bias else term.factors):
                if factor.is_parameter or factor.name not in skip:
                    others = [self.writer.place(other) for other in term.others(i)]
                    if factor.is_parameter:
                        self._elementwise_parameter(factor.name, term.coefficient, grad, others)
                    else:
                        self.add(factor, term.coefficient, [grad, *others])

    def _elementwise_parameter(self, name: str, coefficient: float, grad: Slot, others: Sequence[Place]) -> None:
        gradient = self.space.zeros(self.layout.parameters[name])
        if others:
            along = wide(grad.hi - grad.lo)
            self.calls += self.space.at_once([Call(np.multiply, (grad, *others), along)])
            grad = along
        self.calls.append(partial(self._ones.dot, self.space.table(grad), gradient))
        self.piece(name, coefficient, gradient)

    def piece(self, name: str, coefficient: float, gradient: Array) -> None:
        """Note the contribution of one use of a parameter to its gradient."""
        self.pieces[name].append((coefficient, gradient))


def softmax_back(write: bool, grad: Array, value: Array, out: Array) -> None:
    """Compute ∇a from ∇softmax(a), written to `out` or added to it."""
    if write:
        out[...] = SOFTMAX.pull(grad, value)
    else:
        out += SOFTMAX.pull(grad, value)


def _show(loss: Loss, write: bool, p: Array, y: Array, grad: Array, out: Array) -> None:
    if write:
        out[...] = loss.pull(p, y, grad)
    else:
        out += loss.pull(p, y, grad)


def _weighted_sum(pieces: Sequence[tuple[float, Array]], out: Array) -> None:
    out[...] = 0
    for coefficient, piece in pieces:
        out += coefficient * piece
