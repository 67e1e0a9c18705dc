"""The page that sets two or three networks side by side, on the same input and the same scale, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import compare
from explorer.page.heading import begin
from explorer.page.notices import write_link
from explorer.views.compare import controls, pictures, table
from explorer.views.compare.columns import computed_column, cut_every, measured

_COLUMN: Final = 260  # pixels from which a column has room beside others


def page() -> None:
    """Draw the page of the comparison."""
    state, _, palette, pixels = begin(
        "Compare", "Two or three networks on the same input, from the same seed, on the same scale of colour."
    )
    controls.ready(state)
    controls.tools(state)
    compared = compare.comparison(state)
    columns, headings = compared.columns, compared.headings
    runs = [computed_column(column) for column in columns]
    beside = pixels >= _COLUMN * len(columns)
    stacked = None if beside else [st.container() for _ in columns]
    width = pixels // len(columns) - 16 if beside else pixels

    def places() -> Sequence[DeltaGenerator]:
        return stacked or st.columns(len(columns), gap="medium")

    first = compare.present(state.view.columns or ("",))
    for i, place in enumerate(places()):
        with place:
            controls.heading(state, i, columns[i], headings[i], i == first)
    for i, place in enumerate(places()):
        with place:
            pictures.picture(state, i, columns[i], headings[i], runs[i], palette, width)
    for i, place in enumerate(places()):
        with place:
            pictures.tell(state, columns[i], runs[i])
    numbers = [
        (_titled(i, headings[i], len(columns)), measured(column.model, cut_every(column), state.view.sample))
        for i, column in enumerate(columns)
        if column.model is not None and runs[i] is not None
    ]
    if numbers:
        table.along_time(numbers, palette)
        table.in_numbers(numbers)
    table.in_common(columns)
    write_link(state)


def _titled(i: int, heading: str, columns: int) -> str:
    """The title of a column below the pictures."""
    return " · ".join([f"{i + 1}", *[heading] * bool(heading)]) if columns > 1 else "this network"
