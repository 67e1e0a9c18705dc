"""The rolled graph: one step of the cell, with its loops through time."""

from __future__ import annotations

import streamlit as st

from engine import Run
from explorer.state import State


def picture(state: State, run: Run, palette: str, pixels: int) -> None:
    """The rolled graph of the run."""
    st.info("Not drawn yet.")
