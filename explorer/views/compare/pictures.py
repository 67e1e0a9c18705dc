"""The graph of each column, and the sentences about its gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from engine import Run
from explorer import live, theme
from explorer import model as models
from explorer.compare import Column
from explorer.facts import earliest
from explorer.figures import graph, strip
from explorer.model import samples
from explorer.page.change import put
from explorer.page.chart import chart, large
from explorer.page.notices import tell_notes, tell_overflow
from explorer.page.results import sentences
from explorer.page.selection import pick
from explorer.picture.readings import overview
from explorer.picture.scene import Scene, scene
from explorer.picture.window import LONG
from explorer.state import State, View
from explorer.views.compare.columns import cut_every
from explorer.views.network import task_captions, with_window
from explorer.words.markdown import plain

_STEP: Final = 12  # pixels that a step of the graph needs, at least


def shown(view: View, run: Run, pixels: int) -> View:
    """The view of a column's graph: as on the page of the network, except for parts without room here."""
    fit = min(LONG, max(pixels // _STEP, 8))
    window = view.window or ((run.T - fit + 1, run.T) if fit < run.T else None)
    return replace(
        view, graph="unrolled", parameters="hidden", edges="nothing", knob=None, path=None, unit=0, window=window
    )


def picture(state: State, i: int, column: Column, title: str, run: Run | None, palette: str, pixels: int) -> None:
    """Draw the unrolled graph of a column; of a long run the last steps, and all steps as a strip."""
    if column.model is None or run is None:
        st.error(plain(f"This column cannot be run: {column.fault}"))
        return
    if column.model.text != state.model.text:  # else they stand at the head of the page
        tell_notes(models.cell(column.model).notes)
    tell_overflow(run)
    view = shown(state.view, run, pixels)
    drawn = scene(run, view, *task_captions(replace(state, model=column.model), run))
    alt = (
        f"The unrolled graph of column {i + 1}, {title or 'the present network'}: steps {drawn.first} to {drawn.last}."
    )
    on_canvas = view.picture == "live"
    if on_canvas:
        chosen = lambda node: put("live", pick(run, node))  # noqa: E731
        live.live(drawn, key=f"compare.{i}.live", label=alt, large=large(), on_pick=chosen)
    else:
        figure = graph(drawn, palette, pixels)
        if drawn.upwards:
            for t in cuts(column, run, drawn):
                ink = theme.PALETTES[palette].ink
                figure.add_vline(x=(t - 0.5) * drawn.grid.pitch, line={"color": ink, "width": 1, "dash": "dot"})
        chart(figure, f"compare.{i}.graph", alt)
    if (drawn.first, drawn.last) == (1, run.T):
        return
    if on_canvas:
        moved = lambda steps: put("strip", with_window, steps)  # noqa: E731
        live.strip(drawn, overview(run, drawn.view), key=f"compare.{i}.strip", on_window=moved)
    else:
        st.caption(f"Steps {drawn.first} to {drawn.last}; below all {run.T:,} of them, on the same scale.")
        chart(strip(run, view, palette), f"compare.{i}.all", alt)


def cuts(column: Column, run: Run, drawn: Scene) -> list[int]:
    """The drawn steps after which the recurrence is cut."""
    k = cut_every(column)
    return [t for t in range(k, run.T, k) if drawn.first <= t < drawn.last] if k else []


def tell(state: State, column: Column, run: Run | None) -> None:
    """Say what happens to the gradient of a column."""
    if column.model is None or run is None:
        return
    if k := cut_every(column):
        cuts = (run.T - 1) // k
        st.markdown(
            f"The recurrence is cut after every {k} steps, {cuts} times in all; no gradient crosses a cut."
            if cuts
            else f"All {run.T} steps lie before the first cut: the gradient is whole."
        )
    chosen = samples.shown(run, state.view.sample)
    for part in sentences(column.model, chosen, earliest(run.cell) if run.cell.states else "", k):
        st.markdown(plain(part))
