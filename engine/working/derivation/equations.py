"""Section: the equations, A1 and A9."""

from __future__ import annotations

from collections.abc import Iterator

from engine.working.derivation.line import Line
from engine.working.derivation.node import forward_line
from engine.working.derivation.step import StepContext


def equation_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The equation of each node, in the order of the flow."""
    for name in at.cell.nodes:
        yield forward_line(at, name, "A2" if at.cell.loss(name) is not None else "A1, A9")
