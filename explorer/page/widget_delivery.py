"""Delivery of the values that the page gives to widgets: each is sent again until the browser has it.

Streamlit sends such a value once, and drops it if the next run of the page begins before the browser has it. The browser
sends the values of all its widgets with every change: for a value that has not arrived yet it sends the old one, as if the
user had chosen that. So every run leaves its number in a hidden field behind all widgets. The number comes back with each
change and shows which values had arrived by then. Others are sent again, and the old values that came instead are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from explorer.page.session import session

_MARK: Final = "delivered"
#: For the style sheet of the page.
STYLE: Final = f".st-key-{_MARK} {{ display: none; }}"


@dataclass(frozen=True)
class _Sent:
    """A value on its way: the run after which the browser has it, and the values that it replaces."""

    run: int
    replaced: tuple[Any, ...]


def begin() -> None:
    """Begin a run of the page."""
    session.run_number += 1


def end() -> None:
    """End a run of the page: its hidden field stands behind all widgets."""
    st.session_state[_MARK] = session.run_number
    st.number_input("Run of the page", step=1, key=_MARK)


def show(key: str, value: Any, has_default: bool = True) -> None:
    """Set a widget's value from the state, unless the widget holds a refused value that the user is still editing.

    A widget with the same key on another page is another widget, and does not have the value of the first.

    Args:
        key: the widget's key.
        value: the value in the state.
        has_default: whether the widget also gets the value as its default. A browser uses the default of a widget that is
            new to it, whichever run the widget comes from.

    **Holds:** a_late_browser_undoes_nothing.
    """
    values, sent = st.session_state, _on_its_way(key)
    new = session.shown_on.get(key) != session.page or key not in values
    session.shown_on[key] = session.page
    if new or (key not in session.faults and values[key] != value):
        if not new:
            replaced = (*(sent.replaced if sent else ()), values[key])
            session.on_their_way[key] = _Sent(session.run_number, replaced)
        elif (
            not has_default
        ):  # one more run: the number of the first run of all is also that of a browser without an answer
            session.on_their_way[key] = _Sent(session.run_number + 1, ())
        values[key] = value
    elif sent:
        values[key] = values[key]


def position(key: str, options: Sequence[Any]) -> int | None:
    """The place of a select box's value among its options, for its default; None if it is none of them."""
    value = st.session_state[key]
    return list(options).index(value) if value in options else None


def is_changed(key: str) -> bool:
    """Whether a widget that the browser reports as changed is on the page and was changed by the user."""
    if key not in st.session_state:
        return False
    sent = _on_its_way(key)
    if sent and st.session_state[key] in sent.replaced:
        return False
    session.on_their_way.pop(key, None)
    return True


def _on_its_way(key: str) -> _Sent | None:
    """The value of a widget that the browser may not have yet."""
    sent: _Sent | None = session.on_their_way.get(key)
    if sent and st.session_state.get(_MARK, 0) >= sent.run:
        return session.on_their_way.pop(key) and None
    return sent
