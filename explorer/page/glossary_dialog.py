"""The glossary in a dialog: the letters of the present cell, and those of all pages, each with its source."""

from __future__ import annotations

import streamlit as st

from explorer import model as models
from explorer.model import Model
from explorer.words import glossary
from explorer.words.markdown import plain


def glossary_button(model: Model) -> None:
    """The button that opens the glossary; the glossary is made when it opens."""
    if st.button("Letters", key="letters", help="What each letter stands for, and its source."):
        _glossary(model)


@st.dialog("Letters", width="large")
def _glossary(model: Model) -> None:
    of_network, general = st.tabs(["In this network", "Everywhere"])
    with of_network:
        _of_cell(model)
    with general:
        _general()


def _of_cell(model: Model) -> None:
    cell = models.cell(model)
    st.markdown(f"**{plain(cell.title)}**")
    rows = [
        f"| ${row.latex}$ | {row.role} | {row.size} | {f'${row.equation}$' if row.equation else ''} |"
        for row in glossary.of_cell(cell, models.sizes(model))
    ]
    st.markdown("\n".join(["| Letter | Role | Size | Equation of a step |", "|---|---|---|---|", *rows]))
    if cell.source:
        st.caption(f"From {plain(cell.source)}.")


def _general() -> None:
    st.caption(f"Equations, sections and chapters without a name are those of {glossary.BOOK}.")
    for group, listed in glossary.LETTERS.items():
        lines = [f"| ${letter.latex}$ | {letter.words} | {letter.source} |" for letter in listed]
        st.markdown("\n".join([f"| | {group} | From |", "|---|---|---|", *lines]))
