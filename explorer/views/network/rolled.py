"""The rolled graph: one step of the cell, with its loops through time."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine import Run
from explorer.figures import rolled
from explorer.page.chart import chart
from explorer.page.frame import FIGURE
from explorer.page.inspector import clicked
from explorer.state import LENSES, State


def picture(state: State, run: Run, palette: str, pixels: int) -> None:
    """The rolled graph of the run; what is clicked in it is the selected node, at the step that was selected, or the last."""
    chart(
        rolled(run, state.view, palette, pixels), theme=None, key="rolled", config=FIGURE,
        alt=spoken(state, run), on_select=partial(clicked, "rolled", run), selection_mode="points",
    )  # fmt: skip
    delays = ": a square on an edge is a delay of one step, or of as many as stand beside it"
    st.caption(
        f"One step, folded{delays * bool(run.cell.states)}. "
        f"Colour shows the {LENSES[state.view.lens].words}, of all steps together; for a parameter, of the whole."
    )


def spoken(state: State, run: Run) -> str:
    """The picture in a sentence, for those who do not see it."""
    states = ", ".join(run.cell.states)
    return (
        f"The rolled graph: {len(run.cell.nodes)} equations"
        + (f", with loops through time from {states}" if states else "")
        + f"; colour shows the {LENSES[state.view.lens].words}, of all steps together."
    )
