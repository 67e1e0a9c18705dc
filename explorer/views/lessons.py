"""The page of the lessons: their list, and the step that is taken, with its text beside the figure that it sets.

What the user had before a lesson is kept in the session and given back at its end, or when it is asked for.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from engine import Run
from engine.support import shown
from explorer.page.controls import Change, current, put, write_link
from explorer.page.delivery import is_changed, show
from explorer.page.frame import Sheet, begin, computed, overflow
from explorer.page.inspector import inspector, walker
from explorer.state import State, from_query, to_query, words
from explorer.teach import handout
from explorer.teach.answers import amount, typed
from explorer.teach.lesson import Given, Lesson, Link, Question, Step, lesson, lessons, rendered
from explorer.views import cliff
from explorer.views.network import neurons
from explorer.views.network import page as network
from explorer.views.vanish import page as vanish
from explorer.words.markdown import plain
from explorer.words.numbers import number

_BESIDE: Final = 880  # pixels from which text and figure have room side by side
_COLUMNS: Final = (2, 3)  # text and figure
_GAP: Final = 32  # pixels between the two

_links: Final = st.components.v2.component(
    "unrolled_links", html="<span hidden></span>", js=Path(__file__).with_name("links.js").read_text(encoding="utf-8")
)


def page() -> None:
    """The page."""
    _arrive()
    state = current()
    taken = taking(state)
    if taken is None:
        begin("Lessons", "Ten minutes each, in this order or any other. You predict, the network answers.")
        if state.view.lesson is not None:
            st.warning(
                plain(f"There is no step {state.view.lesson[1]} in a lesson called {shown(state.view.lesson[0])}.")
            )
        _list()
    else:
        own, place = taken
        _step(own, place, begin(f"{own.place} · {plain(own.title)}", own.about))
    write_link(current())


def taking(state: State) -> tuple[Lesson, int] | None:
    """The lesson that is taken and its step, counted from 1; None if there is none, or none such."""
    name, place = state.view.lesson or ("", 0)
    found = lesson(name)
    return (found, place) if found is not None and place <= len(found.steps) else None


# --- going through -----------------------------------------------------------------------------------------------


def _arrive() -> None:
    """At first: a link that names a lesson and nothing else means the screen that the step sets."""
    state = current()
    if "lesson.kept" not in st.session_state:
        st.session_state["lesson.kept"] = None
        if (taken := taking(state)) and _plain(state) == State():
            put("lesson", _at(*taken))
            write_link(current())
            st.rerun()  # the address is right before there are widgets: an address that changes among them upsets their values


def _plain(state: State) -> State:
    """The state outside of all lessons."""
    return replace(state, view=replace(state.view, lesson=None))


def _at(own: Lesson, place: int) -> Change:
    """The change that sets the screen of a step; colours and the kind of picture stay the user's."""
    step = own.steps[place - 1]

    def change(state: State, _: object) -> State:
        view = replace(step.state.view, lesson=(own.name, place))
        kept = {name: getattr(state.view, name) for name in ("scale", "picture") if name not in step.query}
        return replace(step.state, view=replace(view, **kept))

    return change


def _go(own: Lesson, place: int) -> None:
    """Go to a step; what was there before the lesson is kept."""
    state = current()
    if taking(state) is None:
        st.session_state["lesson.kept"] = _plain(state)
    put("lesson", _at(own, place))


def _picked(own: Lesson) -> None:
    if is_changed("lesson.step") and (place := st.session_state["lesson.step"]) is not None:
        _go(own, place)


def _leave() -> None:
    """Out of the lesson, with what was there before it."""
    kept: State | None = st.session_state.get("lesson.kept")
    st.session_state["lesson.kept"] = None
    put("lesson", lambda state, _: _plain(kept or state))


def _finish(own: Lesson) -> None:
    st.session_state["lesson.done"] = {*st.session_state.get("lesson.done", ()), own.name}
    _leave()


def reminder() -> None:
    """On another page: that a lesson is taken, the way back to it, and out of it."""
    taken = taking(current())
    if taken is None:
        return
    own, place = taken
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson.reminder")
    row.markdown(f"Lesson **{plain(own.title)}**, step {place} of {len(own.steps)}.", width="content")
    row.page_link(st.session_state.pages["lessons"], label="Back to the lesson", width="content")
    _give_back(row)


def _give_back(row: st.delta_generator.DeltaGenerator) -> None:
    kept = st.session_state.get("lesson.kept") is not None
    row.button(
        "Give me back my network" if kept else "Leave the lesson", key="lesson.leave", on_click=_leave, type="tertiary",
        help="The lesson ends here; its steps can be taken again at any time." if kept else None,
    )  # fmt: skip


# --- the list ----------------------------------------------------------------------------------------------------


def _list() -> None:
    """All lessons in their order."""
    done = st.session_state.get("lesson.done", ())
    for own in lessons():
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"lesson.{own.name}"):
            with st.container():
                st.markdown(f"**{own.place} · {plain(own.title)}**{' ✓' * (own.name in done)}")
                st.caption(f"{own.about} About {own.minutes} minutes, {len(own.steps)} steps.")
            st.download_button(
                "Handout", partial(_handout, own), f"{own.name}.html", "text/html", key=f"handout.{own.name}",
                on_click="ignore", help="This lesson as one file for a class, with its figures and numbers; it needs no network.",
            )  # fmt: skip
            st.button("Again" if own.name in done else "Begin", key=f"begin.{own.name}", on_click=_go, args=(own, 1))


def _handout(own: Lesson) -> str:
    return handout.handout(handout.of_lesson(own))


# --- a step ------------------------------------------------------------------------------------------------------


def _step(own: Lesson, place: int, sheet: Sheet) -> None:
    """A step: its text and question beside the figure, or around it where there is no room."""
    state, run, palette, pixels = sheet
    step = own.steps[place - 1]
    true = computed(step.state.model)  # the run that the text is about, whatever the user has made of it
    _what_is_set(state, own, place)
    overflow(run)
    beside = pixels >= _BESIDE
    if beside:
        left, picture = st.columns(_COLUMNS, gap="medium")
        text, below = left.container(), left.container()
    else:
        text, picture, below = st.container(), st.container(), st.container()
    with text:
        st.markdown(f"#### {plain(step.title)}")
        _prose(step, true)
    with below:
        if step.question is not None:
            _ask(own, place, step.question, true)
        _turn(own, place)
    with picture:  # last, since it may take a while
        st.markdown(f"**Look:** {rendered(step.look, true)}")
        _figure(step, state, run, palette, (pixels - _GAP) * _COLUMNS[1] // sum(_COLUMNS) if beside else pixels)
    if step.page == "network" and state.view.selected is not None:
        walker(state, run)
        if state.view.graph == "neurons":
            neurons.neuron(state, run, pixels)
        inspector(state, run, palette, pixels)


def _what_is_set(state: State, own: Lesson, place: int) -> None:
    """Which of the user's things the lesson has changed, and the way back to them."""
    step = own.steps[place - 1]
    kept: State | None = st.session_state.get("lesson.kept")
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    if kept is not None:
        here, before = to_query(_plain(_at(own, place)(kept, None))), to_query(_plain(kept))
        keys = [key for key in {**before, **here} if here.get(key) != before.get(key)]
        if things := dict.fromkeys(map(words, keys)):
            row.caption(plain(f"This lesson has set {', '.join(things)}; what you had is kept."), width="content")
        _give_back(row)
    if state.model != step.state.model:
        row.caption("You have changed the network: text and answer are about the step's own.", width="content")
        row.button("Set it again", key="lesson.again", on_click=_go, args=(own, place), type="tertiary")


def _prose(step: Step, run: Run) -> None:
    """The text; its links change the screen in place."""
    numbers = itertools.count()
    st.markdown(rendered(step.prose, run, lambda link: f"[{link.text}](#show-{next(numbers)})"))

    def followed() -> None:
        match st.session_state.get("lesson.links"):
            case {"followed": int(at)} if 0 <= at < len(step.links):
                _follow(step.links[at])

    _links(key="lesson.links", on_followed_change=followed)
    if fault := st.session_state.faults.get("lesson.link"):
        st.error(plain(fault))


def _follow(link: Link) -> None:
    """What a link of the text does: it changes the screen."""

    def change(state: State, _: object) -> State:
        changed, problems = from_query(link.query, start=state)
        if problems:
            raise ValueError(problems[0])
        return changed

    put("lesson.link", change)


def _figure(step: Step, state: State, run: Run, palette: str, pixels: int) -> None:
    """What the step is about; of a page that is a whole page, the way there."""
    if step.page == "cliff":
        cliff.figure(state, run, palette, pixels)
    elif step.page == "vanish":
        vanish.figure(state, run, palette, pixels, part_first="tab" in step.query)
    else:
        network.figure(state, run, palette, pixels)
    there = st.session_state.get("pages", {}).get(step.page)
    if there is not None and step.page != "network":
        st.page_link(there, label=f"Open the page {there.title} with this step's network")


def _turn(own: Lesson, place: int) -> None:
    """To the step before, any step, or the next; from the last one out."""
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    row.button("◀", key="lesson.back", on_click=_go, args=(own, place - 1), disabled=place == 1, help="The step before")
    show("lesson.step", place)
    with row.container(width="content"):
        st.segmented_control(
            "Step", range(1, len(own.steps) + 1), key="lesson.step", default=place, required=True,
            on_change=_picked, args=(own,), label_visibility="collapsed",
        )  # fmt: skip
    if place < len(own.steps):
        row.button("Next ▶", key="lesson.next", on_click=_go, args=(own, place + 1), type="primary")
    else:
        row.button("Finish", key="lesson.finish", on_click=_finish, args=(own,), type="primary",
                   help="Back to the list; you get back the network that you had.")  # fmt: skip
    if st.session_state.get("lesson.kept") is None:
        _give_back(row)


# --- the question ------------------------------------------------------------------------------------------------


def _ask(own: Lesson, place: int, question: Question, run: Run) -> None:
    """The question; the answer only once the user has given one."""
    key, form = f"{own.name}.{place}", f"lesson.answer.{own.name}.{place}"
    answers: dict[str, Given] = st.session_state.setdefault("lesson.answers", {})

    def commit(told: bool = False) -> None:
        said = st.session_state.get(form)
        if told:
            answers[key] = Given(told=True)
        elif said is not None and said != "":
            answers[key] = Given(choice=said) if question.choices else Given(text=str(said))

    with st.form(f"{form}.form"):
        st.markdown(f"**{rendered(question.text, run)}**")
        if question.choices:
            texts = [rendered(choice.text, run) for choice in question.choices]
            st.radio("Answer", range(len(texts)), format_func=texts.__getitem__, index=None, key=form,
                     label_visibility="collapsed")  # fmt: skip
        else:
            st.text_input("Your number", key=form, max_chars=60, placeholder="such as 0.25, 1e-3 or 1/3")
        st.form_submit_button("This is my answer", on_click=commit, key=f"{form}.commit")
    if (given := answers.get(key)) is not None:
        _judge(question, given, run)
        if not given.told and not _right(question, given, run):
            st.button("Tell me", key=f"{form}.tell", on_click=commit, args=(True,))


def _right(question: Question, given: Given, run: Run) -> bool:
    if question.choices:
        return given.choice == question.right(run)
    try:
        return question.is_near(typed(given.text), run)
    except ValueError:
        return False


def _judge(question: Question, given: Given, run: Run) -> None:
    """What is said to an answer."""
    because = rendered(question.because, run)
    if given.told:
        true = (
            rendered(question.choices[question.right(run)].text, run)
            if question.choices
            else number(amount(question.answer, run))
        )
        st.info(f"The answer: **{true}**. {because}")
    elif _right(question, given, run):
        st.success(f"Right. {because}")
    elif question.choices:
        st.warning("Not this time. Look at the picture again, and take another one; or let yourself be told.")
    else:
        try:
            value = typed(given.text)
        except ValueError as error:
            st.warning(plain(f"{str(error)[0].upper()}{str(error)[1:]}."))
            return
        side = "small" if value < amount(question.answer, run) else "large"
        st.warning(
            f"{number(value)} is too {side}. Look at the picture again, and try another number; or let yourself be told."
        )
