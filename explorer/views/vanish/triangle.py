"""Click and caption of the two triangles, whose rows are later steps and whose columns are earlier ones."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from engine import Run
from explorer import facts
from explorer.page.change import Change, put
from explorer.page.chart import clicked_data


def on_triangle_click(key: str, change: Callable[[int, int], Change]) -> None:
    """Callback of the triangle `key`: make the change of the clicked cell, given its later and its earlier step."""
    match clicked_data(key):
        case [int(later), int(earlier)]:
            put(key, change(int(later), int(earlier)))


def cell_caption(run: Run, sample: int, words: str, of_one_sample: bool = False) -> None:
    """The caption below a triangle: `words`, and the meaning of a cell."""
    size = -(-run.T // facts.MOST)
    block = f" A cell is a block of {size} × {size} steps and shows the largest number in it." if size > 1 else ""
    is_large = run.T**2 * run.B > facts.MAX_CELLS
    first = f" Of {run.B} samples the first." if run.B > 1 and not sample and (of_one_sample or is_large) else ""
    st.caption(f"{words}{block}{first}")
