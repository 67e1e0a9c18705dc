"""The gradients of a recurrence as a linear system between its core values; those in between are eliminated.

After the forward pass every coefficient is known: ∇p(t) = Σ c(t) ∘ ∇u(t + lag) + Σ Wᵀ ∇a(t + lag). A value in between only
multiplies its gradient by a factor and passes it on. The factors are therefore multiplied out for many steps at once (a chunk),
and the sweep back has fewer calls in each step. The products with matrices stay in the sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.execute.memory import Buffer, Call, Slot
from engine.execute.memory import Operand as Place
from engine.execute.recurrence import Recurrence
from engine.execute.schedule import Affine, Elementwise, Instruction, Normalise, Operand
from engine.execute.writer import Writer


@dataclass(frozen=True)
class Edge:
    """∇operand(t − lag) += coefficient · factor ∘ ∇u(t), from a core value u to a core value that it is computed from."""

    operand: Operand
    coefficient: float
    factor: Place | None


@dataclass(frozen=True, eq=False)
class System:
    """The edges of each core value, and the calls that compute their factors for the steps of a chunk."""

    edges: dict[str, list[Edge]]
    coefficients: list[Call]


def eliminate(writer: Writer, loop: Recurrence) -> System:
    """The linear system between the core values of a recurrence."""
    elimination = _Elimination(writer, loop)
    edges = {name: elimination.edges(name) for name in loop.inside if name in loop.core}
    return System(edges, elimination.slope_calls + elimination.calls)


class _Elimination:
    """The coefficients of a chunk of steps while they are multiplied out."""

    def __init__(self, writer: Writer, loop: Recurrence) -> None:
        self.writer, self.layout, self.loop = writer, writer.layout, loop
        self.calls: list[Call] = []
        self.slope_calls: list[Call] = []
        self.chunk = Buffer("chunk").take
        self._slopes: dict[str, Slot] = {}

    def edges(self, core: str) -> list[Edge]:
        """The edges from a core value back to the core values that it is computed from."""
        edges: list[Edge] = []
        waiting: dict[str, list[tuple[float, list[Place]]]] = {}

        def arrive(operand: Operand, constant: float, factors: list[Place]) -> None:
            if operand.is_parameter or operand.name not in self.loop.inside:
                return
            if operand.name in self.loop.core:
                edges.append(Edge(operand, constant, self._product(operand.name, factors)))
            else:
                waiting.setdefault(operand.name, []).append((constant, factors))

        self._back(self.loop.inside[core], 1.0, [], arrive)
        for name in reversed(self.loop.inside):
            if name in waiting:
                self._back(self.loop.inside[name], *self._sum(name, waiting.pop(name)), arrive)
        return edges

    def _back(
        self,
        instruction: Instruction,
        constant: float,
        factors: list[Place],
        arrive: Callable[[Operand, float, list[Place]], None],
    ) -> None:
        """Go one instruction further back, to each operand that no matrix multiplies."""
        if isinstance(instruction, Affine):
            for term in self.loop.inner[instruction.out]:
                if term.matrix is None:
                    for i, operand in enumerate(term.factors):
                        others = [self.writer.place(other) for other in term.others(i)]
                        arrive(operand, constant * term.coefficient, [*factors, *others])
        elif isinstance(instruction, Elementwise):
            arrive(instruction.argument, constant, [*factors, self._slope(instruction)])
        elif isinstance(instruction, Normalise):
            arrive(instruction.argument, constant, [])  # its Jacobian is applied in the step itself
        else:
            arrive(instruction.argument, constant, [self.layout.pull[instruction.out]])

    def _slope(self, instruction: Elementwise) -> Slot:
        """φ' of the steps of a chunk; computed for all functions together, side by side as their arguments lie."""
        if not self._slopes:
            value_at, units = self.layout.value_at, self.layout.units
            functions = [i for i in self.loop.inside.values() if isinstance(i, Elementwise)]
            functions.sort(key=lambda i: (id(value_at(i.argument).buffer), value_at(i.argument).lo))
            self._slopes = {i.out: self.chunk(units(i.out)) for i in functions}
            scratch = Buffer("chunk").take
            for i in functions:
                self.slope_calls += self.writer.slope_calls(i, scratch, self._slopes[i.out])
        return self._slopes[instruction.out]

    def _product(self, name: str, factors: Sequence[Place]) -> Place | None:
        """Multiply factors of the size of a value; None if there are none."""
        if len(factors) < 2:
            return factors[0] if factors else None
        slot = self.chunk(self.layout.units(name))
        self.calls.append(Call(np.multiply, (factors[0], factors[1]), slot))
        self.calls += [Call(np.multiply, (slot, factor), slot) for factor in factors[2:]]
        return slot

    def _sum(self, name: str, paths: Sequence[tuple[float, list[Place]]]) -> tuple[float, list[Place]]:
        """The coefficient of an eliminated value: the sum over the paths that lead to it."""
        if len(paths) == 1:
            return paths[0]
        total = self.chunk(self.layout.units(name))
        for k, (constant, factors) in enumerate(paths):
            product = self._product(name, factors)
            places = [] if product is None else [product]
            self.calls += self.writer.accumulate(total, constant, places, k == 0, self.chunk)
        return 1.0, [total]
