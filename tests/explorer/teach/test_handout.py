"""Handouts: formulas as MathML, text that is no markup, and one file that asks for nothing outside."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from hostile import OPENING, long_of

from engine import CATALOGUE
from engine.language import notation
from engine.working import messages as explain
from explorer import model as models
from explorer.facts import clipped
from explorer.state import PRESETS, TABS, State, from_query
from explorer.teach.handout import Figure, Lesson, Step, Table, handout, of_lesson, screen
from explorer.teach.lesson import lessons, parse
from explorer.teach.mathml import mathml, shown
from explorer.words import glossary

EVIL = "<script>alert(1)</script><img src=x onerror=y> & </title>"


def read(formula: str) -> str:
    """The text of a formula, whose markup is well-formed."""
    return "".join(ElementTree.fromstring(mathml(formula)).itertext())


def body(text: str) -> str:
    """A handout without its scripts and styles."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)


# --- formulas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
def test_every_equation_of_the_ready_cells_is_written(cell) -> None:
    for name in cell.nodes:
        assert read(cell.latex())
        assert read(notation.nabla(name, "t+1")).startswith("∇")


def test_every_formula_of_the_glossary_is_written() -> None:
    for letter in (letter for group in glossary.LETTERS.values() for letter in group):
        for formula in (letter.latex, *re.findall(r"\$([^$]+)\$", letter.words + letter.source)):
            assert read(formula)


@pytest.mark.parametrize("preset", ["hello", "lstm", "irnn"])
def test_every_formula_of_an_explanation_is_written(preset) -> None:
    run = models.run(PRESETS[preset].state.model)
    for name in run.cell.nodes:
        back, forth = explain.backward(run, name, 2), explain.forward(run, name, 2)
        for formula in (back.symbols, forth.symbols, forth.numbers, notation.matrix(back.gradient)):
            assert read(formula)


def test_formulas_are_read_as_they_are_meant() -> None:
    assert read(r"h^{(t-1)}") == "h(t−1)"
    assert mathml("x_i^2").count("<msubsup>") == 1
    assert mathml(r"\sum_i x").count("<munder>") == 1
    assert mathml(r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}").count("<mtd>") == 4
    assert read(r"\frac{1}{n}\left\lVert o - y \right\rVert^2") == "1n‖o−y‖2"
    assert read(r"\mathit{state}\;\text{at } \mathbb{R}") == "stateat ℝ"


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "}",
        "x^",
        r"\left(",
        r"\begin{aligned}",
        r"\unknown",
        "^2",
        "a & b",
        "{" * 500,
        r"\begin{matrix}x\end{cases}",
    ],
)
def test_what_is_no_formula_stands_as_it_is(wrong) -> None:
    with pytest.raises(ValueError, match=r"."):
        mathml(wrong)
    assert shown(wrong).startswith("<code>")


@pytest.mark.parametrize("opening", [*OPENING, r"\sqrt", r"\hat{", "{a^", "'", "a''"])
def test_a_hostile_text_is_written_to_its_end(opening) -> None:
    text = long_of(opening)
    assert re.fullmatch(r"<(math|code)\b.*</\1>", shown(f"a{text}", display=True), re.DOTALL)
    written = body(handout(Lesson("A lesson", text)))
    assert written.endswith("</body></html>\n")


def test_nothing_of_a_formula_is_markup() -> None:
    for formula in (EVIL, rf"\text{{{EVIL}}}", rf"\mathit{{{EVIL}}}", rf"\begin{{{EVIL}}}"):
        assert "<script" not in shown(formula)
        assert "<img" not in shown(formula)


# --- the file --------------------------------------------------------------------------------------------------------


def lesson() -> Lesson:
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name=EVIL), {"title": {"text": "</script>"}})
    steps = (
        Step(
            "First",
            "A **bold** word, $W^\\top$, and a \\* star.\n\n- one\n- two\n\n$$ a = b $$",
            (r"\nabla_{h} L = V^\top \nabla_{o} L",),
            (Figure(figure, f"Caption {EVIL}"),),
            (Table(("step", "norm"), (("1", "0.5"), (EVIL, "$x$"))),),
            "Which is larger?",
            "The *second*.",
        ),
        Step(EVIL, EVIL),
    )
    return Lesson(f"A lesson {EVIL}", EVIL, steps, "http://localhost:8501/lessons?step=2")


def test_a_lesson_has_all_its_parts() -> None:
    text = body(handout(lesson()))
    parts = ("1. First", "<strong>bold</strong>", "a * star", "<li>two</li>", "Caption", "Which is larger?", "0.5")
    for part in (*parts, "<em>second</em>", "lessons?step=2", "<summary>Answer</summary>"):
        assert part in text
    assert text.count("<math") == 4
    assert 'id="figure1"' in text


def test_nothing_of_the_text_is_markup() -> None:
    whole = handout(lesson())
    assert "alert(1)</script>" not in whole
    assert "<img" not in body(whole)
    assert "<script" not in body(whole)


def test_it_asks_for_nothing_outside() -> None:
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=", handout(lesson()))
    assert "Plotly" in handout(lesson())
    assert len(handout(Lesson("Words only", "Nothing else."))) < 10_000  # no figure, no plotly.js


def test_the_screen_is_a_handout() -> None:
    state = PRESETS["lstm"].state
    run = models.run(state.model)
    text = body(handout(screen(state, run, link="http://localhost/?cell=lstm_tanh")))
    assert "LSTM as libraries have it" in text
    assert text.count("<figure>") == 2
    assert "?cell=lstm_tanh" in text
    assert f"{run.T} steps" in text
    assert text.count("<tr>") == 1 + len(glossary.of_cell(run.cell, models.sizes(state.model))) + 1 + run.T


@pytest.mark.parametrize(
    "query", [{"cell": "feedforward"}, {"task": "noise", "steps": "300"}, {"loss": "hand", "w": "0,0,0,0"}]
)
def test_every_screen_is_a_handout(query) -> None:
    state, problems = from_query(query)
    assert problems == []
    assert "<h2>" in handout(screen(state, models.run(state.model)))


def test_the_first_screen_says_its_sentences() -> None:
    assert "loss" in body(handout(screen(State(), models.run(State().model))))


@pytest.mark.parametrize("own", lessons(), ids=lambda own: own.name)
def test_a_lesson_is_a_handout(own) -> None:
    made = of_lesson(own)
    assert len(made.steps) == len(own.steps)
    text = handout(made)
    for step, part in zip(own.steps, made.steps, strict=True):
        assert part.figures
        assert bool(part.question) == bool(part.answer) == (step.question is not None)
    assert not re.search(r"(src|href)=.https?:", body(text))
    assert body(text).count('<div class="question">') == sum(step.question is not None for step in own.steps)


#: What a step asks to look at -> traces of which kind, or a table with which heading, its handout has.
ASKED = {
    "triangle": "heatmap",
    "map": "heatmap",
    "eigenvalues": "scatter",
    "table under clipping": "clipped by norm",
    "curve": "scatter",
}


@pytest.mark.parametrize("own", lessons(), ids=lambda own: own.name)
def test_a_handout_has_what_a_step_asks_about(own) -> None:
    for step, made in zip(own.steps, of_lesson(own).steps, strict=True):
        kinds = {trace.type for figure in made.figures for trace in figure.figure.data}
        heads = {head for table in made.tables for head in table.head}
        for word, needed in ASKED.items():
            if re.search(rf"\b{word}\b", step.look.lower()):
                assert needed in kinds | heads, (step.title, word)
        words = " ".join(figure.caption for figure in made.figures)
        assert ("eigenvalues" in words) == (step.query.get("tab") == "matrices")
        assert ("the loss of each step, a row" in words) == (step.query.get("tab") == "losses")
        assert ("the steps of descent" in words) == (step.page == "cliff")


@pytest.mark.parametrize("tab", list(TABS))
@pytest.mark.parametrize("cell", ["rnn", "lstm", "feedforward"])
def test_every_part_of_the_page_on_vanishing_gradients_has_its_handout(tab, cell) -> None:
    query = f"cell={cell}&task=noise&steps=4&tab={tab}"
    text = parse(
        "01-one.md", f"---\ntitle: One\nabout: It.\nminutes: 1\n---\n# A\nscreen: {query}\npage: vanish\nlook: b\n\nc"
    )
    (made,) = of_lesson(text).steps
    assert made.figures
    assert len(made.figures) + len(made.tables) == (1 if cell == "feedforward" else 2)


def test_the_clipped_norms_are_those_of_the_clipped_gradients() -> None:
    run = models.run(models.changed(State().model, task="noise"))
    rows = clipped(run, 0.5)
    whole = np.sqrt(sum(np.sum(grad**2) for grad in run.param_grad.values()))
    assert [row.name for row in rows] == [*run.param_grad, ""]
    assert (rows[-1].whole, rows[-1].by_norm) == pytest.approx((whole, min(whole, 0.5)))
    for row in rows[:-1]:
        grad = run.param_grad[row.name]
        assert row.by_norm == pytest.approx(row.whole * 0.5 / whole)
        assert row.by_value == pytest.approx(np.linalg.norm(np.clip(grad, -0.5, 0.5)))
        assert (row.beyond, row.size) == ((np.abs(grad) > 0.5).sum(), grad.size)
    assert rows[-1].beyond == sum(row.beyond for row in rows[:-1])
