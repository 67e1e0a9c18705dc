"""The steps that gradient descent takes from the place of a model, with the whole gradient and with the clipped one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import engine
from engine import Run
from explorer.experiments.cliff.choice import Cliff, Pair, here
from explorer.experiments.cliff.landscape import span
from explorer.model import Model


@dataclass(frozen=True)
class Step:
    """A step of descent: the place to which it leads, its length, and the loss there."""

    to: Pair
    length: float
    loss: float


@dataclass(frozen=True)
class Descent:
    """The gradient at a place, and the steps from there; each loss is that of a run.

    place, loss   of the model
    gradient      of the loss along the two numbers
    factor        by which the gradient is clipped; 1 if its norm is within the threshold
    plain, clipped   the step with the whole gradient, and with the clipped one
    """

    place: Pair
    loss: float
    gradient: Pair
    factor: float
    plain: Step
    clipped: Step

    @property
    def norm(self) -> float:
        """The L2 norm of the gradient."""
        return float(np.hypot(*self.gradient))


def descent(model: Model, cliff: Cliff, run: Run) -> Descent:
    """The steps of gradient descent on a completed surface. Raises ValueError for a gradient that is not finite."""
    plane, place = span(model, cliff), here(model, cliff)
    gradient = engine.along(run, plane.directions)
    if not np.isfinite(gradient).all() or not np.isfinite(run.loss):
        raise ValueError("the loss or its gradient is not finite here, so there is no step")
    bounded = {"the two numbers": gradient} if cliff.norm == "two" else dict(run.param_grad)
    _, factor = engine.clip_by_norm(bounded, cliff.limit)
    moves = [-cliff.rate * gradient, -cliff.rate * factor * gradient]
    ends = [np.array(place) + move for move in moves]
    if not np.isfinite(ends).all():
        raise ValueError("the step leads beyond the range of floating point; take a smaller learning rate")
    losses = plane.look(run, np.stack(ends)).loss
    plain, clipped = (
        Step((float(end[0]), float(end[1])), float(np.hypot(*move)), float(loss))
        for end, move, loss in zip(ends, moves, losses, strict=True)
    )
    return Descent(place, run.loss, (float(gradient[0]), float(gradient[1])), factor, plain, clipped)
