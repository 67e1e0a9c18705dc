"""The page that asks why the gradient vanishes: measured, compared with theory, and said in a sentence."""

from __future__ import annotations

import streamlit as st

from explorer import sentence
from explorer.controls import plain, write_link
from explorer.views.frame import begin, overflow


def page() -> None:
    """The page."""
    state, run, _, _ = begin(
        "Why gradients vanish",
        "What is left of the gradient on its way back through time, and what takes the rest.",
        results=True,
    )
    overflow(run)
    for part in sentence.sentences(run, state.view.sample):
        st.markdown(plain(part))
    write_link(state)
