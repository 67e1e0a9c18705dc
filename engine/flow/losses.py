"""Which loss reaches which node: the gradient of each step's loss alone, and its norms."""

from __future__ import annotations

import numpy as np

from engine.execute.run import Run
from engine.flow.norms import norms_of_rows
from engine.flow.sweep import carried_units, each_row, known, of_losses
from engine.language.operations import Array, locked
from engine.support.budget import fits


def by_loss(run: Run, name: str) -> Array:
    """The gradient at a node, or at x, of each step's loss alone: (T, T, B, n), [t of the loss, t of the node].

    Zero where the node comes after the loss. The loss of step t is its weight in the total times L(t).
    **Holds:** by_loss_sums_to_the_gradient: over the first axis, to run.grad[name] wherever that is finite. Where it is not
    (∇ŷ = −y/ŷ at ŷ = 0) the sum is not finite either.
    Raises ValueError for an unknown name, or for more than `budget.MAX_BYTES`, with the T that would fit.
    """
    known(run, name)
    n = run.sizes[name]
    fits(f"by_loss of {name!r}", lambda T: 8 * T * run.B * n * (T + 8), run.T, run.B, "by_loss_norm needs less")
    result = np.zeros((run.T, run.T, run.B, n), run.dtype)

    def visit(t: int, rows: Array) -> None:
        result[t + 1 :, t] = rows[:, :, 0]

    with np.errstate(all="ignore"):
        own = each_row(run, of_losses(run), name, visit)
    steps = np.arange(run.T)
    result[steps, steps] = own[:, :, 0]
    result.swapaxes(1, 2)[run.seed == 0] = 0  # whatever such a loss is: 0 times infinity is not asked for
    return locked(result)


def by_loss_norm(run: Run, name: str) -> Array:
    """The L2 norms of `by_loss`, (T, T, B), without the large array: rows stay scaled, so that squares do not underflow.

    **Holds:** by_loss_norm_is_the_norm_of_by_loss.
    Raises ValueError as `by_loss`.
    """
    known(run, name)
    kept = carried_units(run, name)
    fits(f"by_loss_norm of {name!r}", lambda T: 8 * T * run.B * (T + kept), run.T, run.B)
    with np.errstate(all="ignore"):
        return norms_of_rows(run, of_losses(run), name, spectral=False)
