"""A plotly figure on the page, enlarged for a presentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import theme
from explorer.figures import enlarged
from explorer.page.change import current
from explorer.page.width import known

_STILL: Final = {"displayModeBar": False, "scrollZoom": False}
#: With a button that saves the figure as SVG.
_SAVED: Final = {
    "displaylogo": False,
    "scrollZoom": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "svg", "filename": "unrolled"},
}


def large() -> float:
    """How many times larger than usual the page is drawn; 1 except in a presentation."""
    return theme.enlargement(known()) if current().view.present else 1.0


def chart(
    figure: go.Figure, key: str, alt: str, place: DeltaGenerator | None = None, *, can_be_saved: bool = False,
    on_click: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """Put a figure on the page.

    Args:
        figure: as `explorer.figures` makes it.
        key: of the chart in the session.
        alt: the figure in a sentence, for those who do not see it.
        place: a container for it; without one it follows on the page.
        can_be_saved: with a button that saves the figure as SVG.
        on_click: called when a point was clicked; `clicked_data` then gives what the point carries.
    """
    options: dict[str, Any] = {"on_select": on_click, "selection_mode": "points"} if on_click is not None else {}
    show = st.plotly_chart if place is None else place.plotly_chart
    config = _SAVED if can_be_saved else _STILL
    show(enlarged(figure, large()), theme=None, key=key, config=config, alt=alt, **options)


def clicked_data(key: str) -> object:
    """The data of the first point that was clicked in the figure `key`; None if none was, or if it is no selection."""
    match st.session_state.get(key):
        case {"selection": {"points": [{"customdata": data}, *_]}}:
            return data
    return None
