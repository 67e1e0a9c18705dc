"""Section: neuron by neuron, A14."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.language.names import latex
from engine.working.derivation.line import Line
from engine.working.derivation.loss import total_by_equations
from engine.working.derivation.parameter import copy_line
from engine.working.derivation.step import BY_SIDES, StepContext
from engine.working.derivation.writing import number_tex, per_unit, words
from engine.working.entries import Explanation, explainer
from engine.working.neurons import Form, forms


def neuron_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The rule for any neuron, the deltas of all neurons, and the gradients at the weights."""
    kinds = forms(at.cell)
    yield _rule(at)
    at.disturb([form.argument or name for name, form in kinds.items() if form.argument or form.function is None], at.t)
    for name, form in reversed(list(kinds.items())):
        explain = explainer(at.run, name, at.t, at.sample)
        explanations = [explain(unit) for unit in range(at.run.sizes[name])]
        if name in at.cell.losses or any(explanation.terms for explanation in explanations):
            yield _deltas(at, form, explanations)
    for name in at.cell.parameters:
        if at.run.parameters[name].ndim == 2:
            yield copy_line(at, name, "A14", rf"Weights: $\delta_l\, \varphi_j$ for each entry of ${latex(name)}$.")


def _rule(at: StepContext) -> Line:
    return at.line(
        "A14", r"For any neuron $l$: its argument, its value, and $\delta_l = \partial L / \partial a_l$. It is the slope times"
        " the weighted sum of the deltas of the neurons $k$ that it feeds; an output neuron has it from the loss.",
        r"a_l = \sum_j w_{lj}\, \varphi_j, \quad \varphi_l = \sigma(a_l), \quad"
        r" \delta_l = \sigma'(a_l) \sum_k \delta_k\, w_{kl}, \quad \frac{\partial L}{\partial w_{lj}} = \delta_l\, \varphi_j",
        rf"L = {number_tex(at.run.loss)}", at.run.loss, total_by_equations(at.run), BY_SIDES,
    )  # fmt: skip


def _deltas(at: StepContext, form: Form, explanations: list[Explanation]) -> Line:
    """The deltas of the neurons of a node, against a disturbance of their argument if that is a node."""
    n, kind = len(explanations), "input" if form.source is None else form.function or "sum"
    symbols, numbers = explanations[0].backward
    totals = np.array([explanation.total for explanation in explanations])
    elements = per_unit(n, lambda unit: explanations[unit].backward[1])
    about = f"The neurons of ${latex(form.name)}$ ({words(kind)}); the first one of {n} in full."
    about = about if n > 1 else f"The neuron ${latex(form.name)}$ ({words(kind)})."
    argument = form.argument or (form.name if form.function is None else None)
    if argument is None:
        deltas = np.array([explanation.delta for explanation in explanations])
        return at.line("A14", about, symbols, numbers, totals, deltas, BY_SIDES, elements)
    return at.line_by_disturbance("A14", about, symbols, numbers, totals, argument, at.t, elements)
