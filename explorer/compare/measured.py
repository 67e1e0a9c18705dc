"""Measures of each network of a comparison: how much of the gradient is left on its way back."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np

import engine
from engine import Run
from engine.flow import Matrix, Truncated
from explorer.facts import Course, FloatLimit, course, earliest, functions, saturated, together
from explorer.model import Array, samples


@dataclass(frozen=True)
class Measured:
    """The measures of a run.

    loss        the loss
    state       the name to whose gradient the numbers below belong: `facts.earliest`
    curves      state -> log₁₀ ‖∇‖ of all losses at every step, (T,), also far outside the range of floats; −∞ for zero.
                Without memory: of the last step at each node of the flow, under an empty name
    first       log₁₀ ‖∇‖ of all losses at the first step
    alone       the course of the gradient of the last loss that counts; None if none counts, or without memory
    reach       how far float32 holds that gradient
    matrices    the matrices of the recurrence
    saturated   share of the slopes φ' below a tenth of the largest that the function can have; nan without such functions
    error       name of a parameter -> ‖cut − whole‖ / ‖whole‖ of its gradient; empty if nothing is cut
    """

    loss: float
    state: str
    curves: Mapping[str, Array]
    first: float
    alone: Course | None
    reach: FloatLimit | None
    matrices: tuple[Matrix, ...]
    saturated: float
    error: Mapping[str, float]


def truncated(run: Run, cut: Truncated) -> Run:
    """Put the gradients of a cut recurrence in place of the whole ones; values and loss stay.

    Args:
        run: with the whole gradients
        cut: the gradients of the cut recurrence

    Returns:
        A copy of the run with these gradients.
    """
    result = copy(run)
    result.grad, result.param_grad, result.initial_grad = cut.grad, cut.param_grad, cut.initial_grad
    return result


def measure(run: Run, sample: int = 0, cut: Truncated | None = None, every: int = 0) -> Measured:
    """Measure a run.

    Args:
        run: with the whole gradients
        sample: counted from 1; 0 is all of them together
        cut: the gradients of the cut recurrence, if it is cut
        every: the number of steps after which it is cut

    Returns:
        The measures.

    **Holds:** the_table_says_what_the_sentence_says.
    """
    state = earliest(run.cell)
    of_state = _exponents(run, state, sample, cut)
    curves = {name: _exponents(run, name, sample, cut) for name in run.cell.states}
    if not curves:
        flow = [*["x"] * run.cell.reads_x, *run.cell.nodes]
        curves = {"": np.array([_exponents(run, name, sample, cut)[-1] for name in flow])}
    alone = course(run, state, sample, every if cut is not None else 0) if run.cell.states else None
    if alone is not None and not (alone.finite and alone.first):
        alone = None
    return Measured(
        loss=run.loss,
        state=state,
        curves=curves,
        first=float(of_state[0]),
        alone=alone,
        reach=alone.reach("float32") if alone is not None else None,
        matrices=engine.recurrent_matrices(run) if run.cell.states else (),
        saturated=saturated(run, *functions(run)),
        error={} if cut is None else cut.error,
    )


def _exponents(run: Run, name: str, sample: int, cut: Truncated | None) -> Array:
    """log₁₀ ‖∇name(t)‖ of one sample or of all together, (T,)."""
    if cut is None:
        log = engine.log_grad_norm(run, name)
    else:
        with np.errstate(divide="ignore"):
            log = np.log10(np.linalg.norm(cut.grad[name], axis=-1))
    return together(log[:, samples.span(run, sample)])
