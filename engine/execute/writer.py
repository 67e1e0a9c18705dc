"""The writer of calls for both directions: sums and functions on the slots of a layout, and the memory that each run loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from engine.execute.data import Data
from engine.execute.layout import Layout, kept_registers
from engine.execute.memory import Bound, Call, Slot
from engine.execute.memory import Operand as Place
from engine.execute.recurrence import Stack
from engine.execute.schedule import Affine, Elementwise, Operand, Term
from engine.language.operations import Array, Recipe, constant, is_constant


@dataclass(frozen=True, eq=False)
class Loads:
    """Copies that each run makes before its calls.

    Attributes:
        parameters: (memory, name of the parameter that is copied to it).
        others: (memory, function that takes the array for it from the data).
    """

    parameters: list[tuple[Array, str]] = field(default_factory=list)
    others: list[tuple[Array, Callable[[Data], Array]]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Writer:
    """Writes calls on the slots of a layout, and notes the memory that they need loaded."""

    layout: Layout
    loads: Loads = field(default_factory=Loads)
    _constants: dict[float | str, Array] = field(default_factory=dict)
    _vectors: dict[str, Array] = field(default_factory=dict)

    # Memory that each run fills ------------------------------------------------------------------------------------

    def load_data(self) -> None:
        """Note the input, the target and the initial values."""
        layout, load = self.layout, self.loads.others
        if "x" in layout.value:
            load.append((layout.space.over(layout.value["x"]), lambda data: data.x))  # type: ignore[arg-type, return-value]
        load.append((layout.y, lambda data: data.y))
        for name in layout.plan.cell.states:
            place = layout.space.rows(layout.value[name], -layout.plan.lags[name], 0)
            load.append((place, partial(_initial_of, name)))

    def fill(self, place: Array, name: str, coefficient: float) -> None:
        """Note that each run copies coefficient · parameter to `place`."""
        if coefficient == 1.0:
            self.loads.parameters.append((place, name))
        else:
            scale = self.layout.shape.dtype.type(coefficient)
            self.loads.others.append((place, partial(_scaled_parameter_of, name, scale)))

    def constant(self, number: float | str) -> Array:
        """A number as an array without axes; one array for each number."""
        if number not in self._constants:
            self._constants[number] = constant(number, self.layout.shape.dtype)
        return self._constants[number]

    def place(self, operand: Operand) -> Place:
        """The place of an operand: its slot, `lag` steps back, or memory that each run fills with the parameter."""
        if not operand.is_parameter:
            return self.layout.value_at(operand)
        name = operand.name
        if name not in self._vectors:
            self._vectors[name] = np.empty(self.layout.parameters[name], self.layout.shape.dtype)
            self.fill(self._vectors[name], name, 1.0)
        return self._vectors[name]

    def stacked(self, members: Sequence[tuple[str, Term]]) -> Array:
        """The matrices of some products, one above the other, in memory that each run fills."""
        shapes = [self.layout.parameters[term.matrix or ""] for _, term in members]
        matrix = np.empty((sum(shape[0] for shape in shapes), shapes[0][1]), self.layout.shape.dtype)
        top = 0
        for (_, term), shape in zip(members, shapes, strict=True):
            self.fill(matrix[top : top + shape[0]], term.matrix or "", term.coefficient)
            top += shape[0]
        return matrix

    # Calls -----------------------------------------------------------------------------------------------------------

    def accumulate(
        self, out: Slot, coefficient: float, factors: Sequence[Place], first: bool, scratch: Callable[[int], Slot]
    ) -> list[Call]:
        """Calls for out = c · f (∘ g) if it is the first addition, else for out += c · f (∘ g)."""
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

    def value_calls(self, instruction: Elementwise, scratch: Callable[[int], Slot]) -> list[Call]:
        """Calls for φ(a)."""
        return self._recipe(instruction, instruction.function.value, scratch, {})

    def slope_calls(self, instruction: Elementwise, scratch: Callable[[int], Slot], slope: Slot) -> list[Call]:
        """Calls that write φ'(a) to `slope`."""
        return self._recipe(instruction, instruction.function.slope, scratch, {"slope": slope})

    def _recipe(
        self, instruction: Elementwise, recipe: Recipe, scratch: Callable[[int], Slot], registers: dict[str, Slot]
    ) -> list[Call]:
        name, out = instruction.out, self.layout.value[instruction.out]
        slots = {"a": self.layout.value_at(instruction.argument), "out": out} | registers
        slots |= {register: self.layout.kept[name, register] for register in kept_registers(instruction)}
        calls = []
        for ufunc, operands, target in recipe:
            if target not in slots:
                slots[target] = scratch(out.hi - out.lo)
            inputs = tuple(self.constant(o) if is_constant(o) else slots[str(o)] for o in operands)
            calls.append(Call(ufunc, inputs, slots[target]))
        return calls


def product(left: Array, right: Array, out: Array) -> Bound:
    """Bind out = left @ right, by the quicker of the ways that the memory of `out` allows."""
    if out.flags.c_contiguous:
        return partial(left.dot, right, out)
    return partial(np.matmul, left, right, out)


def neighbours(members: Sequence[Affine], terms: Mapping[str, Sequence[Term]]) -> list[Stack]:
    """Stack the products among the terms by right-hand vector, as far as their sums are neighbours among the members."""
    stacks: list[tuple[Operand, list[tuple[str, Term]]]] = []
    position = {member.out: i for i, member in enumerate(members)}
    for name in sorted(terms, key=position.__getitem__):
        for term in terms[name]:
            if term.matrix is None:
                continue
            for operand, stack in stacks:
                if operand == term.factors[0] and position[stack[-1][0]] == position[name] - 1:
                    stack.append((name, term))
                    break
            else:
                stacks.append((term.factors[0], [(name, term)]))
    return [Stack(operand, tuple(stack)) for operand, stack in stacks]


def _initial_of(name: str, data: Data) -> Array:
    return data.initial[name]


def _scaled_parameter_of(name: str, coefficient: np.floating, data: Data) -> Array:
    return np.asarray(coefficient * data.parameters[name])
