"""The lines of one node: its equation, and its gradient as a sum over the edges that leave it."""

from __future__ import annotations

import numpy as np

from engine.language import notation
from engine.language.catalogue import terms
from engine.language.names import latex
from engine.language.operations import Array
from engine.working import messages
from engine.working.derivation.line import Line
from engine.working.derivation.step import BY_DEFINITION, StepContext
from engine.working.derivation.structure import readings
from engine.working.derivation.writing import (
    entry_tex,
    first_and_last,
    matrix_tex,
    number_tex,
    partial_tex,
    per_unit,
    plus,
    signed_tex,
    with_result,
    words,
)
from engine.working.entries import explainer
from engine.working.neurons import forms, neuron_of


def forward_line(at: StepContext, name: str, row: str) -> Line:
    """The equation of a node, against the equation read literally."""
    cell, equation = at.cell, messages.forward(at.run, name, at.t, at.sample)
    explanation, symbols = _about_equation(at, name), equation.symbols
    if _is_likelihood(at, name):
        condition = r" \mid x^{(1)}, \ldots, x^{(t)}" if cell.reads_x else ""
        symbols = symbols.replace(" = ", rf" = -\log p\left(y^{{(t)}}{condition}\right) = ", 1)
    value = at.value(name)
    numbers = with_result(at.now(name), equation.numbers, value)
    largest = max([float(np.abs(read).max(initial=0.0)) for read in equation.reads.values()], default=0.0)
    return at.line(
        row, explanation, symbols, numbers, at.computed(name), value, BY_DEFINITION, _unit_equations(at, name), floor=largest
    )  # fmt: skip


def _is_likelihood(at: StepContext, name: str) -> bool:
    """Whether a node is a loss of classes that is computed from the logits."""
    loss = at.cell.loss(name)
    return loss is not None and loss.classes and at.cell.logits(name) is not None


def _about_equation(at: StepContext, name: str) -> str:
    symbol, operation = f"${latex(name)}$", at.cell.operation(name)
    if _is_likelihood(at, name):
        return f"The loss of a step, {symbol}: minus the log-probability that the network gives to the right class."
    if name in terms(at.cell):
        return f"The {terms(at.cell)[name].name} {symbol}."
    return f"The equation of {symbol}" + ("." if operation is None else f", a call of {words(operation)}.")


def _unit_equations(at: StepContext, name: str) -> tuple[str, ...]:
    """The equation of a node for each of its units, in symbols and numbers."""
    neuron = neuron_of(at.cell, name)
    if neuron not in forms(at.cell):
        return ()
    explain = explainer(at.run, neuron, at.t, at.sample)

    def equations(unit: int) -> list[str]:
        explanation = explain(unit)
        if name != neuron:
            return list(explanation.forward)
        return [*(() if explanation.form.argument else explanation.forward), *filter(None, [explanation.output])]

    return per_unit(at.run.sizes[name], equations)


def backward_line(at: StepContext, name: str, row: str, explanation: str, t: int | None = None) -> Line:
    """The gradient at a node, at this step or another, as the sum over its outgoing edges, against a disturbance."""
    t = at.t if t is None else t
    back = messages.backward(at.run, name, t, at.sample)
    summands = [number_tex(back.seed)] if back.seed is not None else []
    summands += [matrix_tex(message.vector) for message in back.messages]
    left = notation.nabla(name, str(t))
    numbers = with_result(left, plus(summands), back.gradient) if len(summands) > 1 else f"{left} = {plus(summands)}"
    elements = _unit_gradients(at, back, name, t)
    return at.line_by_disturbance(row, explanation, back.symbols, numbers, back.total, name, t, elements)


def _unit_gradients(at: StepContext, back: messages.Backward, name: str, t: int) -> tuple[str, ...]:
    """The gradient at each unit of a node, in numbers: a sum over the units that read it."""
    if not back.messages:
        return ()
    n, parts = len(back.gradient), [_by_unit(at, message) for message in back.messages]
    seed = [] if back.seed is None else [number_tex(back.seed)]

    def equation(unit: int) -> str:
        left = partial_tex("L", entry_tex(name, str(unit + 1) if n > 1 else "", str(t)))
        return f"{left} = {plus([*seed, *(part[unit] for part in parts)])} = {number_tex(float(back.gradient[unit]))}"

    return per_unit(n, equation)


def _by_unit(at: StepContext, message: messages.Message) -> list[str]:
    """Each entry of a message, as a sum of products if its target sends back nothing else to the same name."""
    target, step = message.target
    if target in at.cell.joint or len([None for node, _ in readings(at.cell, message.read.name) if node == target]) > 1:
        return [signed_tex(float(value)) for value in message.vector]
    slopes = StepContext(at.run, step, at.sample).edge_jacobian(target, message.read)
    grad = at.grad(target, step)
    return [_products(slopes[:, unit], grad) for unit in range(len(message.vector))]


def _products(slopes: Array, gradients: Array) -> str:
    """Σ_k slope_k · gradient_k, without the units that the edge does not join."""
    joined = [k for k in range(len(slopes)) if slopes[k]]
    return plus(first_and_last([rf"{signed_tex(slopes[k])} \cdot {signed_tex(gradients[k])}" for k in joined]))
