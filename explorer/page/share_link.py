"""The link to the screen: whole, without some of its parts, or as a presentation for a class."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from explorer.page.change import apply, of_view, put
from explorer.page.widget_delivery import show
from explorer.state import PARTS, State, left_out, to_query
from explorer.words.markdown import plain


def address(state: State, page: str) -> str:
    """The whole address of a screen on the page at the address `page`."""
    query = urlencode(to_query(state), safe=",;[]=")
    parts = urlsplit(page)
    return urlunsplit(parts._replace(path=parts.path or "/", query=query))


def link_popover(state: State) -> None:
    """The address to copy, and the parts that its page leaves out."""
    place = st.popover("Link", key="link", on_change="rerun", help="A link to this screen, for a class.")
    if not place.open:
        return
    with place:
        st.caption("This screen, with everything that you have chosen:")
        st.code(address(state, st.context.url or ""), language=None, wrap_lines=True)
        if left_out(state):
            st.caption(
                "Some of it is too long for a link and left out: share the file of the session instead (Take it home)."
            )
        show("hide", list(state.view.hidden))
        st.pills(
            "Leave out", list(PARTS), format_func=PARTS.__getitem__, selection_mode="multi", key="hide", on_change=apply,
            args=("hide", without_parts), default=state.view.hidden, help="Whoever opens the link can show them again. All but "
            "the side bar are parts of the page Network.",
        )  # fmt: skip
        st.button(
            "Presentation", key="present", on_click=put, args=("present", as_presentation, True),
            help="Large type, the picture as high as the window, no tools. The link then opens so; F11 gives it the whole "
            "screen.",
        )  # fmt: skip


def show_all(state: State) -> None:
    """The button that shows everything again, or ends the presentation."""
    if state.view.present:
        st.button("Exit", key="exit", on_click=put, args=("exit", as_presentation, False), help="End the presentation.")
    elif state.view.hidden:
        titles = ", ".join(plain(PARTS[part]) for part in state.view.hidden)
        st.button(
            "Show all", key="show.all", on_click=put, args=("hide", without_parts, ()), help=f"Left out: {titles}."
        )


def without_parts(state: State, parts: list[str] | tuple[str, ...]) -> State:
    """The state without these parts of the page."""
    return of_view(state, hidden=tuple(part for part in PARTS if part in parts))


def as_presentation(state: State, present: bool) -> State:
    """The state as a presentation, or as a page to work on."""
    return of_view(state, present=present)
