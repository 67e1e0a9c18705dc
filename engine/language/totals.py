"""The lines of a cell that the total loss sums: numbers that are made from losses and that no other line reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import networkx as nx

from engine.language.equations import Equation
from engine.language.expressions import Apply, names
from engine.language.names import free
from engine.language.operations import LOSSES


def readings(equations: Mapping[str, Equation]) -> tuple[nx.DiGraph, nx.DiGraph]:
    """The graphs of lines and their readers, at any step and in the same step. A lifted call belongs to its line."""
    line = {name: equation.within or name for name, equation in equations.items()}
    lines, step = nx.DiGraph(), nx.DiGraph()
    lines.add_nodes_from(line.values())
    step.add_nodes_from(line.values())
    for name, equation in equations.items():
        for read in names(equation.expression):
            if read.name in line and line[read.name] != line[name]:
                lines.add_edge(line[read.name], line[name])
                if not read.lag:
                    step.add_edge(line[read.name], line[name])
    return lines, step


def calls(equations: Mapping[str, Equation]) -> list[str]:
    """The lines that call a loss."""
    called = (
        equation.within or name
        for name, equation in equations.items()
        if isinstance(equation.expression, Apply) and equation.expression.operation in LOSSES
    )
    return list(dict.fromkeys(called))


def totals(equations: Mapping[str, Equation], numbers: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """The lines that the total loss sums.

    Args:
        equations: of the cell, by name.
        numbers: the nodes that are numbers, not vectors.
        known: every name of the cell, which a proposed one must not be written like.

    Raises:
        EquationError: for a loss that is read and is part of no total.
    """
    lines, step = readings(equations)
    called = calls(equations)
    from_losses = set(called).union(*(nx.descendants(lines, call) for call in called)) & set(numbers)
    summed = {name for name in from_losses if not lines.out_degree(name)}
    counted = summed.union(*(nx.ancestors(lines, total) for total in summed))
    for circle in nx.strongly_connected_components(lines):  # losses that later steps read, and nothing else
        if counted.isdisjoint(circle):
            fed_back = circle & from_losses
            last = {
                name for name in fed_back if set(lines[name]) <= circle and not fed_back & nx.descendants(step, name)
            }
            summed |= last
            counted |= circle if last else set()
    for call in called:
        if call not in counted:
            readers = ", ".join(map(repr, lines[call]))
            raise equations[call].place.error(
                f"the loss {call!r} is read by {readers} and is part of no total, which is a number that is made from losses"
                f" and that no other line reads; to count it, add the line {free(known, 'J')} = {call}"
            )
    return tuple(name for name in equations if name in summed)
