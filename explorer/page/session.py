"""The memory of a browser tab's session between two runs of the script: every entry, declared under its name.

Streamlit keeps all of it in `st.session_state`: the value of each widget under the widget's key, and the entries that the code
itself writes. The latter are declared here, and code reads and writes them as attributes, such as `session.past`: a search for
the name finds every writer and every reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast, overload

import streamlit as st

from explorer.model import Model
from explorer.page.time_sharing import Budget
from explorer.state import State
from explorer.teach.lesson import UserAnswer

T = TypeVar("T")


class Entry(Generic[T]):
    """An entry of the session, read and written as an attribute of `session`."""

    def __init__(self, default: T | None = None, make: Callable[[], T] | None = None, key: str = "") -> None:
        """Declare an entry.

        Args:
            default: the value of an entry that nothing has written yet; it is not stored.
            make: makes that value instead, and the entry then holds it: for lists and dictionaries that are filled in place.
            key: the entry's key in `st.session_state`, if it is not the attribute's name.
        """
        self._default, self._make, self.key = default, make, key

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the attribute's name as the key."""
        self.key = self.key or name

    @overload
    def __get__(self, instance: None, owner: type) -> Entry[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Entry[T] | T:
        """The value in the session of this tab; of the class, the entry itself."""
        if instance is None:
            return self
        if self.key not in st.session_state and self._make is not None:
            st.session_state[self.key] = self._make()
        return cast(T, st.session_state.get(self.key, self._default))

    def __set__(self, instance: object, value: T) -> None:
        """Write the value into the session of this tab."""
        st.session_state[self.key] = value

    @property
    def is_set(self) -> bool:
        """Whether the session has the entry: `Session.past.is_set`."""
        return self.key in st.session_state


class Session:
    """The session of the tab whose script is running. The modules named in brackets write the entry."""

    # The screen [change, memory].
    state = Entry[State]()
    past = Entry[list[Model]](make=list)  # models before each change, for undo
    future = Entry[list[Model]](make=list)  # models that undo took back, for redo
    faults = Entry[dict[str, str]](make=dict)  # key of a widget whose value was refused -> the reason
    notice = Entry[str]("")  # the numbers that the last change had to drop
    arrived_at = Entry[dict[str, str]](make=dict)  # the query of the address at which the session began
    problems = Entry[list[str]](make=list)  # complaints about that query
    # The pages [app].
    page = Entry[str]("")  # address of the page that is open
    pages = Entry[dict[str, Any]](make=dict)  # address -> st.Page, for links between pages
    welcome = Entry[bool](False)  # whether the first steps are shown [app, change, memory, views.network.welcome]
    # Values on their way to widgets and back [widget_delivery, widget_messages].
    run_number = Entry[int](0)  # how many runs of the script there were
    shown_on = Entry[dict[str, str]](make=dict, key="shown")  # key of a widget -> the page that showed it last
    on_their_way = Entry[dict[str, Any]](make=dict, key="sent")  # key of a widget -> a value that may not have arrived
    passed_over = Entry[str]("", key="refused")  # key of a widget whose value was ignored
    # What the browser keeps [memory].
    keeping = Entry[Any](None)  # the `memory.Keeping` of this session
    draft = Entry[str | None](None)  # unapplied text of the cell's editor [memory, views.network.edit_cell]
    # The lessons [memory, views.lessons].
    before_lesson = Entry[State | None](None, key="lesson.kept")  # the screen from before the lesson
    lessons_done = Entry[set[str]](make=set, key="lesson.done")  # names of the finished ones
    lesson_answers = Entry[dict[str, UserAnswer]](make=dict, key="lesson.answers")  # "lesson.step" -> the user's answer
    # Long work [long_work, views.cliff].
    stopped = Entry[State | None](None, key="work.stopped")  # the state for which the user stopped the computation
    budget = Entry[Budget](make=lambda: Budget(at=time.monotonic()), key="work.budget")
    stop_buttons = Entry[int](0, key="work.number")  # how many were shown: each has a key of its own
    coarse_surface = Entry[Any](None, key="cliff.stopped")  # the surface whose fine grid the user stopped
    # Tables of numbers [views.network.edit_numbers]: each an `edit_numbers.Mounted`.
    mounted = Entry[Any](None, key="edit.mounted")  # the table on the page
    last_edit = Entry[Any](None, key="edit.told")  # the table of the last edit, whose messages are shown


session: Final = Session()
