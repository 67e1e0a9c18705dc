"""The equations read literally, one expression at a time: slow, plain, and the oracle for the fast run.

`evaluate` computes the values step by step, in real or complex numbers; `pull` applies the backward rule of each operation
to one equation. Neither knows the schedule by which a run computes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import numpy as np

from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import OPERATIONS, Arithmetic, Array

#: What a name has at the steps of a call: reads (name, lag) and gives the array.
Lookup = Callable[[str, int], Array]


def value(cell: Cell, expression: Expression, look: Lookup) -> Any:
    """The value of an expression, by the definitions of its operations; arrays (..., n), numbers as they are."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Name):
        return look(expression.name, expression.lag)
    arguments = (value(cell, argument, look) for argument in expression.arguments)
    return OPERATIONS[expression.operation].definition(*arguments)


def node_value(cell: Cell, name: str, look: Lookup, joint: bool = True) -> Any:
    """The value of a node by its equation, read literally; as `value`.

    A loss that is computed from the argument a of its softmax or sigmoid is taken from a, unless `joint` is False.
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
    """Values of every node, (T, B, n), computed step by step.

    x (T, B, n_x); y (T, B) or (T, B, n_y); initial name -> (K, B, n); a parameter in its shape, or with an axis of
    samples before it. `disturb(name, t, value)` may replace the value of a node at step index t as soon as it is computed:
    value is a complex array of its own, (B, n), and what is returned is what the rest sees. nll(softmax(a)) is computed
    from a unless `joint` is False; then from ŷ, so that a disturbance of ŷ reaches the loss.
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
    """What flows back from a node's gradient to each name that its equation reads, at all steps at once.

    grad (T, B, n) is ∇name; look(name, lag) gives values (T, B, n) as the equation sees them, so already shifted. A
    parameter's message is (T, *shape), the samples summed. y gets none. With `inside`, grad is the gradient at the argument
    of the equation's outermost function. `names` leaves out the messages to all others.
    """
    expression = cell.equations[name].expression
    if inside:
        assert isinstance(expression, Apply)
        expression = expression.arguments[0]
    found: list[tuple[Read, Array]] = []
    _pull(cell, expression, grad, look, iter(cell.reads[name]), names, found)
    return found


def _pull(
    cell: Cell, expression: Expression, g: Array, look: Lookup, reads: Iterator[Read], names: Container[str] | None,
    found: list[tuple[Read, Array]],
) -> None:  # fmt: skip
    """What flows back into an expression, and from it to the names in it, in the order of `reads`; added to `found`."""

    def back(part: Expression, gradient: Array) -> None:
        _pull(cell, part, gradient, look, reads, names, found)

    if isinstance(expression, Number):
        return
    if isinstance(expression, Name):
        read = next(reads)
        if read.name != "y" and (names is None or read.name in names):
            found.append((read, g.sum(axis=1) if read.name in cell.parameters else g))
        return
    row, arguments = OPERATIONS[expression.operation], expression.arguments
    is_sum = isinstance(row, Arithmetic) and not row.is_product
    values = () if is_sum else tuple(value(cell, argument, look) for argument in arguments)
    for i, argument in enumerate(arguments):
        if isinstance(argument, Name) and (argument.name == "y" or (row.sizes == "rows" and i == 0)):
            read = next(reads)
            if read.name != "y" and (names is None or read.name in names):  # a matrix, the samples summed
                found.append((read, row.vjp(i, g, *values)))
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
    """values, grads, param_grads and initial_grads by the book: one step after the other, each equation pulled back.

    seed (T, B) is ∂(total loss)/∂L(t). nll(softmax(a)) is pulled back through softmax like anything else.
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
