"""The tab "Shares": the gradient at a step by loss and by route, and the gradient of a parameter by step."""

from __future__ import annotations

import numpy as np
import streamlit as st

import engine
from engine import Run
from engine.flow import Expansion
from engine.language import latex, notation, written
from explorer import figures
from explorer.cache import RESULTS
from explorer.figures.routes import drawn
from explorer.model import Model, samples
from explorer.page.change import viewed
from explorer.page.chart import chart
from explorer.page.notices import tell_no_memory
from explorer.page.results import one_sample
from explorer.page.selection import select
from explorer.page.widgets import choice, counted, side_by_side
from explorer.state import State
from explorer.words.numbers import number


@RESULTS.keeps()
def _expansion(model: Model, name: str, t: int, sample: int) -> Expansion:
    return engine.expand(one_sample(model, sample), name, t)


def tab(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """Draw the gradient at a step by loss and by route, and the gradient of a parameter by step."""
    if name:
        _by_loss_and_route(state, run, palette, name)
    else:
        tell_no_memory("the gradient at a step comes from the loss of that step alone.")
    _by_step(state, run, palette)


def _by_step(state: State, run: Run, palette: str) -> None:
    """The gradient of a parameter, by the step whose copy it is the gradient of."""
    known = run.cell.parameters
    if not known:
        st.markdown("##### Gradient of a parameter by step")
        st.caption("This network has no parameters.")
        return
    recurrent = [matrix.name for matrix in engine.recurrent_matrices(run)]
    name = state.view.parameter if state.view.parameter in known else (recurrent or known)[0]
    st.markdown(
        rf"##### Gradient of a parameter by step, $\Vert \nabla {notation.at_step(name, (), 't')} \Vert$, of all losses"
    )
    with st.container(width=160):
        choice("Parameter", known, written, "vanish.parameter", name, viewed("parameter"))
    step = state.view.selected[1] if state.view.selected else None
    chart(
        figures.copies(run, name, palette, step), "vanish.copies",
        "The norm of the gradient at the copy of the parameter that each step uses.",
    )  # fmt: skip
    st.caption(
        f"Every step uses a copy of ${latex(name)}$; the gradients of the copies add up to that of ${latex(name)}$."
    )


def _by_loss_and_route(state: State, run: Run, palette: str, name: str) -> None:
    """The gradient at a step: which losses it comes from, and along which edges."""
    selected, sample = state.view.selected, samples.shown(run, state.view.sample)
    t = selected[1] if selected is not None and 1 <= selected[1] <= run.T else 1
    row = side_by_side()
    counted(
        row, "At step t", 1, run.T, "vanish.at", t, lambda state, step: select((name, step))(state, None), width=120
    )
    if words := samples.caption(run, sample, "The curve"):
        row.caption(words, width="content")
    alone = one_sample(state.model, sample)
    node = notation.at_step(name, (), str(t))
    st.markdown(rf"##### The gradient at ${node}$ by the loss that it comes from")
    expansion = _expansion(state.model, name, t, sample)
    chart(
        figures.shares(alone, name, t, palette, expansion=expansion), "vanish.shares",
        "The share of each later loss in the gradient: bars that add up to the whole, and their norms.",
    )  # fmt: skip
    st.caption(
        rf"Each bar stands on the one before: blue adds to the gradient, orange takes from it, and the last ends at its norm, "
        rf"$\Vert \nabla {node} \Vert$ = {number(float(np.linalg.norm(expansion.gradient)))}. The sum of all vectors and the "
        f"gradient of the run differ by at most {number(expansion.error)}."
    )
    st.markdown(rf"##### The gradient at ${latex(name)}$ by the route that it takes")
    chart(
        figures.routes(alone, name, palette, step=t), "vanish.routes",
        "The share of each route in the gradient at each step: from the loss of the step, and along each edge.",
    )  # fmt: skip
    st.caption(
        "The gradient that comes back along each edge from a later step, as a share of the whole. A share below 0 works "
        "against it; the shares of a step add up to 100 %."
        f"{_window(run, t)}"
    )


def _window(run: Run, t: int) -> str:
    """Which steps are drawn, if not all are."""
    first, last = drawn(run.T, t)
    return "" if last - first + 1 == run.T else f" Steps {first} to {last} are drawn."
