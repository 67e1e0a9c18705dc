"""The editor of a cell: its equations as text, the place of each error, and a preview in LaTeX with graph and sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from engine.language import MAX_TEXT, EquationError, latex
from explorer import model as models
from explorer.figures import rolled
from explorer.model import Model
from explorer.page.browser import mount_for_draft
from explorer.page.change import put, whole_page_if_changed
from explorer.page.chart import chart
from explorer.page.memory import refusal
from explorer.page.notices import tell_notes
from explorer.page.session import session
from explorer.page.widget_delivery import is_changed, show
from explorer.page.widgets import side_by_side, side_by_side_if
from explorer.state import State, View
from explorer.words.markdown import plain

_KEY = "cell.text"
_SHOWN: Final = View(parameters="shared")
_TWO_COLUMNS: Final = 900  # pixels from which equations and graph have room side by side
_HELP = """One `name = expression` a line, `#` starts a comment. `+`, `-`, `*` elementwise, `W @ v` a parameter matrix times a
vector, `h[t-1]` a node one step earlier, `x` the input, `y` the target. Functions: tanh, sigmoid, relu, leaky_relu, softplus,
identity, softmax; losses: nll(softmax(o), y) for classes, mse(o, y) and bce(p, y) for real targets. A name that is never
assigned is a parameter. The losses that no other line reads are summed: of `L1 = …`, `L2 = …` and
`L = L1 + 0.1 * L2` the last counts alone."""


@st.fragment
def editor(state: State, palette: str, pixels: int) -> None:
    """Write a cell of your own; the editor is made when it opens."""
    whole_page_if_changed(state)
    place = st.expander("Write a cell of your own", key="cell.open", on_change="rerun")
    if place.open:
        with place:
            _editor(state.model, palette, pixels)


def _editor(model: Model, palette: str, pixels: int) -> None:
    draft = session.draft
    show(_KEY, models.cell(model).text if draft is None else draft)
    text = st.text_area(
        "Equations of a step",
        st.session_state[_KEY],
        key=_KEY,
        on_change=_typed,
        height=240,
        max_chars=MAX_TEXT,
        help=_HELP,
        placeholder="h = …",
    )
    mount_for_draft("cell.keep", _KEY)
    refusal(["draft"] if session.draft is not None else [])
    row = side_by_side("center")
    row.button(
        "Apply",
        key="cell.apply",
        on_click=_apply,
        type="primary",
        help="Draw this cell. A text with an error changes nothing.",
    )
    row.button(
        f"Edit a copy of: {models.structure(model).title}", key="cell.copy", on_click=_copy,
        help="Begin with the equations of the cell chosen in the side bar. They replace the text in the editor.",
    )  # fmt: skip
    try:
        tried = models.with_text(model, text or "")
    except EquationError as error:
        st.error(f"Line {error.line}, column {error.column}: {plain(error.message)}")
        st.code(pointed(text or "", error.line, error.column), language=None)
    except ValueError as error:
        st.error(plain(str(error)))
    else:
        notes = models.cell(tried).notes
        tell_notes(notes)
        for note in notes[:1]:
            st.code(pointed(text or "", note.line, note.column), language=None)
        _preview(tried, palette, pixels)


def pointed(text: str, line: int, column: int) -> str:
    """The line of a text, and under it a caret at the column; both are counted from 1."""
    lines = text.split("\n")
    faulty = lines[line - 1].replace("\t", " ") if 1 <= line <= len(lines) else ""
    begin = max(0, column - 60)  # of a long line the part around the error
    return f"{faulty[begin : begin + 120]}\n{' ' * (column - 1 - begin)}^"


def _preview(model: Model, palette: str, pixels: int) -> None:
    """Preview the cell: equations and rolled graph, sizes, parameters."""
    cell = models.cell(model)
    beside = pixels >= _TWO_COLUMNS
    left, right = side_by_side_if(beside, vertical_alignment="center")
    left.latex(cell.latex())
    chart(
        rolled(cell, _SHOWN, palette, (pixels - 48) // 2 if beside else pixels), "cell.graph", place=right,
        alt=f"The rolled graph of the cell: {', '.join(cell.nodes)}.",
    )  # fmt: skip
    sizes = [f"$n_{{{latex(name)}}} = {units}$" for name, units in models.sizes(model).items()]
    times = r" \times "
    shapes = [
        rf"${latex(name)} \in \mathbb{{R}}^{{{times.join(map(str, array.shape))}}}$"
        for name, array in models.parameters(model).items()
    ]
    st.markdown(f"Sizes {', '.join(sizes)}; parameters {', '.join(shapes) or 'none'}.")


def _typed() -> None:
    if is_changed(_KEY):
        session.draft = st.session_state[_KEY] or ""


def _copy() -> None:
    session.draft = None
    session.faults.pop(_KEY, None)


def _apply() -> None:
    put(
        _KEY,
        lambda state, text: replace(state, model=models.with_text(state.model, text)),
        st.session_state.get(_KEY) or "",
    )
    if _KEY not in session.faults:
        session.draft = None
