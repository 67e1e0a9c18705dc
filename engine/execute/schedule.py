"""The schedule of a cell: its equations in a normal form, and the ones among them that must run step by step.

Each equation becomes one or more instructions (values of hidden intermediate results get names with a colon). A sum is
an `Affine`: terms c · M @ v, c · v ∘ w, c · v or c. Instructions that depend on themselves one or more steps later,
through others or directly, form a recurrence (a strongly connected component of the dependences); only these run step by
step, everything else for all steps at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import networkx as nx
import numpy as np

from engine.language.cell import Cell
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import ARITHMETIC, FUNCTIONS, LOSSES, SOFTMAX, Array, Function, Loss
from engine.support.lazy import lazy_property


@dataclass(frozen=True)
class Operand:
    """A value that an instruction reads.

    Attributes:
        name: of a node, of x or y, or of a vector parameter.
        lag: the number of steps back.
        is_parameter: whether it is a parameter.
    """

    name: str
    lag: int = 0
    is_parameter: bool = False

    def __str__(self) -> str:
        """Write the name with its lag: h[t-1]."""
        return f"{self.name}[t-{self.lag}]" if self.lag else self.name


@dataclass(frozen=True)
class Term:
    """coefficient · matrix @ factor, or coefficient times the elementwise product of none, one or two factors."""

    coefficient: float
    factors: tuple[Operand, ...]
    matrix: str | None = None

    def others(self, i: int) -> tuple[Operand, ...]:
        """The factors without the one at place i; with the coefficient they are the derivative of the term by it."""
        return self.factors[:i] + self.factors[i + 1 :]

    def __str__(self) -> str:
        """Write the term as in a text: W @ h[t-1]."""
        factors = " * ".join(map(str, self.factors))
        product = f"{self.matrix} @ {factors}" if self.matrix else factors
        if not product or abs(self.coefficient) != 1:
            return f"{self.coefficient:g}" + (f" * {product}" if product else "")
        return product if self.coefficient > 0 else f"-{product}"

    @property
    def is_bias(self) -> bool:
        """Whether the term is a vector parameter by itself."""
        return self.matrix is None and len(self.factors) == 1 and self.factors[0].is_parameter


@dataclass(frozen=True)
class Affine:
    """out = Σ terms."""

    out: str
    terms: tuple[Term, ...]

    def __str__(self) -> str:
        """Write the sum as a line of a text."""
        return f"{self.out} = {' + '.join(map(str, self.terms))}"


@dataclass(frozen=True)
class Elementwise:
    """out = φ(argument), where φ is the function."""

    out: str
    function: Function
    argument: Operand

    def __str__(self) -> str:
        """Write the instruction as a line of a text."""
        return f"{self.out} = {self.function.name}({self.argument})"


@dataclass(frozen=True)
class Normalise:
    """out = softmax(argument)."""

    out: str
    argument: Operand

    def __str__(self) -> str:
        """Write the instruction as a line of a text."""
        return f"{self.out} = softmax({self.argument})"


@dataclass(frozen=True)
class Cost:
    """out = loss(p, y); computed from `logits`, if there are any (see `losses.Loss.after`)."""

    out: str
    loss: Loss
    p: Operand
    logits: Operand | None = None

    def __str__(self) -> str:
        """Write the instruction as a line of a text, with the logits."""
        origin = "" if self.logits is None else f", computed from {self.logits}"
        return f"{self.out} = {self.loss.name}({self.p}, y){origin}"

    @property
    def argument(self) -> Operand:
        """The operand from which the loss is computed: the logits if there are any, else p."""
        return self.p if self.logits is None else self.logits


Instruction: TypeAlias = Affine | Elementwise | Normalise | Cost


@dataclass(frozen=True)
class Stage:
    """Instructions in the order of the flow: a recurrence that runs step by step, or one for all steps at once."""

    instructions: tuple[Instruction, ...]
    recurrent: bool


@dataclass(frozen=True)
class Schedule:
    """The stages of a cell in an order in which they can run.

    Attributes:
        cell: the cell.
        stages: the stages.
        lags: value -> the largest lag at which it is read.
        size_of: hidden value -> the node whose size it has.
    """

    cell: Cell
    stages: tuple[Stage, ...]
    lags: dict[str, int]
    size_of: dict[str, str]

    @lazy_property
    def instructions(self) -> tuple[Instruction, ...]:
        """The instructions of all stages."""
        return tuple(i for stage in self.stages for i in stage.instructions)


def operands(instruction: Instruction) -> Iterator[Operand]:
    """Yield the operands of an instruction, parameters included, repetitions kept."""
    if isinstance(instruction, Affine):
        for term in instruction.terms:
            yield from term.factors
    elif isinstance(instruction, Cost):
        yield instruction.p
        if instruction.logits is not None:
            yield instruction.logits
    else:
        yield instruction.argument


@lru_cache(maxsize=256)
def schedule(cell: Cell) -> Schedule:
    """Make the schedule of a cell; a cache keeps it.

    Args:
        cell: the cell.

    Returns:
        Its instructions in stages.
    """
    lowering = _Lowering(cell)
    instructions = lowering.instructions
    lags: dict[str, int] = {}
    for instruction in instructions:
        for operand in operands(instruction):
            lags[operand.name] = max(lags.get(operand.name, 0), operand.lag)
    return Schedule(cell, tuple(_stages(instructions)), lags, lowering.size_of)


def counted(plan: Schedule, start: Mapping[str, Array]) -> dict[str, Array]:
    """Find the steps and samples at which each value has an effect on some losses, or on other values.

    Elsewhere the gradient of the value is 0, even where a slope is infinite.

    Args:
        plan: the schedule.
        start: name -> (T, B), where the value counts; for losses, where their weight is not 0.

    Returns:
        Value -> (T, B).
    """
    T, B = next(iter(start.values())).shape
    counts = {i.out: np.zeros((T, B), bool) for i in plan.instructions}
    for name, where in start.items():
        if name in counts:
            counts[name] |= where
    for stage in reversed(plan.stages):
        for step in [slice(t, t + 1) for t in range(T - 1, -1, -1)] if stage.recurrent else [slice(0, T)]:
            for i in reversed(stage.instructions):
                for operand in operands(i):
                    if operand.name in counts:
                        first, last = max(0, step.start - operand.lag), max(0, step.stop - operand.lag)
                        counts[operand.name][first:last] |= counts[i.out][first + operand.lag : last + operand.lag]
    return counts


def _stages(instructions: list[Instruction]) -> Iterator[Stage]:
    position = {instruction.out: i for i, instruction in enumerate(instructions)}
    dependences = nx.DiGraph()
    dependences.add_nodes_from(position)
    for instruction in instructions:
        for operand in operands(instruction):
            if operand.name in position:
                dependences.add_edge(operand.name, instruction.out)
    components = nx.condensation(dependences)
    members = {c: sorted(position[name] for name in components.nodes[c]["members"]) for c in components}
    for c in nx.lexicographical_topological_sort(components, key=lambda c: members[c][0]):
        out = instructions[members[c][0]].out
        yield Stage(tuple(instructions[i] for i in members[c]), len(members[c]) > 1 or dependences.has_edge(out, out))


class _Lowering:
    """Turns expressions into instructions."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.instructions: list[Instruction] = []
        self.size_of: dict[str, str] = {}
        for name, equation in cell.equations.items():
            self.node, self.count = name, 0
            self.equation(name, equation.expression)

    def equation(self, out: str, expression: Expression) -> None:
        if isinstance(expression, Apply):
            operation, arguments = expression.operation, expression.arguments
            if operation in LOSSES:
                logits = self.cell.logits(out)
                joint = None if logits is None else self.joint_logits(arguments[0])
                self.add(Cost(out, LOSSES[operation], self.operand(arguments[0], like="y"), joint))
                return
            if operation == SOFTMAX.name:
                self.add(Normalise(out, self.operand(arguments[0], like=out)))
                return
            if operation in FUNCTIONS and operation != "identity":
                self.add(Elementwise(out, FUNCTIONS[operation], self.operand(arguments[0], like=out)))
                return
            if operation == "identity":
                expression = arguments[0]
        self.add(Affine(out, tuple(self.terms(expression, out))))

    def joint_logits(self, p: Expression) -> Operand:
        """The argument of the softmax or sigmoid that p names, as its own instruction reads it."""
        assert isinstance(p, Name)
        made = next(i for i in self.instructions if i.out == p.name)
        assert isinstance(made, Normalise | Elementwise)
        return made.argument

    def add(self, instruction: Instruction) -> None:
        self.instructions.append(instruction)

    def hidden(self, terms: list[Term], like: str) -> Operand:
        """Add a hidden value for a sum, of the size of `like`."""
        self.count += 1
        name = f"{self.node}:{self.count}"
        self.size_of[name] = like
        self.add(Affine(name, tuple(terms)))
        return Operand(name)

    def operand(self, expression: Expression, like: str) -> Operand:
        """Turn an expression into an operand; a hidden value is added for it if it is not one already."""
        if isinstance(expression, Name) and expression.name not in self.cell.parameters:
            return Operand(expression.name, expression.lag)
        return self.hidden(self.terms(expression, like), like)

    def terms(self, expression: Expression, like: str) -> list[Term]:
        """Turn an expression into a sum of terms."""
        if isinstance(expression, Number):
            return [Term(expression.value, ())]
        if isinstance(expression, Name):
            operand = Operand(expression.name, expression.lag, expression.name in self.cell.parameters)
            return [Term(1.0, (operand,))]
        row, arguments = ARITHMETIC[expression.operation], expression.arguments
        if not row.is_product:
            signed = zip(arguments, row.signs, strict=True)
            return [term for argument, sign in signed for term in _scaled(self.terms(argument, like), float(sign))]
        if row.sizes == "rows":
            matrix, vector = arguments
            assert isinstance(matrix, Name)
            coefficient, factor = self.one_factor(vector, like=_column(matrix.name))
            return [Term(coefficient, (factor,), matrix.name)]
        left, right = (self.terms(argument, like) for argument in arguments)
        for constant, varying in ((left, right), (right, left)):
            if len(constant) == 1 and not constant[0].factors:
                return _scaled(varying, constant[0].coefficient)
        (first, a), (second, b) = (self.simple(terms, like) for terms in (left, right))
        return [Term(first * second, (a, b))]

    def simple(self, terms: list[Term], like: str) -> tuple[float, Operand]:
        """Turn a sum into a constant times one operand."""
        if len(terms) == 1 and terms[0].matrix is None and len(terms[0].factors) == 1:
            return terms[0].coefficient, terms[0].factors[0]
        return 1.0, self.hidden(terms, like)

    def one_factor(self, expression: Expression, like: str) -> tuple[float, Operand]:
        """Turn the right-hand side of a product into a constant times a value; a parameter is copied into one."""
        coefficient, operand = self.simple(self.terms(expression, like), like)
        if operand.is_parameter:
            operand = self.hidden([Term(1.0, (operand,))], like)
        return coefficient, operand


def _scaled(terms: list[Term], by: float) -> list[Term]:
    return [Term(term.coefficient * by, term.factors, term.matrix) for term in terms]


def _column(matrix: str) -> str:
    return f"{matrix}:column"
