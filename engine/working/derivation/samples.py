"""Section: the mean over the samples, A16."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute.run import Run
from engine.execute.run import run as run_cell
from engine.language.names import latex
from engine.working.derivation.line import Line
from engine.working.derivation.step import StepContext
from engine.working.derivation.writing import matrix_tex, number_tex, shown_units, sum_tex


def needs_samples(run: Run) -> str:
    if run.B == 1:
        return "There is one sample; with more the loss is their mean."
    return "" if run.B <= 100 else f"{run.B} samples; up to 100 are run one by one."


def sample_lines(at: StepContext, _: int) -> Iterator[Line]:
    run, N = at.run, at.run.B
    alone = [
        run_cell(
            run.cell, run.parameters, None if run.x is None else run.x[:, n : n + 1], run.y[:, n : n + 1],
            {name: array[:, n : n + 1] for name, array in run.initial.items()}, run.weights[:, n : n + 1], "sum", run.dtype,
        )
        for n in range(N)
    ]  # fmt: skip
    mean = N if run.reduction == "mean" else 1
    what = "mean" if run.reduction == "mean" else "sum"
    front = r"\frac{1}{N} " if run.reduction == "mean" else ""
    losses = [one.loss for one in alone]
    yield at.line(
        "A16", f"The loss of a data set is the {what} over its {N} samples.",
        rf"L(W) = {front}\sum_{{i=1}}^{{N}} L_i(W)",
        (rf"L = \frac{{1}}{{{N}}} \left({sum_tex(losses)}\right)" if mean > 1 else f"L = {sum_tex(losses)}")
        + f" = {number_tex(run.loss)}",
        run.loss, sum(losses) / mean, "each sample run by itself",
        tuple(f"L_{{{n + 1}}} = {number_tex(losses[n])}" for n in shown_units(N)),
    )  # fmt: skip
    for name in run.parameters:
        found = np.sum([one.param_grad[name] for one in alone], axis=0, dtype=np.float64) / mean
        own = latex(name)
        yield at.line(
            "A16", f"So is each gradient: that of ${own}$.",
            rf"\nabla_{{{own}}} L = {front}\sum_{{i=1}}^{{N}} \nabla_{{{own}}} L_i",
            rf"\nabla_{{{own}}} L = {matrix_tex(run.param_grad[name])}",
            run.param_grad[name], found, "each sample run by itself",
            tuple(rf"\nabla_{{{own}}} L_{{{n + 1}}} = {matrix_tex(alone[n].param_grad[name])}" for n in shown_units(N)),
        )  # fmt: skip
