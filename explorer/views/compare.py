"""The page that sets two or three networks side by side, on the same input and the same scale."""

from __future__ import annotations

import streamlit as st


def page() -> None:
    """The page."""
    st.markdown("### Compare")
