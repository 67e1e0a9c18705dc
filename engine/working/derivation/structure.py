"""What the equations of a cell look like: which nodes read a name, and where a matrix multiplies a vector."""

from __future__ import annotations

from engine.language.cell import Cell
from engine.language.expressions import Apply, Expression, Name
from engine.language.names import latex


def same_equations(cell: Cell, other: Cell) -> bool:
    """Whether two cells have the same equations under the same names."""
    return list(cell.nodes) == list(other.nodes) and all(
        cell.latex_of(cell.equations[name].expression) == other.latex_of(other.equations[name].expression)
        for name in cell.nodes
    )


def readers(cell: Cell, name: str, now: bool) -> str:
    """The nodes that read a node in its own step, or in later ones, in words."""
    found = [
        f"${latex(target)}$" for target in cell.nodes
        if any(read.name == name and (not read.lag) == now for read in cell.reads[target])
    ]  # fmt: skip
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else "".join(found) or "none"


def matrix_products(expression: Expression) -> list[tuple[str, str]]:
    """(matrix W, vector v) of each W v among the summands, from the last; v is of the same step."""
    found, summands = [], [expression]
    while summands:
        part = summands.pop()
        if isinstance(part, Apply) and part.operation == "+":
            summands += part.arguments
        elif isinstance(part, Apply) and part.operation == "@":
            matrix, vector = part.arguments
            if isinstance(matrix, Name) and isinstance(vector, Name) and not vector.lag:
                found.append((matrix.name, vector.name))
    return found
