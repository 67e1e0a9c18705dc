"""The tape: the schedule of a cell bound to memory, as two flat lists of numpy calls, one for each direction.

Forward, what does not depend on an earlier step is computed for all steps in one call; only the recurrence runs step by step:
the products with one right-hand vector as one product of stacked matrices, and what is the same for neighbours (the gates)
as one call.

Backward is the mirror image. Within a recurrence the gradients form a linear system with diagonal coefficients, all known
after the forward pass: ∇p(t) = Σ c(t) ∘ ∇u(t + lag) + Σ Wᵀ ∇a(t + lag). Where calls are dearer than arithmetic (few units),
values in between are eliminated: the coefficients are multiplied out for many steps at once, only the gradients that the
recurrence needs run step by step, and those in between follow for all steps at once afterwards.

A tape belongs to one shape (sizes, T, B, dtype). Its memory is used again as soon as nobody holds a result of it.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from engine.data import Data, Shape
from engine.memory import Bound, Buffer, Call, Product, Slot, Space, Steps, fused
from engine.memory import Operand as Place
from engine.operations import MAX, SOFTMAX, Array, Loss, Recipe, constant, is_constant
from engine.schedule import Affine, Cost, Elementwise, Instruction, Normalise, Operand, Schedule, Stage, Term, schedule
from engine.schedule import operands as reads

_ELIMINATE_UP_TO = 768  # units · samples of a recurrence: below, a call costs more than its arithmetic
_AUGMENT_UP_TO = 4096  # entries of a matrix: below, one longer product is cheaper than a product and a sum
_CHUNK = 1 << 16  # numbers that the backward sweep prepares at a time: they stay in the cache
_KEEP_BYTES = 1 << 30  # memory of kept tapes
_KEEP_PER_SHAPE = 4
_KEEP_SHAPES = 64


class Tape:
    """Memory and calls of one shape of run, and after `play` its results, read-only.

    value, grad, param_grad, initial_grad   as `Run` has them
    """

    def __init__(self, data: Data) -> None:
        builder = _Builder(schedule(data.shape.cell), data)
        self._fill, self._load = builder.plain, builder.load
        self._forward, self._backward = builder.forward, builder.backward
        self.value = builder.values()
        self.grad = builder.grads()
        self.param_grad = builder.param_grads()
        self.initial_grad = builder.initial_grads()
        self._views: list[Array] = [
            array for group in (self.value, self.grad, self.param_grad, self.initial_grad) for array in group.values()
        ]
        bases = {id(base): base for base in map(_owner, self._views)}
        self._held: list[Array] = [*self._views, *bases.values()]
        self.nbytes = sum(array.nbytes for array in builder.arrays())
        del bases, builder
        self._at_rest = [sys.getrefcount(array) for array in self._held]

    def play(self, data: Data) -> None:
        """Computes the run of `data`, which has the shape that the tape was made for."""
        copy, parameters = np.copyto, data.parameters
        for place, name in self._fill:
            copy(place, parameters[name])
        for place, give in self._load:
            copy(place, give(data))
        for call in self._forward:
            call()
        for call in self._backward:
            call()

    def is_idle(self) -> bool:
        """Whether nobody holds a result, or a view of one."""
        return [sys.getrefcount(array) for array in self._held] == self._at_rest


def _owner(array: Array) -> Array:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class _Pool:
    """Tapes by shape, the least recently used dropped when their memory is too much."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tapes: OrderedDict[Shape, list[Tape]] = OrderedDict()
        self.nbytes = 0

    def take(self, shape: Shape) -> Tape | None:
        """A tape of the shape whose memory nobody looks at, or None; it is the caller's until he puts it back."""
        with self.lock:
            for i, candidate in enumerate(known := self.tapes.get(shape, [])):
                if candidate.is_idle():
                    self.nbytes -= candidate.nbytes
                    return known.pop(i)
        return None

    def put(self, shape: Shape, tape: Tape) -> None:
        with self.lock:
            known = self.tapes.setdefault(shape, [])
            self.tapes.move_to_end(shape)
            known.append(tape)
            self.nbytes += tape.nbytes
            while len(known) > _KEEP_PER_SHAPE:
                self.nbytes -= known.pop(0).nbytes
            while self.nbytes > _KEEP_BYTES or len(self.tapes) > _KEEP_SHAPES:
                _, dropped = self.tapes.popitem(last=False)
                self.nbytes -= sum(other.nbytes for other in dropped)


_pool = _Pool()


def tape(data: Data) -> Tape:
    """A tape on which the run of `data` has been played: one whose memory is free, or a new one."""
    found = _pool.take(data.shape) or Tape(data)
    found.play(data)
    _pool.put(data.shape, found)
    return found


class _Builder:
    """Lays out memory for a schedule and writes the two lists of calls."""

    def __init__(self, plan: Schedule, data: Data) -> None:
        self.plan, self.data = plan, data
        self.T, self.B, self.dtype = data.shape.T, data.shape.B, data.shape.dtype
        self.load: list[tuple[Array, Callable[[Data], Array]]] = []
        self.plain: list[tuple[Array, str]] = []  # where each run copies a parameter to
        self.forward: list[Bound] = []
        self.backward: list[Bound] = []
        self.value: dict[str, Slot] = {}
        self.adjoint: dict[str, Slot] = {}
        self.kept: dict[tuple[str, str], Slot] = {}  # (value, register of its recipe)
        self.started: set[str] = set()  # adjoints that have something in them already
        self.sent_with_the_recurrence: set[tuple[str, str]] = set()  # (sum, state): its way back is the recurrence's product
        self.buffers: list[Buffer] = []
        self.constants: dict[float | str, Array] = {}
        self.vectors: dict[tuple[str, float], Array] = {}
        self.pieces: dict[str, list[tuple[float, Array]]] = {name: [] for name in data.parameters}
        self.by_name = {i.out: i for stage in plan.stages for i in stage.instructions}
        self.ones = np.ones(self.T * self.B, self.dtype)
        self.loops = {id(stage): _Loop(self, stage) for stage in plan.stages if stage.recurrent}
        self.space = Space(self.T, self.B, self.dtype, self.chunk(), self.flat())
        self.joint_at = self.joint_costs()
        for loop in self.loops.values():
            loop.lay_out()
        self.lay_out()
        for stage in plan.stages:
            if stage.recurrent:
                self.loops[id(stage)].write_forward()
            else:
                self.write_forward(stage.instructions[0])
        self.write_seeds()
        for stage in reversed(plan.stages):
            if stage.recurrent:
                self.loops[id(stage)].write_backward()
            else:
                self.write_backward(stage.instructions[0])
        self.write_parameters()
        self.loops.clear()  # they refer to this builder: without them everything here goes as soon as the tape has what it needs

    # Space -------------------------------------------------------------------------------------------------------

    def units(self, name: str) -> int:
        """Units of a value, hidden ones included."""
        while name in self.plan.size_of:
            name = self.plan.size_of[name]
        if name.endswith(":column"):
            return int(self.data.parameters[name.removesuffix(":column")].shape[1])
        return self.data.shape.sizes[name]

    def chunk(self) -> int:
        width = sum(2 * self.units(i.out) for loop in self.loops.values() for i in loop.stage.instructions)
        return max(1, min(self.T, _CHUNK // max(1, width * self.B)))

    def flat(self) -> bool:
        return self.B == 1 and not any(
            isinstance(i, Normalise | Cost) for loop in self.loops.values() for i in loop.stage.instructions
        )

    def buffer(self, kind: str = "steps", lead: int = 0, tail: int = 0) -> Buffer:
        self.buffers.append(Buffer(kind, lead, tail))
        return self.buffers[-1]

    def own(self, name: str, n: int | None = None, kind: str = "steps") -> Slot:
        """A buffer of its own for a value or for something of its size."""
        lead = self.plan.lags.get(name, 0) if kind == "steps" else 0
        return self.buffer(kind, lead).take(self.units(name) if n is None else n)

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
                        self.kept[name, register] = self.own(name, kind="steps")
        self.pull: dict[str, Slot] = {}
        for name, instruction in self.by_name.items():
            if isinstance(instruction, Cost):
                p = instruction.p if instruction.logits is None else instruction.logits
                self.pull[name] = self.buffer().take(self.units(p.name))
        space = self.space
        if self.data.x is not None:
            self.load.append((space.over(self.value["x"]), lambda data: data.x))  # type: ignore[arg-type, return-value]
        self.y = np.empty(self.data.y.shape, self.data.y.dtype)
        self.load.append((self.y, lambda data: data.y))
        for name in self.plan.cell.states:
            slot = self.value[name]
            place = slot.buffer.allocate(space)[slot.buffer.lead - self.plan.lags[name] : slot.buffer.lead, :, slot.lo : slot.hi]
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
            self.plain.append((place, name))
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
                return [Call(np.negative, (factors[0],), out)]
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
                calls.append(Call(np.negative, (target,), target))
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
            if isinstance(i, Cost) and i.logits is not None and i.out in outside and i.p.name in outside:
                if isinstance(self.by_name[i.p.name], Normalise):
                    found.setdefault(i.p.name, i)
        return found

    def write_forward(self, instruction: Instruction) -> None:
        if isinstance(instruction, Affine):
            self.forward += self.affine([instruction], instruction.terms and {instruction.out: instruction.terms})
        elif isinstance(instruction, Elementwise):
            calls = self.recipe(instruction, instruction.function.value, self.wide)
            self.forward += self.all_steps(calls)
        elif isinstance(instruction, Normalise):
            cost = self.joint_at.get(instruction.out)
            if cost is None:
                over = self.space.over
                self.forward.append(partial(SOFTMAX.value, over(self.value_at(instruction.argument)), over(self.value[instruction.out])))
            else:
                self.forward.append(self.joint(cost, self.value[instruction.out]))
        elif self.joint_at.get(instruction.p.name) is not instruction:
            self.forward.append(self.cost(instruction))

    def value_at(self, operand: Operand) -> Slot:
        return self.value[operand.name].back(operand.lag)

    def joint(self, cost: Cost, p: Slot) -> Bound:
        assert cost.logits is not None and cost.loss.joint is not None
        table = self.space.table
        y = self.y.reshape(self.T * self.B, *self.y.shape[2:])
        L = table(self.value[cost.out])[:, 0]
        return partial(cost.loss.joint, table(self.value_at(cost.logits)), y, table(p), L, table(self.pull[cost.out]))

    def cost(self, cost: Cost) -> Bound:
        if cost.logits is not None:
            return self.joint(cost, self.wide(self.units(cost.p.name)))
        over = self.space.over
        return partial(_cost, cost.loss, over(self.value_at(cost.p)), self.y, over(self.value[cost.out]), over(self.pull[cost.out]))

    def recipe(self, instruction: Elementwise, recipe: Recipe, scratch: Callable[[int], Slot], slope: Slot | None = None) -> list[Call]:
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

    def affine(self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]] | Any) -> list[Bound]:
        """Calls for the sums of the given terms, for all steps at once; the members' memory lies side by side."""
        if not terms:
            return []
        space, bound = self.space, []
        lo, hi = self.value[members[0].out].lo, self.value[members[-1].out].hi
        whole = Slot(self.value[members[0].out].buffer, lo, hi)
        covered: set[str] = set()
        runs = _runs(members, terms)
        for operand, run in runs:
            out = Slot(whole.buffer, self.value[run[0][0]].lo, self.value[run[-1][0]].hi)
            matrix = self.stacked(run)
            right = space.table(self.value_at(operand))
            fresh = not covered & {name for name, _ in run}
            if fresh:
                bound.append(_product(right, matrix.T, space.table(out)))
            else:
                extra = self.wide(out.hi - out.lo)
                bound.append(_product(right, matrix.T, space.table(extra)))
                bound.append(partial(np.add, space.over(out), space.over(extra), space.over(out)))
            covered |= {name for name, _ in run}
        biased = [name for name in terms if any(_is_bias(term) for term in terms[name])]
        if biased and len(members) > 1 and len(covered | set(biased)) == len(members) and runs:
            vector = np.zeros(hi - lo, self.dtype)
            for name in [member.out for member in members if member.out not in covered]:
                bound.append(partial(space.over(self.value[name]).fill, 0))
                covered.add(name)
            for name in biased:
                bias = [term for term in terms[name] if _is_bias(term)]
                slot = self.value[name]
                self.fill(vector[slot.lo - lo : slot.hi - lo], bias[0].factors[0].name, bias[0].coefficient)
                for more in bias[1:]:
                    bound += self.all_steps(self.accumulate(slot, more.coefficient, [self.place(more.factors[0])], False, self.wide))
            bound.append(partial(np.add, space.over(whole), vector, space.over(whole)))
            biased_done = True
        else:
            biased_done = False
        for name, own in terms.items():
            for term in sorted((t for t in own if t.matrix is None), key=lambda t: -len(t.factors)):
                if _is_bias(term) and biased_done:
                    continue
                calls = self.accumulate(
                    self.value[name], term.coefficient, [self.place(f) for f in term.factors], name not in covered, self.wide
                )
                covered.add(name)
                bound += self.all_steps(calls)
        return bound

    def stacked(self, run: Sequence[tuple[str, Term]]) -> Array:
        """The matrices of a run of terms, one above the other, in memory that each run fills."""
        shapes = [self.data.parameters[term.matrix or ""].shape for _, term in run]
        matrix = np.empty((sum(shape[0] for shape in shapes), shapes[0][1]), self.dtype)
        top = 0
        for (_, term), shape in zip(run, shapes, strict=True):
            self.fill(matrix[top : top + shape[0]], term.matrix or "", term.coefficient)
            top += shape[0]
        return matrix

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
        if target.is_parameter:
            return
        before, first = self.begin(target.name, target.lag)
        self.backward += before
        out = self.adjoint[target.name].back(target.lag)
        if any(isinstance(f, Slot) and f.hi - f.lo > out.hi - out.lo for f in factors):
            raise AssertionError("a vector cannot flow into a smaller one")
        self.backward += self.all_steps(self.accumulate(out, coefficient, factors, first, self.wide))

    def add_product(self, target: Operand, grad: Slot, matrix: Array) -> None:
        """∇target += matrixᵀ ∇grad, for all steps at once."""
        space = self.space
        before, first = self.begin(target.name, target.lag)
        self.backward += before
        out = self.adjoint[target.name].back(target.lag)
        if first:
            self.backward.append(_product(space.table(grad), matrix, space.table(out)))
        else:
            extra = self.wide(out.hi - out.lo)
            self.backward.append(_product(space.table(grad), matrix, space.table(extra)))
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
            partial(_softmax_back, over(self.adjoint[instruction.out]), over(self.value[instruction.out]), first, over(out))
        )

    def show_joint(self, name: str) -> None:
        """Adds to ∇ŷ, once it has been sent on, what the losses computed jointly with it contribute: −y/ŷ."""
        over = self.space.over
        for cost in self.by_name.values():
            if isinstance(cost, Cost) and cost.logits is not None and cost.p.name == name and cost.out in self.started:
                arrays = over(self.value[name]), self.y, over(self.adjoint[cost.out]), over(self.adjoint[name])
                before, write = self.begin(name, 0)
                self.backward += [*before, partial(_show, cost.loss, write, *arrays)]

    def affine_backward(
        self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]], skip: frozenset[str] = frozenset()
    ) -> None:
        """From the gradients of sums to their terms, parameters included, for all steps at once."""
        space = self.space
        for operand, run in _runs(members, terms):
            grad = Slot(self.adjoint[run[0][0]].buffer, self.adjoint[run[0][0]].lo, self.adjoint[run[-1][0]].hi, self.adjoint[run[0][0]].lag)
            if operand.name not in skip and (run[0][0], operand.name) not in self.sent_with_the_recurrence:
                self.add_product(operand, grad, self.stacked(run))
            product = np.empty((grad.hi - grad.lo, self.units(operand.name)), self.dtype)
            self.backward.append(_product(space.table(grad).T, space.table(self.value_at(operand)), product))
            top = 0
            for name, term in run:
                n = self.units(name)
                self.pieces[term.matrix or ""].append((term.coefficient, product[top : top + n]))
                top += n
        self.bias_backward(members, terms)
        for name, own in terms.items():
            for term in own:
                if term.matrix is None and not _is_bias(term):
                    self.term_backward(name, term)

    def bias_backward(self, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]]) -> None:
        biased = [name for name in terms if any(_is_bias(term) for term in terms[name])]
        if not biased:
            return
        first, last = self.adjoint[members[0].out], self.adjoint[members[-1].out]
        grad = Slot(first.buffer, first.lo, last.hi, first.lag) if len(members) > 1 else first
        sums = np.empty(grad.hi - grad.lo, self.dtype)
        self.backward.append(partial(self.ones.dot, self.space.table(grad), sums))
        for name in biased:
            slot = self.adjoint[name]
            for term in terms[name]:
                if _is_bias(term):
                    self.pieces[term.factors[0].name].append((term.coefficient, sums[slot.lo - grad.lo : slot.hi - grad.lo]))

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
        piece = np.empty(self.data.parameters[name].shape, self.dtype)
        space = self.space
        if others:
            product = self.wide(grad.hi - grad.lo)
            self.backward += self.all_steps([Call(np.multiply, (grad, *others), product)])
            grad = product
        self.backward.append(partial(self.ones.dot, space.table(grad), piece))
        self.pieces[name].append((coefficient, piece))

    def write_parameters(self) -> None:
        """Each parameter's gradient, from the pieces that its uses gave."""
        self.param_grad: dict[str, Array] = {}
        for name, pieces in self.pieces.items():
            if len(pieces) == 1 and pieces[0][0] == 1.0:
                self.param_grad[name] = pieces[0][1]
                continue
            total = np.zeros(self.data.parameters[name].shape, self.dtype)
            if pieces:
                self.backward.append(partial(_weighted_sum, pieces, total))
            self.param_grad[name] = total

    # Results -----------------------------------------------------------------------------------------------------

    def arrays(self) -> list[Array]:
        return [buffer.allocate(self.space) for buffer in self.buffers if buffer.width]

    def values(self) -> Mapping[str, Array]:
        names = [*(["x"] if self.data.x is not None else []), *self.plan.cell.nodes]
        return _read_only({name: self.space.over(self.value[name]) for name in names})

    def grads(self) -> Mapping[str, Array]:
        names = [*(["x"] if self.data.x is not None else []), *self.plan.cell.nodes]
        return _read_only({name: self.space.over(self.adjoint[name]) for name in names})

    def param_grads(self) -> Mapping[str, Array]:
        return _read_only({name: array[:] for name, array in self.param_grad.items()})

    def initial_grads(self) -> Mapping[str, Array]:
        found = {}
        for name in self.plan.cell.states:
            slot, K = self.adjoint[name], self.plan.lags[name]
            lead = slot.buffer.lead - slot.lag
            found[name] = slot.buffer.allocate(self.space)[lead - K : lead, :, slot.lo : slot.hi]
        return _read_only(found)


class _Loop:
    """A recurrence: what of it is core, how it lies in memory, and its calls."""

    def __init__(self, builder: _Builder, stage: Stage) -> None:
        self.b, self.stage = builder, stage
        self.inside = {i.out: i for i in stage.instructions}
        self.order = {name: i for i, name in enumerate(self.inside)}
        self.inner = {
            i.out: [t for t in i.terms if any(f.name in self.inside and not f.is_parameter for f in t.factors)]
            for i in stage.instructions
            if isinstance(i, Affine)
        }
        self.outer = {i.out: [t for t in i.terms if t not in self.inner[i.out]] for i in stage.instructions if isinstance(i, Affine)}
        self.stacks = self.find_stacks()
        self.core = self.find_core()

    # What there is -----------------------------------------------------------------------------------------------

    def find_stacks(self) -> list[tuple[Operand, list[tuple[str, Term]]]]:
        """Products in the recurrence by right-hand vector; each sum at most once in a stack."""
        stacks: list[tuple[Operand, list[tuple[str, Term]]]] = []
        for name, terms in self.inner.items():
            for term in terms:
                if term.matrix is None:
                    continue
                for operand, members in stacks:
                    if operand == term.factors[0] and all(other != name for other, _ in members):
                        members.append((name, term))
                        break
                else:
                    stacks.append((term.factors[0], [(name, term)]))
        rank = self.rank()
        for _, members in stacks:
            members.sort(key=lambda member: rank[member[0]])
        return stacks

    def rank(self) -> dict[str, tuple[int, int, int]]:
        """An order of sums in which those lie together that the same function takes and the same value reads."""
        functions: list[str] = []
        found = {}
        for name in self.inner:
            reader = next(
                (i for i in self.inside.values() if isinstance(i, Elementwise) and i.argument == Operand(name)), None
            )
            kind = reader.function.name if reader else ""
            if kind not in functions:
                functions.append(kind)
            consumers = [
                self.order[i.out]
                for i in self.inside.values()
                if reader is not None and any(o.name == reader.out and not o.lag for o in reads(i))
            ]
            found[name] = (functions.index(kind), -max(consumers, default=0), self.order[name])
        return found

    def find_core(self) -> set[str]:
        """The values whose gradients run step by step; the others are eliminated, where that pays."""
        units = max(self.b.units(name) for name in self.inside) * self.b.B
        special = any(isinstance(i, Normalise | Cost) for i in self.inside.values())
        if units > _ELIMINATE_UP_TO or special:
            return set(self.inside)
        core = {name for _, members in self.stacks for name, _ in members}
        for i in (i for stage in self.b.plan.stages for i in stage.instructions):
            for operand in reads(i):
                if operand.name in self.inside and (operand.lag or i.out not in self.inside):
                    core.add(operand.name)
        core |= {operand.name for operand, _ in self.stacks}
        return core | {name for name in self.b.plan.cell.losses if name in self.inside}

    # Memory ------------------------------------------------------------------------------------------------------

    def lay_out(self) -> None:
        b = self.b
        self.augmented = self.find_augmented()
        self.blocks: list[list[str]] = []
        placed: set[str] = set()
        for operand, members in self.stacks:
            names = [name for name, _ in members if name not in placed]
            placed |= set(names)
            if names:
                self.blocks.append(names)
        if self.augmented is not None:
            self.augmented.lay_out()
        for names in self.blocks:
            lead = max(b.plan.lags.get(name, 0) for name in names)
            values, grads = b.buffer(lead=lead), b.buffer(lead=lead)
            for name in names:
                b.value.setdefault(name, values.take(b.units(name)))
                if name not in b.adjoint:
                    b.adjoint[name] = grads.take(b.units(name))
            self.lay_out_functions(names)

    def lay_out_functions(self, names: list[str]) -> None:
        """The functions of a block's sums lie side by side as the sums do."""
        b = self.b
        found = []
        for name in names:
            for i in self.inside.values():
                if isinstance(i, Elementwise) and i.argument == Operand(name) and i.out not in b.value:
                    found.append(i)
                    break
        if not found:
            return
        lead = max(b.plan.lags.get(i.out, 0) for i in found)
        buffers: dict[str, Buffer] = {}
        for i in found:
            n = b.units(i.out)
            b.value[i.out] = buffers.setdefault("", b.buffer(lead=lead)).take(n)
            b.adjoint[i.out] = buffers.setdefault("∇", b.buffer(lead=lead)).take(n)
            for register in kept_registers(i):
                b.kept[i.out, register] = buffers.setdefault(register, b.buffer()).take(n)

    def find_augmented(self) -> _Augmented | None:
        b = self.b
        if not b.flat() or len(self.stacks) != 1:
            return None
        operand, members = self.stacks[0]
        rows = sum(b.units(name) for name, _ in members)
        if not operand.lag or b.plan.lags[operand.name] != operand.lag:
            return None
        outer = [t for name, _ in members for t in self.outer[name]]
        if any(not (t.matrix is not None or _is_bias(t)) for t in outer):
            return None
        if any(sum(_is_bias(t) for t in self.outer[name]) > 1 for name, _ in members):
            return None
        by_operand: dict[tuple[str, Operand], int] = {}
        for name, _ in members:
            for t in self.outer[name]:
                if t.matrix is not None:
                    key = (name, t.factors[0])
                    if key in by_operand:
                        return None
                    by_operand[key] = 1
        columns = list(dict.fromkeys(t.factors[0] for t in outer if t.matrix is not None))
        n = b.units(operand.name)
        if any(n * b.units(c.name) > _AUGMENT_UP_TO for c in columns) or n * n > _AUGMENT_UP_TO:
            return None
        heads = self.find_heads(operand)
        return _Augmented(self, operand, members, columns, heads, rows)

    def find_heads(self, operand: Operand) -> list[tuple[str, Term]] | None:
        """The sums outside that read the state, if they do it by one product each and nothing else outside does."""
        b = self.b
        heads: list[tuple[str, Term]] = []
        for i in (i for stage in b.plan.stages for i in stage.instructions):
            if i.out in self.inside or all(o.name != operand.name or o.is_parameter for o in reads(i)):
                continue
            if not isinstance(i, Affine) or i.out in b.plan.lags and b.plan.lags[i.out]:
                return None
            terms = [t for t in i.terms if any(f.name == operand.name and not f.is_parameter for f in t.factors)]
            if len(terms) != 1 or terms[0].matrix is None or terms[0].factors[0].lag:
                return None
            if any(i.out in loop.inside for loop in b.loops.values()) or i.out in b.adjoint:
                return None
            if b.units(i.out) * b.units(operand.name) > _AUGMENT_UP_TO:
                return None
            heads.append((i.out, terms[0]))
        return heads

    # Forward -----------------------------------------------------------------------------------------------------

    def step_scratch(self) -> Callable[[int], Slot]:
        return self.b.buffer("step").take

    def write_forward(self) -> None:
        b = self.b
        scratch = self.step_scratch()
        written: set[str] = set()
        augmented = self.augmented
        in_block = {name for names in self.blocks for name in names}
        if augmented is not None:
            augmented.write_load()
            written |= {name for name, _ in augmented.members}
        else:
            for names in self.blocks:
                outer = {name: self.outer[name] for name in names if self.outer[name]}
                b.forward += b.affine([self.inside[name] for name in names], outer)  # type: ignore[misc]
                written |= outer.keys()
        for name, terms in self.outer.items():
            if name not in in_block and terms:
                b.forward += b.affine([self.inside[name]], {name: terms})  # type: ignore[list-item]
                written.add(name)
        calls: list[Call] = []
        done: set[int] = set()
        for name, i in self.inside.items():
            if isinstance(i, Affine):
                for k, (operand, members) in enumerate(self.stacks):
                    if k not in done and any(name == other for other, _ in members):
                        done.add(k)
                        if augmented is not None:
                            calls.append(augmented.product())
                        else:
                            calls += self.stack_product(operand, members, written, scratch)
                for term in sorted(self.inner[name], key=lambda t: -len(t.factors)):
                    if term.matrix is None:
                        places = [b.place(f) for f in term.factors]
                        calls += b.accumulate(b.value[name], term.coefficient, places, name not in written, scratch)
                        written.add(name)
            elif isinstance(i, Elementwise):
                calls += b.recipe(i, i.function.value, scratch)
            elif isinstance(i, Normalise):
                calls.append(Call(SOFTMAX.value, (b.value_at(i.argument),), b.value[name]))
            else:
                calls.append(self.cost_call(i))
        b.forward += b.space.each_step(fused(calls), range(b.T))

    def cost_call(self, cost: Cost) -> Call:
        """A loss that a later step reads; its y is that of the step, so it is read from a buffer of steps as well."""
        b = self.b
        p = cost.p if cost.logits is None else cost.logits
        return Call(
            partial(_cost_with_pull, cost.loss, cost.logits is not None),
            (Steps(b.y), b.value_at(p), b.pull[cost.out]),
            b.value[cost.out],
        )

    def stack_product(
        self, operand: Operand, members: list[tuple[str, Term]], written: set[str], scratch: Callable[[int], Slot]
    ) -> list[Call]:
        b = self.b
        matrix = b.stacked(members)
        slots = [b.value[name] for name, _ in members]
        side_by_side = all(later.follows(earlier) for earlier, later in zip(slots, slots[1:], strict=False))
        whole = Slot(slots[0].buffer, slots[0].lo, slots[-1].hi)
        right = b.value_at(operand)
        fresh = not any(name in written for name, _ in members)
        if side_by_side and fresh and (b.space.flat or whole.buffer.width == whole.hi - whole.lo):
            written |= {name for name, _ in members}
            return [Product(np.dot, (right,), whole, matrix)]
        product = b.buffer("step").take(len(matrix))
        calls: list[Call] = [Product(np.dot, (right,), product, matrix)]
        top = 0
        for (name, _), slot in zip(members, slots, strict=True):
            n = slot.hi - slot.lo
            part = Slot(product.buffer, top, top + n)
            calls += b.accumulate(slot, 1.0, [part], name not in written, scratch)
            written.add(name)
            top += n
        return calls

    # Backward ----------------------------------------------------------------------------------------------------

    def write_backward(self) -> None:
        b = self.b
        coefficients: list[Call] = []
        calls: list[Call] = []
        chunk = b.buffer("chunk").take
        scratch = self.step_scratch()
        edges = {u: self.edges(u, coefficients, chunk) for u in self.inside if u in self.core}
        events = self.events(edges)
        first: dict[str, tuple[int, int]] = {}
        for p, order in events.items():
            if p not in b.started:
                first[p] = min(order)
        reached = self.zero_ends(first)
        late: list[Call] = []  # additions to what the augmented product writes
        count = {p: 0 for p in events}
        for u in reversed(self.inside):
            if u not in self.core:
                continue
            for operand, coefficient, factor in edges[u]:
                event = (-operand.lag, self.position(u, edges, operand))
                write = operand.name in first and first[operand.name] == event and count[operand.name] == 0
                if write:
                    count[operand.name] = 1
                out = b.adjoint[operand.name].back(operand.lag)
                waits = self.augmented is not None and operand == self.augmented.operand
                (late if waits else calls).extend(self.edge_calls(u, operand, coefficient, factor, out, write and not waits, scratch))
            for k, (operand, members) in enumerate(self.stacks):
                if min(members, key=lambda m: self.order[m[0]])[0] == u:
                    calls += self.stack_back(k, operand, members, first, count, u, scratch)
        coefficients, calls = fused(coefficients), fused(calls + late)
        if self.augmented is not None:
            b.backward += self.augmented.prologue(self.augmented.operand.name in b.started)
        for stop in range(b.T, 0, -b.space.chunk):
            start = max(0, stop - b.space.chunk)
            b.backward += b.space.at_once(coefficients, start, stop)
            b.backward += b.space.each_step(calls, range(stop - 1, start - 1, -1), start)
        b.started |= reached | set(events)
        self.write_rest()

    def position(self, u: str, edges: Mapping[str, Sequence[Any]], operand: Operand) -> int:
        return -self.order[u]

    def events(self, edges: Mapping[str, Sequence[tuple[Operand, float, Place | None]]]) -> dict[str, list[tuple[int, int]]]:
        """Value -> what is added to its gradient in a sweep, as (−lag, place in the step): the smallest comes first."""
        found: dict[str, list[tuple[int, int]]] = {}
        for u, own in edges.items():
            for operand, _, _ in own:
                found.setdefault(operand.name, []).append((-operand.lag, -self.order[u]))
        for operand, members in self.stacks:
            u = min((name for name, _ in members), key=self.order.__getitem__)
            found.setdefault(operand.name, []).append((-operand.lag, -self.order[u]))
        return found

    def zero_ends(self, first: Mapping[str, tuple[int, int]]) -> set[str]:
        """The last rows of a gradient, which the first addition (from `lag` steps later) does not reach, start as zero."""
        b = self.b
        for name, (minus_lag, _) in first.items():
            lag = -minus_lag
            if lag and not (self.augmented is not None and self.augmented.operand.name == name):
                slot = b.adjoint[name]
                array = slot.buffer.allocate(b.space)
                lead = slot.buffer.lead
                b.backward.append(partial(array[lead + max(b.T - lag, -b.plan.lags[name]) : lead + b.T, :, slot.lo : slot.hi].fill, 0))
            elif not lag and b.plan.lags.get(name, 0):
                slot = b.adjoint[name]
                array = slot.buffer.allocate(b.space)
                lead = slot.buffer.lead
                b.backward.append(partial(array[lead - b.plan.lags[name] : lead, :, slot.lo : slot.hi].fill, 0))
        return set(first)

    def edges(
        self, u: str, coefficients: list[Call], chunk: Callable[[int], Slot]
    ) -> list[tuple[Operand, float, Place | None]]:
        """From a core value back to the core values that it is made of: (operand, constant, factor) with
        ∇operand += constant · factor ∘ ∇u. Values in between are eliminated; the factors' calls go to `coefficients`."""
        b = self.b
        found: list[tuple[Operand, float, Place | None]] = []
        waiting: dict[str, list[tuple[float, list[Place]]]] = {}

        def arrive(operand: Operand, constant: float, factors: list[Place]) -> None:
            if operand.is_parameter or operand.name not in self.inside:
                return
            if operand.name in self.core:
                found.append((operand, *self.single(u, operand, constant, factors, coefficients, chunk)))
            else:
                waiting.setdefault(operand.name, []).append((constant, factors))

        self.local(self.inside[u], 1.0, [], coefficients, chunk, arrive)
        for name in reversed(self.inside):
            if name in waiting:
                constant, factors = self.sum_of(name, waiting.pop(name), coefficients, chunk)
                self.local(self.inside[name], constant, factors, coefficients, chunk, arrive)
        return found

    def local(
        self,
        instruction: Instruction,
        constant: float,
        factors: list[Place],
        coefficients: list[Call],
        chunk: Callable[[int], Slot],
        arrive: Callable[[Operand, float, list[Place]], None],
    ) -> None:
        """One step further back: to what the instruction reads, except by a matrix."""
        b = self.b
        if isinstance(instruction, Affine):
            for term in self.inner[instruction.out]:
                if term.matrix is None:
                    for i, operand in enumerate(term.factors):
                        others = [b.place(o) for j, o in enumerate(term.factors) if j != i]
                        arrive(operand, constant * term.coefficient, [*factors, *others])
        elif isinstance(instruction, Elementwise):
            arrive(instruction.argument, constant, [*factors, self.slope(instruction, coefficients, chunk)])
        elif isinstance(instruction, Normalise):
            arrive(instruction.argument, constant, [])  # its Jacobian is applied in the step itself
        else:
            p = instruction.p if instruction.logits is None else instruction.logits
            arrive(p, constant, [b.pull[instruction.out]])

    def slope(self, instruction: Elementwise, coefficients: list[Call], chunk: Callable[[int], Slot]) -> Slot:
        """φ' of the chunk's steps; made once for each function, side by side as the functions' arguments are."""
        b = self.b
        if not hasattr(self, "slopes"):
            self.slopes: dict[str, Slot] = {}
            taken: dict[str, Callable[[int], Slot]] = {}
            ranked = sorted(
                (i for i in self.inside.values() if isinstance(i, Elementwise)),
                key=lambda i: (id(b.value_at(i.argument).buffer), b.value_at(i.argument).lo),
            )
            for i in ranked:
                n = b.units(i.out)
                self.slopes[i.out] = chunk(n)
            own = b.buffer("chunk")
            calls = []
            for i in ranked:
                calls += b.recipe(i, i.function.slope, own.take, self.slopes[i.out])
            coefficients[:0] = calls
            del taken
        return self.slopes[instruction.out]

    def single(
        self, u: str, operand: Operand, constant: float, factors: list[Place], coefficients: list[Call], chunk: Callable[[int], Slot]
    ) -> tuple[float, Place | None]:
        """Several factors as one."""
        if not factors:
            return constant, None
        if len(factors) == 1:
            return constant, factors[0]
        slot = chunk(self.b.units(operand.name))
        coefficients.append(Call(np.multiply, (factors[0], factors[1]), slot))
        for factor in factors[2:]:
            coefficients.append(Call(np.multiply, (slot, factor), slot))
        return constant, slot

    def sum_of(
        self, name: str, paths: list[tuple[float, list[Place]]], coefficients: list[Call], chunk: Callable[[int], Slot]
    ) -> tuple[float, list[Place]]:
        """The coefficient of an eliminated value: the sum over the paths that lead to it."""
        if len(paths) == 1:
            constant, factors = paths[0]
            return constant, factors
        b = self.b
        total = chunk(b.units(name))
        for k, (constant, factors) in enumerate(paths):
            if len(factors) > 1:
                constant, factor = self.single("", Operand(name), constant, factors, coefficients, chunk)
                factors = [] if factor is None else [factor]
            coefficients += b.accumulate(total, constant, factors, k == 0, chunk)
        return 1.0, [total]

    def edge_calls(
        self,
        u: str,
        operand: Operand,
        coefficient: float,
        factor: Place | None,
        out: Slot,
        write: bool,
        scratch: Callable[[int], Slot],
    ) -> list[Call]:
        b = self.b
        instruction = self.inside[u]
        if isinstance(instruction, Normalise):
            return [Call(partial(_softmax_back_step, write), (b.adjoint[u], b.value[u]), out)]
        return b.accumulate(out, coefficient, [b.adjoint[u], *([] if factor is None else [factor])], write, scratch)

    def stack_back(
        self,
        k: int,
        operand: Operand,
        members: list[tuple[str, Term]],
        first: Mapping[str, tuple[int, int]],
        count: dict[str, int],
        u: str,
        scratch: Callable[[int], Slot],
    ) -> list[Call]:
        """∇operand(t − lag) += Mᵀ ∇(stacked sums)(t)."""
        b = self.b
        if self.augmented is not None:
            return self.augmented.product_back(scratch)
        out = b.adjoint[operand.name].back(operand.lag)
        write = operand.name in first and first[operand.name] == (-operand.lag, -self.order[u]) and count[operand.name] == 0
        if write:
            count[operand.name] = 1
        slots = [b.adjoint[name] for name, _ in members]
        side_by_side = all(later.follows(earlier) for earlier, later in zip(slots, slots[1:], strict=False))
        calls: list[Call] = []
        parts: list[tuple[Slot, Array]] = []
        if side_by_side:
            parts.append((Slot(slots[0].buffer, slots[0].lo, slots[-1].hi), b.stacked(members)))
        else:
            parts += [(slot, b.stacked([member])) for slot, member in zip(slots, members, strict=True)]
        for grad, matrix in parts:
            if write and (b.space.flat or out.buffer.width == out.hi - out.lo):
                calls.append(Product(np.dot, (grad,), out, matrix.T))
            else:
                product = b.buffer("step").take(out.hi - out.lo)
                calls.append(Product(np.dot, (grad,), product, matrix.T))
                calls += b.accumulate(out, 1.0, [product], write, scratch)
            write = False
        return calls

    def write_rest(self) -> None:
        """Gradients of the eliminated values, of the parameters, and of what lies outside, for all steps at once."""
        b = self.b
        for name in reversed(self.inside):
            i = self.inside[name]
            if name not in self.core:
                for u in self.inside.values():
                    self.send_to(name, u)
        for names in self.blocks:
            terms = {name: self.inside[name].terms for name in names}  # type: ignore[union-attr]
            self.parameters_and_outside(names, terms)
        in_block = {name for names in self.blocks for name in names}
        for name in self.inner:
            if name not in in_block:
                self.parameters_and_outside([name], {name: self.inside[name].terms})  # type: ignore[union-attr]
        for name, i in self.inside.items():
            if not isinstance(i, Affine):
                self.outside(i)
            b.show_joint(name)

    def send_to(self, name: str, u: Instruction) -> None:
        """What an eliminated value receives from one that reads it in the same step."""
        b = self.b
        if isinstance(u, Affine):
            for term in self.inner[u.out]:
                if term.matrix is not None:
                    continue
                for i, factor in enumerate(term.factors):
                    if factor == Operand(name):
                        others = [b.place(o) for j, o in enumerate(term.factors) if j != i]
                        b.add(factor, term.coefficient, [b.adjoint[u.out], *others])
        elif isinstance(u, Elementwise) and u.argument == Operand(name):
            b.add(u.argument, 1.0, [b.adjoint[u.out], b.slope_over(u)])

    def outside(self, i: Instruction) -> None:
        """What a function in the recurrence sends to an argument outside of it (which cannot be, unless it is a loss)."""

    def parameters_and_outside(self, names: Sequence[str], terms: Mapping[str, Sequence[Term]]) -> None:
        b = self.b
        members: list[Affine] = [self.inside[name] for name in names]  # type: ignore[misc]
        if self.augmented is not None and [name for name, _ in self.augmented.members] == list(names):
            self.augmented.write_parameters()
        else:
            products = {name: [t for t in own if t.matrix is not None or _is_bias(t)] for name, own in terms.items()}
            b.affine_backward(members, products, skip=frozenset(self.inside))
        for name, own in terms.items():
            for term in own:
                if term.matrix is not None or _is_bias(term):
                    continue
                for i, factor in enumerate(term.factors):
                    others = [b.place(o) for j, o in enumerate(term.factors) if j != i]
                    if factor.is_parameter:
                        b.elementwise_parameter(factor.name, term.coefficient, b.adjoint[name], others)
                    elif factor.name not in self.inside:
                        b.add(factor, term.coefficient, [b.adjoint[name], *others])


class _Augmented:
    """A recurrence whose whole affine part is one product a step each way (B = 1, few units).

    Forward the state's row goes on with what else the sums read and a 1: [h(t−1) | x(t) | 1] times [W | U | b]. Backward
    the sums' gradients go on with those of the outputs: [∇a(t) | ∇o(t−1)] times [W; V] is the whole ∇h(t−1).
    """

    def __init__(
        self,
        loop: _Loop,
        operand: Operand,
        members: list[tuple[str, Term]],
        columns: list[Operand],
        heads: list[tuple[str, Term]] | None,
        rows: int,
    ) -> None:
        self.b, self.outer = loop.b, loop.outer
        self.operand, self.members, self.columns, self.heads, self.rows = operand, members, columns, heads, rows

    def lay_out(self) -> None:
        b, lag = self.b, self.operand.lag
        row = b.buffer(lead=lag)
        b.value[self.operand.name] = row.take(b.units(self.operand.name))
        self.column_slots = [row.take(b.units(column.name)) for column in self.columns]
        self.one = row.take(1)
        self.row = Slot(row, 0, row.width)
        # the gradients: a tail of `lag` rows, where the sums' columns stay zero and the outputs' last ones stand
        grads = b.buffer(tail=lag)
        for name, _ in self.members:
            b.adjoint[name] = grads.take(b.units(name))
        self.sums = Slot(grads, 0, grads.width)
        self.with_heads = self.heads is not None and bool(self.heads)
        for name, _ in self.heads or []:
            slot = grads.take(b.units(name))
            b.adjoint[name] = Slot(grads, slot.lo, slot.hi, -lag)
            b.sent_with_the_recurrence.add((name, self.operand.name))
        self.grads = Slot(grads, 0, grads.width)
        self.values = b.buffer(lead=max(b.plan.lags.get(name, 0) for name, _ in self.members))
        for name, _ in self.members:
            b.value[name] = self.values.take(b.units(name))

    def write_load(self) -> None:
        """Matrices, and the columns beside the state."""
        b, lag = self.b, self.operand.lag
        self.matrix = np.zeros((self.rows, self.row.hi), b.dtype)
        n = b.units(self.operand.name)
        back = np.zeros((self.grads.hi, n), b.dtype)
        top = 0
        for name, term in self.members:
            m = b.units(name)
            rows = slice(top, top + m)
            b.fill(self.matrix[rows, :n], term.matrix or "", term.coefficient)
            b.fill(back[rows], term.matrix or "", term.coefficient)
            for outer in self.outer[name]:
                if outer.matrix is None:
                    b.fill(self.matrix[rows, self.one.lo], outer.factors[0].name, outer.coefficient)
                else:
                    slot = self.column_slots[self.columns.index(outer.factors[0])]
                    b.fill(self.matrix[rows, slot.lo : slot.hi], outer.matrix, outer.coefficient)
            top += m
        for name, term in self.heads or []:
            b.fill(back[top : top + b.units(name)], term.matrix or "", term.coefficient)
            top += b.units(name)
        self.back = back.T
        for slot, column in zip(self.column_slots, self.columns, strict=True):
            b.forward.append(partial(np.copyto, b.space.over(slot.back(lag)), b.space.over(b.value_at(column))))
        b.space.over(self.one.back(lag))[...] = 1

    def product(self) -> Call:
        return Product(np.dot, (self.row.back(self.operand.lag),), Slot(self.values, 0, self.values.width), self.matrix)

    def product_back(self, scratch: Callable[[int], Slot]) -> list[Call]:
        """The whole gradient of the state one step of the recurrence earlier; added, if something else outside reads it."""
        out = self.b.adjoint[self.operand.name].back(self.operand.lag)
        if self.heads is not None:
            return [Product(np.dot, (self.grads,), out, self.back)]
        part = scratch(out.hi - out.lo)
        return [Product(np.dot, (self.grads,), part, self.back), Call(np.add, (out, part), out)]

    def prologue(self, started: bool) -> list[Bound]:
        """The rows of the last steps, which no later step of the recurrence reaches."""
        b, lag = self.b, self.operand.lag
        out = b.adjoint[self.operand.name]
        if self.heads is None:
            whole = out.buffer.allocate(b.space)[:, :, out.lo : out.hi]
            return [] if started else [partial(whole.fill, 0)]
        array, grads = out.buffer.allocate(b.space), self.grads.buffer.allocate(b.space)
        lead = out.buffer.lead
        found: list[Bound] = []
        for t in range(b.T + lag - 1, b.T - 1, -1):
            if t - lag >= -lag:
                found.append(partial(self.back.dot, grads[t, 0], array[lead + t - lag, 0, out.lo : out.hi]))
        return found

    def write_parameters(self) -> None:
        """One product of all steps gives the gradients of every parameter of the sums."""
        b = self.b
        grads = b.space.table(self.sums)
        product = np.empty((self.rows, self.row.hi), b.dtype)
        b.backward.append(_product(grads.T, b.space.table(self.row.back(self.operand.lag)), product))
        n = b.units(self.operand.name)
        top = 0
        for name, term in self.members:
            rows = slice(top, top + b.units(name))
            b.pieces[term.matrix or ""].append((term.coefficient, product[rows, :n]))
            for outer in self.outer[name]:
                if outer.matrix is None:
                    b.pieces[outer.factors[0].name].append((outer.coefficient, product[rows, self.one.lo]))
                else:
                    slot = self.column_slots[self.columns.index(outer.factors[0])]
                    b.pieces[outer.matrix].append((outer.coefficient, product[rows, slot.lo : slot.hi]))
            top += b.units(name)
        for column, slot in zip(self.columns, self.column_slots, strict=True):
            b.add_product(column, self.sums, self.matrix[:, slot.lo : slot.hi])


def kept_registers(instruction: Elementwise) -> list[str]:
    """The registers that the value's recipe leaves for the slope's."""
    function = instruction.function
    made = {out for _, _, out in function.value} - {"out"}
    read = {str(o) for _, operands, _ in function.slope for o in operands if not is_constant(o)}
    return sorted(made & read)


def _is_bias(term: Term) -> bool:
    return term.matrix is None and len(term.factors) == 1 and term.factors[0].is_parameter


def _runs(members: Sequence[Affine], terms: Mapping[str, Sequence[Term]]) -> list[tuple[Operand, list[tuple[str, Term]]]]:
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


def _product(left: Array, right: Array, out: Array) -> Bound:
    """left @ right into out, by the quicker way that out allows."""
    if out.flags.c_contiguous:
        return partial(left.dot, right, out)
    return partial(np.matmul, left, right, out)


def _read_only(arrays: Mapping[str, Array]) -> Mapping[str, Array]:
    for array in arrays.values():
        array.flags.writeable = False
    return MappingProxyType(dict(arrays))


def _initial_of(name: str, data: Data) -> Array:
    return data.initial[name]


def _scaled_parameter_of(name: str, coefficient: Any, data: Data) -> Array:
    return np.asarray(coefficient * data.parameters[name])


def _cost(loss: Loss, p: Array, y: Array, out: Array, pull: Array) -> None:
    out[...] = loss.value(p, y)
    pull[...] = loss.pull(p, y, np.ones_like(out))


def _cost_with_pull(loss: Loss, joint: bool, y: Array, p: Array, pull: Array, out: Array) -> None:
    if joint:
        assert loss.joint is not None
        loss.joint(p, y, np.empty_like(p), out[:, 0], pull)
    else:
        _cost(loss, p, y, out, pull)


def _softmax_back(grad: Array, value: Array, write: bool, out: Array) -> None:
    if write:
        out[...] = SOFTMAX.pull(grad, value)
    else:
        out += SOFTMAX.pull(grad, value)


def _softmax_back_step(write: bool, grad: Array, value: Array, out: Array) -> None:
    _softmax_back(grad, value, write, out)


def _show(loss: Loss, write: bool, p: Array, y: Array, grad: Array, out: Array) -> None:
    if write:
        out[...] = loss.pull(p, y, grad)
    else:
        out += loss.pull(p, y, grad)


def _weighted_sum(pieces: Sequence[tuple[float, Array]], out: Array) -> None:
    out[...] = 0
    for coefficient, piece in pieces:
        out += coefficient * piece


__all__ = ["MAX", "Tape", "tape"]
