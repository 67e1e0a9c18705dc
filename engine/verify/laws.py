"""The laws that a run's own numbers show: its values, its messages, and the losses' reach."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.execute.run import run as run_cell
from engine.language.expressions import names
from engine.language.operations import Array
from engine.verify.law import (
    COPIES,
    LATER,
    MESSAGES,
    VALUES,
    Check,
    Where,
    check_of,
    largest_entry,
    rounding_floors,
    tolerance_of,
    worst,
)
from engine.verify.tolerance import SMALLEST_SCALE


@np.errstate(all="ignore")
def values_satisfy_the_equations(run: Run) -> Check:
    """Compare each value with its equation at the run's own values; an error is relative to the largest number read, too."""

    def look(name: str, lag: int) -> Array:
        array = run.read(name, lag)
        return array if array.dtype.kind in "iu" else array.astype(np.float64)

    def errors() -> Iterator[tuple[float, Where]]:
        for name, equation in run.cell.equations.items():
            expected = interpreter.node_value(run.cell, name, look)
            reads = [look(read.name, read.lag) for read in names(run.cell.logits(name) or equation.expression)]
            scale = max(largest_entry(run.value[name]), *map(largest_entry, reads), SMALLEST_SCALE)
            yield worst(name, 1, run.value[name] - expected, scale)

    return check_of(run, VALUES, errors())


@np.errstate(all="ignore")
def messages_sum(run: Run) -> tuple[Check, Check]:
    """Compare the messages into each node, and those into the copies of each parameter, with the gradients there.

    At a loss ∂(total loss)/∂L(t) belongs to the sum. Messages to t ≤ 0 make up the gradient at the initial values.
    """
    sums = {name: np.zeros(grad.shape) for name, grad in run.grad.items()}
    initial_sums = {name: np.zeros(grad.shape) for name, grad in run.initial_grad.items()}
    copies = {name: np.zeros(grad.shape) for name, grad in run.param_grad.items()}
    largest_copy = dict.fromkeys(copies, 0.0)
    for name in run.cell.losses:
        sums[name][..., 0] += run.seed
    for target, steps in product(run.cell.nodes, run.portions()):
        for read, message in run.messages(target, steps):
            name, first = read.name, steps.start - read.lag  # the step at which the first row of the message arrives
            if name in copies:
                copies[name] += message.sum(axis=0, dtype=np.float64)
                largest_copy[name] = max(largest_copy[name], largest_entry(message))
                continue
            before = min(max(-first, 0), len(message))  # rows that arrive at t ≤ 0
            sums[name][first + before : first + len(message)] += message[before:]
            if before:
                row = len(initial_sums[name]) + first
                initial_sums[name][row : row + before] += message[:before]
    floors = rounding_floors(run, tolerance_of(run, MESSAGES))
    errors = []
    for name, grad in run.grad.items():
        errors.append(worst(name, 1, sums[name] - grad, np.maximum(largest_entry(grad), floors)))
    for name, grad in run.initial_grad.items():
        scale = max(largest_entry(grad), floors[0])
        errors.append(worst(name, 1 - len(grad), initial_sums[name] - grad, scale))
    errors_of_parameters = []
    for name, grad in run.param_grad.items():
        scale = max(largest_entry(grad), largest_copy[name], floors[0])
        errors_of_parameters.append(worst(name, None, (copies[name] - grad)[None], scale))
    return check_of(run, MESSAGES, errors), check_of(run, COPIES, errors_of_parameters)


def no_loss_reaches_a_later_node(run: Run) -> Check:
    """Check that the losses up to a step (the first, the middle, the last but one) have no gradient at any later step."""
    errors = []
    for last in sorted({1, run.T // 2, run.T - 1} & set(range(1, run.T))):
        weights = (np.arange(run.T) < last).astype(run.dtype)
        early = run_cell(run.cell, run.parameters, run.x, run.y, run.initial, weights, run.reduction, run.dtype)
        errors += [worst(name, last + 1, grad[last:], 1.0) for name, grad in early.grad.items()]
    return check_of(run, LATER, errors, "" if errors else " There is only one step.")
