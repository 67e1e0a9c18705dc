"""What of a run is done for all steps at once: the memory, and the calls of each direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from engine.execute.data import Data
from engine.execute.memory import Bound, Buffer, Call, Slot, Space
from engine.execute.memory import Operand as Place
from engine.execute.schedule import Affine, Cost, Elementwise, Instruction, Normalise, Operand, Schedule, Term
from engine.language.operations import SOFTMAX, Array, Loss, Recipe, constant, is_constant

_CHUNK = 1 << 16  # numbers that the backward sweep prepares at a time: they stay in the cache


class Writer:
    """Memory for a schedule, and the calls for all steps at once; what runs step by step is in `recurrence`.

    value, adjoint       where each value and its gradient lie
    fills, load          what each run copies in: parameters, and everything else
    forward, backward    the two lists of calls
    sent                 of values that a loss is computed jointly with, the part of the gradient that they send on
    copies               what else the way back reads: columns, and the values at whose gradients it reads them
    """

    def __init__(self, plan: Schedule, data: Data) -> None:
        self.plan, self.data = plan, data
        self.T, self.B, self.dtype = data.shape.T, data.shape.B, data.shape.dtype
        self.load: list[tuple[Array, Callable[[Data], Array]]] = []
        self.fills: list[tuple[Array, str]] = []  # where each run copies a parameter to
        self.forward: list[Bound] = []
        self.backward: list[Bound] = []
        self.value: dict[str, Slot] = {}
        self.adjoint: dict[str, Slot] = {}
        self.kept: dict[tuple[str, str], Slot] = {}  # (value, register of its recipe)
        self.started: set[str] = set()  # adjoints that have something in them already
        self.sent: dict[str, Array] = {}
        self.copies: list[tuple[Slot, tuple[str, ...]]] = []
        self.sent_with_the_recurrence: set[tuple[str, str]] = (
            set()
        )  # (sum, state): its way back is the recurrence's product
        self.buffers: list[Buffer] = []
        self.constants: dict[float | str, Array] = {}
        self.vectors: dict[tuple[str, float], Array] = {}
        self.pieces: dict[str, list[tuple[float, Array]]] = {name: [] for name in data.parameters}
        self.by_name = {i.out: i for stage in plan.stages for i in stage.instructions}
        self.ones = np.ones(self.T * self.B, self.dtype)
        self.recurrent = {i.out for stage in plan.stages if stage.recurrent for i in stage.instructions}
        self.space = Space(self.T, self.B, self.dtype, self.chunk(), self.flat())
        self.joint_at = self.joint_costs()
        self.pull: dict[str, Slot] = {}  # loss -> its derivative with respect to its argument
        self.y = np.empty(data.y.shape, data.y.dtype)
        self.param_grad: dict[str, Array] = {}

    # Space -------------------------------------------------------------------------------------------------------

    def units(self, name: str) -> int:
        """Units of a value, hidden ones included."""
        while name in self.plan.size_of:
            name = self.plan.size_of[name]
        if name.endswith(":column"):
            return int(self.data.parameters[name.removesuffix(":column")].shape[1])
        return self.data.shape.sizes[name]

    def chunk(self) -> int:
        """How many steps the backward sweep prepares at a time."""
        width = sum(2 * self.units(name) for name in self.recurrent)
        return max(1, min(self.T, _CHUNK // max(1, width * self.B)))

    def flat(self) -> bool:
        """Whether a step's values are vectors: one sample, and no softmax or loss in a recurrence, which want tables."""
        return self.B == 1 and not any(isinstance(self.by_name[name], Normalise | Cost) for name in self.recurrent)

    def buffer(self, kind: str = "steps", lead: int = 0, tail: int = 0) -> Buffer:
        self.buffers.append(Buffer(kind, lead, tail))
        return self.buffers[-1]

    def own(self, name: str) -> Slot:
        """A buffer of its own for a value or for something of its size."""
        return self.buffer(lead=self.plan.lags.get(name, 0)).take(self.units(name))

    def lay_out(self) -> None:
        """Memory for what the recurrences have not placed."""
        for name in [*(["x"] if self.data.x is not None else []), *self.by_name]:
            if name not in self.value:
                self.value[name] = self.own(name)
            if name not in self.adjoint:
                self.adjoint[name] = self.own(name)
            instruction = self.by_name.get(name)
            if isinstance(instruction, Elementwise):
                for register in kept_registers(instruction):
                    if (name, register) not in self.kept:
                        self.kept[name, register] = self.own(name)
        for name, instruction in self.by_name.items():
            if isinstance(instruction, Cost):
                p = instruction.p if instruction.logits is None else instruction.logits
                self.pull[name] = self.buffer().take(self.units(p.name))
        space = self.space
        if self.data.x is not None:
            self.load.append((space.over(self.value["x"]), lambda data: data.x))  # type: ignore[arg-type, return-value]
        self.load.append((self.y, lambda data: data.y))
        for name in self.plan.cell.states:
            slot = self.value[name]
            place = slot.buffer.allocate(space)[
                slot.buffer.lead - self.plan.lags[name] : slot.buffer.lead, :, slot.lo : slot.hi
            ]
            self.load.append((place, partial(_initial_of, name)))

    def constant(self, number: float | str) -> Array:
        if number not in self.constants:
            self.constants[number] = constant(number, self.dtype)
        return self.constants[number]

    def vector(self, name: str, coefficient: float = 1.0) -> Array:
        """A vector parameter, times a constant, in memory that each run fills."""
        key = (name, coefficient)
        if key not in self.vectors:
            self.vectors[key] = np.empty(self.data.parameters[name].shape, self.dtype)
            self.fill(self.vectors[key], name, coefficient)
        return self.vectors[key]

    def fill(self, place: Array, name: str, coefficient: float) -> None:
        """Each run copies coefficient · parameter to `place`."""
        if coefficient == 1.0:
            self.fills.append((place, name))
        else:
            self.load.append((place, partial(_scaled_parameter_of, name, self.dtype.type(coefficient))))

    def place(self, operand: Operand) -> Place:
        """Where an operand's value is read: its slot, `lag` steps back, or a parameter's memory."""
        return self.vector(operand.name) if operand.is_parameter else self.value[operand.name].back(operand.lag)

    # Sums --------------------------------------------------------------------------------------------------------

    def accumulate(
        self, out: Slot, coefficient: float, factors: Sequence[Place], first: bool, scratch: Callable[[int], Slot]
    ) -> list[Call]:
        """Calls for out = c · f (∘ g), or out += c · f (∘ g)."""
        if not factors:
            factors = [self.constant(coefficient)]
            coefficient = 1.0
        if len(factors) == 1 and first:
            if coefficient == 1.0:
                return [Call(np.positive, (factors[0],), out)]
            if coefficient == -1.0:
                return [Call(np.subtract, (self.constant(0.0), factors[0]), out)]
            return [Call(np.multiply, (factors[0], self.constant(coefficient)), out)]
        sign = np.subtract if coefficient == -1.0 else np.add
        if len(factors) == 1 and abs(coefficient) == 1.0:
            return [Call(sign, (out, factors[0]), out)]
        target = out if first else scratch(out.hi - out.lo)
        if len(factors) == 1:
            calls = [Call(np.multiply, (factors[0], self.constant(coefficient)), target)]
        else:
            calls = [Call(np.multiply, tuple(factors), target)]
            if abs(coefficient) != 1.0:
                calls.append(Call(np.multiply, (target, self.constant(coefficient)), target))
            elif first and coefficient == -1.0:
                calls.append(Call(np.subtract, (self.constant(0.0), target), target))
        if not first:
            calls.append(Call(sign, (out, target), out))
        return calls

    def wide(self, n: int) -> Slot:
        """Scratch for all steps."""
        return self.buffer().take(n)

    def all_steps(self, calls: Iterable[Call]) -> list[Bound]:
        return self.space.at_once(list(calls))

    # Forward, all steps at once ------------------------------------------------------------------------------------

    def joint_costs(self) -> dict[str, Cost]:
        """Softmax nodes outside recurrences -> the loss whose joint computation gives their value as well."""
        outside = {stage.instructions[0].out for stage in self.plan.stages if not stage.recurrent}
        found: dict[str, Cost] = {}
        for i in self.by_name.values():
            if isinstance(i, Cost) and i.logits is not None and {i.out, i.p.name} <= outside:
                found.setdefault(i.p.name, i)
        return {name: cost for name, cost in found.items() if isinstance(self.by_name[name], Normalise)}

    def write_forward(self, instruction: Instruction) -> None:
        if isinstance(instruction, Affine):
            self.forward += self.affine([instruction], {instruction.out: instruction.terms})
        elif isinstance(instruction, Elementwise):
            calls = self.recipe(instruction, instruction.function.value, self.wide)
            self.forward += self.all_steps(calls)
        elif isinstance(instruction, Normalise):
            cost = self.joint_at.get(instruction.out)
            if cost is None:
                over = self.space.over
                self.forward.append(
                    partial(SOFTMAX.value, over(self.value_at(instruction.argument)), over(self.value[instruction.out]))
                )
            else:
                self.forward.append(self.joint(cost, self.value[instruction.out]))
        elif self.joint_at.get(instruction.p.name) is not instruction:
            self.forward.append(self.cost(instruction))

    def value_at(self, operand: Operand) -> Slot:
        return self.value[operand.name].back(operand.lag)

    def joint(self, cost: Cost, p: Slot) -> Bound:
        assert cost.logits is not None
        assert cost.loss.joint is not None
        table = self.space.table
        y = self.y.reshape(self.T * self.B, *self.y.shape[2:])
        L = table(self.value[cost.out])[:, 0]
        return partial(cost.loss.joint, table(self.value_at(cost.logits)), y, table(p), L, table(self.pull[cost.out]))

    def cost(self, cost: Cost) -> Bound:
        if cost.logits is not None:
            return self.joint(cost, self.wide(self.units(cost.p.name)))
        over = self.space.over
        return partial(
            plain_cost,
            cost.loss,
            over(self.value_at(cost.p)),
            self.y,
            over(self.value[cost.out]),
            over(self.pull[cost.out]),
        )

    def recipe(
        self, instruction: Elementwise, recipe: Recipe, scratch: Callable[[int], Slot], slope: Slot | None = None
    ) -> list[Call]:
        """The calls of a recipe of the instruction's function."""
        out = self.value[instruction.out]
        held: dict[str, Slot] = {"a": self.value_at(instruction.argument), "out": out}
        for register in kept_registers(instruction):
            held[register] = self.kept[instruction.out, register]
        if slope is not None:
            held["slope"] = slope
        calls = []
        for ufunc, operands, target in recipe:
            if target not in held:
                held[target] = scratch(out.hi - out.lo)
            inputs = tuple(self.constant(o) if is_constant(o) else held[str(o)] for o in operands)
            calls.append(Call(ufunc, inputs, held[target]))
        return calls

    def affine(self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]]) -> list[Bound]:
        """Calls for the sums of the given terms, for all steps at once; the members' memory lies side by side."""
        space, bound = self.space, list[Bound]()
        written: set[str] = set()
        for operand, run in runs_of(members, terms):
            first, last = self.value[run[0][0]], self.value[run[-1][0]]
            out = Slot(first.buffer, first.lo, last.hi)
            fresh = not any(name in written for name, _ in run)
            if not fresh:  # what is added to must have something in it
                bound += [partial(space.over(self.value[name]).fill, 0) for name, _ in run if name not in written]
            target = out if fresh else self.wide(out.hi - out.lo)
            bound.append(product(space.table(self.value_at(operand)), self.stacked(run).T, space.table(target)))
            if not fresh:
                bound += self.all_steps([Call(np.add, (out, target), out)])
            written |= {name for name, _ in run}
        shared = self.shared_bias(members, terms, written)
        bound += shared
        for name, own in terms.items():
            for term in sorted((t for t in own if t.matrix is None), key=lambda t: -len(t.factors)):
                if not (shared and is_bias(term)):
                    places = [self.place(factor) for factor in term.factors]
                    bound += self.all_steps(
                        self.accumulate(self.value[name], term.coefficient, places, name not in written, self.wide)
                    )
                    written.add(name)
        return bound

    def shared_bias(
        self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]], written: set[str]
    ) -> list[Bound]:
        """One sum for the biases of several members, where each has one and something to add it to."""
        biases = {name: [term for term in own if is_bias(term)] for name, own in terms.items()}
        if len(members) == 1 or len(written) < len(members) or any(len(own) != 1 for own in biases.values()):
            return []
        first, last = self.value[members[0].out], self.value[members[-1].out]
        whole = Slot(first.buffer, first.lo, last.hi)
        vector = np.zeros(whole.hi - whole.lo, self.dtype)
        for name, (bias,) in biases.items():
            slot = self.value[name]
            self.fill(vector[slot.lo - whole.lo : slot.hi - whole.lo], bias.factors[0].name, bias.coefficient)
        return self.all_steps([Call(np.add, (whole, vector), whole)])

    def stacked(self, run: Sequence[tuple[str, Term]]) -> Array:
        """The matrices of a run of terms, one above the other, in memory that each run fills."""
        shapes = [self.data.parameters[term.matrix or ""].shape for _, term in run]
        matrix = np.empty((sum(shape[0] for shape in shapes), shapes[0][1]), self.dtype)
        top = 0
        for (_, term), shape in zip(run, shapes, strict=True):
            self.fill(matrix[top : top + shape[0]], term.matrix or "", term.coefficient)
            top += shape[0]
        return matrix

    def read_back(self) -> list[tuple[Array, tuple[str, ...]]]:
        """What the forward pass leaves for the way back, (T, B, n), and the values at whose gradients it is read."""
        own = [(self.value[name], (name,)) for name in self.by_name]
        own += [(slot, (name,)) for (name, _), slot in self.kept.items()]
        own += [(slot, (name,)) for name, slot in self.pull.items()]
        return [(self.space.over(slot), names) for slot, names in own + self.copies]

    # Backward, all steps at once -----------------------------------------------------------------------------------

    def write_seeds(self) -> None:
        """∂(total loss)/∂L(t) is the weight of the step, divided by the samples for the mean."""
        for name in self.plan.cell.losses:
            self.load.append((self.space.over(self.adjoint[name])[:, :, 0], lambda data: data.seed))
            self.backward += self.begin(name, 0)[0]

    def begin(self, name: str, lag: int) -> tuple[list[Bound], bool]:
        """What must be done before something is added to an adjoint, and whether the addition may write instead."""
        if name in self.started:
            return [], False
        self.started.add(name)
        slot = self.adjoint[name]
        array = slot.buffer.allocate(self.space)[:, :, slot.lo : slot.hi]
        lead = slot.buffer.lead
        if lag:
            return [partial(array[lead - self.plan.lags.get(name, 0) : lead + self.T].fill, 0)], False
        early = self.plan.lags.get(name, 0)
        return ([partial(array[lead - early : lead].fill, 0)] if early else []), True

    def add(self, target: Operand, coefficient: float, factors: Sequence[Place]) -> None:
        """∇target += c · f (∘ g), for all steps at once."""
        before, first = self.begin(target.name, target.lag)
        self.backward += before
        out = self.adjoint[target.name].back(target.lag)
        self.backward += self.all_steps(self.accumulate(out, coefficient, factors, first, self.wide))

    def add_product(self, target: Operand, grad: Slot, matrix: Array) -> None:
        """∇target += matrixᵀ ∇grad, for all steps at once."""
        space = self.space
        before, first = self.begin(target.name, target.lag)
        self.backward += before
        out = self.adjoint[target.name].back(target.lag)
        if first:
            self.backward.append(product(space.table(grad), matrix, space.table(out)))
        else:
            extra = self.wide(out.hi - out.lo)
            self.backward.append(product(space.table(grad), matrix, space.table(extra)))
            self.backward.append(partial(np.add, space.over(out), space.over(extra), space.over(out)))

    def write_backward(self, instruction: Instruction) -> None:
        """From the finished gradient of an instruction's value to what it reads."""
        name = instruction.out
        grad = self.adjoint[name]
        if name not in self.started:
            self.show_joint(name)
            return  # nothing else that it feeds reaches a loss: there is nothing to send on
        if isinstance(instruction, Affine):
            self.affine_backward([instruction], {name: instruction.terms})
        elif isinstance(instruction, Elementwise):
            self.add(instruction.argument, 1.0, [grad, self.slope_over(instruction)])
            self.show_joint(name)
        elif isinstance(instruction, Normalise):
            self.softmax_backward(instruction)
            self.show_joint(name)
        else:
            p = instruction.p if instruction.logits is None else instruction.logits
            self.add(p, 1.0, [self.pull[name], grad])

    def slope_over(self, instruction: Elementwise) -> Slot:
        slope = self.wide(self.units(instruction.out))
        self.backward += self.all_steps(self.recipe(instruction, instruction.function.slope, self.wide, slope))
        return slope

    def softmax_backward(self, instruction: Normalise) -> None:
        before, first = self.begin(instruction.argument.name, instruction.argument.lag)
        over = self.space.over
        out = self.adjoint[instruction.argument.name].back(instruction.argument.lag)
        self.backward += before
        self.backward.append(
            partial(
                softmax_back, first, over(self.adjoint[instruction.out]), over(self.value[instruction.out]), over(out)
            )
        )

    def show_joint(self, name: str) -> None:
        """Adds to ∇ŷ, once it has been sent on, what the losses computed jointly with it contribute: −y/ŷ."""
        joint = [i for i in self.by_name.values() if isinstance(i, Cost) and i.logits is not None and i.p.name == name]
        joint = [cost for cost in joint if cost.out in self.started]
        if not joint:
            return
        over = self.space.over
        before, write = self.begin(name, 0)
        self.backward += before
        whole = over(self.adjoint[name])
        if not write:
            self.sent[name] = self.space.zeros(whole.shape)
            self.backward.append(partial(np.copyto, self.sent[name], whole))
        for cost in joint:
            arrays = over(self.value[name]), self.y, over(self.adjoint[cost.out]), whole
            self.backward.append(partial(_show, cost.loss, write, *arrays))
            write = False

    def affine_backward(
        self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]], skip: frozenset[str] = frozenset()
    ) -> None:
        """From the gradients of sums to their terms, parameters included, for all steps at once."""
        space = self.space
        for operand, run in runs_of(members, terms):
            grad = Slot(
                self.adjoint[run[0][0]].buffer,
                self.adjoint[run[0][0]].lo,
                self.adjoint[run[-1][0]].hi,
                self.adjoint[run[0][0]].lag,
            )
            if operand.name not in skip and (run[0][0], operand.name) not in self.sent_with_the_recurrence:
                self.add_product(operand, grad, self.stacked(run))
            outer = self.space.zeros((grad.hi - grad.lo, self.units(operand.name)))
            self.backward.append(product(space.table(grad).T, space.table(self.value_at(operand)), outer))
            top = 0
            for name, term in run:
                n = self.units(name)
                self.pieces[term.matrix or ""].append((term.coefficient, outer[top : top + n]))
                top += n
        self.bias_backward(members, terms)
        for name, own in terms.items():
            for term in own:
                if term.matrix is None and not is_bias(term):
                    self.term_backward(name, term)

    def bias_backward(self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]]) -> None:
        biased = [name for name in terms if any(is_bias(term) for term in terms[name])]
        if not biased:
            return
        first, last = self.adjoint[members[0].out], self.adjoint[members[-1].out]
        grad = Slot(first.buffer, first.lo, last.hi, first.lag) if len(members) > 1 else first
        sums = self.space.zeros((grad.hi - grad.lo,))
        self.backward.append(partial(self.ones.dot, self.space.table(grad), sums))
        for name in biased:
            slot = self.adjoint[name]
            for term in terms[name]:
                if is_bias(term):
                    self.pieces[term.factors[0].name].append(
                        (term.coefficient, sums[slot.lo - grad.lo : slot.hi - grad.lo])
                    )

    def term_backward(self, name: str, term: Term) -> None:
        """From the gradient of a sum to the factors of an elementwise term."""
        grad = self.adjoint[name]
        for i, factor in enumerate(term.factors):
            others = [self.place(other) for j, other in enumerate(term.factors) if j != i]
            if factor.is_parameter:
                self.elementwise_parameter(factor.name, term.coefficient, grad, others)
            else:
                self.add(factor, term.coefficient, [grad, *others])

    def elementwise_parameter(self, name: str, coefficient: float, grad: Slot, others: Sequence[Place]) -> None:
        piece = self.space.zeros(self.data.parameters[name].shape)
        space = self.space
        if others:
            along = self.wide(grad.hi - grad.lo)
            self.backward += self.all_steps([Call(np.multiply, (grad, *others), along)])
            grad = along
        self.backward.append(partial(self.ones.dot, space.table(grad), piece))
        self.pieces[name].append((coefficient, piece))

    def write_parameters(self) -> None:
        """Each parameter's gradient, from the pieces that its uses gave."""
        for name, pieces in self.pieces.items():
            if len(pieces) == 1 and pieces[0][0] == 1.0:
                self.param_grad[name] = pieces[0][1]
                continue
            total = self.space.zeros(self.data.parameters[name].shape)
            if pieces:
                self.backward.append(partial(_weighted_sum, pieces, total))
            self.param_grad[name] = total

    # Results -----------------------------------------------------------------------------------------------------

    def values(self) -> dict[str, Array]:
        names = [*(["x"] if self.data.x is not None else []), *self.plan.cell.nodes]
        return {name: self.space.over(self.value[name]) for name in names}

    def grads(self) -> dict[str, Array]:
        names = [*(["x"] if self.data.x is not None else []), *self.plan.cell.nodes]
        return {name: self.space.over(self.adjoint[name]) for name in names}

    def param_grads(self) -> dict[str, Array]:
        return {name: array[:] for name, array in self.param_grad.items()}

    def initial_grads(self) -> dict[str, Array]:
        found = {}
        for name in self.plan.cell.states:
            slot, K = self.adjoint[name], self.plan.lags[name]
            lead = slot.buffer.lead
            found[name] = slot.buffer.allocate(self.space)[lead - K : lead, :, slot.lo : slot.hi]
        return found


def kept_registers(instruction: Elementwise) -> list[str]:
    """The registers that the value's recipe leaves for the slope's."""
    function = instruction.function
    made = {out for _, _, out in function.value} - {"out"}
    read = {str(o) for _, operands, _ in function.slope for o in operands if not is_constant(o)}
    return sorted(made & read)


def is_bias(term: Term) -> bool:
    """Whether a term is a vector parameter by itself."""
    return term.matrix is None and len(term.factors) == 1 and term.factors[0].is_parameter


def runs_of(
    members: Sequence[Affine], terms: Mapping[str, Sequence[Term]]
) -> list[tuple[Operand, list[tuple[str, Term]]]]:
    """Products by right-hand vector, each as a run of neighbours among the members."""
    runs: list[tuple[Operand, list[tuple[str, Term]]]] = []
    position = {member.out: i for i, member in enumerate(members)}
    for name, own in sorted(terms.items(), key=lambda item: position[item[0]]):
        for term in own:
            if term.matrix is None:
                continue
            for operand, run in runs:
                if operand == term.factors[0] and position[run[-1][0]] == position[name] - 1:
                    run.append((name, term))
                    break
            else:
                runs.append((term.factors[0], [(name, term)]))
    return runs


def product(left: Array, right: Array, out: Array) -> Bound:
    """left @ right into out, by the quicker way that out allows."""
    if out.flags.c_contiguous:
        return partial(left.dot, right, out)
    return partial(np.matmul, left, right, out)


def _initial_of(name: str, data: Data) -> Array:
    return data.initial[name]


def _scaled_parameter_of(name: str, coefficient: Any, data: Data) -> Array:
    return np.asarray(coefficient * data.parameters[name])


def plain_cost(loss: Loss, p: Array, y: Array, out: Array, pull: Array) -> None:
    """The loss of p, and its derivative with respect to p."""
    out[...] = loss.value(p, y)
    pull[...] = loss.pull(p, y, np.ones_like(out))


def softmax_back(write: bool, grad: Array, value: Array, out: Array) -> None:
    """∇a from ∇softmax(a), written to `out` or added to it."""
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
