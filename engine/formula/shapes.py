"""The shapes of a formula's parts for the sizes of a run; what does not fit, or is too large, is an error that points.

() is a number, (n, 1) a column, (1, n) a row, (m, n) a matrix.
"""

from __future__ import annotations

from typing import TypeAlias

from engine.execute.run import Run
from engine.formula.syntax import Formula
from engine.formula.text import abridged
from engine.language.expressions import Apply, EquationError, Expression, Name, Number
from engine.language.operations import SOFTMAX

MAX_ENTRIES = 4_000_000  # of one array
_MAX_WORK = 2e8  # entries computed in one evaluation, which takes some seconds
_PRODUCTS = 16  # multiplications of a product of matrices that take as long as one entry

Shape: TypeAlias = tuple[int, ...]


class Misfit(EquationError):
    """Shapes that do not fit, or that are too large, and where in the formula."""


def shape(formula: Formula, run: Run, t: int | None = 1, samples: int = 1) -> Shape:
    """The shape of what the formula gives for a run's sizes; t is None where it belongs to no step.

    samples   for how many samples it will be evaluated

    Raises Misfit, which points at the operation and says what stands left and right of it.
    """
    return Shapes(run, t is not None, samples).of(formula.expression)


def in_words(found: Shape) -> str:
    """A shape in words: "a number", "5 × 1 (a vector)", "3 × 5"."""
    if not found:
        return "a number"
    return f"{found[0]} × {found[1]}" + {1: " (a vector)"}.get(found[1], " (a row)" if found[0] == 1 else "")


class Shapes:
    """Shapes from the inside out, and the work and memory that they cost, bounded before any of it is taken."""

    def __init__(self, run: Run, stepped: bool, many: int = 1) -> None:
        self.run, self.stepped, self.many, self.work = run, stepped, many, 0.0

    def of(self, part: Expression) -> Shape:
        if isinstance(part, Number):
            return ()
        if isinstance(part, Name):
            if part.name in self.run.parameters:
                array = self.run.parameters[part.name]
                return (array.shape[0], array.shape[1]) if array.ndim == 2 else (len(array), 1)
            if not self.stepped:
                raise Misfit(
                    f"{part.name!r} has a step, but the whole gradient of a parameter has none; put what has a step inside"
                    " sum_t(…)", part.place.line, part.place.column,
                )  # fmt: skip
            return () if self.run.cell.is_number(part.name) else (self.run.sizes[part.name], 1)
        found = self.call(part)
        size = found[0] * found[1] if found else 1
        self.work += size * self.many
        if size > MAX_ENTRIES or self.work > _MAX_WORK:
            raise Misfit(f"{in_words(found)} is more than can be computed here", part.place.line, part.place.column)
        return found

    def call(self, part: Apply) -> Shape:
        operation = part.operation
        if operation == "sum_t":
            before = self.stepped, self.many
            self.stepped, self.many = True, self.many * self.run.T
            found = self.of(part.arguments[0])
            self.stepped, self.many = before
            return found
        shapes = [self.of(argument) for argument in part.arguments]
        first = shapes[0]
        if operation in ("+", "-", "*", "/"):
            other = shapes[1]
            if _one(first) or _one(other):
                return other if _one(first) and other else first
            if first != other:
                mixed = operation == "*" and min(other) > 1
                hint = "; '*' and '@' bind alike, from the left: write u * (W @ v)" if mixed else ""
                raise self.misfit(part, shapes, f"both sides need one shape, or one side is a number{hint}")
            return first
        if operation == "@":
            other = shapes[1]
            if not first or not other:
                raise self.misfit(
                    part, shapes, "'@' stands between matrices and vectors; a number is multiplied by '*'"
                )
            if first[1] != other[0]:
                raise self.misfit(
                    part, shapes, f"as many columns on the left as rows on the right are needed, {first[1]} ≠ {other[0]}"
                )  # fmt: skip
            self.work += first[0] * first[1] * other[1] * self.many / _PRODUCTS
            return (first[0], other[1])
        if operation == "T":
            return first[::-1]
        if operation == "sum":
            return ()
        if operation == "outer":
            if not all(found and found[1] == 1 for found in shapes):
                raise self.misfit(part, shapes, "outer takes two vectors")
            return (first[0], shapes[1][0])
        if operation in ("diag", "one", SOFTMAX.name) and not (first and first[1] == 1):
            raise self.misfit(part, shapes, f"{operation} takes a vector")
        return (first[0], first[0]) if operation == "diag" else first

    def misfit(self, part: Apply, shapes: list[Shape], why: str) -> Misfit:
        given = " and ".join(
            f"{abridged(argument)} is {in_words(found)}" for argument, found in zip(part.arguments, shapes, strict=True)
        )
        return Misfit(f"the shapes do not fit: {given}; {why}", part.place.line, part.place.column)


def _one(found: Shape) -> bool:
    """Whether a shape has a single entry, which goes with any other shape."""
    return found in ((), (1, 1))
