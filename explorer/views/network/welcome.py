"""The greeting of a first visit without a link: what this page is, and three first steps."""

from __future__ import annotations

from typing import Final

import streamlit as st

from explorer import model as models
from explorer.page.change import put
from explorer.page.selection import select
from explorer.page.session import session
from explorer.page.widgets import side_by_side
from explorer.state import State

#: The pages of two of the first steps, by address -> the words on the button.
PAGES: Final = {"vanish": "Ask why gradients vanish", "lessons": "Start a lesson"}
#: What this page is, in two sentences.
WORDS: Final = (
    "A recurrent network, unrolled in time. The colour of a node shows exactly how strongly the loss depends on it."
)


def first_steps() -> None:
    """Offer the first steps, in a row; each of them, the cross, and any other page (see app.main) end the greeting."""
    if not session.welcome:
        return
    pages = session.pages
    with side_by_side("center", key="welcome"):
        st.markdown("**New here?**", width="content")
        st.button("Look at a network", key="welcome.look", type="primary", on_click=select_state)
        for address, words in PAGES.items():
            if address in pages and st.button(words, key=f"welcome.{address}"):
                st.switch_page(pages[address])
        st.button(":material/close:", key="welcome.close", type="tertiary", on_click=close, help="Close")


def close() -> None:
    """End the greeting for this session."""
    session.welcome = False


def select_state() -> None:
    """End the greeting, and select the node with most to read: the state, half way."""
    close()
    put("welcome.look", halfway)


def halfway(state: State, _: object) -> State:
    """The state with its network's first state selected at the middle step, if there is one."""
    states, steps = models.structure(state.model).states, len(models.task(state.model).x)
    return select((states[0], (steps + 1) // 2))(state, None) if states else state
