"""The network taken apart into single neurons: weights on the edges, δ on the nodes."""

from __future__ import annotations

import streamlit as st

from engine import Run
from explorer.state import State


def picture(state: State, run: Run, palette: str, pixels: int) -> None:
    """The neurons of a window of steps."""
    st.info("Not drawn yet.")
