"""The question of a step: the form for the answer, and the judgement of it."""

from __future__ import annotations

import streamlit as st

from engine import Run
from explorer.page.session import session
from explorer.teach.answers import amount, typed
from explorer.teach.lesson import Lesson, Question, UserAnswer, rendered
from explorer.words.markdown import plain
from explorer.words.numbers import number


def ask(lesson: Lesson, place: int, question: Question, run: Run) -> None:
    """Ask the question; the page shows the answer only once the user has given one."""
    key, form = f"{lesson.name}.{place}", f"lesson.answer.{lesson.name}.{place}"
    answers = session.lesson_answers

    def commit(was_shown: bool = False) -> None:
        value = st.session_state.get(form)
        if was_shown:
            answers[key] = UserAnswer(was_shown=True)
        elif value is not None and value != "":
            answers[key] = UserAnswer(choice=value) if question.choices else UserAnswer(text=str(value))

    with st.form(f"{form}.form"):
        st.markdown(f"**{rendered(question.text, run)}**")
        if question.choices:
            texts = [rendered(choice.text, run) for choice in question.choices]
            st.radio("Answer", range(len(texts)), format_func=texts.__getitem__, index=None, key=form,
                     label_visibility="collapsed")  # fmt: skip
        else:
            st.text_input("Your number", key=form, max_chars=60, placeholder="such as 0.25, 1e-3 or 1/3")
        st.form_submit_button("This is my answer", on_click=commit, key=f"{form}.commit")
    if (user_answer := answers.get(key)) is not None:
        _judge(question, user_answer, run)
        if not user_answer.was_shown and not _right(question, user_answer, run):
            st.button("Show the answer", key=f"{form}.tell", on_click=commit, args=(True,))


def _right(question: Question, answer: UserAnswer, run: Run) -> bool:
    if question.choices:
        return answer.choice == question.right(run)
    try:
        return question.is_near(typed(answer.text), run)
    except ValueError:
        return False


def _judge(question: Question, user_answer: UserAnswer, run: Run) -> None:
    """Say whether an answer is right, and why."""
    because = rendered(question.because, run)
    if user_answer.was_shown:
        right = (
            rendered(question.choices[question.right(run)].text, run)
            if question.choices
            else number(amount(question.answer, run))
        )
        st.info(f"The answer: **{right}**. {because}")
    elif _right(question, user_answer, run):
        st.success(f"Right. {because}")
    elif question.choices:
        st.warning("Not quite. Look at the picture again and choose another answer, or show the answer.")
    else:
        try:
            value = typed(user_answer.text)
        except ValueError as error:
            st.warning(plain(f"{str(error)[0].upper()}{str(error)[1:]}."))
            return
        side = "small" if value < amount(question.answer, run) else "large"
        st.warning(
            f"{number(value)} is too {side}. Look at the picture again and try another number, or show the answer."
        )
