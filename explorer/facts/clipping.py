"""The effect of clipping on the gradients of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import engine
from engine import Run
from explorer.facts.norms import Array, norm


def angle(grads: Mapping[str, Array], others: Mapping[str, Array]) -> float:
    """The angle in degrees between gradients and others of the same parameters; 0 where one of them is 0."""
    a, b = (np.concatenate([np.ravel(part[name]) for name in grads]).astype(np.float64) for part in (grads, others))
    if not norm(a) * norm(b):
        return 0.0
    a, b = a / norm(a), b / norm(b)
    return float(np.degrees(2 * np.arctan2(norm(a - b), norm(a + b))))


@dataclass(frozen=True)
class Clipped:
    """The norm of a parameter's gradient, before and after clipping; `name` is "" for all parameters together.

    beyond, size   number of entries beyond the limit, and of all
    """

    name: str
    whole: float
    by_norm: float
    by_value: float
    beyond: int
    size: int


def clipped(run: Run, limit: float) -> tuple[Clipped, ...]:
    """The effect of clipping on each parameter's gradient, and on all together. Raises ValueError as `clip_by_norm` does."""
    grads = run.param_grad
    ways = (grads, engine.clip_by_norm(grads, limit)[0], engine.clip_by_value(grads, limit)[0])

    def row(name: str, *names: str) -> Clipped:
        whole, by_norm, by_value = (
            norm(np.concatenate([np.asarray(way[one], np.float64).ravel() for one in names])) for way in ways
        )
        beyond = sum(int((np.abs(grads[one]) > limit).sum()) for one in names)
        return Clipped(name, whole, by_norm, by_value, beyond, sum(grads[one].size for one in names))

    return (*(row(name, name) for name in grads), row("", *grads))
