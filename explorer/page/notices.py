"""The notices of a page: about its address, the last change, the text of the cell, and numbers that are not finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import streamlit as st

from engine import Note, Run
from engine.language import written
from explorer.page.session import session
from explorer.page.widget_messages import passed_over
from explorer.state import State, left_out, to_query, words
from explorer.words.markdown import code, plain

_NOTES: Final = 5  # of a cell that are shown at once


def write_link(state: State) -> None:
    """Put the state into the address of the page, and name the parts that are too long for it."""
    query = to_query(state)
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
    if missing := left_out(state):
        st.caption(
            f"Too long for the link, so a shared link does not carry it: {plain(', '.join(map(words, missing)))}."
        )


def tell_problems() -> None:
    """Report faults of the link and numbers that the last change dropped, until the next change."""
    if key := passed_over():
        st.warning(
            f"The browser sent a value that the field {code(key)} cannot have. The value was ignored, and nothing was changed."
        )
    if session.notice:
        st.info(plain(session.notice))
    if session.problems:
        st.warning(
            "\n".join(["Some of the link could not be read:", "", *(f"- {plain(p)}" for p in session.problems)]),
            icon="⚠️",
        )


def tell_notes(notes: Sequence[Note]) -> None:
    """Report probable slips in a cell that runs: its first `_NOTES` notes."""
    if not notes:
        return
    lines = [f"- Line {note.line}, column {note.column}: {plain(note.message)}." for note in notes[:_NOTES]]
    remaining = len(notes) - len(lines)
    lines += [f"- and {remaining} more."] * bool(remaining)
    st.warning("\n".join(["The cell runs, but this is probably a slip:", "", *lines]), icon="⚠️")


def tell_overflow(run: Run) -> None:
    """Say which value of a run is the first that is not finite, and why."""
    overflow = run.overflow
    if overflow is None:
        return
    place = f"{plain(written(overflow.name))} at step {overflow.t}"
    if overflow.cause == "log of a negative number":
        sentence = (
            f"{place} takes the logarithm of a negative number, so it is not a number: this loss needs probabilities."
        )
    else:
        what = "not a number" if math.isnan(overflow.value) else "infinite"
        why = ", the logarithm of 0" if overflow.cause == "log of zero" else ""
        sentence = f"The values leave the range of floating point: {place} is the first that is {what}{why}."
    st.warning(f"{sentence} The page marks numbers that are not finite in red.")


def tell_no_memory(consequence: str) -> None:
    """Say that the network has no memory, with the consequence for this part of the page."""
    st.info(f"This network has no memory: {consequence}")
