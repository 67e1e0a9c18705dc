"""The line of one copy of a parameter: what the step gives to its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from engine.execute import interpreter
from engine.language import notation
from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name
from engine.language.names import latex
from engine.language.operations import FUNCTIONS, SOFTMAX, Array
from engine.working import messages as explain
from engine.working.derivation.book import is_the_rnn
from engine.working.derivation.line import Line
from engine.working.derivation.step import BY_STEP, StepContext, only_vector
from engine.working.derivation.writing import matrix_tex, number_tex, per_unit, plus, signed_tex, with_step_number

_ENTRIES = 64  # of a parameter that are disturbed
_WEIGHTS = 2_000_000  # numbers of disturbed parameters at a time


#: Where the book has a parameter of the network of chapter 10.
_BOOK: Mapping[str, str] = MappingProxyType(
    {"c": "(10.22)", "b": "(10.23)", "V": "(10.24)", "W": "(10.25), (10.26)", "U": "(10.27), (10.28)"}
)


def copy_line(at: StepContext, name: str, row: str, said: str = "") -> Line:
    """The gradient at the copy of a parameter that this step uses, for this sample, against a disturbance of the copy."""
    cell, run = at.cell, at.run
    terms, vectors = list[str](), list[Array]()
    for target in cell.nodes:
        for read in cell.reads[target]:
            if read.name == name:
                terms.append(explain.flow_to_parameter(cell, target, read))
                vectors.append(_to_parameter(at, target, read))
    total = np.sum(vectors, axis=0)
    entries = np.unique(
        np.linspace(0, total.size - 1, min(_ENTRIES, total.size, max(_WEIGHTS // total.size, 1))).astype(int)
    )
    directions = np.zeros((len(entries), total.size))
    directions[np.arange(len(entries)), entries] = 1
    changes = at.disturbed(len(entries), parameters={name: directions.reshape(-1, *total.shape)})
    found = at.losses(changes)
    for state, rows in at.carried().items():
        found = found + changes[state] @ rows[-1]
    own = rf"\nabla_{{{latex(name)}^{{(t)}}}} L"
    where = f", {_BOOK[name]} of the book" if is_the_rnn(run) and name in _BOOK else ""
    said = said or (
        f"The copy of ${latex(name)}$ that step $t$ uses{where}: " + ("a gradient times a vector." if total.ndim == 2 else
        "a gradient as it is." if _is_plain(cell, name) else "a gradient and its factor.")
    )  # fmt: skip
    sample = "" if run.B == 1 else rf"\quad (n = {at.sample + 1})"
    return at.line(
        row, said, f"{own} = {plus(terms)}", f"{with_step_number(own, at.t)} = {_outer(at, name, total)}{sample}",
        total.reshape(-1)[entries], found, BY_STEP + ", the copy alone being disturbed", _parameter_entries(at, name, total),
    )  # fmt: skip


def _is_plain(cell: Cell, name: str) -> bool:
    return all(
        not explain.chain(cell, target, read, 0)
        for target in cell.nodes for read in cell.reads[target] if read.name == name
    )  # fmt: skip


def _single(at: StepContext, name: str) -> tuple[str, Expression] | None:
    """The node and the vector of a matrix that is read in one place, where its equation's gradient is the factor as it is."""
    reads = [(target, read) for target in at.cell.nodes for read in at.cell.reads[target] if read.name == name]
    if len(reads) != 1 or explain.chain(at.cell, *reads[0], 0):
        return None
    target = reads[0][0]
    stack = [at.cell.equations[target].expression]
    while stack:
        part = stack.pop()
        if isinstance(part, Apply):
            if part.operation == "@" and isinstance(part.arguments[0], Name) and part.arguments[0].name == name:
                return target, part.arguments[1]
            stack += part.arguments
    return None


def _outer(at: StepContext, name: str, total: Array) -> str:
    single = _single(at, name)
    if single is None or total.ndim != 2:
        return matrix_tex(total)
    target, vector = single
    value = only_vector(interpreter.value(at.cell, vector, at.look), total.shape[1])
    return f"{matrix_tex(at.grad(target))} {matrix_tex(value[None])} = {matrix_tex(total)}"


def _parameter_entries(at: StepContext, name: str, total: Array) -> tuple[str, ...]:
    def entry(*index: int) -> str:
        one = notation.indexed(name, *(str(i + 1) for i in index))
        return rf"\frac{{\partial L}}{{\partial {one}^{{({at.t})}}}} = "

    if total.ndim == 1:
        return per_unit(len(total), lambda i: f"{entry(i)}{number_tex(total[i])}")
    single = _single(at, name)
    if single is None:
        return per_unit(
            len(total), lambda i: list(per_unit(total.shape[1], lambda j: f"{entry(i, j)}{number_tex(total[i, j])}"))
        )
    value = only_vector(interpreter.value(at.cell, single[1], at.look), total.shape[1])
    delta = at.grad(single[0])
    return per_unit(len(total), lambda i: list(per_unit(
        total.shape[1],
        lambda j: rf"{entry(i, j)}{number_tex(delta[i])} \cdot {signed_tex(float(value[j]))} = {number_tex(total[i, j])}",
    )))  # fmt: skip


def _to_parameter(at: StepContext, target: str, read: Read) -> Array:
    """What a reading of a parameter gets at this step, for this sample alone, by the backward rule of its equation."""
    called = at.cell.operation(target)
    inside = called in FUNCTIONS or called == SOFTMAX.name
    step = slice(at.t - 1, at.t)
    grad = at.run.argument_grad(target, step) if inside else at.run.grad[target][step]
    here = grad[:, at.sample : at.sample + 1].astype(np.float64)
    found = interpreter.pull(at.cell, target, here, at.look, inside=inside, names=(read.name,))
    return next(message[0] for other, message in found if other == read)
