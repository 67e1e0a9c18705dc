"""Section: every node, from the loss back."""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.names import latex
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line
from engine.working.derivation.step import StepContext


def node_lines(at: StepContext, _: int) -> Iterator[Line]:
    names = [*reversed(at.cell.nodes), *(["x"] if at.cell.reads_x else [])]
    at.disturb(names, at.t)
    for name in names:
        targets = dict.fromkeys(read for node in at.cell.nodes for read in at.cell.reads[node] if read.name == name)
        here, later = any(not read.lag for read in targets), any(read.lag for read in targets)
        if name in at.cell.losses:
            said = f"The loss ${latex(name)}$: its factor in the total" + (", and what reads it." if targets else ".")
        elif not targets:
            said = f"Nothing reads ${latex(name)}$."
        else:
            said = f"The node ${latex(name)}$: a term for each edge that leaves it" + (
                ", within the step and to later ones." if here and later else ", to later steps." if later else "."
            )
        yield backward_line(at, name, "A3" if name in at.cell.losses else "A7", said)
