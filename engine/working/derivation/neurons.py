"""Section: neuron by neuron, A14."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.language.names import latex
from engine.working.derivation.line import Line
from engine.working.derivation.parameter import copy_line
from engine.working.derivation.step import BY_SIDES, StepContext
from engine.working.derivation.writing import number_tex, per_unit, words
from engine.working.entries import explainer
from engine.working.neurons import forms


def neuron_lines(at: StepContext, _: int) -> Iterator[Line]:
    cell, kinds = at.cell, forms(at.cell)
    yield at.line(
        "A14", r"For any neuron $l$: its argument, its value, and $\delta_l = \partial L / \partial a_l$. It is the slope times"
        " the weighted sum of the deltas of the neurons $k$ that it feeds; an output neuron has it from the loss.",
        r"a_l = \sum_j w_{lj}\, \varphi_j, \quad \varphi_l = \sigma(a_l), \quad"
        r" \delta_l = \sigma'(a_l) \sum_k \delta_k\, w_{kl}, \quad \frac{\partial L}{\partial w_{lj}} = \delta_l\, \varphi_j",
        rf"L = {number_tex(at.run.loss)}", at.run.loss, float(np.sum(np.where(at.run.weights == 0, 0,
        at.run.weights * at.run.losses)))
        / (at.run.B if at.run.reduction == "mean" else 1), BY_SIDES,
    )  # fmt: skip
    at.disturb([form.argument or name for name, form in kinds.items() if form.argument or form.function is None], at.t)
    for name, form in reversed(kinds.items()):
        n = at.run.sizes[name]
        told = list(map(explainer(at.run, name, at.t, at.sample), range(n)))
        if all(not one.terms for one in told) and name not in cell.losses:
            continue
        made = np.array([one.total for one in told])
        if form.argument:
            exact, by, near = at.by_disturbance(form.argument, at.t)
        elif form.function is None:
            exact, by, near = at.by_disturbance(name, at.t)
        else:
            exact, by, near = np.array([one.delta for one in told]), BY_SIDES, at.tolerance
        kind = "input" if form.source is None else form.function or "sum"
        yield at.line(
            "A14", f"The neurons of ${latex(name)}$ ({words(kind)}); the first one of {n} in full." if n > 1 else
            f"The neuron ${latex(name)}$ ({words(kind)}).",
            told[0].backward[0], told[0].backward[1], made, exact, by,
            per_unit(n, [one.backward[1] for one in told].__getitem__), tolerance=near,
        )  # fmt: skip
    for name in cell.parameters:
        if at.run.parameters[name].ndim == 2:
            yield copy_line(at, name, "A14", rf"Weights: $\delta_l\, \varphi_j$ for each entry of ${latex(name)}$.")
