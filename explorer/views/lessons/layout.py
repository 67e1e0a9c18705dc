"""The page of lessons: their list, or the step of the lesson that is taken; and the reminder of it on other pages."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine.support import shown
from explorer.page.change import current
from explorer.page.heading import begin
from explorer.page.notices import write_link
from explorer.page.session import session
from explorer.page.widgets import side_by_side
from explorer.teach import handout
from explorer.teach.lesson import Lesson, lessons
from explorer.views.lessons import step
from explorer.views.lessons.progress import arrive, go, taken_in, way_out
from explorer.words.markdown import plain


def page() -> None:
    """Draw the page of lessons."""
    arrive()
    state = current()
    taken = taken_in(state)
    if taken is None:
        begin("Lessons", "About ten minutes each, in this order or any other. You predict, and the network answers.")
        if state.view.lesson is not None:
            name, place = state.view.lesson
            st.warning(plain(f"There is no step {place} in a lesson called {shown(name)}."))
        _list()
    else:
        lesson, place = taken
        step.draw(lesson, place, begin(f"{lesson.place} · {plain(lesson.title)}", lesson.about))
    write_link(current())


def reminder() -> None:
    """Say on another page that a lesson is taken, with the way back to it and the way out of it."""
    taken = taken_in(current())
    if taken is None:
        return
    lesson, place = taken
    row = side_by_side("center", key="lesson.reminder")
    row.markdown(f"Lesson **{plain(lesson.title)}**, step {place} of {len(lesson.steps)}.", width="content")
    row.page_link(session.pages["lessons"], label="Back to the lesson", width="content")
    way_out(row)


def _list() -> None:
    """List all lessons in their order."""
    done = session.lessons_done
    for lesson in lessons():
        with side_by_side("center", border=True, key=f"lesson.{lesson.name}"):
            with st.container():
                st.markdown(f"**{lesson.place} · {plain(lesson.title)}**{' ✓' * (lesson.name in done)}")
                st.caption(f"{lesson.about} About {lesson.minutes} minutes, {len(lesson.steps)} steps.")
            st.download_button(
                "Handout", partial(_handout, lesson), f"{lesson.name}.html", "text/html", key=f"handout.{lesson.name}",
                on_click="ignore", help="This lesson as one file for a class, with its figures and numbers; it works offline.",
            )  # fmt: skip
            st.button(
                "Again" if lesson.name in done else "Begin", key=f"begin.{lesson.name}", on_click=go, args=(lesson, 1)
            )


def _handout(lesson: Lesson) -> str:
    return handout.handout(handout.of_lesson(lesson))
