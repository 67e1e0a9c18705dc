"""Going through a lesson: into it, from step to step, out of it; the screen from before it is kept and restored."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.page.change import Change, current, of_view, put
from explorer.page.notices import write_link
from explorer.page.session import Session, session
from explorer.page.widget_delivery import is_changed
from explorer.state import State
from explorer.teach.lesson import Lesson
from explorer.teach.lesson import lesson as lesson_named


def taken_in(state: State) -> tuple[Lesson, int] | None:
    """The lesson that is taken and its step, counted from 1; None if none is taken, or if it does not exist."""
    name, place = state.view.lesson or ("", 0)
    lesson = lesson_named(name)
    return (lesson, place) if lesson is not None and place <= len(lesson.steps) else None


def arrive() -> None:
    """Set the screen of the step when the session begins with a link that names a lesson and nothing else."""
    state = current()
    if not Session.before_lesson.is_set:
        session.before_lesson = None
        if (taken := taken_in(state)) and outside(state) == State():
            put("lesson", screen_of(*taken))
            write_link(current())
            st.rerun()  # the address is right before there are widgets: an address that changes among them upsets their values


def outside(state: State) -> State:
    """The state without its lesson."""
    return of_view(state, lesson=None)


def screen_of(lesson: Lesson, place: int) -> Change:
    """The change that sets the screen of a step; the user's colours and kind of picture stay."""
    step = lesson.steps[place - 1]

    def change(state: State, _: object) -> State:
        view = replace(step.state.view, lesson=(lesson.name, place))
        kept = {name: getattr(state.view, name) for name in ("scale", "picture") if name not in step.query}
        return replace(step.state, view=replace(view, **kept))

    return change


def go(lesson: Lesson, place: int) -> None:
    """Go to a step; the screen from before the lesson is kept."""
    state = current()
    if taken_in(state) is None:
        session.before_lesson = outside(state)
    put("lesson", screen_of(lesson, place))


def picked(lesson: Lesson) -> None:
    """Callback of the row of steps: go to the one that was picked."""
    if is_changed("lesson.step") and (place := st.session_state["lesson.step"]) is not None:
        go(lesson, place)


def leave() -> None:
    """Leave the lesson, and restore the screen from before it."""
    kept, session.before_lesson = session.before_lesson, None
    put("lesson", lambda state, _: outside(kept or state))


def finish(lesson: Lesson) -> None:
    """Note that the lesson is finished, and leave it."""
    session.lessons_done = {*session.lessons_done, lesson.name}
    leave()


def way_out(row: DeltaGenerator) -> None:
    """The button that leaves the lesson."""
    kept = session.before_lesson is not None
    row.button(
        "Give me back my network" if kept else "Leave the lesson", key="lesson.leave", on_click=leave, type="tertiary",
        help="End the lesson here; you can take its steps again at any time." if kept else None,
    )  # fmt: skip
