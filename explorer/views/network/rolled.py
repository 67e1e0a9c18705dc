"""The rolled graph: one step of the cell, with its loops through time."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine import Run
from explorer.figures import rolled
from explorer.page.chart import chart
from explorer.page.selection import clicked
from explorer.state import LENSES, State


def picture(state: State, run: Run, palette: str, pixels: int) -> None:
    """Draw the rolled graph of the run; a click selects a node, at the selected step or else the last."""
    chart(
        rolled(run, state.view, palette, pixels), "rolled", alt_text(state, run), can_be_saved=True,
        on_click=partial(clicked, "rolled", run),
    )  # fmt: skip
    delays = ": a square on an edge is a delay of one step, or of as many steps as the number beside it"
    st.caption(
        f"One step, folded{delays * bool(run.cell.states)}. "
        f"Colour shows the {LENSES[state.view.lens].words}, of all steps together; for a parameter, of the whole."
    )


def alt_text(state: State, run: Run) -> str:
    """The picture in a sentence, for those who do not see it."""
    states = ", ".join(run.cell.states)
    return (
        f"The rolled graph: {len(run.cell.nodes)} equations"
        + (f", with loops through time from {states}" if states else "")
        + f"; colour shows the {LENSES[state.view.lens].words}, of all steps together."
    )
