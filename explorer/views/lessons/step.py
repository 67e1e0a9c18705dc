"""A step of a lesson: its changes to the screen, its text with links that change the screen, its figure, the way on."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

import streamlit as st

from engine import Run
from explorer.page.change import put, tell_faults
from explorer.page.heading import Sheet
from explorer.page.inspector import inspector
from explorer.page.notices import tell_overflow
from explorer.page.results import computed
from explorer.page.selection import walker
from explorer.page.session import session
from explorer.page.widget_delivery import show
from explorer.page.widgets import side_by_side
from explorer.state import State, from_query, to_query, words
from explorer.teach.lesson import Lesson, Link, Step, rendered
from explorer.views import cliff, network, vanish
from explorer.views.lessons import question
from explorer.views.lessons.progress import finish, go, outside, picked, screen_of, way_out
from explorer.words.markdown import plain

_BESIDE: Final = 880  # pixels from which text and figure have room side by side
_COLUMNS: Final = (2, 3)  # text and figure
_GAP: Final = 32  # pixels between the two

_links: Final = st.components.v2.component(
    "unrolled_links", html="<span hidden></span>", js=Path(__file__).with_name("links.js").read_text(encoding="utf-8")
)


def draw(lesson: Lesson, place: int, sheet: Sheet) -> None:
    """Draw a step: its text and question beside the figure, or above and below it on a narrow page."""
    state, run, palette, pixels = sheet
    step = lesson.steps[place - 1]
    original = computed(step.state.model)  # the run that the text is about, whatever the user has made of it
    _what_is_set(state, lesson, place)
    tell_overflow(run)
    beside = pixels >= _BESIDE
    if beside:
        left, picture = st.columns(_COLUMNS, gap="medium")
        text, after_text = left.container(), left.container()
    else:
        text, picture, after_text = st.container(), st.container(), st.container()
    with text:
        st.markdown(f"#### {plain(step.title)}")
        _prose(step, original)
    with after_text:
        if step.question is not None:
            question.ask(lesson, place, step.question, original)
        _turn(lesson, place)
    with picture:  # last, since it may take a while
        st.markdown(f"**Look:** {rendered(step.look, original)}")
        _figure(step, state, run, palette, (pixels - _GAP) * _COLUMNS[1] // sum(_COLUMNS) if beside else pixels)
    if step.page == "network" and state.view.selected is not None:
        walker(state, run)
        if state.view.graph == "neurons":
            network.neuron(state, run, pixels)
        inspector(state, run, palette, pixels)


def _what_is_set(state: State, lesson: Lesson, place: int) -> None:
    """Name the lesson's changes to the user's screen, with the way back."""
    step = lesson.steps[place - 1]
    kept = session.before_lesson
    row = side_by_side("center")
    if kept is not None:
        now, before = to_query(outside(screen_of(lesson, place)(kept, None))), to_query(outside(kept))
        keys = [key for key in {**before, **now} if now.get(key) != before.get(key)]
        if things := dict.fromkeys(map(words, keys)):
            row.caption(plain(f"This lesson has set {', '.join(things)}; what you had is kept."), width="content")
        way_out(row)
    if state.model != step.state.model:
        row.caption("You have changed the network; text and answer are about the network of the step.", width="content")
        row.button("Set it again", key="lesson.again", on_click=go, args=(lesson, place), type="tertiary")


def _prose(step: Step, run: Run) -> None:
    """Write the text, whose links change the screen in place."""
    numbers = itertools.count()
    st.markdown(rendered(step.prose, run, lambda link: f"[{link.text}](#show-{next(numbers)})"))

    def followed() -> None:
        match st.session_state.get("lesson.links"):
            case {"followed": int(at)} if 0 <= at < len(step.links):
                _follow(step.links[at])

    _links(key="lesson.links", on_followed_change=followed)
    tell_faults("lesson.link")


def _follow(link: Link) -> None:
    """Change the screen as a link of the text says."""

    def change(state: State, _: object) -> State:
        changed, problems = from_query(link.query, start=state)
        if problems:
            raise ValueError(problems[0])
        return changed

    put("lesson.link", change)


def _figure(step: Step, state: State, run: Run, palette: str, pixels: int) -> None:
    """Draw the figure of the step, with a link to its page."""
    if step.page == "cliff":
        cliff.figure(state, run, palette, pixels)
    elif step.page == "vanish":
        vanish.figure(state, run, palette, pixels, tab_first="tab" in step.query)
    else:
        network.figure(state, run, palette, pixels)
    page = session.pages.get(step.page)
    if page is not None and step.page != "network":
        st.page_link(page, label=f"Open the page {page.title} with this step's network")


def _turn(lesson: Lesson, place: int) -> None:
    """Go to the previous step, any step, or the next; from the last one out of the lesson."""
    row = side_by_side()
    row.button(
        "◀", key="lesson.back", on_click=go, args=(lesson, place - 1), disabled=place == 1, help="The previous step"
    )
    show("lesson.step", place)
    with row.container(width="content"):
        st.segmented_control(
            "Step", range(1, len(lesson.steps) + 1), key="lesson.step", default=place, required=True,
            on_change=picked, args=(lesson,), label_visibility="collapsed",
        )  # fmt: skip
    if place < len(lesson.steps):
        row.button("Next ▶", key="lesson.next", on_click=go, args=(lesson, place + 1), type="primary")
    else:
        row.button("Finish", key="lesson.finish", on_click=finish, args=(lesson,), type="primary",
                   help="Back to the list and to your own network.")  # fmt: skip
    if session.before_lesson is None:
        way_out(row)
