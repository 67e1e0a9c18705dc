"""Section: the loss, A2, A3 and A17."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language.names import latex
from engine.working import messages as explain
from engine.working.derivation.book import has_likelihood
from engine.working.derivation.line import Line
from engine.working.derivation.node import forward_line
from engine.working.derivation.softmax_loss import softmax_losses
from engine.working.derivation.step import BY_DEFINITION, BY_SIDES, StepContext
from engine.working.derivation.writing import (
    entry_tex,
    matrix_tex,
    number_tex,
    plus,
    shown_units,
    sum_tex,
    with_step_number,
)


def loss_lines(at: StepContext, _: int) -> Iterator[Line]:
    run, cell = at.run, at.cell
    for name in cell.nodes:
        if cell.loss(name) is not None:
            yield forward_line(at, name, "A2")
    by_equations = np.zeros((run.T, run.B))
    for name in cell.losses:
        logits, row = cell.logits(name), cell.loss(name)
        if logits is not None and row is not None and row.definition_joint is not None:
            found = row.definition_joint(interpreter.value(cell, logits, run.read), run.y)
        else:
            found = interpreter.value(cell, cell.equations[name].expression, run.read)
        by_equations += np.broadcast_to(found, (run.T, run.B, 1))[..., 0]
    parts = (run.weights * run.losses).sum(axis=1) / (run.B if run.reduction == "mean" else 1)
    counted = np.where(run.weights == 0, 0, run.weights * by_equations).sum()
    weight = "" if np.all(run.weights == 1) else r"w^{(t)}\,"
    each = plus([f"{latex(name)}^{{(t)}}" for name in cell.losses])
    each = rf"\left({each}\right)" if len(cell.losses) > 1 else each
    yield at.line(
        "A2", "The total loss is the sum over the steps" + ("." if not weight and not has_likelihood(run) else
        ", (10.12)–(10.14) of the book." if not weight else r"; a step counts with its weight $w^{(t)}$."),
        rf"L = {_over_samples(run)}\sum_{{t=1}}^{{\tau}} {weight}{each}",
        f"L = {sum_tex(np.nan_to_num(parts))} = {number_tex(run.loss)}", run.loss,
        counted / (run.B if run.reduction == "mean" else 1), BY_DEFINITION,
        tuple(rf"L^{{({t + 1})}} = {number_tex(float(run.losses[t, at.sample]))}" for t in shown_units(run.T)), floor=0.0,
    )  # fmt: skip
    at.disturb(cell.losses, at.t)
    for name in cell.losses:
        back = explain.backward(run, name, at.t, at.sample)
        gradient, by, near = at.by_disturbance(name, at.t)
        own = rf"\frac{{\partial L}}{{\partial {latex(name)}^{{(t)}}}}"
        factor = "1" if at.seed == 1 and not back.messages else back.symbols.partition(" = ")[2]
        yield at.line(
            "A3", "All other terms of the sum are constants here, so the way back begins with"
            + (" 1." if factor == "1" else " the factor of this loss in the total, and what later nodes that read it add."
               if back.messages else " the factor of this loss in the total."),
            f"{own} = {factor}", f"{with_step_number(own, at.t)} = {matrix_tex(back.gradient)}", back.gradient, gradient, by,
            tolerance=near,
        )  # fmt: skip
    yield from _why_the_logarithm(at)


def _over_samples(run: Run) -> str:
    if run.B == 1:
        return ""
    return (rf"\frac{{1}}{{{run.B}}}" if run.reduction == "mean" else "") + rf"\sum_{{n=1}}^{{{run.B}}} "


def _why_the_logarithm(at: StepContext) -> Iterator[Line]:
    run = at.run
    for out in softmax_losses(at):
        if not out.classes:
            continue
        counts = np.flatnonzero(run.weights[:, at.sample])
        y = run.y[counts, at.sample]
        p = run.value[out.p][counts, at.sample, y].astype(np.float64)
        total = float(run.value[out.loss][counts, at.sample, 0].sum(dtype=np.float64))
        inside = rf"{entry_tex(out.p, 'y')}"
        yield at.line(
            "A17",
            "Why the logarithm: it makes a sum of the product of the steps' probabilities, whose terms can be"
            " differentiated one by one. The product itself leaves the range of floating point after some hundred steps; and"
            " the logarithm undoes the exponential of the softmax, as the next section has it.",
            rf"\prod_t {inside} = e^{{-\sum_t {latex(out.loss)}^{{(t)}}}}",
            rf"\prod_t {inside} = {number_tex(float(np.prod(p)))}, \quad"
            rf" e^{{-{number_tex(total)}}} = {number_tex(float(np.exp(-total)))}",
            np.prod(p), np.exp(-total), BY_SIDES, floor=1e-290,
        )  # fmt: skip
