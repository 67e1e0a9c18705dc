"""The laws that a run keeps, measured on the run itself: what the tests assert and the page shows."""

from __future__ import annotations

from typing import Literal

import numpy as np

from engine.execute.run import Run
from engine.support.arguments import whole
from engine.verify.disturbance import upstream_of_kinks
from engine.verify.gradients import LIMIT, gradients_match_disturbances
from engine.verify.law import QUOTIENTS, STATEMENTS, Check, Where, tolerance_of
from engine.verify.laws import messages_sum, no_loss_reaches_a_later_node, values_satisfy_the_equations


def check(run: Run, limit: int = LIMIT) -> tuple[Check, ...]:
    """Measure on a run the laws that hold for every run, its gradients against numerical derivatives among them.

    Six laws are measured: each value satisfies its equation; imaginary steps and, where a function with a kink such as relu
    follows, difference quotients change the loss as the gradients say; the messages along the edges that leave a node sum
    to its gradient; the gradients at the copies of a parameter sum to that of the parameter; and no loss has a gradient at a
    later step. The derivatives come from `engine.execute.interpreter`, which reads the equations literally and shares
    nothing with the backward pass.

    An error is divided by the largest entry of the array that it is in, or by what rounding makes of the largest gradient of
    the same and all later steps, whichever is larger. It may be 1e-10 in float64 and 1e-4 in float32, 1e-6 by difference
    quotients, and 0 for the last law.

    Example:
        >>> for row in engine.check(run):
        ...     print(row.law, row.error, row.passed)

    Args:
        run: The run to measure. A run with a number that is not finite passes no law; the checks name the first such number.
        limit: The largest number of rows in the oracle's batch: one for each derivative at a node, and one for each sample
            at a parameter. Beyond it a fixed random choice of the entries is measured; a large run is measured in fewer.

    Returns:
        One check for each law, in a fixed order; the law on difference quotients is left out of a cell without kinks.

    Raises:
        ValueError: If the limit is not a whole number from 1 on.

    **Holds:** a_wrong_number_anywhere_breaks_a_law.
    """
    limit = whole("limit", limit, 1, None, "a whole number, at least 1")
    not_finite = _first_not_finite(run)
    if not_finite is not None:
        what, (name, t) = not_finite
        remark = f" Not measured: the {what} of {name}" + ("" if t is None else f" at t = {t}") + " is not finite."
        return tuple(
            Check(law, statement + remark, np.inf, tolerance_of(run, law), False, (name, t))
            for law, statement in STATEMENTS.items()
            if law != QUOTIENTS or upstream_of_kinks(run.cell)
        )
    return (
        values_satisfy_the_equations(run),
        *gradients_match_disturbances(run, limit),
        *messages_sum(run),
        no_loss_reaches_a_later_node(run),
    )


def _first_not_finite(run: Run) -> tuple[Literal["value", "gradient"], Where] | None:
    """The place of the first value that is not finite, else of the first such gradient, else None."""
    if run.overflow is not None:
        return "value", (run.overflow.name, run.overflow.t)
    for grads in (run.grad, run.initial_grad):
        for name, grad in grads.items():
            finite = np.isfinite(grad).all(axis=(1, 2))
            if not finite.all():
                first = 1 if grads is run.grad else 1 - len(grad)
                return "gradient", (name, int(np.argmin(finite)) + first)
    for name, grad in run.param_grad.items():
        if not np.isfinite(grad).all():
            return "gradient", (name, None)
    return None
