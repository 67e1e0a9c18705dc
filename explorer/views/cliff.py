"""The page of the loss as a surface over two numbers of the network: its cliffs, and the steps that descent takes there."""

from __future__ import annotations

import streamlit as st


def page() -> None:
    """The page."""
    st.markdown("### The cliff")
