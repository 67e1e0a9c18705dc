"""The shapes of a formula's parts for the sizes of a run. Shapes that do not fit, or are too large, raise an error that points.

() is a number, (n, 1) a column, (1, n) a row, (m, n) a matrix.
"""

from __future__ import annotations

import math
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
    """An error about shapes that do not fit, or are too large, and its place in the formula."""


def shape(formula: Formula, run: Run, t: int | None = 1, samples: int = 1) -> Shape:
    """The shape of a formula's value.

    Args:
        formula: in the names of the run's cell.
        run: whose sizes it has.
        t: the step; None for a formula without a step.
        samples: the number of samples for which it will be evaluated.

    Raises:
        Misfit: with the place of the operation, and the shapes of its arguments.
    """
    return Shapes(run, t is not None, samples).of(formula.expression)


def in_words(of: Shape) -> str:
    """A shape in words: "a number", "5 × 1 (a vector)", "3 × 5".

    Args:
        of: a shape as `shape` returns it.
    """
    if not of:
        return "a number"
    rows, columns = of
    return f"{rows} × {columns}" + {1: " (a vector)"}.get(columns, " (a row)" if rows == 1 else "")


class Shapes:
    """The shapes of parts, from the inside out, with bounds of the work and memory that they cost."""

    def __init__(self, run: Run, stepped: bool, many: int = 1) -> None:
        """Start the count of the work.

        Args:
            run: whose sizes the parts have.
            stepped: whether the parts belong to a step.
            many: the number of times that they will be evaluated.
        """
        self.run, self.stepped, self.many, self.work = run, stepped, many, 0.0

    def of(self, part: Expression) -> Shape:
        """The shape of a part; raises Misfit."""
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
        result = self.call(part)
        size = math.prod(result)
        self.work += size * self.many
        if size > MAX_ENTRIES or self.work > _MAX_WORK:
            raise Misfit(f"{in_words(result)} is more than can be computed here", part.place.line, part.place.column)
        return result

    def call(self, part: Apply) -> Shape:
        """The shape of an operation's value."""
        operation = part.operation
        if operation == "sum_t":
            before = self.stepped, self.many
            self.stepped, self.many = True, self.many * self.run.T
            summand = self.of(part.arguments[0])
            self.stepped, self.many = before
            return summand
        shapes = [self.of(argument) for argument in part.arguments]
        first = shapes[0]
        if operation in ("+", "-", "*", "/"):
            second = shapes[1]
            if _one(first) or _one(second):
                return second if _one(first) and second else first
            if first != second:
                mixed = operation == "*" and min(second) > 1
                hint = "; '*' and '@' bind alike, from the left: write u * (W @ v)" if mixed else ""
                raise self.misfit(part, shapes, f"both sides need one shape, or one side is a number{hint}")
            return first
        if operation == "@":
            second = shapes[1]
            if not first or not second:
                raise self.misfit(
                    part, shapes, "'@' stands between matrices and vectors; a number is multiplied by '*'"
                )
            if first[1] != second[0]:
                raise self.misfit(
                    part, shapes, f"as many columns on the left as rows on the right are needed, {first[1]} ≠ {second[0]}"
                )  # fmt: skip
            self.work += first[0] * first[1] * second[1] * self.many / _PRODUCTS
            return (first[0], second[1])
        if operation == "T":
            return first[::-1]
        if operation == "sum":
            return ()
        if operation == "outer":
            if not all(shape and shape[1] == 1 for shape in shapes):
                raise self.misfit(part, shapes, "outer takes two vectors")
            return (first[0], shapes[1][0])
        if operation in ("diag", "one", SOFTMAX.name) and not (first and first[1] == 1):
            raise self.misfit(part, shapes, f"{operation} takes a vector")
        return (first[0], first[0]) if operation == "diag" else first

    def misfit(self, part: Apply, shapes: list[Shape], why: str) -> Misfit:
        """The error of an operation whose arguments do not fit."""
        arguments = " and ".join(
            f"{abridged(argument)} is {in_words(shape)}" for argument, shape in zip(part.arguments, shapes, strict=True)
        )
        return Misfit(f"the shapes do not fit: {arguments}; {why}", part.place.line, part.place.column)


def _one(of: Shape) -> bool:
    """Whether a shape has a single entry, which goes with any other shape."""
    return of in ((), (1, 1))
