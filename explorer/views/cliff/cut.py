"""The cut through the surface where the network stands: the loss along one side, and its derivative."""

from __future__ import annotations

import streamlit as st

from engine import Run
from explorer import figures
from explorer.cache import RESULTS
from explorer.experiments import cliff, knob
from explorer.experiments.cliff import CUTS, Cliff, Cut
from explorer.model import Model
from explorer.page.chart import chart
from explorer.state import State
from explorer.words.markdown import plain
from explorer.words.numbers import number


def through_here(state: State, chosen: Cliff, run: Run, palette: str) -> None:
    """The cut through the surface where the network stands."""
    side = list(CUTS)[::-1].index(chosen.cut)
    turns, place = cliff.sides(chosen), cliff.here(state.model, chosen)
    names = [knob.title(state.model, turn) for turn in turns]
    try:
        curve = _cut(state.model, Cliff(*turns, *cliff.ranges(chosen), cut=chosen.cut), run)
    except ValueError as error:
        st.info(plain(f"The cut cannot be drawn: {error}."))
        return
    chart(
        figures.cut(curve, names[side], place[side], palette), "cut",
        f"The loss along {names[side]}, and the size of its derivative on a logarithmic scale.",
    )  # fmt: skip
    st.caption(f"Cut at {plain(names[1 - side])} = {number(place[1 - side])}; the dotted line is where you are.")


@RESULTS.keeps()
def _cut(model: Model, chosen: Cliff, _run: Run) -> Cut:
    return cliff.cut(model, chosen, _run)
