"""Changes of the state: the session has one state, from which every widget gets its value; a change replaces the state.

A refused change leaves the state unchanged: the widget keeps the user's text, and the reason stands below it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import streamlit as st

from explorer import model as models
from explorer.page.session import Session, session
from explorer.page.widget_delivery import is_changed
from explorer.state import State, from_query
from explorer.words.markdown import plain

#: From a state and a widget's new value to the next state; raises ValueError if that is not allowed.
Change: TypeAlias = Callable[[State, Any], State]

_MOST_STEPS: Final = 100  # changes that can be undone


# --- the state ---------------------------------------------------------------------------------------------------


def current() -> State:
    """The state of this session; at first the state of the link."""
    if not Session.state.is_set:
        session.arrived_at = st.query_params.to_dict()
        session.state, session.problems = from_query(session.arrived_at)
        session.faults, session.past, session.future, session.notice = {}, [], [], ""
        if not Session.welcome.is_set:
            session.welcome = not st.query_params
    return session.state


def apply(key: str, change: Change) -> None:
    """Callback of the widget `key`: change the state by the widget's value, if the user has changed it."""
    if is_changed(key):
        put(key, change, st.session_state[key])


def put(key: str, change: Change, value: Any = None) -> None:
    """Replace the state; a refused change is noted as the fault of the widget `key`."""
    before = session.state
    try:
        session.state = change(before, value)
    except ValueError as error:
        session.faults[key] = str(error)
        return
    after = session.state
    if after.model != before.model:
        session.past = [*session.past, before.model][-_MOST_STEPS:]
        session.future = []
        dropped = models.dropped(before.model, after.model)
        session.notice = (
            f"Numbers changed by hand that have no place any more were dropped: in {', '.join(dropped)}."
            * bool(dropped)
        )
    session.problems = []
    # Another value that was refused may be right by now, or its widget gone; a long text is not thrown away so easily.
    session.faults = {
        other: fault for other, fault in session.faults.items() if other != key and other.endswith(".text")
    }


def undo(back: bool = True) -> None:
    """Take back the last change of the model, or make it again; the view stays."""
    origin, target = (session.past, session.future) if back else (session.future, session.past)
    if origin:
        target.append(session.state.model)
        session.state = replace(session.state, model=origin.pop())
        session.faults, session.notice = {}, ""


def whole_page_if_changed(state: State) -> None:
    """Run the whole page again, in a fragment that was made for `state`, if the session has another state by now."""
    if session.state is not state:
        st.rerun()


def tell_faults(*keys: str) -> None:
    """Say why the values of these widgets were refused, if they were."""
    for key in keys:
        if key in session.faults:
            st.error(plain(session.faults[key]))


# --- changes of one part -----------------------------------------------------------------------------------------


def of_model(**field: Callable[[Any], Any]) -> Change:
    """The change of one field of the model, made from the widget's value by the given function."""
    ((name, convert),) = field.items()
    return lambda state, value: replace(state, model=models.changed(state.model, **{name: convert(value)}))


def of_view(state: State, /, **fields: Any) -> State:
    """The state with some fields of its view changed."""
    return replace(state, view=replace(state.view, **fields))


def viewed(field: str) -> Change:
    """The change of one field of the view to the widget's value."""
    return lambda state, value: of_view(state, **{field: value})
