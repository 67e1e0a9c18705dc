"""Section: back through time, A6 and A7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import networkx as nx
import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell
from engine.language.names import latex
from engine.language.operations import Array
from engine.working import messages
from engine.working.derivation.book import is_the_rnn
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import readers, readings
from engine.working.derivation.writing import (
    entry_tex,
    matrix_tex,
    number_tex,
    partial_tex,
    per_unit,
    plus,
    signed_tex,
    sum_over_units,
    with_result,
    with_step_number,
)

_MOST_PATHS: Final = 6  # paths from a state to itself that are written out


def needs_states(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    return "" if run.cell.states else "It needs a node that a later step reads: this network has no memory."


def recursion_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The gradient at each state: at the last step, at this one, and at the initial value."""
    cell = at.cell
    for t in {at.run.T, at.t}:
        at.disturb(cell.states, t)
    read_from_start = [name for name in cell.states if at.t <= cell.lags[name]]
    at.disturb(read_from_start, 0)
    for name in cell.states:
        yield _at_last_step(at, name)
        if at.t < at.run.T:
            yield _at_this_step(at, name)
    state = only_state(cell)
    if state and at.t < at.run.T:
        yield _jacobian_line(at, state)
        yield _one_step_back(at, state)
    for name in read_from_start:
        explanation = (
            rf"At $t = 0$ there is no output: the gradient at the initial ${latex(name)}$ comes from later steps alone."
        )
        yield backward_line(at, name, "A7", explanation, 0)


def _at_last_step(at: StepContext, name: str) -> Line:
    explanation = (
        rf"At the last step, $t = \tau = {at.run.T}$, nothing comes after: the whole gradient comes from the nodes that"
        f" read ${latex(name)}$ in the same step, {readers(at.cell, name, same_step=True)}"
        + (", (10.19)." if is_the_rnn(at.run) else ".")
    )
    return backward_line(at, name, "A6", explanation, at.run.T)


def _at_this_step(at: StepContext, name: str) -> Line:
    explanation = (
        f"At step {at.t} there is a term for each node that reads ${latex(name)}$: in the same step"
        f" {readers(at.cell, name, same_step=True)}, in later ones {readers(at.cell, name, same_step=False)}"
        + (", (10.21)." if is_the_rnn(at.run) else ".")
    )
    return backward_line(at, name, "A7", explanation)


def only_state(cell: Cell) -> str:
    """The state of a cell that carries one vector for one step, if the losses depend on the past through it alone; else ""."""
    if len(cell.states) != 1 or cell.lags[cell.states[0]] != 1:
        return ""
    state = cell.states[0]
    within_step = nx.DiGraph(
        (read.name, node)
        for node in cell.nodes
        for read in cell.reads[node]
        if not read.lag and state not in (node, read.name)
    )
    past = {node for node in cell.nodes if node != state and any(read.lag for read in cell.reads[node])}
    past = past.union(*(nx.descendants(within_step, node) for node in past if node in within_step))
    return "" if past & set(cell.losses) else state


def factor_tex(name: str, k: int) -> str:
    """(∂h(t+k)/∂h(t+k−1))ᵀ in symbols."""
    later, earlier = (notation.at_step(name, (), notation.step(j)) for j in (k, k - 1))
    return rf"\left({partial_tex(later, earlier)}\right)^\top"


def own_symbols(cell: Cell, name: str) -> str:
    """The gradient that the step's own loss gives to a node, in symbols."""
    return plus([messages.flow(cell, target, read) for target, read in readings(cell, name) if not read.lag])


def _jacobian_line(at: StepContext, name: str) -> Line:
    after, factor, paths = at.moved(1), factor_tex(name, 1), _path_symbols(at.cell, name)
    jacobian = after.step_jacobian(name, name)
    return at.line(
        "A7", rf"What ${latex(name)}$ does to itself one step later: on each path the factors of its edges, transposed.",
        f"{factor} = {paths}" if paths else factor, f"{with_step_number(factor, at.t)} = {matrix_tex(jacobian.T)}",
        _by_backward_rules(after, name), jacobian, floor=0.0,
    )  # fmt: skip


def _path_symbols(cell: Cell, name: str) -> str:
    """(∂h(t+1)/∂h(t))ᵀ as a sum over paths, each a product over edges; "" if there are too many paths."""
    products: list[str] = []

    def walk(node: str, factors: list[str]) -> None:
        if node == name and factors:
            sign = "-" * (sum(factor.startswith("-") for factor in factors) % 2)  # in front of the whole product
            products.append(sign + (r"\,".join(factor.removeprefix("-") for factor in factors if factor) or "I"))
            return
        for target, read in readings(cell, node):
            if bool(read.lag) != bool(factors) and len(products) <= _MOST_PATHS:  # into the next step, then within it
                walk(target, [*factors, messages.chain(cell, target, read, 1)])

    walk(name, [])
    return plus(products) if len(products) <= _MOST_PATHS else ""


def _by_backward_rules(at: StepContext, name: str) -> Array:
    """∂h(t)/∂h(t−1), (n, n), by the backward rules of the nodes, with a row for each unit of h(t)."""
    n = at.run.sizes[name]
    grads: dict[str, Array] = {name: np.eye(n)[None]}
    jacobian = np.zeros((n, n))
    for node in reversed(at.cell.nodes):
        if node in grads:
            for read, message in interpreter.pull(at.cell, node, grads[node], at.look_repeated(n)):
                if read.name == name and read.lag:
                    jacobian += message[0]
                elif not read.lag and read.name in at.cell.equations and read.name != name:
                    grads[read.name] = grads.get(read.name, 0) + message
    return jacobian


def _one_step_back(at: StepContext, name: str) -> Line:
    jacobian, own, later = at.moved(1).step_jacobian(name, name), at.own_grad(name), at.grad(name, at.t + 1)
    total, n, left = own + jacobian.T @ later, len(own), notation.nabla(name, str(at.t))

    def element(i: int) -> str:
        entry = entry_tex(name, str(i + 1) if n > 1 else "", str(at.t))
        products = sum_over_units(n, lambda k: rf"{signed_tex(jacobian[k, i])} \cdot {signed_tex(later[k])}")
        return f"{partial_tex('L', entry)} = {number_tex(own[i])} + {products} = {number_tex(float(total[i]))}"

    return at.line_by_disturbance(
        "A7", "So the gradient is that of the step's own loss and the next step's, sent back through this Jacobian"
        + (", (10.20)." if is_the_rnn(at.run) else "."),
        f"{notation.nabla(name, 't')} = {own_symbols(at.cell, name)} + {factor_tex(name, 1)} {notation.nabla(name, 't+1')}",
        with_result(left, f"{matrix_tex(own)} + {matrix_tex(jacobian.T)} {matrix_tex(later)}", total), total, name, at.t,
        per_unit(n, element),
    )  # fmt: skip
