"""The page of the derivation: sections, detail, levels, link; what it exports; and that a browser can draw each line."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pages
import pytest
import streamlit as st
from browser import settle
from pages import fine, query, words
from streamlit.testing.v1 import AppTest

from engine.working.derivation import SECTIONS, Line, Section, derive
from explorer import model as models
from explorer.model import Model
from explorer.state import DETAILS, State, View, from_query, packed, to_query
from explorer.teach import export
from explorer.teach.export import derived_latex, derived_markdown
from explorer.views import derive as view

opened = partial(pages.opened, "derive")


def formulas(app: AppTest) -> list[str]:
    return [element.value for element in app.latex]


# --- the page --------------------------------------------------------------------------------------------------------


def test_it_opens_with_the_three_questions_and_their_marks() -> None:
    app = opened(task="worked")
    assert query(app) == {"task": "worked"}
    assert "Question 1" in words(app)
    assert "lines hold" in words(app)
    assert "✗" not in words(app)
    assert len(formulas(app)) == 2 * len(derive(models.run(Model(task="worked")), "softmax", 3).lines)


def test_sections_are_chosen_and_only_those_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(view, "derive", lambda run, key, *rest: asked.append(key) or derive(run, key, *rest))
    app = opened(task="worked", sections="loss")
    assert asked == ["loss"]
    fine(app.button_group(key="derive.sections").set_value(["loss", "recursion"]).run())
    assert asked == ["loss", "recursion"]
    assert query(app)["sections"] == "loss,recursion"
    fine(app.button(key="derive.close.loss").click().run())
    assert query(app)["sections"] == "recursion"
    fine(app.button(key="derive.close.recursion").click().run())
    assert "Choose a section" in words(app)
    assert not formulas(app)


def test_step_detail_and_levels_are_in_the_link() -> None:
    app = opened(task="worked", sections="expanded")
    fine(app.number_input(key="derive.step").set_value(2).run())
    fine(app.button_group(key="derive.detail").set_value("symbols").run())
    symbols = len(formulas(app))
    fine(app.number_input(key="derive.levels").set_value(1).run())
    assert query(app) == {"task": "worked", "sections": "expanded", "step": "2", "detail": "symbols", "levels": "1"}
    assert sum(text.count(r"\Bigl[") for text in formulas(app)) == 1
    assert symbols == len(formulas(app))
    again = opened(**query(app))
    assert formulas(again) == formulas(app)


def test_a_section_that_does_not_apply_is_told_and_comes_back() -> None:
    app = opened(cell="feedforward", sections="recursion,layers")
    assert "Layer by layer" in words(app)
    assert "no memory" in words(app)
    fine(app.button_group(key="derive.sections").set_value(["layers", "loss"]).run())
    assert query(app)["sections"] == "loss,recursion,layers"


@pytest.mark.parametrize(
    "given",
    [
        {"cell": "lstm", "task": "noise", "samples": "3", "sample": "2", "step": "1"},
        {"eq": packed("h_1 = tanh(alpha * h_1[t-1] + U @ x)\nL = mse(V @ h_1, y)"), "task": "noise", "targets": "real"},
        {"task": "noise", "steps": "1"},
        {"step": "77", "levels": "99", "detail": "none", "sections": "nothing"},
    ],
)
def test_every_section_opens_for(given: dict[str, str]) -> None:
    app = opened(**({"sections": ",".join(SECTIONS), "detail": "elements"} | given))
    assert "✗" not in words(app)
    assert not app.error
    assert formulas(app)


def test_an_overflow_is_said_and_marked() -> None:
    app = opened(
        activation="identity", task="noise", steps="300", init="normal,gain:50", sections="nodes,equations", step="290"
    )
    assert "range of floating point" in app.warning[0].value
    assert any("not all of its numbers are finite" in error.value for error in app.error)


def test_the_link_gives_the_view_back() -> None:
    seen = State(view=View(sections=("loss", "expanded"), detail="elements", step=4, levels=7))
    assert from_query(to_query(seen)) == (seen, [])
    closed = State(view=View(sections=()))
    assert from_query(to_query(closed)) == (closed, [])
    for bad in ({"sections": "loss,no"}, {"detail": "no"}, {"step": "-1"}, {"levels": "0"}):
        state, problems = from_query(bad)
        assert state == State()
        assert len(problems) == 1


# --- what it exports -------------------------------------------------------------------------------------------------

MODELS = {
    "worked": Model(task="worked"),
    "lstm": models.changed(Model(), cell="lstm", task="noise", settings=(("steps", 4), ("samples", 2))),
    "feedforward": models.changed(Model(), cell="feedforward", task="noise", settings=(("samples", 3),)),
}


def whole(name: str) -> list[Section]:
    run = models.run(MODELS[name])
    return [derive(run, key, 1, 0, 2) for key in SECTIONS if not SECTIONS[key].obstacle(run)]


def balanced(text: str) -> None:
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("detail", DETAILS)
def test_the_document_balances(name: str, detail: str) -> None:
    text = derived_latex(whole(name), detail, "Derivation at step $t = 1$")
    balanced(text)
    assert not re.search(r"[^\x00-\x7f–]", text)  # what LaTeX knows without packages
    assert text.count(r"\[") == text.count(r"\]") + len(re.findall(r"\\\\\[4pt\]", text))
    assert not re.search(r"\\\[\s*\\\]|\n\n\\\]", text)
    outside = re.sub(r"\\\[.*?\n\\\]", "", text, flags=re.DOTALL)
    assert outside.count("$") % 2 == 0
    assert not re.search(r"(?<!\\)[#%&_^]", re.sub(r"\$[^$]*\$", "", outside.split(r"\begin{document}")[1]))
    assert not re.search(r"\^\{\([^{}]*\)\}\^", text)  # a double superscript


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_the_document_compiles(name: str, tmp_path: Path) -> None:
    (tmp_path / "derivation.tex").write_text(derived_latex(whole(name), "elements", "Derivation"), encoding="utf-8")
    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "derivation.tex"],
        cwd=tmp_path,
        check=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", MODELS)
def test_the_markdown_renders(name: str) -> None:
    """Display mathematics stands between lines of two dollar signs, without a blank line in it."""
    text = derived_markdown(whole(name), "elements", "Derivation at step $t = 1$")
    blocks = text.split("\n$$\n")
    assert len(blocks) % 2 == 1
    for inside in blocks[1::2]:
        balanced(inside)
        assert "\n" not in inside
        assert "$" not in inside
    for outside in blocks[0::2]:
        assert "$$" not in outside
        assert outside.count("$") % 2 == 0


def test_the_mark_says_how_near_and_how() -> None:
    line = derive(models.run(Model(task="worked")), "nodes", 3).lines[-1]
    assert export.mark(line).startswith("✓")
    assert "imaginary steps" in export.mark(line)
    assert export.mark(replace(line, error=0.5)).startswith("✗ relative difference 0.5")
    assert "finite" in export.mark(replace(line, error=float("inf")))


# --- in a browser ----------------------------------------------------------------------------------------------------


def test_the_page_draws_every_line(new_page) -> None:
    page = new_page("?task=worked&detail=elements&sections=softmax,expanded")
    page.set_default_timeout(120_000)
    page.get_by_role("link", name="Derivation").click()
    page.wait_for_selector(".st-key-derive-expanded .katex")
    settle(page)
    assert page.locator(".katex-error").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as download:
        page.get_by_role("button", name="LaTeX", exact=True).click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith(r"\documentclass")
    assert text.rstrip().endswith(r"\end{document}")
    run = models.run(models.changed(Model(), task="worked"))
    assert all(line.symbols in text for line in derive(run, "softmax", run.T // 2 + run.T % 2).lines)


def test_katex_reads_every_line_of_every_section(new_page) -> None:
    """With the KaTeX that the page has; what it does not know, or a double superscript, is an error here."""
    (script,) = (Path(st.__file__).parent / "static" / "static" / "js").glob("katex.*.js")
    sections = [section for name in MODELS for section in whole(name)]
    lines = [line for section in sections for line in section.lines]
    shown = [text for line in lines for text in (*formulas_of(line), *re.findall(r"\$([^$]*)\$", line.explanation))]
    page = new_page("", viewport={"width": 800, "height": 600})
    page.set_default_timeout(120_000)
    wrong = page.evaluate(
        """async ([url, texts]) => {
          const katex = Object.values(await import(url)).find((part) => part && part.renderToString);
          return texts.filter((text) => {
            try { katex.renderToString(text, { displayMode: true }); return false; } catch { return true; }
          });
        }""",
        [f"/static/js/{script.name}", shown],
    )
    assert wrong == []


def formulas_of(line: Line) -> list[str]:
    return export.formulas(line, "elements")
