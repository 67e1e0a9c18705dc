"""Section: the LSTM, gate by gate, A13."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell
from engine.language.expressions import Apply, Name
from engine.language.names import latex
from engine.working import messages as explain
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line, edge_jacobian, forward_line
from engine.working.derivation.parameter import copy_line
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import readers
from engine.working.derivation.writing import matrix_tex, plus, shifted


def _carousel(cell: Cell) -> tuple[str, str] | None:
    """The state s and the gate f of s = f ∘ s(t−1) + …, where f is a sigmoid that reads another state; else None."""
    for s in cell.states:
        summands = [cell.equations[s].expression]
        while summands:
            part = summands.pop()
            if not isinstance(part, Apply):
                continue
            if part.operation == "+":
                summands += part.arguments
            elif part.operation == "*":
                for gate, kept in (part.arguments, part.arguments[::-1]):
                    if (
                        isinstance(gate, Name) and isinstance(kept, Name) and (kept.name, kept.lag) == (s, 1)
                        and not gate.lag and cell.operation(gate.name) == "sigmoid"
                        and any(read.lag and read.name != s for read in cell.reads[gate.name])
                    ):  # fmt: skip
                        return s, gate.name
    return None


def needs_carousel(run: Run) -> str:
    return (
        ""
        if _carousel(run.cell)
        else "It needs a state $s = f \\odot s^{(t-1)} + \\ldots$ with a gate $f$, as the LSTM has."
    )


def lstm_lines(at: StepContext, _: int) -> Iterator[Line]:
    found = _carousel(at.cell)
    assert found is not None
    (s, f), cell, run = found, at.cell, at.run
    steps = [name for name in cell.nodes if cell.loss(name) is None and cell.role(name) != "output"]
    for name in steps:
        yield forward_line(at, name, "A13")
    own, gate = latex(s), at.value(f)
    direct = np.diag(gate)
    kept = next(read for read in cell.reads[s] if read.name == s and read.lag == 1)
    by_step = edge_jacobian(at, s, kept)
    before = rf"{own}^{{(t-1)}}"
    yield at.line(
        "A13", f"The straight route from ${own}^{{(t-1)}}$ to ${own}^{{(t)}}$: no matrix and no squashing, the gate alone."
        " While it is near 1 the gradient lasts.",
        rf"\left.\frac{{\partial {own}^{{(t)}}}}{{\partial {before}}}\right|_{{\text{{straight}}}} ="
        rf" \operatorname{{diag}}\left({notation.at_step(f, (), 't')}\right)",
        rf"\operatorname{{diag}} {matrix_tex(gate)} = {matrix_tex(direct)}", direct, by_step, floor=0.0,
    )  # fmt: skip
    yield _both_routes(at, s, f)
    at.disturb(steps, at.t)
    for name in reversed(steps):
        if name == s and at.t < run.T:
            said = (
                f"Into ${own}$ from the same step by way of {readers(cell, s, now=True)}, from the next by way of"
                f" {readers(cell, s, now=False)}: the term of ${own}$ itself is the straight one."
            )
        elif name == s:
            said = f"At the last step into ${own}$ from the same step alone, by way of {readers(cell, s, now=True)}."
        elif cell.operation(name) == "sigmoid":
            said = f"Back to the gate ${latex(name)}$."
        else:
            said = f"The gradient at ${latex(name)}$."
        yield backward_line(at, name, "A13", said)
    for name in cell.parameters:
        if any(read.name == name for node in steps for read in cell.reads[node]):
            yield copy_line(at, name, "A13", f"The gradient at the copy of ${latex(name)}$ that step $t$ uses.")


def _both_routes(at: StepContext, s: str, f: str) -> Line:
    """What reaches s(t−1): straight, and by way of everything else that step t reads of it and of the step before."""
    run, before = at.run, at.t - 1
    straight = at.value(f) * at.grad(s)
    whole = at.grad(s, before)
    back = explain.backward(run, s, before, at.sample)
    others = [message for message in back.messages if not (message.target == (s, at.t) and message.read.lag == 1)]
    rest = np.sum([message.vector for message in others], axis=0) if others else np.zeros_like(whole)
    gradient, by, near = at.by_disturbance(s, before)
    direct = next(message for message in back.messages if message.target == (s, at.t) and message.read.lag == 1)
    symbols = [direct.symbols, *(message.symbols for message in others)]
    return at.line(
        "A13", rf"The routes into ${latex(s)}^{{(t-1)}}$: the first goes straight on, the other by way of what the step before"
        " puts out and this step's gates read."
        + ("" if before else " At $t = 0$ there is no output" + ("." if others else ", so the first alone.")),
        f"{notation.nabla(s, 't-1')} = {shifted(plus(symbols), -1)}",
        f"{notation.nabla(s, str(before))} = {matrix_tex(straight)} + {matrix_tex(rest)} = {matrix_tex(whole)}",
        straight + rest, gradient, by,
        tolerance=near,
    )  # fmt: skip
