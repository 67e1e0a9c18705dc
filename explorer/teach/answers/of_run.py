"""Functions that read numbers of the run: values, gradients, losses, and how the gradient goes back through time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import engine
from engine import Run
from engine.working import messages as explain
from explorer import facts
from explorer.facts import Course, course
from explorer.teach.answers.table import AnswerError, Array, array, node, parameter, row, step
from explorer.words.glossary import DEFINITIONS


@row("value(name, t)", "The value of a node, of x or of the target y at step t; a class as a vector with a single 1.")
def _value(run: Run, name: Any, t: Any) -> Array:
    if name == "y":
        target = run.y[step(run, t) - 1, 0]
        return np.eye(run.sizes["y"])[int(target)] if run.y.ndim == 2 else array(target)
    return _at(run, run.value, run.initial, node(run, name), t)


@row("grad(name, t)", "The gradient of the total loss at a node, or at x, of step t.")
def _grad(run: Run, name: Any, t: Any) -> Array:
    return _at(run, run.grad, run.initial_grad, node(run, name), t)


def _at(run: Run, arrays: Mapping[str, Any], initial: Mapping[str, Any], name: str, t: Any) -> Array:
    early = initial.get(name, ())
    at = step(run, t, 1 - len(early))
    return np.asarray(arrays[name][at - 1, 0] if at > 0 else early[at - 1, 0], np.float64)


@row("param(name)", "A parameter.")
def _param(run: Run, name: Any) -> Array:
    return np.asarray(run.parameters[parameter(run, name)], np.float64)


@row("param_grad(name)", "The gradient of the total loss at a parameter, the sum over all steps.")
def _param_grad(run: Run, name: Any) -> Array:
    return np.asarray(run.param_grad[parameter(run, name)], np.float64)


@row("grad_norm()", "The norm of the gradient of the total loss at all parameters, taken as one vector.")
def _grad_norm(run: Run) -> float:
    return facts.norm(np.concatenate([np.ravel(grad).astype(np.float64) for grad in run.param_grad.values()]))


@row("step_grad(name, t)", "The gradient at the copy of a parameter that step t uses.")
def _step_grad(run: Run, name: Any, t: Any) -> Array:
    at = step(run, t)
    return np.asarray(run.step_grad(parameter(run, name), slice(at - 1, at))[0], np.float64)


@row(
    "message(source, target, t)",
    "The gradient that source(t) receives along its edges to the node `target`, of that or a later step.",
)
def _message(run: Run, source: Any, target: Any, t: Any) -> Array:
    return np.asarray(run.message(node(run, source), node(run, target))[step(run, t) - 1, 0], np.float64)


@row("jacobian(of, t, wrt, s)", "The Jacobian ∂of(t)/∂wrt(s) by all paths.")
def _jacobian(run: Run, of: Any, t: Any, wrt: Any, s: Any) -> Array:
    matrices = engine.jacobian_at(run, node(run, of), node(run, wrt), step(run, t), step(run, s))
    return np.asarray(matrices[0], np.float64)


@row("softmax_jacobian(name, t)", "S_i (δ_ij − S_j) of a node that is a softmax.")
def _softmax_jacobian(run: Run, name: Any, t: Any) -> Array:
    return np.asarray(explain.jacobian_of_softmax(run, node(run, name), step(run, t)), np.float64)


@row("slopes(name, t)", "φ′(a) of each unit of a node φ(a).")
def _slopes(run: Run, name: Any, t: Any) -> Array:
    return np.asarray(run.slope(node(run, name))[step(run, t) - 1, 0], np.float64)


@row("slope(name, t)", "The mean over the units of |φ′(a)| of a node φ(a).")
def _slope(run: Run, name: Any, t: Any) -> float:
    return float(np.abs(_slopes(run, name, t)).mean())


@row("saturated(name)", "The share of a node's units and steps whose φ′ is below a tenth of the largest that φ has.")
def _saturated(run: Run, name: Any) -> float:
    return float(facts.slopes(run, node(run, name), 1).saturated.mean())


@row("loss()", "The total loss.")
def _loss(run: Run) -> float:
    return run.loss


@row("loss_at(t)", "The loss of step t, before its weight.")
def _loss_at(run: Run, t: Any) -> float:
    return float(run.losses[step(run, t) - 1, 0])


@row("weight(t)", "The factor of the loss of step t in the total.")
def _weight(run: Run, t: Any) -> float:
    return float(run.weights[step(run, t) - 1, 0])


@row("target(t)", "The target class of step t, counted from 1.")
def _target(run: Run, t: Any) -> float:
    if run.y.ndim != 2:
        raise AnswerError("the targets of this run are no classes")
    return float(run.y[step(run, t) - 1, 0]) + 1


@row("by_loss(name, s, t)", "The norm of the gradient at name(t) of the loss of step s alone.")
def _by_loss(run: Run, name: Any, s: Any, t: Any) -> float:
    return float(engine.by_loss_norm(run, node(run, name))[step(run, s) - 1, step(run, t) - 1, 0])


@row("by_loss_grad(name, s, t)", "The gradient at name(t) of the loss of step s alone.")
def _by_loss_grad(run: Run, name: Any, s: Any, t: Any) -> Array:
    return np.asarray(engine.by_loss(run, node(run, name))[step(run, s) - 1, step(run, t) - 1, 0], np.float64)


@row("log_norm(name, t)", "log10 of the norm of the gradient at name(t), exact far beyond floats; −∞ where it is 0.")
def _log_norm(run: Run, name: Any, t: Any) -> float:
    return float(engine.log_grad_norm(run, node(run, name))[step(run, t) - 1, 0])


def _followed(run: Run, name: Any) -> Course:
    """How the gradient of the last loss that counts goes back."""
    followed = course(run, node(run, name), 1)
    if followed is None or not followed.finite or not followed.steps:
        raise AnswerError(f"{name} has a gradient at fewer than two steps, or an infinite one, so there is no rate")
    return followed


@row(
    "rate(name)",
    "The share of the gradient after a step back (geometric mean), for the last loss that counts alone.",
)
def _rate(run: Run, name: Any) -> float:
    return _followed(run, name).rate


@row("vanishes(name)", f"Whether {DEFINITIONS['vanishes']}.")
def _vanishes(run: Run, name: Any) -> bool:
    return _followed(run, name).verdict == "vanishes"


@row("grows(name)", f"Whether {DEFINITIONS['grows']}.")
def _grows(run: Run, name: Any) -> bool:
    return _followed(run, name).verdict == "grows"


@row("keeps(name)", f"Whether the gradient keeps its size: {DEFINITIONS['keeps its size']}.")
def _keeps(run: Run, name: Any) -> bool:
    return _followed(run, name).verdict == "keeps"
