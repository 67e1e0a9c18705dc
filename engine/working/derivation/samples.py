"""Section: the mean over the samples, A16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from engine.execute.run import Run
from engine.language.names import latex
from engine.working.derivation.line import Line
from engine.working.derivation.step import StepContext
from engine.working.derivation.writing import matrix_tex, number_tex, shown_units, sum_tex

_MOST_SAMPLES: Final = 100
_BY_SAMPLE: Final = "each sample run by itself"


def needs_samples(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    if run.B == 1:
        return "There is one sample; with more the loss is their mean."
    return "" if run.B <= _MOST_SAMPLES else f"{run.B} samples; up to {_MOST_SAMPLES} are run one by one."


def sample_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The loss of all samples, and the gradient of each parameter, from runs of single samples."""
    run = at.run
    alone = [run.part([n], seed=run.weights[:, n : n + 1]) for n in range(run.B)]
    yield _loss(at, alone)
    for name in run.parameters:
        yield _gradient(at, alone, name)


def _front(run: Run) -> tuple[str, int]:
    """The factor in front of the sum over the samples, in symbols, and the number that the sum is divided by."""
    return (r"\frac{1}{N} ", run.B) if run.reduction == "mean" else ("", 1)


def _loss(at: StepContext, alone: list[Run]) -> Line:
    run, N, (front, divisor) = at.run, at.run.B, _front(at.run)
    losses = [sample.loss for sample in alone]
    what = "mean" if run.reduction == "mean" else "sum"
    numbers = rf"\frac{{1}}{{{N}}} \left({sum_tex(losses)}\right)" if divisor > 1 else sum_tex(losses)
    return at.line(
        "A16", f"The loss of a data set is the {what} over its {N} samples.",
        rf"L(W) = {front}\sum_{{i=1}}^{{N}} L_i(W)", f"L = {numbers} = {number_tex(run.loss)}",
        run.loss, sum(losses) / divisor, _BY_SAMPLE,
        tuple(f"L_{{{n + 1}}} = {number_tex(losses[n])}" for n in shown_units(N)),
    )  # fmt: skip


def _gradient(at: StepContext, alone: list[Run], name: str) -> Line:
    run, symbol, (front, divisor) = at.run, latex(name), _front(at.run)
    gradient = np.sum([sample.param_grad[name] for sample in alone], axis=0, dtype=np.float64) / divisor
    return at.line(
        "A16", f"So is each gradient: that of ${symbol}$.",
        rf"\nabla_{{{symbol}}} L = {front}\sum_{{i=1}}^{{N}} \nabla_{{{symbol}}} L_i",
        rf"\nabla_{{{symbol}}} L = {matrix_tex(run.param_grad[name])}",
        run.param_grad[name], gradient, _BY_SAMPLE,
        tuple(rf"\nabla_{{{symbol}}} L_{{{n + 1}}} = {matrix_tex(alone[n].param_grad[name])}" for n in shown_units(run.B)),
    )  # fmt: skip
