"""What the equations of a cell look like: which nodes read a name, and where a matrix multiplies a vector."""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name
from engine.language.names import latex


def same_equations(cell: Cell, other: Cell) -> bool:
    """Whether two cells have the same equations with the same names."""
    return list(cell.nodes) == list(other.nodes) and all(
        cell.latex_of(cell.equations[name].expression) == other.latex_of(other.equations[name].expression)
        for name in cell.nodes
    )


def readings(cell: Cell, name: str) -> list[tuple[str, Read]]:
    """The readings of a name, each with the node whose equation reads it, in the order of the flow."""
    return [(target, read) for target in cell.nodes for read in cell.reads[target] if read.name == name]


def readers(cell: Cell, name: str, *, same_step: bool) -> str:
    """The nodes that read a node in its own step, or in later steps, in words."""
    targets = dict.fromkeys(target for target, read in readings(cell, name) if (not read.lag) == same_step)
    symbols = [f"${latex(target)}$" for target in targets]
    return f"{', '.join(symbols[:-1])} and {symbols[-1]}" if len(symbols) > 1 else "".join(symbols) or "none"


def summands(expression: Expression) -> Iterator[Apply]:
    """The operations that an expression is a sum of, from the last to the first."""
    left = [expression]
    while left:
        part = left.pop()
        if isinstance(part, Apply):
            if part.operation == "+":
                left += part.arguments
            else:
                yield part


def matrix_products(expression: Expression) -> list[tuple[str, str]]:
    """Matrix and vector of each W v among the summands, from the last to the first, where v is of the same step."""
    products = []
    for part in summands(expression):
        if part.operation == "@":
            matrix, vector = part.arguments
            if isinstance(matrix, Name) and isinstance(vector, Name) and not vector.lag:
                products.append((matrix.name, vector.name))
    return products
