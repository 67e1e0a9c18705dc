"""What somebody reads who comes for the first time, without a link: what this is, and three doors."""

from __future__ import annotations

from typing import Final

import streamlit as st

from explorer import model as models
from explorer.page.controls import put
from explorer.page.inspector import select
from explorer.state import State

#: The pages behind the doors, by address -> what stands on the door.
_DOORS: Final = {"vanish": "Ask why gradients vanish", "lessons": "Start a lesson"}
#: What this is, in one sentence.
WORDS: Final = (
    "A recurrent network, unrolled in time: colour says how strongly the loss depends on each of its nodes, exactly."
)


def doors() -> None:
    """The doors in a row; any of them, or the cross, ends it for this session (another page does: see app.main)."""
    if not st.session_state.get("welcome"):
        return
    pages = st.session_state.get("pages", {})
    with st.container(key="welcome", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**New here?**", width="content")
        st.button("Look at a network", key="welcome.look", type="primary", on_click=look)
        for address, words in _DOORS.items():
            if address in pages and st.button(words, key=f"welcome.{address}"):
                st.switch_page(pages[address])
        st.button(":material/close:", key="welcome.close", type="tertiary", on_click=close, help="Close")


def close() -> None:
    """End it for this session."""
    st.session_state.welcome = False


def look() -> None:
    """Close it, and select the node at which there is most to read: the state, half way."""
    close()
    put("welcome.look", halfway)


def halfway(state: State, _: object) -> State:
    """The state with its network's first state selected at the middle step, if there is one."""
    states, steps = models.structure(state.model).states, len(models.task(state.model).x)
    return select((states[0], (steps + 1) // 2))(state, None) if states else state
