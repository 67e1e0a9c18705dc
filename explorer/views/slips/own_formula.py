"""A formula of the reader's own for a gradient, a value or a Jacobian: typed, judged, and explained."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import streamlit as st

from engine import EquationError, Run
from engine import formula as formulas
from engine.formula import MAX_FORMULA, Formula
from engine.language import written
from engine.verify import OF_A_FORMULA, Asked, Verdict, judge
from explorer.cache import RESULTS
from explorer.experiments import slips
from explorer.model import Model, samples
from explorer.page.change import apply, of_view, viewed
from explorer.page.results import computed
from explorer.page.widget_delivery import show
from explorer.page.widgets import choice, counted, side_by_side
from explorer.state import State
from explorer.views.network.edit_cell import pointed
from explorer.views.slips.verdict import arrays, badge, equation, kind_of, outcome, unmeasured
from explorer.words.markdown import plain

_KEY: Final = "formula.text"

#: The kind of quantity that a formula gives -> title.
_KINDS: Final = {
    "node": "the gradient at a node",
    "parameter": "the gradient of a parameter",
    "copy": "the gradient at one step's copy of a parameter",
    "value": "the value of a node",
    "jacobian": "the Jacobian of a node",
}
_LANGUAGE: Final = """
| | |
|---|---|
| `h`, `h[t-1]`, `h[t+1]` | the value of a node at this step, one earlier, one later; `x` the input, `y` the target, of a class the vector with one 1 |
| `g_h`, `g_o[t+1]` | the gradient of the total loss at a node; beyond either end of the sequence all is zero |
| `W`, `V.T` | a parameter; transposed |
| `W @ v`, `outer(u, v)` | products of matrices and vectors, which are columns; `outer(u, v)` is `u @ v.T` |
| `+` `-` `*` `/` | entry by entry; one side may be a number, such as `2`, `sum(v)` or a loss |
| `slope(tanh, a)` | the derivative of a function; the functions are those of the cells, with `exp` and `log` |
| `diag(v)`, `one(v)` | a diagonal matrix; a vector of ones, as long as v |
| `sum_t(…)` | the sum over all steps, for the gradient of a parameter: `sum_t(outer(g_a, h[t-1]))` |
"""  # noqa: E501


def own_formula(state: State, run: Run, wide: bool) -> None:
    """Type a formula and have it tested."""
    st.markdown("#### Your own formula")
    asked = slips.answerable(run, state.view.asked)
    question(state, run, asked)
    show(_KEY, state.view.formula)
    example = "V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])"
    st.text_area(
        "Formula", st.session_state[_KEY], key=_KEY, on_change=apply, height=90, max_chars=MAX_FORMULA, placeholder=example,
        args=(_KEY, lambda state, text: of_view(state, formula=text or "")),
        help="Only the right side. The page points at names that neither your cell nor this language has.",
    )  # fmt: skip
    st.button(
        "Test",
        key="formula.test",
        type="primary",
        help="Against back-propagation, a numerical derivative, and other networks.",
    )
    text = state.view.formula
    if text.strip():
        tested(state, run, asked, text, wide)
    with st.expander("The language of formulas"):
        st.markdown(_LANGUAGE)
        st.caption(
            f"Two numbers agree if they differ by at most {OF_A_FORMULA['float64']:g} of the largest entry, or by the rounding"
            " error of the formula's own operations. Where rounding is not small beside the largest entry, the numbers decide"
            " nothing. No part of the text is ever evaluated by Python."
        )


def question(state: State, run: Run, asked: Asked) -> None:
    """Choose what the formula gives: the kind of quantity, its node, step and sample."""
    row = side_by_side()
    kind = kind_of(run, asked)
    with row.container(width=330):
        choice("It is the formula of", list(_KINDS), _KINDS.__getitem__, "formula.kind", kind,
               lambda state, kind: _asking(state, _of_kind(run, asked, kind)))  # fmt: skip
    if asked.kind == "jacobian":
        with row.container(width=110):
            choice("of", list(run.cell.nodes), written, "formula.of", asked.of,
                   lambda state, of: _asking(state, replace(asked, of=of)))  # fmt: skip
    with row.container(width=130):
        known = [
            name for name in slips.names(run, asked.kind) if (name in run.parameters) == (kind in ("parameter", "copy"))
        ]
        label = {"parameter": "parameter", "copy": "parameter", "jacobian": "with respect to"}.get(kind, "node")
        choice(label, known, written, "formula.name", asked.name,
               lambda state, name: _asking(state, slips.answerable(run, replace(asked, name=name))))  # fmt: skip
    if asked.t is not None:
        first = 1 - run.cell.lags.get(asked.name, 0) if asked.kind != "jacobian" else 1
        counted(
            row, "at step t", first, run.T, "formula.t", asked.t, lambda state, t: _asking(state, replace(asked, t=t)),
            width=110, help="0 and below are the initial values.",
        )  # fmt: skip
    if run.B > 1 and kind not in ("parameter", "copy"):
        sample = samples.one(run, state.view.sample) + 1
        counted(row, "sample", 1, run.B, "formula.sample", sample, viewed("sample"), width=100)


def _of_kind(run: Run, asked: Asked, kind: str) -> Asked:
    """The quantity as another kind: of the same node or parameter, if possible."""
    node = asked.name if asked.name not in run.parameters else slips.answerable(run, None).name
    parameter = asked.name if asked.name in run.parameters else next(iter(run.parameters))
    t = run.T if asked.t is None else asked.t
    if kind in ("parameter", "copy"):
        return slips.answerable(run, Asked("gradient", parameter, None if kind == "parameter" else t))
    if kind == "node":
        return slips.answerable(run, Asked("gradient", node, t))
    return slips.answerable(run, Asked("value" if kind == "value" else "jacobian", node, t, asked.of))


def _asking(state: State, asked: Asked) -> State:
    return of_view(state, asked=asked)


def tested(state: State, run: Run, asked: Asked, text: str, wide: bool) -> None:
    """Show the formula in LaTeX, the verdict, and its numbers beside the right ones."""
    try:
        formula = formulas.parse(text, run.cell)
    except EquationError as error:
        fault(text, error.message, error.line, error.column)
        return
    left = slips.left_side(run, asked)
    equation(left, formulas.latex(formula), wide)
    verdict = _judged(state.model, text, asked, samples.one(run, state.view.sample), formula)
    badge(verdict.kind)
    if verdict.place is not None:
        fault(text, verdict.message, *verdict.place)
    else:
        outcome(verdict)
    if verdict.circular:
        st.markdown("Your formula uses the quantity that it should compute, so agreement proves nothing.")
    if verdict.kind == "here only" and not (run.weights == 1).all():
        st.markdown(
            "The losses of your network have factors, and those of the other networks have other factors: perhaps the formula"
            " lacks $\\partial L / \\partial L^{(t)}$."
        )
    if asked.kind == "value":
        arrays({"yours": verdict.value, "the network's value": verdict.truth})
    else:
        arrays({"yours": verdict.value, "numerical derivative": verdict.measured, "back-propagation": verdict.truth})
    unmeasured(run, asked, verdict)


@RESULTS.keeps(partial(st.spinner, "Testing …"))
def _judged(model: Model, text: str, asked: Asked, sample: int, _formula: Formula) -> Verdict:
    return judge(_formula, computed(model), asked, sample)


def fault(text: str, message: str, line: int, column: int) -> None:
    """Show the fault of a formula and its place."""
    st.error(f"Line {line}, column {column}: {plain(message)}")
    st.code(pointed("\n".join(text.splitlines()), line, column), language=None)
