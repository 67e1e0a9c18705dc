"""Questions that a formula can answer on a run: their names, the nearest one that the run has, and the left side."""

from __future__ import annotations

from engine import Run
from engine.language import notation
from engine.verify import Asked


def answerable(run: Run, asked: Asked | None) -> Asked:
    """The question nearest to `asked` that a run has: its first state at the last step without one, else the nearest step."""
    cell = run.cell
    first = (*cell.states, *cell.nodes)[0]
    if asked is None:
        return Asked("gradient", first, run.T)
    known = names(run, asked.kind)
    name = asked.name if asked.name in known else first
    if asked.kind == "gradient" and name in run.parameters:
        return Asked("gradient", name, None if asked.t is None else min(max(asked.t, 1), run.T))
    early = 0 if asked.kind == "jacobian" else cell.lags.get(name, 0)
    t = min(max(run.T if asked.t is None else asked.t, 1 - early), run.T)
    if asked.kind != "jacobian":
        return Asked(asked.kind, name, t)
    return Asked("jacobian", name, t, asked.of if asked.of in cell.nodes else cell.nodes[-1])


def names(run: Run, kind: str) -> list[str]:
    """The names that a formula can be of: nodes; for a gradient or a value the input too, for a gradient parameters too."""
    nodes = list(run.cell.nodes)
    if kind == "jacobian":
        return nodes
    x = ["x"] if run.cell.reads_x else []
    return [*nodes, *x, *(run.parameters if kind == "gradient" else [])]


def left_side(run: Run, asked: Asked) -> str:
    """The left side of a formula, in LaTeX, at step t."""
    name = notation.at_step(asked.name, run.parameters, "t")
    if asked.kind == "value":
        return name
    if asked.kind == "jacobian":
        return rf"\frac{{\partial {notation.at_step(asked.of, (), 't')}}}{{\partial {name}}}"
    if asked.name in run.parameters and asked.t is not None:  # the copy that step t uses
        name = f"{notation.at_step(asked.name, (), 't')}"
    return rf"\nabla_{{{name}}} L"
