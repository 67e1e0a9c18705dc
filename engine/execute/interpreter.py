"""The equations read literally, one expression at a time: slow, simple, and the oracle for the fast run.

`evaluate` computes the values step by step, in real or complex numbers; `pull` applies the backward rule of each operation
to one equation; `backpropagate` is back-propagation through time with the two. None of them uses the schedule of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import numpy as np

from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import OPERATIONS, Arithmetic, Array

#: (name, lag) -> the value that an equation reads, at the steps of the call.
Lookup = Callable[[str, int], Array]


def value(cell: Cell, expression: Expression, look: Lookup) -> Any:
    """Compute an expression by the definitions of its operations.

    Args:
        cell: the cell.
        expression: the expression.
        look: gives the value of each name in it.

    Returns:
        An array (..., n), or a float for an expression of numbers alone.
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Name):
        return look(expression.name, expression.lag)
    arguments = (value(cell, argument, look) for argument in expression.arguments)
    return OPERATIONS[expression.operation].definition(*arguments)


def node_value(cell: Cell, name: str, look: Lookup, joint: bool = True) -> Any:
    """Compute a node by its equation.

    Args:
        cell: the cell.
        name: the node.
        look: gives the value of each name in its equation.
        joint: whether a loss that follows a softmax or a sigmoid is computed from the argument of that function.

    Returns:
        As `value`.
    """
    logits, row = cell.logits(name) if joint else None, cell.loss(name)
    if logits is None or row is None or row.definition_joint is None:
        return value(cell, cell.equations[name].expression, look)
    return row.definition_joint(value(cell, logits, look), look("y", 0))


def evaluate(
    cell: Cell,
    units: Mapping[str, int],
    parameters: Mapping[str, Array],
    x: Array | None,
    y: Array,
    initial: Mapping[str, Array],
    disturb: Callable[[str, int, Array], Array] | None = None,
    joint: bool = True,
) -> dict[str, Array]:
    """Compute the values of every node, step by step.

    Args:
        cell: the cell.
        units: node -> its units.
        parameters: name -> the parameter in its shape, or with an axis of samples before it.
        x: (T, B, n_x), or None.
        y: (T, B) integers or (T, B, n_y) floats.
        initial: state -> (K, B, n), the last row being t = 0.
        disturb: called with a node, a step index and the node's value as soon as it is computed, a complex array (B, n); the
            array that it returns takes the place of the value.
        joint: whether nll(softmax(a)) is computed from a; else from ŷ, so that a disturbance of ŷ reaches the loss.

    Returns:
        Node -> (T, B, n).
    """
    T, B = y.shape[:2]
    dtype = np.result_type(
        np.float64, *parameters.values(), *initial.values(), *([] if x is None else [x]), 1j if disturb else 1.0
    )
    values = {name: np.zeros((T, B, units[name]), dtype) for name in cell.nodes}
    for t in range(T):

        def look(name: str, lag: int, t: int = t) -> Array:
            if name in parameters:
                return parameters[name]
            if name == "x":
                assert x is not None
                return np.asarray(x[t])
            if name == "y":
                return np.asarray(y[t])
            return np.asarray(values[name][t - lag] if t >= lag else initial[name][t - lag])

        for name in cell.nodes:
            result = node_value(cell, name, look, joint)
            if disturb is not None:  # of parameters alone, a result may be real, and of one sample for all
                result = disturb(name, t, np.array(np.broadcast_to(result, values[name][t].shape), dtype))
            values[name][t] = result
    return values


def pull(
    cell: Cell, name: str, grad: Array, look: Lookup, *, inside: bool = False, names: Container[str] | None = None
) -> list[tuple[Read, Array]]:
    """Send the gradient of a node back to each name that its equation reads, at all steps at once.

    Args:
        cell: the cell.
        name: the node.
        grad: its gradient, (T, B, n).
        look: gives the values that the equation reads, (T, B, n), shifted by their lags.
        inside: whether `grad` is the gradient of the argument of the outermost function of the equation.
        names: the names whose messages are wanted; all if missing.

    Returns:
        (reading, message) in the order of `cell.reads`, without y: (T, B, n) for a node or x; (T, *shape) for a parameter, summed
        over the samples.
    """
    expression = cell.equations[name].expression
    if inside:
        assert isinstance(expression, Apply)
        expression = expression.arguments[0]
    messages: list[tuple[Read, Array]] = []
    _pull(cell, expression, grad, look, iter(cell.reads[name]), names, messages)
    return messages


def _pull(
    cell: Cell, expression: Expression, g: Array, look: Lookup, reads: Iterator[Read], names: Container[str] | None,
    messages: list[tuple[Read, Array]],
) -> None:  # fmt: skip
    """Send a gradient back into an expression and on to its names; the messages are appended to `messages`."""

    def back(part: Expression, gradient: Array) -> None:
        _pull(cell, part, gradient, look, reads, names, messages)

    if isinstance(expression, Number):
        return
    if isinstance(expression, Name):
        read = next(reads)
        if read.name != "y" and (names is None or read.name in names):
            messages.append((read, g.sum(axis=1) if read.name in cell.parameters else g))
        return
    row, arguments = OPERATIONS[expression.operation], expression.arguments
    is_sum = isinstance(row, Arithmetic) and not row.is_product
    values = () if is_sum else tuple(value(cell, argument, look) for argument in arguments)
    for i, argument in enumerate(arguments):
        if isinstance(argument, Name) and (argument.name == "y" or (row.sizes == "rows" and i == 0)):
            read = next(reads)
            if read.name != "y" and (names is None or read.name in names):  # a matrix, the samples summed
                messages.append((read, row.vjp(i, g, *values)))
        else:
            back(argument, row.vjp(i, g, *values))


def backpropagate(
    cell: Cell,
    units: Mapping[str, int],
    parameters: Mapping[str, Array],
    x: Array | None,
    y: Array,
    initial: Mapping[str, Array],
    seed: Array,
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Back-propagate through time literally: one step after the other, each equation pulled back by its operations.

    nll(softmax(a)) is pulled back through the softmax like any other function.

    Args:
        cell: the cell.
        units: node -> its units.
        parameters: name -> the parameter in its shape.
        x: (T, B, n_x), or None.
        y: (T, B) integers or (T, B, n_y) floats.
        initial: state -> (K, B, n), the last row being t = 0.
        seed: ∂(total loss)/∂L(t), (T, B).

    Returns:
        (values, grads, param_grads, initial_grads), each by name, as those of a run.
    """
    T = y.shape[0]
    values = evaluate(cell, units, parameters, x, y, initial)
    grads = {name: np.zeros_like(value) for name, value in values.items()}
    if x is not None:
        grads["x"] = np.zeros_like(x)
    param_grads = {name: np.zeros_like(value) for name, value in parameters.items()}
    initial_grads = {name: np.zeros_like(value) for name, value in initial.items()}
    for t in reversed(range(T)):

        def look(name: str, lag: int, t: int = t) -> Array:
            if name in parameters:
                return parameters[name]
            if name in "xy":
                whole = x if name == "x" else y
                assert whole is not None
                return whole[t : t + 1]
            return values[name][t - lag : t - lag + 1] if t >= lag else initial[name][t - lag][None]

        for name in cell.losses:
            grads[name][t, :, 0] += seed[t]
        for name in reversed(cell.nodes):
            for read, message in pull(cell, name, grads[name][t : t + 1], look):
                if read.name in parameters:
                    param_grads[read.name] += message[0]
                elif t >= read.lag:
                    grads[read.name][t - read.lag] += message[0]
                else:
                    initial_grads[read.name][t - read.lag] += message[0]
    return values, grads, param_grads, initial_grads
