"""The page of slips, from top to bottom: statements of texts that do not hold, tested, and a formula of the reader's own."""

from __future__ import annotations

from typing import Final

import streamlit as st

from explorer.model import samples
from explorer.page.heading import begin
from explorer.page.notices import tell_overflow, write_link
from explorer.views.slips import slip
from explorer.views.slips.own_formula import own_formula

_LIST: Final = 1000  # pixels from which the list stands beside the slip


def page() -> None:
    """Draw the page of slips."""
    state, run, _, pixels = begin(
        "Slips",
        "Where texts about this network go wrong, each tested on numbers; and a formula of your own, tested the same"
        " way.",
    )
    tell_overflow(run)
    wide = pixels >= _LIST
    if wide:
        beside, place = st.columns([1, 3], gap="medium")
        with beside:
            slip.listed(state, st.radio, "slip.list")
    else:
        slip.listed(state, st.selectbox, "slip.box")
        place = st.container()
    with place:
        slip.tell(state, slip.case(state.model, state.view.slip, samples.one(run, state.view.sample)), wide)
    st.divider()
    with st.container(key="formula.own"):
        own_formula(state, run, wide)
    write_link(state)
