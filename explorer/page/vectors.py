"""A vector or a matrix on the page: in a line of text, as a strip of colours, as a table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import streamlit as st

from engine.language import Array, notation
from explorer import theme
from explorer.page.colour import ends
from explorer.state import LENSES, View
from explorer.words.numbers import number

_STRIP: Final = 200  # cells of a strip, at most


def lying(vector: Array) -> str:
    """A vector in a line of Markdown: of a long one the first numbers; before small or large ones a power of ten."""
    if len(vector) == 1:
        return f"${notation.number(float(vector[0]))}$"
    largest = float(np.max(np.abs(vector)))
    power = int(np.floor(np.log10(largest))) if 1e-300 < largest < 1e-2 or 1e4 <= largest < np.inf else 0
    first = vector if len(vector) <= notation.WIDE else vector[: notation.WIDE - 1]
    head = [notation.number(value) for value in (first / 10.0**power).tolist()]
    dots = [r"\dots"] if len(first) < len(vector) else []
    return f"${rf'10^{{{power}}}' if power else ''}({', '.join(head + dots)})$"


def strip(vector: Array, low: int, high: int, scale: str) -> str:
    """A long vector as a strip in HTML, one cell per number, coloured by its size on the scale from 10^low to 10^high."""
    cells = []
    for i, value in enumerate(vector[:_STRIP].tolist(), 1):
        if not np.isfinite(value):
            colour = theme.ALARM
        elif value == 0:
            colour = "transparent"
        else:
            colour = theme.colour_at((np.log10(abs(value)) - low) / (high - low), scale)
        cells.append(f'<span title="{i}: {number(value)}" style="flex:1;background:{colour}"></span>')
    style = "display:flex;height:14px;border:1px solid #8888;border-radius:3px;overflow:hidden"
    return f'<div style="{style}">{"".join(cells)}</div>'


def as_strip(vector: Array, lens: str, view: View) -> None:
    """Put a vector that is too long for a line of LaTeX on the page as a strip, on the scale of a lens."""
    if len(vector) > notation.WIDE:
        low, high = ends(view, lens)
        st.html(strip(vector, low, high, view.scale))
        limit = f", the first {_STRIP}" if len(vector) > _STRIP else ""
        st.caption(
            f"All {len(vector)} numbers of the {LENSES[lens].title.lower()}{limit}: colour says how large each is."
        )


def columns(matrix: Array) -> dict[str, Any]:
    """The columns of a matrix in a table: counted from 1, numbers with three digits."""
    return {str(j): st.column_config.NumberColumn(str(j + 1), format="%.3g") for j in range(matrix.shape[1])}
