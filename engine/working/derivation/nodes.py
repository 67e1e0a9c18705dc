"""Section: every node, from the loss back."""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.names import latex
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import readings


def node_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The gradient at each node, from the loss back to x."""
    names = [*reversed(at.cell.nodes), *(["x"] if at.cell.reads_x else [])]
    at.disturb(names, at.t)
    for name in names:
        yield backward_line(at, name, "A3" if name in at.cell.losses else "A7", _about(at, name))


def _about(at: StepContext, name: str) -> str:
    lags = [read.lag for _, read in readings(at.cell, name)]
    if name in at.cell.losses:
        return f"The loss ${latex(name)}$: its factor in the total" + (", and what reads it." if lags else ".")
    if not lags:
        return f"Nothing reads ${latex(name)}$."
    within = ", within the step and to later ones." if any(lags) else "."
    where = within if 0 in lags else ", to later steps."
    return f"The node ${latex(name)}$: a term for each edge that leaves it{where}"
