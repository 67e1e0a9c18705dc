"""A plotly figure on the page, as large as the page is looked at."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import theme
from explorer.figures import enlarged
from explorer.page.browser import known
from explorer.page.controls import current


def large() -> float:
    """How many times larger than usual the page is drawn; 1 but for a presentation."""
    return theme.enlargement(known()) if current().view.present else 1.0


def clicked_data(key: str) -> object:
    """What the first point that was clicked in a figure carries; None if none was, or the selection is no such thing."""
    match st.session_state.get(key):
        case {"selection": {"points": [{"customdata": data}, *_]}}:
            return data
    return None


def chart(figure: go.Figure, place: DeltaGenerator | None = None, **options: Any) -> None:
    """The figure in its place, with the options of `st.plotly_chart`."""
    show = st.plotly_chart if place is None else place.plotly_chart
    show(enlarged(figure, large()), **options)
