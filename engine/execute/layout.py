"""The layout of memory: one slot for each value and each gradient, and for the numbers that both directions share.

A layout is made first, from the schedule and the shapes alone, and does not change while the calls are written. Values that one
call can process together lie side by side: the sums of a stack of products (the gates of an LSTM), and their functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.execute.data import Data, Shape
from engine.execute.memory import Buffer, Slot, Space
from engine.execute.recurrence import Augmentation, Recurrence, recurrences
from engine.execute.schedule import Cost, Elementwise, Normalise, Operand, Schedule
from engine.language.operations import Array, is_constant
from engine.support.lazy import lazy_property

_CHUNK = 1 << 16  # numbers that the backward sweep prepares at a time: they stay in the cache


@dataclass(frozen=True, eq=False)
class Rows:
    """The memory of an augmentation.

    Attributes:
        row: [state | columns | 1], the right-hand vector of the product of a step.
        columns: the columns in it, as the augmentation has them.
        one: the column of ones.
        values: the sums, the result of the product.
        grads: [∇sums | ∇heads], the right-hand vector of the product of a step back; the gradient of a head stands `lag` rows
            later.
        sums: the gradients of the sums in it.
    """

    row: Slot
    columns: tuple[Slot, ...]
    one: Slot
    values: Slot
    grads: Slot
    sums: Slot


@dataclass(frozen=True, eq=False)
class Layout:
    """The memory for runs of one shape.

    Attributes:
        plan: the schedule.
        shape: the shape of the runs.
        parameters: name of a parameter -> its shape.
        recurrences: place of a recurrent stage in the schedule -> its plan.
        space: the steps, samples and number type, and the memory itself.
        value: name -> the slot of the value.
        adjoint: name -> the slot of the gradient.
        kept: (name, register) -> the slot of an intermediate result of a function's value that its slope reads.
        pull: loss -> the slot of its derivative with respect to its argument.
        rows: place of a recurrent stage -> the memory of its augmentation, if it has one.
        y: memory of the target.
    """

    plan: Schedule
    shape: Shape
    parameters: Mapping[str, tuple[int, ...]]
    recurrences: Mapping[int, Recurrence]
    space: Space
    value: Mapping[str, Slot]
    adjoint: Mapping[str, Slot]
    kept: Mapping[tuple[str, str], Slot]
    pull: Mapping[str, Slot]
    rows: Mapping[int, Rows]
    y: Array

    def units(self, name: str) -> int:
        """Units of a value, hidden ones included."""
        return _units(self.plan, self.shape, self.parameters, name)

    def initials(self, name: str) -> int:
        """The rows of a value before the first step, one for each step by which a later equation lags."""
        return self.plan.lags.get(name, 0)

    def value_at(self, operand: Operand) -> Slot:
        """The slot of an operand, `lag` steps back."""
        return self.value[operand.name].back(operand.lag)

    @lazy_property
    def fused(self) -> frozenset[tuple[str, str]]:
        """(sum, state) where the recurrence's product sends the gradient of the sum to the state."""
        plans = [loop.augmentation for loop in self.recurrences.values() if loop.augmentation is not None]
        return frozenset((name, plan.stack.operand.name) for plan in plans for name, _ in plan.heads or ())

    @lazy_property
    def together(self) -> dict[str, Cost]:
        """Softmax nodes outside recurrences -> the loss whose joint computation also yields their value."""
        outside = {
            stage.instructions[0].out: stage.instructions[0] for stage in self.plan.stages if not stage.recurrent
        }
        together: dict[str, Cost] = {}
        for node, losses in self.plan.cell.joint.items():
            costs = [cost for cost in map(outside.get, losses) if isinstance(cost, Cost)]
            if costs and isinstance(outside.get(node), Normalise):
                together[node] = costs[0]
        return together

    def read_back(self) -> list[tuple[Array, tuple[str, ...]]]:
        """The results, (T, B, n), that the way back reads, each with the values whose gradients multiply it."""
        read: list[tuple[Slot, tuple[str, ...]]]
        read = [(slot, (name,)) for name, slot in self.value.items() if name != "x"]
        read += [(slot, (name,)) for (name, _), slot in self.kept.items()]
        read += [(slot, (name,)) for name, slot in self.pull.items()]
        for place, rows in self.rows.items():
            (stack,) = self.recurrences[place].stacks
            read += [(slot.back(stack.operand.lag), stack.names) for slot in rows.columns]
        return [(self.space.over(slot), names) for slot, names in read]


def lay_out(plan: Schedule, data: Data) -> Layout:
    """Lay out the memory for a schedule and data of this shape."""
    shape = data.shape
    parameters = {name: array.shape for name, array in data.parameters.items()}

    def units(name: str) -> int:
        return _units(plan, shape, parameters, name)

    recurrent = [i for stage in plan.stages if stage.recurrent for i in stage.instructions]
    # a step's values are vectors for one sample, unless a softmax or loss in a recurrence wants tables
    flat = shape.B == 1 and not any(isinstance(i, Normalise | Cost) for i in recurrent)
    width = sum(2 * units(i.out) for i in recurrent)
    chunk = max(1, min(shape.T, _CHUNK // max(1, width * shape.B)))
    places = _Places(plan, units)
    loops = recurrences(plan, units, shape.B, augment=flat)
    rows = {
        place: places.augmented(loop.augmentation) for place, loop in loops.items() if loop.augmentation is not None
    }
    for loop in loops.values():
        places.recurrence(loop)
    places.others(["x"] if data.x is not None else [])
    return Layout(
        plan, shape, parameters, loops, Space(shape.T, shape.B, shape.dtype, chunk, flat),
        places.value, places.adjoint, places.kept, places.pull, rows, np.empty(data.y.shape, data.y.dtype),
    )  # fmt: skip


def _units(plan: Schedule, shape: Shape, parameters: Mapping[str, tuple[int, ...]], name: str) -> int:
    while name in plan.size_of:
        name = plan.size_of[name]
    if name.endswith(":column"):
        return parameters[name.removesuffix(":column")][1]
    return shape.sizes[name]


class _Places:
    """The slots of a layout while they are assigned."""

    def __init__(self, plan: Schedule, units: Callable[[str], int]) -> None:
        self.plan, self.units = plan, units
        self.value: dict[str, Slot] = {}
        self.adjoint: dict[str, Slot] = {}
        self.kept: dict[tuple[str, str], Slot] = {}
        self.pull: dict[str, Slot] = {}

    def lead(self, names: Iterable[str]) -> int:
        """The rows before the first step in a buffer of these values."""
        return max(self.plan.lags.get(name, 0) for name in names)

    def side_by_side(self, names: Sequence[str], slots: dict[str, Slot]) -> None:
        """Assign slots in one buffer to those of the names that have none yet."""
        missing = [name for name in names if name not in slots]
        if missing:
            buffer = Buffer(lead=self.lead(names))
            for name in missing:
                slots[name] = buffer.take(self.units(name))

    def augmented(self, augmentation: Augmentation) -> Rows:
        """Assign the long rows of an augmentation; they contain the state, the sums and the gradients of the heads."""
        state, names = augmentation.stack.operand, augmentation.stack.names
        row = Buffer(lead=state.lag)
        self.value[state.name] = row.take(self.units(state.name))
        columns = tuple(row.take(self.units(column.name)) for column in augmentation.columns)
        one = row.take(1)
        # A tail of `lag` rows, where the sums' columns stay zero and the last gradients of the heads stand.
        grads = Buffer(lead=self.lead(names), tail=state.lag)
        values = Buffer(lead=self.lead(names))
        for name in names:
            self.adjoint[name] = grads.take(self.units(name))
            self.value[name] = values.take(self.units(name))
        sums = Slot(grads, 0, grads.width)
        for name, _ in augmentation.heads or ():
            self.adjoint[name] = grads.take(self.units(name)).back(-state.lag)
        return Rows(
            Slot(row, 0, row.width), columns, one, Slot(values, 0, values.width), Slot(grads, 0, grads.width), sums
        )

    def recurrence(self, loop: Recurrence) -> None:
        """Assign slots to the sums of each block side by side, and to their functions in the same order."""
        for names in loop.blocks:
            self.side_by_side(names, self.value)
            self.side_by_side(names, self.adjoint)
            firsts = (next((i for i in loop.functions_of(name) if i.out not in self.value), None) for name in names)
            readers = [i for i in firsts if i is not None]
            if not readers:
                continue
            outs = [i.out for i in readers]
            self.side_by_side(outs, self.value)
            self.side_by_side(outs, self.adjoint)
            registers: dict[str, Buffer] = {}
            for i in readers:
                for register in kept_registers(i):
                    self.kept[i.out, register] = registers.setdefault(register, Buffer()).take(self.units(i.out))

    def others(self, inputs: Sequence[str]) -> None:
        """Assign a buffer of its own to everything that has no slot yet."""
        instructions = self.plan.instructions
        for name in (*inputs, *(i.out for i in instructions)):
            self.side_by_side([name], self.value)
            self.side_by_side([name], self.adjoint)
        for i in instructions:
            if isinstance(i, Elementwise):
                for register in kept_registers(i):
                    if (i.out, register) not in self.kept:
                        self.kept[i.out, register] = Buffer(lead=self.lead([i.out])).take(self.units(i.out))
            elif isinstance(i, Cost):
                self.pull[i.out] = Buffer().take(self.units(i.argument.name))


def kept_registers(instruction: Elementwise) -> list[str]:
    """The registers that the recipe of a function's value writes and that of its slope reads."""
    function = instruction.function
    written = {out for _, _, out in function.value} - {"out"}
    read = {str(o) for _, operands, _ in function.slope for o in operands if not is_constant(o)}
    return sorted(written & read)
