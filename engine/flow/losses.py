"""Which loss reaches which node: the gradient of each step's loss alone, and its norms."""

from __future__ import annotations

import numpy as np

from engine.execute.run import Run
from engine.flow.norms import norms_of_rows
from engine.flow.sweep import carried_units, check_name, each_row, of_losses
from engine.language.operations import Array, locked
from engine.support.budget import fits


def by_loss(run: Run, name: str) -> Array:
    """Compute the gradient at a node, or at x, of each step's loss alone.

    The loss of step t is its weight in the total times L(t).

    Args:
        run: the run.
        name: a node, or "x".

    Returns:
        (T, T, B, n), indexed by the step of the loss and the step of the node; 0 where the node comes after the loss.

    Raises:
        ValueError: for an unknown name, or for more than `budget.MAX_BYTES`, with the T that would fit.

    **Holds:** by_loss_sums_to_the_gradient: over the first axis, to run.grad[name] wherever that is finite. Where it is not
    (∇ŷ = −y/ŷ at ŷ = 0), the sum is not finite either.
    """
    check_name(run, name)
    n = run.sizes[name]
    fits(f"by_loss of {name!r}", lambda T: 8 * T * run.B * n * (T + 8), run.T, run.B, "by_loss_norm needs less")
    result = np.zeros((run.T, run.T, run.B, n), run.dtype)

    def visit(t: int, rows: Array) -> None:
        result[t + 1 :, t] = rows[:, :, 0]

    with np.errstate(all="ignore"):
        own = each_row(run, of_losses(run), name, visit)
    steps = np.arange(run.T)
    result[steps, steps] = own[:, :, 0]
    result.swapaxes(1, 2)[run.seed == 0] = 0  # also where such a loss is infinite
    return locked(result)


def by_loss_norm(run: Run, name: str) -> Array:
    """Compute the L2 norms of `by_loss` without the large array, from rows that are scaled so that no square underflows.

    Args:
        run: the run.
        name: a node, or "x".

    Returns:
        (T, T, B), indexed by the step of the loss and the step of the node.

    Raises:
        ValueError: as `by_loss`.

    **Holds:** by_loss_norm_is_the_norm_of_by_loss.
    """
    check_name(run, name)
    kept = carried_units(run, name)
    fits(f"by_loss_norm of {name!r}", lambda T: 8 * T * run.B * (T + kept), run.T, run.B)
    with np.errstate(all="ignore"):
        return norms_of_rows(run, of_losses(run), name, spectral=False)
