"""A handout: one HTML file with prose, formulas, figures and numbers, which works offline.

It is built from plain data: a lesson or the current screen can be exported. Text is a little Markdown: paragraphs, lists
that begin with "- ", **bold**, *italics*, `code`, $formulas$. Everything else, HTML included, is shown as it is written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

import engine
from engine import Run
from engine.language import latex
from explorer import facts, figures
from explorer import model as models
from explorer.experiments import cliff, knob
from explorer.facts import course, earliest
from explorer.model import samples
from explorer.picture.neurons import neurons
from explorer.picture.readings import magnitudes
from explorer.picture.scene import Scene, scene
from explorer.state import LENSES, State
from explorer.teach import lesson as lessons
from explorer.teach.answers import amount
from explorer.teach.mathml import shown
from explorer.words import glossary
from explorer.words.markdown import plain
from explorer.words.numbers import number
from explorer.words.sentences import sentences

_WIDTH: Final = 900  # pixels of a figure, as a sheet has room for
_MAX_NUMBERS: Final = 60  # columns of a table
_STYLE: Final = """
:root { color-scheme: light; }
body { max-width: 940px; margin: 32px auto; padding: 0 20px; color: #1c2733; background: #fff;
  font: 17px/1.55 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 1.8em; margin: 0 0 0.2em; } h2 { font-size: 1.25em; margin: 1.8em 0 0.3em; }
.muted, figcaption { color: #5d6b7a; } figure { margin: 1em 0; } figcaption { font-size: 0.9em; }
table { border-collapse: collapse; margin: 1em 0; font-size: 0.92em; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25em 0.8em; border-bottom: 1px solid #dfe4e9; text-align: left; }
.formula, .wide { overflow-x: auto; margin: 0.8em 0; } math { font-size: 1.08em; }
mtable.aligned mtd { text-align: right; padding: 0.3em 0; } mtable.aligned mtd + mtd { text-align: left; }
.question { border-left: 4px solid #1f5f99; padding: 0.2em 0 0.2em 1em; margin: 1em 0; }
details { margin: 0.6em 0; } summary { cursor: pointer; color: #1f5f99; }
code { font-size: 0.92em; background: #f2f5f8; padding: 0.1em 0.3em; border-radius: 3px; }
@media print { body { margin: 0; font-size: 12pt; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Figure:
    """A plotly figure with a caption."""

    figure: go.Figure
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A table: headings, and rows of texts."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Step:
    """A part of a handout; its fields appear in this order, without the empty ones.

    Attributes:
        title: of the part.
        prose: text.
        formulas: LaTeX, each on a line of its own.
        figures: with captions.
        tables: below the figures.
        question: to the reader.
        answer: which the reader can open.
    """

    title: str
    prose: str = ""
    formulas: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    question: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Lesson:
    """The content of a handout; `link` is the address where the reader can try it, or empty."""

    title: str
    about: str = ""
    steps: tuple[Step, ...] = ()
    link: str = ""


#: Figures and tables of a page.
Part: TypeAlias = tuple[tuple[Figure, ...], tuple[Table, ...]]


def handout(lesson: Lesson) -> str:
    """The content as one HTML file. **Holds:** it_asks_for_nothing_outside, nothing_of_the_text_is_markup."""
    body, count = [f"<h1>{_inline(lesson.title)}</h1>", _prose(lesson.about, "muted")], 0
    for i, step in enumerate(lesson.steps, 1):
        place = f"{i}. " if len(lesson.steps) > 1 else ""
        body += [f"<section><h2>{place}{_inline(step.title)}</h2>", _prose(step.prose)]
        body += [f'<div class="formula">{shown(formula, display=True)}</div>' for formula in step.formulas]
        for figure in step.figures:
            count += 1
            body.append(_figure(figure, count))
        body += [_table(table) for table in step.tables]
        if step.question:
            body.append(f'<div class="question">{_prose(step.question)}</div>')
        if step.answer:
            body.append(f"<details><summary>Answer</summary>{_prose(step.answer)}</details>")
        body.append("</section>")
    if lesson.link:
        body.append(f'<p class="muted">To try it: <code>{html.escape(lesson.link)}</code></p>')
    script = f"<script>{get_plotlyjs()}</script>" if count else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(lesson.title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>{script}</head>\n'
        f"<body>\n{chr(10).join(filter(None, body))}\n</body></html>\n"
    )


def screen(state: State, run: Run, picture: Scene | None = None, link: str = "") -> Lesson:
    """The screen as a handout: the network, its picture, its equations and letters, and its gradient.

    Args:
        state: the screen.
        run: of its model.
        picture: the scene of the picture; if None, that of the state's view.
        link: the address of the screen.
    """
    model, view = state.model, state.view
    cell, task = run.cell, models.task(model)
    picture = picture or scene(run, view)
    units = ", ".join(f"$n_{{{latex(name)}}} = {size}$" for name, size in models.sizes(model).items())
    network = (
        f"{plain(cell.about)}\n\n{plain(task.sentence)} {run.T} steps, {units}. The loss is {number(run.loss)}.\n\n"
        f"{plain(cell.source)}"
    )
    sample = samples.shown(run, view.sample)
    letters = tuple(
        (f"${row.latex}$", row.role, row.size) for row in glossary.of_cell(cell, models.sizes(model))
    )  # fmt: skip
    steps = [
        Step("The network", network),
        Step(
            "Unrolled in time",
            figures=(
                Figure(
                    figures.graph(picture, "light", _WIDTH),
                    f"Steps {picture.first} to {picture.last} of {run.T}. Colour shows the {LENSES[view.lens].words}.",
                ),
            ),
        ),
        Step("Equations of a step", formulas=(cell.latex(),), tables=(Table(("Letter", "Role", "Size"), letters),)),
        Step(
            "What becomes of the gradient",
            "\n\n".join(map(plain, sentences(run, sample))),
            figures=(Figure(figures.gradients(run, "light", sample), "The norm of the gradient at each state."),),
            tables=_norms(run, sample),
        ),
    ]
    return Lesson(cell.title, "", tuple(steps), link)


def of_lesson(lesson: lessons.Lesson, link: str = "") -> Lesson:
    """A lesson as a handout: every step with its text, figure, question and answer, with the numbers of its run."""
    return Lesson(lesson.title, lesson.about, tuple(map(_of_step, lesson.steps)), link)


def _of_step(step: lessons.Step) -> Step:
    state = step.state
    run = models.run(state.model)
    text = f"{lessons.rendered(step.prose, run)}\n\n**Look:** {lessons.rendered(step.look, run)}"
    asked, question, answer = step.question, "", ""
    if asked is not None:
        choices = [f"- {lessons.rendered(choice.text, run)}" for choice in asked.choices]
        question = "\n\n".join([lessons.rendered(asked.text, run), *["\n".join(choices)] * bool(choices)])
        right = choices[asked.right(run)].removeprefix("- ") if choices else number(amount(asked.answer, run))
        answer = f"**{right}**. {lessons.rendered(asked.because, run)}"
    drawn, tables = _of_page(step.page, state, run, "tab" in step.query)
    return Step(step.title, text, figures=drawn, tables=tables, question=question, answer=answer)


def _of_page(page: str, state: State, run: Run, with_tab: bool) -> Part:
    """The figures and tables of a page for a state; `with_tab` adds the tab that the view names."""
    view = state.view
    if page == "vanish" and run.cell.states:
        name = view.state if view.state in run.cell.states else earliest(run.cell)
        alone = course(run, name, view.sample)
        words = "What is left of the gradient at each step."
        curve = Figure(figures.decay(run, "light", view.sample, state=name, alone=alone), words)
        drawn, tables = _PARTS[view.tab](run, state, name) if with_tab else ((), ())
        return (*drawn, curve), tables
    if page == "cliff":
        return _of_cliff(state, run), ()
    match view.graph:
        case "rolled":
            drawn = figures.rolled(run, view, "light", _WIDTH)
        case "neurons":
            drawn = figures.neurons(neurons(run, view, _WIDTH), "light", _WIDTH)
        case _:
            drawn = figures.graph(scene(run, view), "light", _WIDTH)
    return (Figure(drawn, f"Colour shows the {LENSES[view.lens].words}."),), ()


def _of_cliff(state: State, run: Run) -> tuple[Figure, ...]:
    """The surface with the network's place and the two steps of descent, and the cut through it."""
    model = state.model
    chosen = cliff.completed(model, state.view.cliff)
    names = tuple(knob.title(model, turn) for turn in cliff.sides(chosen))
    place, side = cliff.here(model, chosen), list(cliff.CUTS)[::-1].index(chosen.cut)
    surface, plane = cliff.surface(chosen, cliff.FINE if cliff.fits(model) else cliff.COARSE), cliff.span(model, chosen)
    while surface.grow(run, plane, cliff.portion(model)):
        pass
    steps = cliff.descent(model, chosen, run)
    return (
        Figure(
            figures.surface(surface, (names[0], names[1]), place, steps, "light", state.view.scale),
            f"The loss over {names[0]} and {names[1]}, where the network stands, and the steps of descent from there.",
        ),
        Figure(
            figures.cut(cliff.cut(model, chosen, run), names[side], place[side]),
            f"The loss along {names[side]}, and its derivative.",
        ),
    )


def _triangle(run: Run, state: State, name: str, of: str, words: str) -> Part:
    view = replace(state.view, lens="gradient")
    span = (view.low, view.high)
    drawn = figures.triangle(run, name, of, None, "light", view.sample, span, view.scale, None, _WIDTH)
    return (Figure(drawn, words),), ()


def _losses(run: Run, state: State, name: str) -> Part:
    words = (
        f"The norm of the gradient that the loss of each step, a row, gives to ${latex(name)}$ at each step, a column."
    )
    return _triangle(run, state, name, "", words)


def _jacobians(run: Run, state: State, name: str) -> Part:
    words = (
        f"The largest singular value of the Jacobian of ${latex(name)}$ at a step, a row, by an earlier one, a column."
    )
    return _triangle(run, state, name, name, words)


def _shares(run: Run, state: State, name: str) -> Part:
    view = state.view
    t = view.selected[1] if view.selected is not None and 1 <= view.selected[1] <= run.T else 1
    words = f"The share of each later loss in the gradient at ${latex(name)}$ of step {t}."
    return (Figure(figures.shares(facts.alone(run, view.sample), name, t, "light"), words),), ()


def _matrices(run: Run, state: State, name: str) -> Part:
    if not engine.recurrent_matrices(run):
        return (), ()
    words = "The eigenvalues of the recurrent matrices in the complex plane, with the unit circle."
    return (Figure(figures.eigenvalues(run, "light"), words),), ()


def _remedies(run: Run, state: State, name: str) -> Part:
    rows = tuple(
        (f"${latex(row.name)}$" if row.name else "**all**", *map(number, (row.whole, row.by_norm, row.by_value)))
        for row in facts.clipped(run, state.view.clip)
    )
    return (), (Table(("", "norm of the gradient", "clipped by norm", "clipped by value"), rows),)


#: Figures and tables of each tab of the page on vanishing gradients, by the keys of `TABS`.
_PARTS: Final[Mapping[str, Callable[[Run, State, str], Part]]] = {
    "losses": _losses, "jacobians": _jacobians, "shares": _shares, "matrices": _matrices, "remedies": _remedies,
}  # fmt: skip


def _norms(run: Run, sample: int) -> tuple[Table, ...]:
    """The norm of the gradient at each state, step by step, as a table."""
    if not run.cell.states or run.T > _MAX_NUMBERS:
        return ()
    norms = [magnitudes(run.grad[name][:, samples.span(run, sample)]) for name in run.cell.states]
    rows = tuple((str(t + 1), *(number(float(norm[t])) for norm in norms)) for t in range(run.T))
    return (Table(("Step", *(rf"$\Vert \nabla {latex(name)} \Vert$" for name in run.cell.states)), rows),)


# --- parts as HTML -----------------------------------------------------------------------------------------------


def _figure(figure: Figure, count: int) -> str:
    drawn = go.Figure(figure.figure).update_layout(paper_bgcolor="white", autosize=True, width=None)
    div: Any = drawn.to_html(
        include_plotlyjs=False, full_html=False, div_id=f"figure{count}",
        config={"displayModeBar": False, "responsive": True, "scrollZoom": False},
    )  # fmt: skip
    return f"<figure>{div}<figcaption>{_inline(figure.caption)}</figcaption></figure>"


def _table(table: Table) -> str:
    def row(cells: Sequence[str], kind: str) -> str:
        return f"<tr>{''.join(f'<{kind}>{_inline(cell)}</{kind}>' for cell in cells)}</tr>"

    rows = "".join(row(cells, "td") for cells in table.rows)
    return f'<div class="wide"><table>{row(table.head, "th")}{rows}</table></div>'


def _prose(text: str, style: str = "") -> str:
    """Markdown as paragraphs, lists and formulas on lines of their own."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        block = block.strip()
        lines = block.splitlines()
        if block.startswith("$$") and block.endswith("$$") and len(block) > 4:
            parts.append(f'<div class="formula">{shown(block[2:-2].strip(), display=True)}</div>')
        elif lines and all(line.lstrip().startswith("- ") for line in lines):
            items = "".join(f"<li>{_inline(line.lstrip()[2:])}</li>" for line in lines)
            parts.append(f"<ul>{items}</ul>")
        elif heading := re.fullmatch(r"#{1,6} (.+)", block):
            parts.append(f"<h3>{_inline(heading[1])}</h3>")
        elif block:
            parts.append(f"<p{f' class={style}' if style else ''}>{_inline(block)}</p>")
    return "\n".join(parts)


_INLINE: Final = re.compile(
    r"\\(?P<sign>[^A-Za-z0-9\s])|\$\$(?P<display>[^$]+)\$\$|\$(?P<math>[^$\n]+)\$|(?<!`)(?P<fence>`{1,9})(?!`)(?P<code>[^\n]+?)(?<!`)(?P=fence)(?!`)|"
    r"\*\*(?P<bold>[^*\n]+)\*\*|\*(?P<italic>[^*\n]+)\*"
)


def _inline(text: str) -> str:
    """Markdown within a line."""
    parts, at = [], 0
    for piece in _INLINE.finditer(text):
        parts.append(html.escape(text[at : piece.start()]))
        at = piece.end()
        kind, inside = piece.lastgroup, piece[piece.lastgroup or 0]
        match kind:
            case "math" | "display":
                parts.append(shown(inside))
            case "code":
                parts.append(f"<code>{html.escape(inside.strip())}</code>")
            case "bold":
                parts.append(f"<strong>{_inline(inside)}</strong>")
            case "italic":
                parts.append(f"<em>{_inline(inside)}</em>")
            case _:
                parts.append(html.escape(inside))
    return "".join([*parts, html.escape(text[at:])])
