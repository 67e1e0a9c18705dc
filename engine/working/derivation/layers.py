"""Section: layer by layer, A15."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from engine.execute.run import Run
from engine.language.cell import Cell
from engine.language.names import latex
from engine.language.operations import FUNCTIONS
from engine.working import messages
from engine.working.derivation.line import Line
from engine.working.derivation.node import forward_line
from engine.working.derivation.parameter import copy_line
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import matrix_products
from engine.working.derivation.writing import entry_tex, matrix_tex, plus


def needs_layers(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    if run.cell.states:
        return "It is for layers without memory; for networks with memory see the recursion."
    return "" if _layers(run.cell) else "It needs a matrix times a vector."


def _layers(cell: Cell) -> list[tuple[str, str, str]]:
    """Node a, matrix W and vector φ of each a = … + W φ + …, in the order of the flow."""
    equations = cell.equations.items()
    return [(name, *pair) for name, equation in equations for pair in matrix_products(equation.expression)]


def layer_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The equation, the deltas and the gradient of the matrix of each layer, from the last to the first."""
    layers = _layers(at.cell)
    at.disturb({a for a, _, _ in layers}, at.t)
    for a, W, phi in reversed(layers):
        yield forward_line(at, a, "A15")
        yield _deltas(at, a)
        yield copy_line(at, W, "A15", rf"Its matrix: $\Delta\, {latex(phi)}^\top$.")


def _deltas(at: StepContext, a: str) -> Line:
    back = messages.backward(at.run, a, at.t, at.sample)
    targets = [message.target[0] for message in back.messages]
    if len(targets) == 1 and at.cell.operation(targets[0]) in FUNCTIONS and targets[0] not in at.cell.joint:
        return _hidden_deltas(at, a, targets[0])
    return at.line_by_disturbance(
        "A15", f"The layer of ${latex(a)}$, which the loss is computed from.", f"{_delta(latex(a))} = {back.symbols}",
        f"{_delta(latex(a))} = {matrix_tex(back.total)}", back.total, a, at.t,
    )  # fmt: skip


def _hidden_deltas(at: StepContext, a: str, h: str) -> Line:
    """The deltas of a layer h = φ(a) that feeds another layer."""
    above = messages.backward(at.run, h, at.t, at.sample)
    sum_above = _with_deltas(plus([message.symbols for message in above.messages]))
    slope = at.run.slope(h, slice(at.t - 1, at.t))[0, at.sample].astype(np.float64)
    slope_symbols = FUNCTIONS[at.cell.operation(h) or ""].latex_slope.format(a=entry_tex(a, ""), h=entry_tex(h, ""))
    delta = at.grad(h) * slope
    return at.line_by_disturbance(
        "A15", rf"The layer of ${latex(a)}$: the deltas of the layer above, through the transposed matrix, times the slope at"
        " $a$, entry by entry.",
        rf"{_delta(latex(a))} = \nabla_{{{latex(a)}}} L = \left({sum_above}\right) \odot \left({slope_symbols}\right)",
        rf"{_delta(latex(a))} = {matrix_tex(at.grad(h))} \odot {matrix_tex(slope)} = {matrix_tex(delta)}", delta, a, at.t,
    )  # fmt: skip


def _delta(symbol: str) -> str:
    return rf"\Delta_{{{symbol}}}"


def _with_deltas(text: str) -> str:
    r"""LaTeX with \Delta_{a} for each \nabla_{a} L; the subscript has braces up to two deep."""
    nabla = r"\\nabla_\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\} L"
    return re.sub(nabla, lambda match: _delta(match[1]), text)
