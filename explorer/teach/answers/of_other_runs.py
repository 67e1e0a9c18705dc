"""Functions that evaluate an expression for another run: after a step of descent, or with another parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import engine
from engine import Run
from engine.support import shown
from explorer.teach.answers.expression import evaluated, said
from explorer.teach.answers.table import AnswerError, array, parameter, row


def _elsewhere(run: Run, parameters: Mapping[str, Any], expression: Any) -> Any:
    """An expression, given as a text, for the run with other parameters."""
    if not isinstance(expression, str):
        raise AnswerError(f"an expression in quotes is needed, not {said(expression)}")
    run_elsewhere = engine.run(run.cell, parameters, run.x, run.y, run.initial, run.weights, run.reduction, run.dtype)
    return evaluated(expression, run_elsewhere)


@row(
    "after(eta, expression)",
    "An expression, in quotes, after one step of gradient descent: −eta · gradient in all parameters.",
)
def _after(run: Run, eta: Any, expression: Any) -> Any:
    rate = float(array(eta))
    stepped = {name: value - rate * run.param_grad[name] for name, value in run.parameters.items()}
    return _elsewhere(run, stepped, expression)


@row(
    "with_param(name, v, expression)",
    "An expression, in quotes, for the run in which a parameter is v: an array of its shape, or the number of all entries.",
)
def _with_param(run: Run, name: Any, v: Any, expression: Any) -> Any:
    present, numbers = run.parameters[parameter(run, name)], array(v)
    if numbers.shape not in ((), present.shape):
        raise AnswerError(f"{shown(name)} has the shape {present.shape}, and not {numbers.shape}")
    return _elsewhere(run, {**run.parameters, name: np.broadcast_to(numbers, present.shape)}, expression)
