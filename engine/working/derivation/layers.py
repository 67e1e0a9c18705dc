"""Section: layer by layer, A15."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from engine.execute.run import Run
from engine.language.cell import Cell
from engine.language.names import latex
from engine.language.operations import FUNCTIONS
from engine.working import messages as explain
from engine.working.derivation.line import Line
from engine.working.derivation.node import forward_line
from engine.working.derivation.parameter import copy_line
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import matrix_products
from engine.working.derivation.writing import entry_tex, matrix_tex, plus


def needs_layers(run: Run) -> str:
    if run.cell.states:
        return "It is for layers without memory; for networks with memory see the recursion."
    return "" if _layers(run.cell) else "It needs a matrix times a vector."


def _layers(cell: Cell) -> list[tuple[str, str, str]]:
    """(node a, matrix W, vector φ) of each a = … + W φ + …, in the order of the flow."""
    equations = cell.equations.items()
    return [(name, *pair) for name, equation in equations for pair in matrix_products(equation.expression)]


def layer_lines(at: StepContext, _: int) -> Iterator[Line]:
    cell = at.cell
    at.disturb({a for a, _, _ in _layers(cell)}, at.t)
    for a, W, phi in reversed(_layers(cell)):
        yield forward_line(at, a, "A15")
        back = explain.backward(at.run, a, at.t, at.sample)
        delta = rf"\Delta_{{{latex(a)}}}"
        through = [m.target[0] for m in back.messages]
        gradient, by, near = at.by_disturbance(a, at.t)
        if len(through) == 1 and cell.operation(through[0]) in FUNCTIONS and through[0] not in cell.joint:
            h = through[0]
            above = explain.backward(at.run, h, at.t, at.sample)
            inner = re.sub(r"\\nabla_\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\} L", lambda m: rf"\Delta_{{{m[1]}}}",
                           plus([message.symbols for message in above.messages]))  # fmt: skip
            slope = at.run.slope(h, slice(at.t - 1, at.t))[0, at.sample].astype(np.float64)
            text = FUNCTIONS[cell.operation(h) or ""].latex_slope.format(a=entry_tex(a, ""), h=entry_tex(h, ""))
            yield at.line(
                "A15", rf"The layer of ${latex(a)}$: the deltas of the layer above, through the transposed matrix, times the"
                r" slope at $a$, entry by entry.",
                rf"{delta} = \nabla_{{{latex(a)}}} L = \left({inner}\right) \odot \left({text}\right)",
                rf"{delta} = {matrix_tex(at.grad(h))} \odot {matrix_tex(slope)} = {matrix_tex(at.grad(h) * slope)}",
                at.grad(h) * slope, gradient, by,
                tolerance=near,
            )  # fmt: skip
        else:
            total = np.sum([m.vector for m in back.messages], axis=0) if back.messages else np.zeros_like(gradient)
            yield at.line(
                "A15", f"The layer of ${latex(a)}$, which the loss is computed from.",
                rf"{delta} = {back.symbols}", f"{delta} = {matrix_tex(total)}", total, gradient, by, tolerance=near,
            )  # fmt: skip
        yield copy_line(at, W, "A15", rf"Its matrix: $\Delta\, {latex(phi)}^\top$.")
