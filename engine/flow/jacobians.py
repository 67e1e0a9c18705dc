"""Jacobians of a node by an earlier one, along all paths between the two steps, and their norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from engine.execute.run import Run
from engine.flow.carrier import Carrier
from engine.flow.links import system
from engine.flow.norms import norms_of_rows
from engine.flow.sweep import carried_units, check_name, each_row, within_step
from engine.language.operations import Array, locked
from engine.support.arguments import one_of, step_of
from engine.support.budget import fits


def jacobian(run: Run, of: str, wrt: str) -> Array:
    """Compute ∂of(t)/∂wrt(s) along all paths, for all pairs of steps.

    Args:
        run: the run.
        of: a node; a loss is taken before its weight.
        wrt: a node, or "x".

    Returns:
        (T, T, B, n_of, n_wrt), indexed by t and s; 0 for s > t.

    Raises:
        ValueError: for an unknown name, or for more than `budget.MAX_BYTES`, with the T that would fit.

    **Holds:** jacobians_match_the_complex_step, the_chain_rule_holds_at_every_step.
    """
    check_name(run, of, "of")
    check_name(run, wrt, "wrt")
    m, n = run.sizes[of], run.sizes[wrt]
    kept = carried_units(run, wrt)
    remedy = "jacobian_norm needs less"
    fits(f"the Jacobian of {of!r} by {wrt!r}", lambda T: 8 * T * run.B * m * (T * n + kept), run.T, run.B, remedy)
    result = np.zeros((run.T, run.T, run.B, m, n), run.dtype)

    def visit(t: int, rows: Array) -> None:
        result[t + 1 :, t] = rows

    with np.errstate(all="ignore"):
        own = each_row(run, of_units(run, of), wrt, visit)
    steps = np.arange(run.T)
    result[steps, steps] = own
    return locked(result)


def jacobian_at(run: Run, of: str, wrt: str, t: int, s: int) -> Array:
    """Compute ∂of(t)/∂wrt(s) along all paths for one pair of steps, without the large array of `jacobian`.

    Args:
        run: the run.
        of: a node; a loss is taken before its weight.
        wrt: a node, or "x".
        t: the step of `of`, from 1.
        s: the step of `wrt`, from 1.

    Returns:
        (B, n_of, n_wrt); 0 for s > t.

    Raises:
        ValueError: for an unknown name or step.

    **Holds:** one_jacobian_is_that_of_all.
    """
    check_name(run, of, "of")
    check_name(run, wrt, "wrt")
    t, s = step_of(t, run.T), step_of(s, run.T, what="s")
    m, n = run.sizes[of], run.sizes[wrt]
    jacobian: Array | None = np.zeros((run.B, m, n))
    with np.errstate(all="ignore"):
        links = system(run, [of], wrt)
        left, own = within_step(links, {of: np.broadcast_to(np.eye(m), (1, run.B, m, m))}, slice(t - 1, t))
        if s == t and own is not None:
            jacobian = np.array(own[0], np.float64)
        elif s < t and links.lags:
            carrier = Carrier(links, run.T, run.B, m, 1)
            for (tail, lag), joining in left.items():
                carrier.waiting[tail][lag - 1].whole[0] = joining[0]
            for step in range(t - 2, s - 2, -1):
                rows = carrier.wanted(step, 0)
                jacobian = None if rows is None else np.array(rows[0])
                carrier.turn()
    return locked(np.zeros((run.B, m, n)) if jacobian is None else jacobian)


def jacobian_norm(
    run: Run,
    of: str,
    wrt: str,
    kind: Literal["spectral", "fro"] = "spectral",
    progress: Callable[[int], None] | None = None,
) -> Array:
    """Compute the norms of `jacobian` without the large array.

    Args:
        run: the run.
        of: a node; a loss is taken before its weight.
        wrt: a node, or "x".
        kind: "spectral", the largest singular value, or "fro", the root of the sum of squares.
        progress: called with the index of each step that is reached, from T − 2 to 0; it may raise, which ends the work.

    Returns:
        (T, T, B), indexed by t and s.

    Raises:
        ValueError: for an unknown name or kind, or for more than `budget.MAX_BYTES`, with the T that would fit.

    **Holds:** jacobian_norm_is_the_norm_of_the_jacobian.
    """
    check_name(run, of, "of")
    check_name(run, wrt, "wrt")
    one_of("kind", kind, ("spectral", "fro"), "'spectral' or 'fro'")
    m = run.sizes[of]
    kept = carried_units(run, wrt)
    if kind == "spectral":
        kept += run.sizes[wrt] + min(m, run.sizes[wrt])
    fits(f"the norms of the Jacobian of {of!r} by {wrt!r}", lambda T: 8 * T * run.B * (T + m * kept), run.T, run.B)
    with np.errstate(all="ignore"):
        return norms_of_rows(run, of_units(run, of), wrt, spectral=kind == "spectral", progress=progress)


def of_units(run: Run, of: str) -> dict[str, Array]:
    """One row for each unit of a step."""
    n = run.sizes[of]
    return {of: np.broadcast_to(np.eye(n), (run.T, run.B, n, n))}
