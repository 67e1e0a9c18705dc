"""Values that the page gives to widgets, until the browser has them.

Streamlit sends a value that the page gives to a widget once, and drops it if the next run of the page begins before. The
browser sends the values of all its widgets with every change: a value that it has not received yet comes back as the old
one, as if the user had chosen that. So every run leaves its number in a hidden field, behind all widgets. The number comes
back with each change, and says which values the browser had by then: others are sent again, and old ones are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

_MARK: Final = "delivered"
#: For the style sheet of the page.
STYLE: Final = f".st-key-{_MARK} {{ display: none; }}"


@dataclass(frozen=True)
class _Sent:
    """A value on its way: the number of the run that the browser must have received, and the values from before it."""

    run: int
    replaced: tuple[Any, ...]


def begin() -> None:
    """A run of the page begins."""
    st.session_state.run_number = st.session_state.get("run_number", 0) + 1


def end() -> None:
    """A run of the page has sent all its widgets."""
    st.session_state[_MARK] = st.session_state.run_number
    st.number_input("Run of the page", step=1, key=_MARK)


def show(key: str, value: Any, has_default: bool = True) -> None:
    """Set a widget's value from the state, unless what it holds was refused and is still being worked on.

    On another page it is another widget, which knows nothing of the value that the session still has under its key.
    `has_default` says that the widget is also given its value as its default: the browser takes that for a widget that it
    has not had before, whichever run it comes from. **Holds:** a_late_browser_undoes_nothing.
    """
    session, sent = st.session_state, _on_its_way(key)
    page, shown = session.get("page", ""), session.setdefault("shown", {})
    new = shown.get(key) != page or key not in session
    shown[key] = page
    if new or (key not in session.faults and session[key] != value):
        if not new:
            _sent()[key] = _Sent(session.get("run_number", 0), (*(sent.replaced if sent else ()), session[key]))
        elif not has_default:  # one more run, since the first of all is not told from one that the browser has not got
            _sent()[key] = _Sent(session.get("run_number", 0) + 1, ())
        session[key] = value
    elif sent:
        session[key] = session[key]


def position(key: str, options: Sequence[Any]) -> int | None:
    """Where the value of a select box stands among its options, for its default."""
    value = st.session_state[key]
    return list(options).index(value) if value in options else None


def is_changed(key: str) -> bool:
    """Whether a widget that the browser reports as changed is on the page, and was changed by the user."""
    if key not in st.session_state:
        return False
    sent = _on_its_way(key)
    if sent and st.session_state[key] in sent.replaced:
        return False
    _sent().pop(key, None)
    return True


def _sent() -> dict[str, _Sent]:
    """Values that the browser may not have yet, by the keys of their widgets."""
    found: dict[str, _Sent] = st.session_state.setdefault("sent", {})
    return found


def _on_its_way(key: str) -> _Sent | None:
    sent = _sent().get(key)
    if sent and st.session_state.get(_MARK, 0) >= sent.run:
        return _sent().pop(key) and None
    return sent
