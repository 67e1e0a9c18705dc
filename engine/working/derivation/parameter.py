"""The line of one copy of a parameter: the contribution of a step to its gradient."""

from __future__ import annotations

from typing import Final

import numpy as np

from engine.execute import interpreter
from engine.language import notation
from engine.language.cell import Read
from engine.language.expressions import Expression
from engine.language.names import latex
from engine.language.operations import FUNCTIONS, SOFTMAX, Array
from engine.working import messages
from engine.working.derivation.book import OF_PARAMETERS, is_the_rnn
from engine.working.derivation.line import Line
from engine.working.derivation.step import BY_STEP, StepContext, only_vector
from engine.working.derivation.structure import readings
from engine.working.derivation.writing import (
    matrix_tex,
    number_tex,
    partial_tex,
    per_entry,
    per_unit,
    plus,
    signed_tex,
    with_step_number,
)

_ENTRIES: Final = 64  # entries of a parameter that are disturbed
_WEIGHTS: Final = 2_000_000  # numbers of disturbed parameters at a time


def copy_line(at: StepContext, name: str, row: str, explanation: str = "") -> Line:
    """The gradient at the copy of a parameter that this step uses, for this sample, against a disturbance of the copy."""
    reads = readings(at.cell, name)
    total = np.sum([_message(at, target, read) for target, read in reads], axis=0)
    terms = [messages.flow_to_parameter(at.cell, target, read) for target, read in reads]
    entries, changes = _by_disturbance(at, name, total.shape)
    left = rf"\nabla_{{{latex(name)}^{{(t)}}}} L"
    sample = "" if at.run.B == 1 else rf"\quad (n = {at.sample + 1})"
    return at.line(
        row, explanation or _about(at, name), f"{left} = {plus(terms)}",
        f"{with_step_number(left, at.t)} = {_as_product(at, name, total)}{sample}",
        total.reshape(-1)[entries], changes, BY_STEP + ", the copy alone being disturbed", _entries(at, name, total),
    )  # fmt: skip


def _message(at: StepContext, target: str, read: Read) -> Array:
    """The message to a parameter along one reading at this step, for this sample, by the backward rule of its equation."""
    operation, step = at.cell.operation(target), slice(at.t - 1, at.t)
    inside = operation in FUNCTIONS or operation == SOFTMAX.name
    grad = at.run.argument_grad(target, step) if inside else at.run.grad[target][step]
    of_sample = grad[:, at.sample : at.sample + 1].astype(np.float64)
    pulled = interpreter.pull(at.cell, target, of_sample, at.look, inside=inside, names=(read.name,))
    return next(message[0] for other, message in pulled if other == read)


def _by_disturbance(at: StepContext, name: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Some entries of a copy of a parameter, evenly spread, and the changes of the total loss when they are disturbed."""
    size = int(np.prod(shape))
    count = min(_ENTRIES, size, max(_WEIGHTS // size, 1))
    entries = np.unique(np.linspace(0, size - 1, count).astype(int))
    directions = np.zeros((len(entries), size))
    directions[np.arange(len(entries)), entries] = 1
    nodes = at.disturbed(len(entries), parameters={name: directions.reshape(-1, *shape)})
    changes = at.losses(nodes)
    for state, rows in at.carried_back().items():
        changes = changes + nodes[state] @ rows[-1]
    return entries, changes


def _about(at: StepContext, name: str) -> str:
    where = f", {OF_PARAMETERS[name]} of the book" if is_the_rnn(at.run) and name in OF_PARAMETERS else ""
    if at.run.parameters[name].ndim == 2:
        form = "a gradient times a vector."
    elif any(messages.chain(at.cell, target, read, 0) for target, read in readings(at.cell, name)):
        form = "a gradient and its factor."
    else:
        form = "a gradient as it is."
    return f"The copy of ${latex(name)}$ that step $t$ uses{where}: {form}"


def _outer_product(at: StepContext, name: str) -> tuple[str, Expression] | None:
    """The node a and the vector v of a matrix W whose gradient is ∇a vᵀ: it stands once, in a sum a = … + W v + …."""
    reads = readings(at.cell, name)
    if len(reads) != 1 or messages.chain(at.cell, *reads[0], 0):
        return None
    vector = messages.vector_beside(at.cell, *reads[0])
    return None if vector is None else (reads[0][0], vector)


def _as_product(at: StepContext, name: str, total: Array) -> str:
    """The gradient in numbers; of a matrix, if it is one, as a product of a column and a row."""
    product = _outer_product(at, name)
    if product is None:
        return matrix_tex(total)
    target, vector = product
    value = only_vector(interpreter.value(at.cell, vector, at.look), total.shape[1])
    return f"{matrix_tex(at.grad(target))} {matrix_tex(value[None])} = {matrix_tex(total)}"


def _entries(at: StepContext, name: str, total: Array) -> tuple[str, ...]:
    """The gradient entry by entry."""

    def left(*index: int) -> str:
        entry = notation.indexed(name, *(str(i + 1) for i in index))
        return f"{partial_tex('L', f'{entry}^{{({at.t})}}')} = "

    if total.ndim == 1:
        return per_unit(len(total), lambda i: f"{left(i)}{number_tex(total[i])}")
    rows, columns = total.shape
    product = _outer_product(at, name)
    if product is None:
        return per_entry(rows, columns, lambda i, j: f"{left(i, j)}{number_tex(total[i, j])}")
    grad = at.grad(product[0])
    value = only_vector(interpreter.value(at.cell, product[1], at.look), columns)
    return per_entry(rows, columns, lambda i, j: (
        rf"{left(i, j)}{number_tex(grad[i])} \cdot {signed_tex(float(value[j]))} = {number_tex(total[i, j])}"
    ))  # fmt: skip
