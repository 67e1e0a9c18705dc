"""The tab "Which loss reaches which step": the triangle of losses and states, and the path to the chosen cell."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from engine import Run
from engine.language import latex, notation, written
from explorer import facts, figures
from explorer.cache import RESULTS
from explorer.model import Array, Model, samples
from explorer.page.change import Change, of_view
from explorer.page.chart import chart
from explorer.page.colour import choose_ends, ends, usable
from explorer.page.notices import tell_no_memory
from explorer.page.results import computed
from explorer.page.widgets import counted, side_by_side
from explorer.picture.scene import scene
from explorer.picture.window import LONG, USUAL
from explorer.state import State, View
from explorer.views.vanish.curve import link_to_network
from explorer.views.vanish.triangle import cell_caption, on_triangle_click
from explorer.words.markdown import plain
from explorer.words.numbers import number


@RESULTS.keeps()
def _norms(model: Model, name: str, sample: int) -> Array:
    return facts.loss_norms(computed(model), name, sample)


def tab(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """Draw the triangle of the losses, and the path of the chosen cell."""
    if not name:
        tell_no_memory("each step has its own loss, which reaches no other step. There is no triangle to draw.")
        return
    sample = samples.shown(run, state.view.sample)
    try:
        norms = _norms(state.model, name, sample)
    except ValueError as error:
        st.info(plain(str(error)))
        return
    chosen = _chosen(state.view, run, name)
    _choices(state, run, name, norms, chosen or (run.T, 1))
    symbol = latex(name)
    st.markdown(
        rf"$\Vert \partial L^{{(s)}} / \partial {symbol}^{{(t)}} \Vert$, the loss of step $s$ at the state of step $t$"
    )
    span = ends(state.view, "gradient")
    chart(
        figures.triangle(run, name, "", norms, palette, sample, span, state.view.scale, chosen, pixels), "vanish.triangle",
        f"How strongly the loss of each step reaches {written(name)} of each earlier step, as a heat map.",
        on_click=partial(on_triangle_click, "vanish.triangle", partial(select_pair, run, name)),
    )  # fmt: skip
    words = f"A column read upwards: which losses reach ${symbol}^{{(t)}}$. A row: how far back a loss reaches."
    cell_caption(run, sample, words)
    if chosen is None:
        st.caption("Click a cell to draw the path of the gradient from that loss to that step below.")
        return
    _path(state, run, palette, name, norms, chosen, pixels)


def _choices(state: State, run: Run, name: str, norms: Array, pair: tuple[int, int]) -> None:
    """Choose the cell by its two steps, and the ends of the scale."""
    row, (loss, t) = side_by_side(), pair
    counted(
        row, "Loss at step", 1, run.T, "vanish.loss", loss,
        lambda state, step: select_pair(run, name, step, min(t, step))(state, None), width=120,
    )  # fmt: skip
    counted(
        row, "Node at step", 1, run.T, "vanish.node", t,
        lambda state, step: select_pair(run, name, max(loss, step), step)(state, None), width=120,
    )  # fmt: skip
    hint = "Fit the scale to the triangle. All pictures share this scale."
    magnitude = (lambda _: norms) if usable(norms).size else None
    choose_ends(row, state, magnitude, hint, "vanish.", "gradient", 120)


def _chosen(view: View, run: Run, name: str) -> tuple[int, int] | None:
    """The chosen cell of the triangle, (loss, node): that of the selected node and the path that leads to it."""
    if view.selected is None or view.path is None or view.selected[0] != name:
        return None
    loss, t = view.path[0], view.selected[1]
    return (loss, t) if 1 <= t <= loss <= run.T else None


def select_pair(run: Run, name: str, loss: int, t: int) -> Change:
    """The change that selects a node and the path to it from the loss of a step, in the graph that shows them."""
    window = None if run.T <= LONG else (t, min(loss, t + USUAL - 1))
    return lambda state, _: of_view(state, selected=(name, t), path=(loss, 1), graph="unrolled", window=window)


def _path(state: State, run: Run, palette: str, name: str, norms: Array, chosen: tuple[int, int], pixels: int) -> None:
    """Draw the path of a cell as a graph."""
    loss, t = chosen
    last = min(loss, t + USUAL - 1)
    view = replace(
        state.view, selected=(name, t), path=(loss, 1), window=(t, last), lens="gradient", measure="norm",
        parameters="hidden", edges="nothing", graph="unrolled", knob=None,
    )  # fmt: skip
    picture = scene(run, view)
    node = notation.at_step(name, (), str(t))
    row = side_by_side("center")
    row.markdown(
        rf"From the loss of step **{loss}** to ${node}$: all paths together give $\Vert \partial L^{{({loss})}} / "
        rf"\partial {node} \Vert$ = **{number(float(norms[loss - 1, t - 1]))}**",
        width="content",
    )
    link_to_network(row)
    chart(
        figures.graph(picture, palette, pixels), "vanish.path",
        f"The graph from step {t} to {last}, with the strongest path from the loss of step {loss} to {written(name)}.",
    )  # fmt: skip
    if not picture.path.size:
        st.caption("No gradient of that loss arrives there, so there is no path to draw.")
    else:
        limit = f" Only the {USUAL} steps next to the node are drawn." * (last < loss)
        st.caption(
            f"The thick line is the strongest of the paths; colours show the gradient of all losses together.{limit}"
        )
