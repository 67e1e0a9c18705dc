"""What is measured of each network of a comparison: how much of the gradient is left on its way back."""

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
    """What is left of the gradient of a run on its way back.

    loss        the loss
    state       the name whose gradient the numbers below are of: `facts.earliest`
    curves      of each state log₁₀ ‖∇‖ of all losses at every step, (T,), right far outside the range of floats; −∞ for zero.
                Of a cell without memory of the last step at each node of the flow, under an empty name
    first       log₁₀ ‖∇‖ of all losses at the first step
    alone       how the gradient of the last loss that counts goes back by itself; None if none counts, or without memory
    reach       how far float32 holds that
    matrices    those of the recurrence
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


def truncated(run: Run, found: Truncated) -> Run:
    """The run with the gradients of the cut recurrence in place of the whole ones; values and loss are the same."""
    result = copy(run)
    result.grad, result.param_grad, result.initial_grad = found.grad, found.param_grad, found.initial_grad
    return result


def measure(run: Run, sample: int = 0, found: Truncated | None = None, every: int = 0) -> Measured:
    """The numbers of a run; of one that is cut, give the whole run, what the cut leaves, and after how many steps it cuts.

    sample   counted from 1; 0 is all of them together
    **Holds:** the_table_says_what_the_sentence_says.
    """
    state = earliest(run.cell)
    of_state = _exponents(run, state, sample, found)
    curves = {name: _exponents(run, name, sample, found) for name in run.cell.states}
    if not curves:
        flow = [*["x"] * run.cell.reads_x, *run.cell.nodes]
        curves = {"": np.array([_exponents(run, name, sample, found)[-1] for name in flow])}
    alone = course(run, state, sample, every if found is not None else 0) if run.cell.states else None
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
        error={} if found is None else found.error,
    )


def _exponents(run: Run, name: str, sample: int, found: Truncated | None) -> Array:
    """log₁₀ ‖∇name(t)‖, (T,), of one sample or of all together."""
    if found is None:
        log = engine.log_grad_norm(run, name)
    else:
        with np.errstate(divide="ignore"):
            log = np.log10(np.linalg.norm(found.grad[name], axis=-1))
    return together(log[:, samples.span(run, sample)])
