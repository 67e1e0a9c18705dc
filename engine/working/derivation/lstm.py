"""Section: the LSTM, gate by gate, A13."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell
from engine.language.expressions import Name
from engine.language.names import latex
from engine.working import messages
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line, forward_line
from engine.working.derivation.parameter import copy_line
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import readers, readings, summands
from engine.working.derivation.writing import matrix_tex, partial_tex, plus, shifted


def _carousel(cell: Cell) -> tuple[str, str] | None:
    """The state s and the gate f of s = f ∘ s(t−1) + …, where f is a sigmoid that reads another state; else None."""
    for s in cell.states:
        for part in summands(cell.equations[s].expression):
            if part.operation == "*":
                for gate, kept in (part.arguments, part.arguments[::-1]):
                    if (
                        isinstance(gate, Name) and isinstance(kept, Name) and (kept.name, kept.lag) == (s, 1)
                        and not gate.lag and cell.operation(gate.name) == "sigmoid"
                        and any(read.lag and read.name != s for read in cell.reads[gate.name])
                    ):  # fmt: skip
                        return s, gate.name
    return None


def needs_carousel(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    if _carousel(run.cell):
        return ""
    return r"It needs a state $s = f \odot s^{(t-1)} + \ldots$ with a gate $f$, as the LSTM has."


def lstm_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The equations of the cell, the two routes back to its state, and the gradients at its nodes and parameters."""
    carousel = _carousel(at.cell)
    assert carousel is not None
    (s, f), cell = carousel, at.cell
    nodes = [name for name in cell.nodes if cell.loss(name) is None and cell.role(name) != "output"]
    for name in nodes:
        yield forward_line(at, name, "A13")
    yield _straight_route(at, s, f)
    yield _both_routes(at, s, f)
    at.disturb(nodes, at.t)
    for name in reversed(nodes):
        yield backward_line(at, name, "A13", _about_gradient(at, name, s))
    for name in cell.parameters:
        if any(target in nodes for target, _ in readings(cell, name)):
            yield copy_line(at, name, "A13", f"The gradient at the copy of ${latex(name)}$ that step $t$ uses.")


def _straight_route(at: StepContext, s: str, f: str) -> Line:
    now, before, gate = notation.at_step(s, (), "t"), notation.at_step(s, (), "t-1"), at.value(f)
    read = next(read for read in at.cell.reads[s] if read.name == s and read.lag == 1)
    return at.line(
        "A13", f"The straight route from ${before}$ to ${now}$: no matrix and no squashing, the gate alone."
        " While it is near 1 the gradient lasts.",
        rf"\left.{partial_tex(now, before)}\right|_{{\text{{straight}}}} ="
        rf" \operatorname{{diag}}\left({notation.at_step(f, (), 't')}\right)",
        rf"\operatorname{{diag}} {matrix_tex(gate)} = {matrix_tex(np.diag(gate))}",
        np.diag(gate), at.edge_jacobian(s, read), floor=0.0,
    )  # fmt: skip


def _both_routes(at: StepContext, s: str, f: str) -> Line:
    """The gradient at s(t−1): along the straight route, and along all other edges that leave it."""
    before = at.t - 1
    back = messages.backward(at.run, s, before, at.sample)
    straight, others = list[messages.Message](), list[messages.Message]()
    for message in back.messages:
        is_straight = message.target == (s, at.t) and message.read.lag == 1
        (straight if is_straight else others).append(message)
    along_gate, grad = at.value(f) * at.grad(s), at.grad(s, before)
    along_others = np.sum([message.vector for message in others], axis=0) if others else np.zeros_like(grad)
    symbols = plus([straight[0].symbols, *(message.symbols for message in others)])
    at_start = "" if before else " At $t = 0$ there is no output" + ("." if others else ", so the first alone.")
    return at.line_by_disturbance(
        "A13", rf"The routes into ${latex(s)}^{{(t-1)}}$: the first is straight, the other leads through the output of the step"
        f" before, which this step's gates read.{at_start}",
        f"{notation.nabla(s, 't-1')} = {shifted(symbols, -1)}",
        f"{notation.nabla(s, str(before))} = {matrix_tex(along_gate)} + {matrix_tex(along_others)} = {matrix_tex(grad)}",
        along_gate + along_others, s, before,
    )  # fmt: skip


def _about_gradient(at: StepContext, name: str, s: str) -> str:
    symbol, now = f"${latex(name)}$", readers(at.cell, name, same_step=True)
    if name == s and at.t < at.run.T:
        return (
            f"Into {symbol} from the same step by way of {now}, from the next by way of"
            f" {readers(at.cell, name, same_step=False)}: the term of {symbol} itself is the straight one."
        )
    if name == s:
        return f"At the last step into {symbol} from the same step alone, by way of {now}."
    if at.cell.operation(name) == "sigmoid":
        return f"Back to the gate {symbol}."
    return f"The gradient at {symbol}."
