"""Expressions: numbers, names that are read, and operations on them, each with its place in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


class EquationError(ValueError):
    """An error in the text of a cell or a formula, and where it is: `.line` and `.column`, both counted from 1."""

    def __init__(self, message: str, line: int, column: int = 1) -> None:
        """Make the error.

        Args:
            message: without the place.
            line: counted from 1.
            column: counted from 1.
        """
        super().__init__(f"line {line}, column {column}: {message}")
        self.message, self.line, self.column = message, line, column


@dataclass(frozen=True)
class Note:
    """A probable slip in the text of a cell, with the remedy.

    Attributes:
        line: counted from 1.
        column: counted from 1.
        message: the slip and its remedy, in words.
    """

    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Place:
    """A place in a text, line and column counted from 1."""

    line: int
    column: int

    def error(self, message: str) -> EquationError:
        """Make the error that points to this place."""
        return EquationError(message, self.line, self.column)

    def note(self, message: str) -> Note:
        """Make the note that points to this place."""
        return Note(self.line, self.column, message)


@dataclass(frozen=True)
class Number:
    """A constant.

    Attributes:
        value: its number.
        place: in the text.
    """

    value: float
    place: Place


@dataclass(frozen=True)
class Name:
    """A name that is read: a node, the input x, the target y or a parameter.

    Attributes:
        name: of the language of cells.
        lag: the number of steps back, 0 for the same step; a formula reads later steps as well, below 0.
        place: in the text.
    """

    name: str
    lag: int
    place: Place


@dataclass(frozen=True)
class Apply:
    """An operation on expressions.

    Attributes:
        operation: its name in the table of operations, such as "+", "neg", "@", "tanh".
        arguments: from left to right.
        place: of the first argument of a sign, or of the call.
    """

    operation: str
    arguments: tuple[Expression, ...]
    place: Place


Expression: TypeAlias = Number | Name | Apply


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield the expression and all its parts, from left to right."""
    yield expression
    if isinstance(expression, Apply):
        for argument in expression.arguments:
            yield from walk(argument)


def names(expression: Expression) -> tuple[Name, ...]:
    """The names that an expression reads, from left to right, repetitions kept."""
    return tuple(part for part in walk(expression) if isinstance(part, Name))


def path(expression: Expression, place: int) -> Iterator[tuple[Apply, int]]:
    """Yield the operations around one of the names that an expression reads, from the outermost inwards.

    Args:
        expression: The expression.
        place: Which name, counted from 0 from left to right, as `Read.argument`.

    Returns:
        Each operation with the index of its argument that holds the name.

    Raises:
        ValueError: If the expression reads fewer names.
    """
    count = len(names(expression))
    if not 0 <= place < count:
        raise ValueError(f"an expression of {count} names has no name {place}")
    while isinstance(expression, Apply):
        for index, argument in enumerate(expression.arguments):
            count = len(names(argument))
            if place < count:
                yield expression, index
                expression = argument
                break
            place -= count
