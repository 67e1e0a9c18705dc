"""Section: back through time, A6 and A7."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell
from engine.language.names import latex
from engine.language.operations import Array
from engine.working import messages as explain
from engine.working.derivation.book import is_the_rnn
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line, repeated
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import readers
from engine.working.derivation.writing import (
    entry_tex,
    matrix_tex,
    number_tex,
    per_unit,
    plus,
    shown_units,
    signed_tex,
    with_result,
    with_step_number,
)


def needs_states(run: Run) -> str:
    return "" if run.cell.states else "It needs a node that a later step reads: this network has no memory."


def recursion_lines(at: StepContext, _: int) -> Iterator[Line]:
    run, of_the_book = at.run, is_the_rnn(at.run)
    for t in {run.T, at.t}:
        at.disturb(at.cell.states, t)
    at.disturb([name for name in at.cell.states if at.t <= at.cell.lags[name]], 0)
    for name in at.cell.states:
        h = latex(name)
        yield backward_line(
            at, name, "A6", rf"At the last step, $t = \tau = {run.T}$, nothing comes after: what reads ${h}$ in the same step"
            f" sends back all there is, {readers(at.cell, name, now=True)}" + (", (10.19)." if of_the_book else "."), run.T,
        )  # fmt: skip
        if at.t < run.T:
            yield backward_line(
                at, name, "A7", f"At step {at.t} a term for each node that reads ${h}$: of the same step"
                f" {readers(at.cell, name, now=True)}, of later ones {readers(at.cell, name, now=False)}"
                + (", (10.21)." if of_the_book else "."),
            )  # fmt: skip
    name = only_state(at.cell)
    if name and at.t < run.T:
        yield from _one_step_back(at, name)
    for name in at.cell.states:
        if at.t <= at.cell.lags[name]:
            yield backward_line(
                at, name, "A7", rf"At $t = 0$ there is no output: the gradient at the initial ${latex(name)}$ comes from later"
                " steps alone.", 0
            )  # fmt: skip


def only_state(cell: Cell) -> str:
    """The state of a cell that carries nothing but it, one step on, and whose losses see the past through it; else ""."""
    if len(cell.states) != 1 or cell.lags[cell.states[0]] != 1:
        return ""
    state = cell.states[0]
    past = {node for node in cell.nodes if any(read.lag for read in cell.reads[node])}
    for node in cell.nodes:  # what reads the past, though not by way of the state of this step
        if node != state and any(
            read.name in past and read.name != state and not read.lag for read in cell.reads[node]
        ):
            past.add(node)
    past -= {state}
    return "" if past & set(cell.losses) else state


def _one_step_symbols(cell: Cell, name: str) -> str:
    """(∂h(t+1)/∂h(t))ᵀ as products of what stands on the edges of each path; "" if there are many."""
    found: list[str] = []

    def walk(node: str, factors: list[str]) -> None:
        if node == name:
            sign = "-" * (sum(factor.startswith("-") for factor in factors) % 2)  # in front of the whole product
            found.append(sign + (r"\,".join(factor.removeprefix("-") for factor in factors if factor) or "I"))
            return
        for target in cell.nodes:
            for read in cell.reads[target]:
                if read.name == node and not read.lag and len(found) <= 6:
                    walk(target, [*factors, explain.chain(cell, target, read, 1)])

    for target in cell.nodes:
        for read in cell.reads[target]:
            if read.name == name and read.lag and len(found) <= 6:
                walk(target, [explain.chain(cell, target, read, 1)])
    return plus(found) if len(found) <= 6 else ""


def factor_tex(name: str, k: int) -> str:
    """(∂h(t+k)/∂h(t+k−1))ᵀ."""
    above, below = (notation.at_step(name, (), notation.step(j)) for j in (k, k - 1))
    return rf"\left(\frac{{\partial {above}}}{{\partial {below}}}\right)^\top"


def own_symbols(cell: Cell, name: str) -> str:
    reads = [
        (target, read) for target in cell.nodes for read in cell.reads[target] if read.name == name and not read.lag
    ]
    return plus([explain.flow(cell, target, read) for target, read in reads])


def _one_step_back(at: StepContext, name: str) -> Iterator[Line]:
    after = at.moved(1)
    jacobian, own, later = after.step_jacobian(name, name), at.own(name), at.grad(name, at.t + 1)
    paths = _one_step_symbols(at.cell, name)
    n = len(own)
    by_paths = _by_paths(after, name)
    head = factor_tex(name, 1)
    yield at.line(
        "A7", rf"What ${latex(name)}$ does to itself one step later: on each path the factors of its edges, transposed.",
        f"{head} = {paths}" if paths else head, f"{with_step_number(head, at.t)} = {matrix_tex(jacobian.T)}", by_paths,
        jacobian, floor=0.0,
    )  # fmt: skip
    gradient, by, near = at.by_disturbance(name, at.t)
    total = own + jacobian.T @ later
    yield at.line(
        "A7", "So the gradient is that of the step's own loss and the next step's, sent back through this Jacobian"
        + (", (10.20)." if is_the_rnn(at.run) else "."),
        f"{notation.nabla(name, 't')} = {own_symbols(at.cell, name)} + {head} {notation.nabla(name, 't+1')}",
        with_result(notation.nabla(name, str(at.t)),
        f"{matrix_tex(own)} + {matrix_tex(jacobian.T)} {matrix_tex(later)}", total), total, gradient, by,
        tolerance=near, elements=per_unit(n, lambda i: (
            rf"\frac{{\partial L}}{{\partial {entry_tex(name, str(i + 1) if n > 1 else '', str(at.t))}}} = "
            f"{number_tex(own[i])} + "
            + plus([rf"{signed_tex(jacobian[k, i])} \cdot {signed_tex(later[k])}" for k in shown_units(n)])
            + (r" + \cdots" if n > notation.WIDE else "") + f" = {number_tex(float(total[i]))}"
        )),
    )  # fmt: skip


def _by_paths(at: StepContext, name: str) -> Array:
    """∂h(t)/∂h(t−1) by the backward rules of the nodes, a row for each unit of h(t)."""
    n = at.run.sizes[name]
    grads: dict[str, Array] = {name: np.eye(n)[None]}
    result = np.zeros((n, n))
    for node in reversed(at.cell.nodes):
        if node in grads:
            for read, message in interpreter.pull(at.cell, node, grads[node], lambda *of: repeated(at, n, *of)):
                if read.name == name and read.lag:
                    result += message[0]
                elif not read.lag and read.name in at.cell.equations and read.name != name:
                    grads[read.name] = grads.get(read.name, 0) + message
    return result
