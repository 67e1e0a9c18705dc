"""Norms of gradients along time, for one sample or for all of them together, right far outside the range of floats.

sample   counted from 1; 0 is all of them together, and then a norm is taken over all samples
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

import engine
from engine import Run
from explorer.facts.dependence import within_step
from explorer.model import samples

Array: TypeAlias = NDArray[Any]

#: Kind of float -> log10 of the smallest that holds all its digits (a normal number), and of the largest.
LIMITS: Final = {
    kind: (float(np.log10(np.finfo(kind).tiny)), float(np.log10(np.finfo(kind).max))) for kind in ("float32", "float64")
}


def alone(run: Run, sample: int) -> Run:
    """One sample of a run (counted from 1; 0 is the first) as a run, with the very gradients that it has in the whole."""
    return run if run.B == 1 else run.part([samples.one(run, sample)])


def together(log: Array) -> Array:
    """log10 of the root of the sum of squares over the last axis, from log10; −∞ where all are."""
    largest = log.max(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        scale = np.where(np.isfinite(largest), largest, 0)
        return np.asarray(scale[..., 0] + np.log10(np.square(10 ** (log - scale)).sum(axis=-1)) / 2)


def log_norm(run: Run, name: str, sample: int = 0) -> Array:
    """log10 ‖∇name(t)‖, (T,), right far outside the range of floats."""
    return together(engine.log_grad_norm(run, name)[:, samples.span(run, sample)])


def log_bound(run: Run, name: str, sample: int = 0) -> Array | None:
    """log10 of an upper bound of ‖∇name(t)‖, (T,), by the bound on the Jacobians; None for a cell without such a bound.

    b(t) = (the gradient that does not come along the recurrence of `name`) + rate · b(t + 1).
    **Holds:** no_gradient_is_larger_than_the_bound.
    """
    bound = engine.bound(run, name)
    if bound is None:
        return None
    inner = within_step(run.cell, name)
    direct = np.zeros(run.T)
    chosen = samples.span(run, sample)
    for route in engine.routes(run, name):
        if route.target is None or route.read is None or route.read.name != name or route.target not in inner:
            direct += np.sqrt(np.square(route.norm[:, chosen]).sum(axis=1))
    with np.errstate(all="ignore"):
        joins, rate = np.log(direct), float(np.log(bound.rate))
        result = joins.copy()
        for t in range(run.T - 2, -1, -1):
            result[t] = np.logaddexp(joins[t], rate + result[t + 1])
    return np.asarray(result / np.log(10))


def norm(numbers: Array) -> float:
    """The L2 norm of all numbers, right also where their squares are beyond the range of floats."""
    largest = float(np.abs(numbers).max(initial=0))
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.linalg.norm(np.ravel(numbers / largest)))
