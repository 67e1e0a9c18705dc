"""The lessons: their files, the language in which they ask, and the page."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pages
import pytest
from browser import settle
from hostile import OPENING, long_of
from pages import fine, opened
from streamlit.testing.v1 import AppTest

from engine.inputs import Scheme
from explorer import model as models
from explorer.model import Model
from explorer.state import State, from_query, to_query
from explorer.teach import answers
from explorer.teach.answers import AnswerError, amount, answer, said, truth, typed
from explorer.teach.lesson import FOLDER, Expression, LessonError, Link, lesson, lessons, parse, pieces, rendered

STEPS = [
    pytest.param(taken, step, id=f"{taken.name}-{place}")
    for taken in lessons()
    for place, step in enumerate(taken.steps, 1)
]


# --- every lesson ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", lessons(), ids=lambda taken: taken.name)
def test_a_lesson_has_five_to_eight_steps_and_most_ask(taken) -> None:
    assert 5 <= len(taken.steps) <= 8
    assert 2 * sum(step.question is not None for step in taken.steps) > len(taken.steps)
    assert 1 <= taken.minutes <= 60
    assert lesson(taken.name) is taken


def test_the_lessons_are_numbered_and_have_names_of_their_own() -> None:
    assert len({taken.name for taken in lessons()}) == len(list(FOLDER.glob("*.md")))
    assert [taken.place for taken in lessons()] == sorted({taken.place for taken in lessons()})


@pytest.mark.parametrize(("taken", "step"), STEPS)
def test_every_step_of_every_lesson_runs(taken, step) -> None:
    state, problems = from_query(step.query)
    assert problems == []
    run = models.run(state.model)
    if state.view.selected:
        there(run, *state.view.selected)
    for condition in step.holds:
        assert truth(condition, run), condition
    for text in step.texts:
        assert "{" not in without_mathematics(rendered(text, run))
    assert not any(isinstance(piece, Link) for text in step.texts if text != step.prose for piece in pieces(text))
    for link in step.links:
        changed, problems = from_query(link.query, start=state)
        assert problems == []
        if changed.view.selected:
            there(models.run(changed.model), *changed.view.selected)
    if asked := step.question:
        if asked.choices:
            assert sum(truth(choice.condition, run) for choice in asked.choices) == 1
            asked.right(run)
        else:
            true = amount(asked.answer, run)
            assert math.isfinite(true)
            assert asked.is_near(true, run)
            assert not asked.is_near(2 * abs(true) + 1, run)


def of_step(name, place, **query):
    """The run of a step of a lesson, with keys of its screen changed."""
    return models.run(from_query({**lesson(name).steps[place - 1].query, **query})[0].model)


def differing(one, other) -> set[str]:
    """The parameters in which two runs differ."""
    return {name for name in one.parameters if not np.array_equal(one.parameters[name], other.parameters[name])}


def test_what_a_step_says_of_the_network_of_another_step_is_true() -> None:
    vanish, explode, lstm, graph = (
        "why-gradients-vanish", "why-gradients-explode", "what-the-lstm-does", "a-graph-of-neurons",
    )  # fmt: skip
    assert differing(of_step(vanish, 1), of_step(vanish, 6)) == set()  # "The weights of the first step again"
    assert differing(of_step(explode, 1), of_step(explode, 2)) == {"U"}  # "The same W, with inputs of ordinary size"
    assert differing(of_step(explode, 3), of_step(explode, 7)) == set()  # "The exploding network of the third step"
    assert differing(of_step(lstm, 3), of_step(lstm, 4)) == {"b_f"}  # "Only one thing has changed"
    for value in ("1", "3"):  # "No other weight changes"
        assert differing(of_step(lstm, 7), of_step(lstm, 7, **{"init.b_f": f"constant,value:{value}"})) == {"b_f"}
    assert differing(of_step(graph, 1), of_step(graph, 5)) == {"b_3"}  # "The same network, but"
    np.testing.assert_array_equal(of_step(graph, 2).value["y_hat"][0, 0], of_step(graph, 7).value["y_hat"][0, 0])
    layer = '(norm(grad("phi_2", 1)) / norm(grad("phi_12", 1))) ** 0.1'  # "With tanh it is milder"
    assert amount(layer, of_step(graph, 8)) < amount(layer, of_step(graph, 8, activation="tanh")) < 1
    rates = [
        amount('rate("h")', of_step("initial-weights", 3, **{"init.W": f"normal,gain:{g}"})) for g in (0.5, 1, 1.5)
    ]
    assert rates == pytest.approx([0.5, 1, 1.5], rel=0.1)


# --- typed numbers --------------------------------------------------------------------------------------------------

_SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
#: Words of numbers; one and two are words of other kinds as well.
_NUMBERS = {word.removeprefix("a "): n for n, word in answers.WORDS.items() if n > 2} | {
    "thousand": 1e3, "million": 1e6, "billion": 1e9,
}  # fmt: skip
#: Equations, sections, years and other names that have a number in them.
_NAMED = re.compile(
    r"\(\d{1,2}\.\d{1,2}\)|\b(?:section|figure|chapter) \d+(?:\.\d+)*|\b(?:19|20)\d\d\b|\b32-bit\b|\bpowers of ten\b"
)
#: Names of steps, of nodes and losses at a step, of units: "steps 28, 29 and 30", "h(4)", "unit 2".
_PLACES = re.compile(
    r"\b(?:steps?|losses|loss|copies|copy|unit)(?: of steps?)? (\d+(?:(?:, | and |, then those of step | to )\d+)*)|\w\((\d+)\)",
    re.IGNORECASE,
)


def constants(expression: str) -> set[float]:
    """The numbers that a condition compares, or that an expression computes with; not those that name a step or a unit."""
    found = set()
    for node in ast.walk(ast.parse(expression.strip(), mode="eval")):
        inside = [node.left, node.right] if isinstance(node, ast.BinOp) else []
        inside += [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("after", "with_param", "exp", "log"):
            inside += node.args
            for text in (part.value for part in node.args if isinstance(part, ast.Constant)):
                found |= constants(text) if isinstance(text, str) and "(" in text else set()
        for part in inside:
            sign = -1 if isinstance(part, ast.UnaryOp) else 1
            part = part.operand if isinstance(part, ast.UnaryOp) else part
            if isinstance(part, ast.Constant) and isinstance(part.value, int | float):
                found |= {abs(part.value), sign * part.value}
    return found


def typed_numbers(text: str, words: bool = True) -> tuple[list[tuple[str, float]], list[int]]:
    """The numbers that are typed into a text, as they stand there and as they are; and those that name a step or a unit."""
    plain = "".join(
        piece if isinstance(piece, str) else piece.text if isinstance(piece, Link) else " " for piece in pieces(text)
    )
    mathematics = re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", plain, flags=re.DOTALL)
    found = [(n, float(n)) for n in re.findall(r"(?<![\d.])-?\d+\.\d+", " ".join(mathematics))]
    plain = _NAMED.sub(" ", without_mathematics(plain))
    named = [int(n) for run in _PLACES.findall(plain) for n in re.findall(r"\d+", " ".join(run))]
    plain = _PLACES.sub(" ", plain)
    found += [(power, float(power[2:].translate(_SUPERSCRIPT))) for power in re.findall("10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", plain)]
    plain = re.sub("10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", " ", plain)
    found += [(n, float(n.replace("−", "-"))) for n in re.findall(r"−?\d+(?:\.\d+)?", plain)]
    if words:
        found += [
            (word, _NUMBERS[word.lower()]) for word in re.findall(r"[A-Za-z]+", plain) if word.lower() in _NUMBERS
        ]
    return [(written, n) for written, n in found if n not in (-1, 0, 1)], named


@pytest.mark.parametrize(("taken", "step"), STEPS)
def test_every_number_of_a_lesson_is_a_setting_or_comes_from_the_run(taken, step) -> None:
    run = models.run(step.state.model)
    largest = max(run.T, *run.sizes.values())
    queries = " ".join([step.screen, *(link.to for link in step.links)])
    known = {
        float(n)
        for n in re.findall(
            r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?", re.sub(r"\b(?:eq|node|window)=[^& ]*", "", queries)
        )
    }
    known = known.union(*map(constants, step.holds))
    choices = [choice.text for choice in step.question.choices] if step.question else []
    for text in (step.title, *step.texts):
        found, named = typed_numbers(text, words=text not in choices)
        given = known.union(*(constants(piece.text) for piece in pieces(text) if isinstance(piece, Expression)))
        assert [written for written, n in found if n not in given] == [], text
        assert all(n <= largest for n in named), text


@pytest.mark.parametrize(
    "text",
    ["It is 0.51 a step.", "about 19 of them", "some 10⁻¹⁸", "$b = -2.5$", "through three losses", "Twenty steps", "−7",
     "a share of 5 %", "half a million", "at step 99", "h(7) and h(99)"],
)  # fmt: skip
def test_a_typed_result_is_refused(text) -> None:
    step = replace(lesson("recursion").steps[0], prose=text)
    with pytest.raises(AssertionError):
        test_every_number_of_a_lesson_is_a_setting_or_comes_from_the_run(None, step)


def test_a_condition_that_does_not_hold_is_refused() -> None:
    step = replace(lesson("recursion").steps[0], holds=("steps() == 7",))
    with pytest.raises(AssertionError):
        test_every_step_of_every_lesson_runs(None, step)


def there(run, name, t) -> None:
    """There is such a node, or copy of a parameter."""
    early = len(run.initial[name]) if name in run.initial else 0
    assert name in {*run.value, "y", *run.parameters}, name
    assert 1 - early <= t <= run.T


def without_mathematics(text: str) -> str:
    return re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", "", text, flags=re.DOTALL)


def test_a_lesson_and_its_step_are_in_the_link() -> None:
    state, problems = from_query({"lesson": "one-step-back,3"})
    assert (state.view.lesson, problems) == (("one-step-back", 3), [])
    assert to_query(state) == {"lesson": "one-step-back,3"}
    for wrong in ("one-step-back", "one-step-back,0", "../../etc,1", "A,1", "x" * 41 + ",1"):
        state, problems = from_query({"lesson": wrong})
        assert state.view.lesson is None
        assert len(problems) == 1


# --- the files ------------------------------------------------------------------------------------------------------

GOOD = """---
title: A lesson
about: What it is about.
minutes: 5
---

# First
screen: task=noise&steps=6&loss=last
look: Here.

The loss is {loss()}, [h](select:h,5) and $W^{(t)}$.

question: How many steps?
answer: steps()
because: There are
  {steps()}.

# Second
look: There.

Only text.
question: Which?
- this :: 1 > 2
- that :: 2 > 1
because: So it is.
"""


def test_a_file_is_read() -> None:
    read = parse("07-a-lesson.md", GOOD)
    assert (read.name, read.place, read.title, read.minutes) == ("a-lesson", 7, "A lesson", 5)
    first, second = read.steps
    assert (first.page, first.look, [link.query for link in first.links]) == ("network", "Here.", [{"node": "h,5"}])
    assert first.question is not None
    assert second.question is not None
    assert (first.question.answer, first.question.within) == ("steps()", "1%")
    run = run_of(steps=6)
    assert rendered(first.prose, run) == f"The loss is {run.loss:.4g}, **h** and $W^{{(t)}}$."
    assert rendered(first.question.because, run) == "There are\n  6."
    assert second.question.right(run) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("---\ntitle", "title", "header between two lines"),
        ("minutes: 5\n", "", "title, about and minutes"),
        ("minutes: 5", "minutes: soon", "title, about and minutes"),
        ("# First", "First", "a step begins with"),
        ("look: Here.\n", "", "a title, a line look"),
        ("look: Here.", "look: Here.\npage: nowhere", "page is nowhere"),
        ("answer: steps()\n", "", "an answer or at least two choices"),
        ("because: So it is.\n", "", "a line because"),
        ("- this :: 1 > 2\n", "", "at least two choices"),
        ("- this :: 1 > 2", "- this", "a choice is"),
        ("answer: steps()", "answer: steps()\nwithin: a bit", "within is a bit"),
        ("answer: steps()", "answer: steps()\nanswer: loss()", "each key of a question may occur once"),
    ],
)
def test_a_file_that_is_none_says_where_and_why(old, new, message) -> None:
    assert old in GOOD
    with pytest.raises(LessonError, match=message) as caught:
        parse("07-a-lesson.md", GOOD.replace(old, new, 1))
    assert str(caught.value).startswith("07-a-lesson.md")


@pytest.mark.parametrize("opening", OPENING)
def test_a_hostile_text_of_a_lesson_is_read_to_its_end(opening) -> None:
    text = long_of(opening)
    assert not any(isinstance(piece, Link) for piece in pieces(text))
    assert "".join(piece if isinstance(piece, str) else f"{{{piece.text}}}" for piece in pieces(text)) == text
    lines = GOOD.replace("How many steps?", f"How many steps?{text}").replace("There are", f"There are{text}")
    question = parse("07-a-lesson.md", lines).steps[0].question
    assert question is not None
    assert (question.text, question.because) == (
        f"How many steps?{text}".strip(),
        f"There are{text}\n  {{steps()}}.".strip(),
    )


# --- the language ---------------------------------------------------------------------------------------------------


def run_of(cell="rnn", steps=6, **fields):
    """A run in which the last loss alone counts."""
    model = models.changed(Model(), cell=cell, task="noise", settings=(("steps", steps),), count="last", **fields)
    return models.run(model)


def test_numbers_of_the_run() -> None:
    run = run_of(steps=6)
    norms = np.linalg.norm(run.grad["h"][:, 0], axis=1)
    assert amount('norm(grad("h", 5))', run) == pytest.approx(norms[4])
    assert amount('10 ** log_norm("h", 5)', run) == pytest.approx(norms[4])
    assert amount('total(param_grad("W"))', run) == pytest.approx(run.param_grad["W"].sum())
    assert amount('entry(step_grad("W", 3), 1, 2)', run) == pytest.approx(run.step_grad("W")[2, 0, 1])
    assert truth('same(grad("o", 6), value("y_hat", 6) - value("y", 6))', run)
    assert truth('same(grad("h", 5), transposed("W") @ (slopes("h", 6) * grad("h", 6)))', run)
    assert truth('same(grad("h", 0), message("h", "a", 1)) or 0 < loss() <= 100', run)
    assert answer('value("h", 0)', run).tolist() == [0] * 8
    assert amount("log(loss())", run) == pytest.approx(np.log(run.loss))
    assert amount("2 + 3 * -(4 - 1) / 2 ** 2", run) == 2 - 9 / 4


def test_rate_goes_from_the_last_gradient_to_the_first() -> None:
    run = run_of(steps=6)
    norms = np.linalg.norm(run.grad["h"][:, 0], axis=1)
    assert amount('rate("h")', run) == pytest.approx((norms[0] / norms[5]) ** (1 / 5))
    with pytest.raises(AnswerError, match="fewer than two steps"):
        answer('rate("L")', run)
    far = run_of(steps=900, scheme=Scheme("normal", gain=0.001))
    assert 0 < amount('rate("h")', far) < 0.1
    assert amount('log_norm("h", 1)', far) < -400


def test_a_small_step_of_descent_lowers_the_loss_by_the_squared_norm() -> None:
    run = run_of(steps=6)
    square = sum(float((grad**2).sum()) for grad in run.param_grad.values())
    assert (run.loss - amount("after(1e-6, 'loss()')", run)) / 1e-6 == pytest.approx(square, rel=1e-4)
    assert amount("after(0, 'loss()')", run) == run.loss
    assert amount("grad_norm()", run) == pytest.approx(math.sqrt(square))


def test_another_run_of_the_same_network_may_be_asked() -> None:
    run, zero = run_of(steps=6), run_of(steps=6, overrides=(("V", Scheme("zeros")),))
    assert amount("with_param('V', 0, 'loss()')", run) == pytest.approx(zero.loss)
    assert truth("with_param('W', param('W'), 'norm(grad(\"h\", 1))') == norm(grad('h', 1))", run)
    assert amount("with_param('V', 0, 'after(1, \"loss()\")')", run) == pytest.approx(
        amount("after(1, 'loss()')", zero)
    )


def test_numbers_are_written_as_words() -> None:
    run = run_of(steps=6)
    assert [answer(f"in_words({n})", run) for n in (0, 3, 12, 20, 50, 100)] == [
        "zero", "three", "twelve", "twenty", "fifty", "a hundred",
    ]  # fmt: skip


def test_paths_are_counted_in_the_unrolled_graph() -> None:
    run = run_of(steps=6)
    assert amount('count_paths("h", 1, "h", 6)', run) == 1
    assert amount('count_paths("h", 6, "h", 1)', run) == 0
    assert amount('count_paths("x", 3, "L", 6)', run) == 1
    lstm = run_of("lstm", steps=4)
    assert amount('count_paths("h", 1, "h", 2)', lstm) == 4
    assert amount('count_paths("h", 0, "h", 1)', lstm) == 4


@pytest.mark.parametrize(
    "text",
    [
        "", "(", "__import__('os')", "loss.real", "loss", "lambda: 1", "[1, 2]", "grad('h', 5)[0]", "loss(1)", "f'{1}'",
        "grad('k', 5)", "grad('h', 7)", "grad('h', 5.5)", "grad('h', -1)", "grad('h')", "norm('h')", "bound('L')",
        "1 if 1 else 2",
        "sigma_max('b')", "radius('V')", "row('W', 9)", "entry(grad('h', 5), 1, 1)", "value('h', 1) @ param('V')",
        "param('X')", "value('h', 1) < 1", "not 1", "1 and 2", "1" * 400, "x" * 2_000, "(" * 300 + "1" + ")" * 300,
        "step_grad('W', 0)", "slope('a', 1)", "steps(a=1)", "units('W')", "1 < 2 in 3", "1j", "None",
        "by_loss('h', 7, 1)", "saturated('L')", "-" * 990 + "1", "not " * 240 + "1", "-+" * 490 + "1",
        "in_words(21)", "in_words(0.5)", "after(1, loss())", "with_param('W', grad('h', 5), 'loss()')", "with_param('W', 1, 'X')",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_in_words(text) -> None:
    with pytest.raises(AnswerError) as caught:
        answer(text, run_of(steps=6))
    assert str(caught.value)


def test_what_is_large_stays_bounded() -> None:
    run = run_of(steps=6)
    assert answer("9 ** 9 ** 9 ** 9", run) == math.inf
    assert math.isnan(answer("0 / 0", run))
    for text in ("9 ** 9 ** 9", "0 / 0", "loss() > 0", "grad('h', 5)", "'loss'"):
        with pytest.raises(AnswerError, match="no finite number"):
            amount(text, run)
    with pytest.raises(AnswerError, match="no condition"):
        truth("loss()", run)


def test_every_function_of_the_table_says_how_it_is_called() -> None:
    for name, row in answers.FUNCTIONS.items():
        assert row.call.startswith(f"{name}(")
        assert row.sentence.endswith(".")


def test_an_answer_is_written_short() -> None:
    assert said(0.0001234567) == "0.0001235"
    assert said(True) == "true"
    assert said(np.array([1.0, -0.25])) == "(1, −0.25)"
    assert said(np.ones((8, 8))) == "8 × 8 numbers"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.25", 0.25), ("0,001", 0.001), ("1e-3", 0.001), ("1E-3", 0.001), (" 1.5·10⁻³ ", 0.0015), ("10^-3", 0.001),
        ("1/4", 0.25), ("2*10**3", 2000), ("5 %", 0.05), ("−3", -3), (".5", 0.5), ("-1,5e2", -150), ("10⁻⁵", 1e-5), ("10", 10),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, value) -> None:
    assert typed(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "abc", "1e999", "1/0", "nan", "inf", "1,000,000", "9" * 50, "1" * 10_000, "٣", "1 2e"]
)
def test_what_is_no_number_is_refused(text) -> None:
    with pytest.raises(ValueError, match="number is needed"):
        typed(text)


# --- the page -------------------------------------------------------------------------------------------------------


def on_page(query: dict[str, str]) -> AppTest:
    """The page of the lessons by itself."""
    return opened("lessons", picture="live", **query)


words = partial(pages.words, kinds=("markdown", "caption"))


def click(app: AppTest, key: str) -> AppTest:
    return fine(app.button(key=key).click().run())


def commit(app: AppTest, key: str) -> AppTest:
    """A click on the button of the form."""
    return click(app, f"lesson.answer.{key}.commit")


def test_the_page_lists_every_lesson() -> None:
    app = on_page({})
    for taken in lessons():
        assert app.button(key=f"begin.{taken.name}").label == "Begin"
        assert taken.about in words(app)


@pytest.mark.slow
@pytest.mark.parametrize("taken", lessons(), ids=lambda taken: taken.name)
def test_a_lesson_from_its_first_step_to_its_last(taken) -> None:
    app = on_page({"cell": "gru", "node": "h,2"})
    before = app.session_state.state
    click(app, f"begin.{taken.name}")
    for place, step in enumerate(taken.steps, 1):
        assert app.session_state.state.view.lesson == (taken.name, place)
        assert app.session_state.state.model == step.state.model
        assert app.query_params["lesson"] in ([f"{taken.name},{place}"], f"{taken.name},{place}")
        run = models.run(step.state.model)
        assert rendered(step.look, run) in words(app)
        if asked := step.question:
            assert rendered(asked.because, run) not in "".join(
                e.value for e in (*app.success, *app.info, *app.markdown)
            )
        if place < len(taken.steps):
            click(app, "lesson.next")
    click(app, "lesson.finish")
    assert app.session_state.state == before
    assert app.button(key=f"begin.{taken.name}").label == "Again"


def test_a_wrong_and_a_right_number() -> None:
    app = on_page({"lesson": "one-step-back,4"})
    key, run = "one-step-back.4", models.run(lesson("one-step-back").steps[3].state.model)
    asked = lesson("one-step-back").steps[3].question
    true, because = amount(asked.answer, run), rendered(asked.because, run)

    def answered(text: str) -> None:
        app.text_input(key=f"lesson.answer.{key}").set_value(text)
        commit(app, key)

    commit(app, key)
    assert not app.warning
    for text, said_to_it in (("100", "100 is too large"), ("-1", "is too small"), ("a lot", "A number is needed")):
        answered(text)
        assert said_to_it in app.warning[0].value
        assert because not in "".join(element.value for element in (*app.success, *app.info))
    answered(f"{true:.3f}".replace(".", ","))
    assert app.success[0].value == f"Right. {because}"
    assert not app.warning


def test_a_wrong_choice_and_the_answer_told() -> None:
    app = on_page({"lesson": "one-step-back,1"})
    key, step = "one-step-back.1", lesson("one-step-back").steps[0]
    run = models.run(step.state.model)
    right = step.question.right(run)
    assert app.radio(key=f"lesson.answer.{key}").value is None
    app.radio(key=f"lesson.answer.{key}").set_value((right + 1) % 3)
    commit(app, key)
    assert app.warning[0].value.startswith("Not quite")
    click(app, f"lesson.answer.{key}.tell")
    assert step.question.choices[right].text in app.info[0].value
    assert rendered(step.question.because, run) in app.info[0].value
    app.radio(key=f"lesson.answer.{key}").set_value(right)
    commit(app, key)
    assert app.success[0].value.startswith("Right.")


def test_a_link_to_a_step_sets_its_screen_and_leaves_without_a_trace() -> None:
    app = on_page({"lesson": "sharing,3"})
    assert app.session_state.state.model == lesson("sharing").steps[2].state.model
    assert app.button(key="lesson.leave").label == "Leave the lesson"
    click(app, "lesson.leave")
    assert app.session_state.state.view.lesson is None


def test_a_link_from_the_midst_of_a_lesson_is_what_its_sender_saw() -> None:
    app = on_page({"lesson": "sharing,3", "task": "noise", "steps": "9"})
    assert dict(app.session_state.state.model.settings) == {"steps": 9}
    assert "You have changed the network" in words(app)
    click(app, "lesson.again")
    assert app.session_state.state.model == lesson("sharing").steps[2].state.model


def test_what_the_user_had_is_kept_and_given_back_at_any_step() -> None:
    app = on_page({"cell": "lstm", "n.f": "5", "scale": "cividis"})
    before = app.session_state.state
    click(app, "begin.recursion")
    assert "This lesson has set cell" in words(app).replace("\\", "")
    assert app.session_state.state.view.scale == "cividis"
    fine(app.segmented_control(key="lesson.step").set_value(5).run())
    assert app.session_state.state.view.lesson == ("recursion", 5)
    assert app.button(key="lesson.leave").label == "Give me back my network"
    click(app, "lesson.leave")
    assert app.session_state.state == before


@pytest.mark.parametrize("wrong", ["nothing,1", "sharing,99"])
def test_a_link_to_no_lesson_says_so(wrong) -> None:
    app = on_page({"lesson": wrong})
    assert "There is no step" in app.warning[0].value.replace("\\", "")
    click(app, "begin.sharing")
    assert app.session_state.state.view.lesson == ("sharing", 1)
    click(app, "lesson.leave")
    assert app.session_state.state == State()


def test_a_lesson_in_the_browser(new_page) -> None:
    """One wrong and one right answer, a link of the text, another page and back, and the network given back."""
    page = new_page("lessons?text=abc")
    begin = page.locator(".st-key-lesson-one-step-back").get_by_role("button", name="Begin")
    begin.click()
    page.get_by_role("heading", name="One loss, at the end").wait_for()
    page.get_by_text("This lesson has set").wait_for()
    settle(page)
    page.get_by_text("it is too far from the end").click()
    page.get_by_role("button", name="This is my answer").click()
    page.get_by_text("Not quite").wait_for()
    settle(page)
    page.get_by_text("its only way up").click()
    page.get_by_role("button", name="This is my answer").click()
    page.get_by_test_id("stAlertContentSuccess").filter(has_text="Right.").wait_for()
    settle(page)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="The last state").wait_for()
    settle(page)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="Down: from h to a").wait_for()
    settle(page)
    page.get_by_role("link", name="the slopes").click()
    page.wait_for_function("location.search.includes('show=slope')")
    assert page.url.split("/")[-1].startswith("lessons?")
    settle(page)
    page.get_by_role("link", name="Network", exact=True).click()
    page.get_by_role("link", name="Back to the lesson").click()
    page.get_by_role("heading", name="Down: from h to a").wait_for()
    settle(page)
    page.get_by_role("button", name="Give me back my network").click()
    page.wait_for_function("location.search === '?text=abc'")
    begin.wait_for()
