"""The lines of one node: its equation, and its gradient as a sum over the edges that leave it."""

from __future__ import annotations

import numpy as np

from engine.execute import interpreter
from engine.language import notation
from engine.language.catalogue import terms
from engine.language.cell import Read
from engine.language.names import latex
from engine.language.operations import Array
from engine.verify.tolerance import IMAGINARY_STEP
from engine.working import messages as explain
from engine.working.derivation.line import Line
from engine.working.derivation.step import BY_DEFINITION, StepContext
from engine.working.derivation.writing import (
    SUMMANDS,
    entry_tex,
    matrix_tex,
    number_tex,
    per_unit,
    plus,
    signed_tex,
    with_result,
    words,
)
from engine.working.entries import explainer
from engine.working.neurons import forms, neuron_of


def forward_line(at: StepContext, name: str, row: str) -> Line:
    found = explain.forward(at.run, name, at.t, at.sample)
    value = at.value(name)
    largest = max([float(np.abs(read).max(initial=0.0)) for read in found.reads.values()], default=0.0)
    operation = at.cell.operation(name)
    said = f"The equation of ${latex(name)}$" + ("." if operation is None else f", a call of {words(operation)}.")
    symbols = found.symbols
    loss = at.cell.loss(name)
    own_term = terms(at.cell).get(name)
    if own_term is not None:
        said = f"The {own_term.name} ${latex(name)}$."
    if loss is not None and loss.classes and at.cell.logits(name) is not None:
        said = (
            f"The loss of a step, ${latex(name)}$: minus the log-probability that the network gives to what is right."
        )
        given = r" \mid x^{(1)}, \ldots, x^{(t)}" if at.cell.reads_x else ""
        symbols = symbols.replace(" = ", rf" = -\log p\left(y^{{(t)}}{given}\right) = ", 1)
    numbers = with_result(at.now(name), found.numbers, value)
    return at.line(
        row, said, symbols, numbers, at.computed(name), value, BY_DEFINITION, _unit_equations(at, name), floor=largest
    )  # fmt: skip


def _unit_equations(at: StepContext, name: str) -> tuple[str, ...]:
    """A node's equation for its units, in symbols and numbers."""
    kinds, whole = forms(at.cell), neuron_of(at.cell, name)
    if whole not in kinds:
        return ()
    explain_unit = explainer(at.run, whole, at.t, at.sample)

    def written(i: int) -> list[str]:
        told = explain_unit(i)
        if name != whole:
            return list(told.forward)
        return [*(() if told.form.argument else told.forward), *filter(None, [told.output])]

    return per_unit(at.run.sizes[name], written)


def backward_line(at: StepContext, name: str, row: str, said: str, t: int | None = None) -> Line:
    """The gradient at a node as the sum over its outgoing edges, against a disturbance of the node."""
    t = at.t if t is None else t
    back = explain.backward(at.run, name, t, at.sample)
    gradient, by, near = at.by_disturbance(name, t)
    terms = [number_tex(back.seed)] if back.seed is not None else []
    terms += [matrix_tex(message.vector) for message in back.messages]
    left = notation.nabla(name, str(t))
    numbers = with_result(left, plus(terms), back.gradient) if len(terms) > 1 else f"{left} = {plus(terms)}"
    total = np.sum([message.vector for message in back.messages], axis=0) if back.messages else 0.0
    return at.line(
        row, said, back.symbols, numbers, np.broadcast_to(total + (back.seed or 0.0), gradient.shape), gradient, by,
        _unit_gradients(at, name, t), tolerance=near,
    )  # fmt: skip


def _unit_gradients(at: StepContext, name: str, t: int) -> tuple[str, ...]:
    """The sums of the messages, unit by unit: the products that a message is the sum of, where its edge is a plain one."""
    back = explain.backward(at.run, name, t, at.sample)
    if not back.messages:
        return ()
    n, cancelled = len(back.gradient), at.cell.joint
    parts = []
    for message in back.messages:
        target, step = message.target
        if target in cancelled or message.read.name in [r.name for r in at.cell.reads[target] if r != message.read]:
            parts.append([signed_tex(float(value)) for value in message.vector])
        else:
            slopes = edge_jacobian(StepContext(at.run, step, at.sample), target, message.read)
            parts.append([_products(slopes[:, i], at.grad(target, step)) for i in range(n)])
    seed = [] if back.seed is None else [number_tex(back.seed)]
    return per_unit(n, lambda i: (
        rf"\frac{{\partial L}}{{\partial {entry_tex(name, str(i + 1) if n > 1 else '', str(t))}}} = "
        + plus([*seed, *(part[i] for part in parts)]) + f" = {number_tex(float(back.gradient[i]))}"
    ))  # fmt: skip


def _products(slopes: Array, gradients: Array) -> str:
    """Σ_k slope_k · gradient_k, without the units that the edge does not join."""
    joined = [k for k in range(len(slopes)) if slopes[k]]
    shown = [rf"{signed_tex(slopes[k])} \cdot {signed_tex(gradients[k])}" for k in joined]
    return plus(shown if len(shown) <= SUMMANDS else [*shown[: SUMMANDS - 2], r"\cdots", shown[-1]])


def edge_jacobian(at: StepContext, name: str, read: Read) -> Array:
    """∂name(t)/∂read along this equation alone, by imaginary steps."""
    n = at.run.sizes[read.name]

    def look(other: str, lag: int) -> Array:
        array = repeated(at, n, other, lag)
        return array + 1j * IMAGINARY_STEP * np.eye(n) if (other, lag) == (read.name, read.lag) else array

    found = interpreter.value(at.cell, at.cell.equations[name].expression, look)
    return np.asarray(found[0].imag / IMAGINARY_STEP).T


def repeated(at: StepContext, rows: int, name: str, lag: int) -> Array:
    array = at.look(name, lag)
    return array if name in at.run.parameters else np.repeat(array, rows, axis=1)
