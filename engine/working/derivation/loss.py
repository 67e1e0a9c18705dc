"""Section: the loss, A2, A3 and A17."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language.names import latex
from engine.verify.tolerance import SMALLEST_PRODUCT
from engine.working import messages
from engine.working.derivation.book import has_likelihood
from engine.working.derivation.line import Line
from engine.working.derivation.node import forward_line
from engine.working.derivation.softmax_loss import SoftmaxLoss, softmax_losses
from engine.working.derivation.step import BY_DEFINITION, BY_SIDES, StepContext
from engine.working.derivation.writing import (
    entry_tex,
    matrix_tex,
    number_tex,
    partial_tex,
    plus,
    shown_units,
    sum_tex,
    with_step_number,
)


def loss_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The losses of a step, their sum, its derivatives, and the reason for the logarithm."""
    cell = at.cell
    for name in cell.nodes:
        if cell.loss(name) is not None:
            yield forward_line(at, name, "A2")
    yield _total(at)
    at.disturb(cell.losses, at.t)
    for name in cell.losses:
        yield _derivative(at, name)
    for out in softmax_losses(at):
        if out.classes:
            yield _why_the_logarithm(at, out)


def total_by_equations(run: Run) -> float:
    """The total loss of a run, from the equations of its losses read literally."""
    losses = np.zeros((run.T, run.B))
    for name in run.cell.losses:
        value = interpreter.node_value(run.cell, name, run.read)
        losses += np.broadcast_to(value, (run.T, run.B, 1))[..., 0]
    return float(np.where(run.seed == 0, 0, run.seed * losses).sum())


def _total(at: StepContext) -> Line:
    run, cell = at.run, at.cell
    by_step = run.weighted_losses.sum(axis=1)
    weight = "" if np.all(run.weights == 1) else r"w^{(t)}\,"
    losses = plus([f"{latex(name)}^{{(t)}}" for name in cell.losses])
    losses = rf"\left({losses}\right)" if len(cell.losses) > 1 else losses
    return at.line(
        "A2", "The total loss is the sum over the steps" + ("." if not weight and not has_likelihood(run) else
        ", (10.12)–(10.14) of the book." if not weight else r"; a step counts with its weight $w^{(t)}$."),
        rf"L = {_over_samples(run)}\sum_{{t=1}}^{{\tau}} {weight}{losses}",
        f"L = {sum_tex(np.nan_to_num(by_step))} = {number_tex(run.loss)}", run.loss,
        total_by_equations(run), BY_DEFINITION,
        tuple(rf"L^{{({t + 1})}} = {number_tex(float(run.losses[t, at.sample]))}" for t in shown_units(run.T)), floor=0.0,
    )  # fmt: skip


def _over_samples(run: Run) -> str:
    """The sum, or mean, over the samples in symbols; empty for one sample."""
    if run.B == 1:
        return ""
    return (rf"\frac{{1}}{{{run.B}}}" if run.reduction == "mean" else "") + rf"\sum_{{n=1}}^{{{run.B}}} "


def _derivative(at: StepContext, name: str) -> Line:
    back = messages.backward(at.run, name, at.t, at.sample)
    left = partial_tex("L", f"{latex(name)}^{{(t)}}")
    factor = "1" if at.seed == 1 and not back.messages else back.symbols.partition(" = ")[2]
    if factor == "1":
        beginning = "1."
    elif back.messages:
        beginning = "the factor of this loss in the total, and what later nodes that read it add."
    else:
        beginning = "the factor of this loss in the total."
    return at.line_by_disturbance(
        "A3", f"All other terms of the sum are constants here, so the way back begins with {beginning}",
        f"{left} = {factor}", f"{with_step_number(left, at.t)} = {matrix_tex(back.gradient)}", back.gradient, name, at.t,
    )  # fmt: skip


def _why_the_logarithm(at: StepContext, out: SoftmaxLoss) -> Line:
    run = at.run
    counted = np.flatnonzero(run.weights[:, at.sample])
    p = run.value[out.p][counted, at.sample, run.y[counted, at.sample]].astype(np.float64)
    total = float(run.value[out.loss][counted, at.sample, 0].sum(dtype=np.float64))
    probability = entry_tex(out.p, "y")
    return at.line(
        "A17",
        "Why the logarithm: it turns the product of the steps' probabilities into a sum, whose terms can be"
        " differentiated one by one. The product itself leaves the range of floating point after some hundred steps; and"
        " the logarithm undoes the exponential of the softmax, as the next section has it.",
        rf"\prod_t {probability} = e^{{-\sum_t {out.l_()}}}",
        rf"\prod_t {probability} = {number_tex(float(np.prod(p)))}, \quad"
        rf" e^{{-{number_tex(total)}}} = {number_tex(float(np.exp(-total)))}",
        np.prod(p), np.exp(-total), BY_SIDES, floor=SMALLEST_PRODUCT,
    )  # fmt: skip
