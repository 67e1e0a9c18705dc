"""The curve above the tabs: what is left of the gradient along time, or along the layers of a network without memory."""

from __future__ import annotations

import math
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import engine
from engine import Run
from engine.language import latex, notation
from explorer import facts, figures
from explorer.model import samples
from explorer.page.chart import chart
from explorer.page.results import followed
from explorer.page.selection import clicked
from explorer.page.session import session
from explorer.page.widgets import side_by_side
from explorer.state import State
from explorer.words.numbers import number


def draw(state: State, run: Run, palette: str, name: str) -> None:
    """Draw the decay along time; of a network without memory, the gradient along its layers."""
    sample = samples.shown(run, state.view.sample)
    if not name:
        _along_the_flow(run, palette, sample)
        return
    norms = ", ".join(rf"\Vert \nabla {latex(each)}^{{(t)}} \Vert" for each in run.cell.states)
    alone = followed(state.model, sample, name)
    st.markdown(rf"##### What is left of the gradient, $\log_{{10}} {norms}$")
    chart(
        figures.decay(run, palette, sample, state.view.spread, state.view.selected, name, alone), "vanish.curve",
        "The norm of the gradient at each state against time, on a logarithmic scale, with its bound.",
        on_click=partial(clicked, "vanish.curve", run),
    )  # fmt: skip
    if alone is not None and alone.loss is not None and len(alone.counting) > 1:
        st.caption(
            f"Solid: the gradient of all {len(alone.counting):,} losses that count. Dotted: that of the loss of step "
            f"{alone.loss:,} alone, which the sentences above are about; losses of earlier steps add nothing to it."
        )
    _bound(run, name)
    _selected(state, run, sample)


def _along_the_flow(run: Run, palette: str, sample: int) -> None:
    st.markdown("##### Gradient along the flow")
    chart(
        figures.gradients(run, palette, sample), "vanish.curve",
        "The norm of the gradient at each node against its place in the flow, on a logarithmic scale.",
    )  # fmt: skip
    st.caption(
        "This network has no memory, so no gradient goes back through time. Here the layers, one after the other, can shrink "
        "the gradient. For decay along time choose a recurrent cell in the side bar."
    )


def _bound(run: Run, name: str) -> None:
    """Say which bound the curve has, or why it has none."""
    bound, symbol = engine.bound(run, name), latex(name)
    if bound is None:
        st.caption(
            rf"Exact far outside the range of floats. There is no bound for ${symbol}$: the bound holds for a recurrence through "
            "a single matrix and function, without gates or paths around them."
        )
    else:
        st.caption(
            rf"Exact far outside the range of floats. Dashed: no gradient at ${symbol}$ can be larger, since every step back "
            rf"multiplies by at most $\sigma_{{\max}} \cdot \max|\varphi'|$ = {number(bound.weights)} · "
            f"{number(bound.slope)} = **{number(bound.rate)}** (Pascanu, Mikolov & Bengio 2013)."
        )


def _selected(state: State, run: Run, sample: int) -> None:
    """The number at the selected point of the curve, and the way to that node."""
    node = state.view.selected
    if node is None or node[0] not in run.cell.states or not 1 <= node[1] <= run.T:
        st.caption("Click a point to select it: the Network page then shows that node with its numbers.")
        return
    row = side_by_side("center")
    log = float(facts.log_norm(run, node[0], sample)[node[1] - 1])
    row.markdown(
        rf"Selected: $\log_{{10}} \Vert \nabla {notation.at_step(node[0], (), str(node[1]))} \Vert$ = {_written(log)}",
        width="content",
    )
    link_to_network(row)


def _written(log: float) -> str:
    """A logarithm to two digits, or words if the norm has none."""
    if math.isfinite(log):
        return f"**{log:.2f}**".replace("-", "−")
    return "−∞, it is exactly 0" if log < 0 else "not finite"


def link_to_network(place: DeltaGenerator) -> None:
    """Link to the page of the network, which shows the selected node."""
    if "network" in session.pages:
        place.page_link(session.pages["network"], label="Show it in the network")
