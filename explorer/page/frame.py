"""What every page has: the controls at the side, a heading with the loss, the run, and what went wrong."""

from __future__ import annotations

import math
from functools import partial
from typing import Final, NamedTuple

import streamlit as st

from engine import Run
from engine.language import written
from engine.verify import Check, check
from explorer import model as models
from explorer.cache import RESULTS
from explorer.facts import Course, course
from explorer.model import Model, samples
from explorer.page import browser
from explorer.page.chart import large
from explorer.page.controls import controls, current, tell_notes, tell_problems
from explorer.page.letters import letters
from explorer.page.link import back, link
from explorer.state import State
from explorer.words import sentences as in_words
from explorer.words.glossary import DEFINITIONS
from explorer.words.markdown import plain
from explorer.words.numbers import number

_BESIDE: Final = 720  # pixels from which the words of a heading have room beside the loss
#: A presentation: type that is read from the last row, and nothing around the page. Padding is in pixels, since the type
#: depends on the width that it leaves.
_PRESENT: Final = """<style>
html {{ font-size: {size:.1f}px !important; }}
[data-testid=stHeader], [data-testid=stToolbar] {{ display: none; }}
[data-testid=stMainBlockContainer] {{ padding: 0 32px 32px; }}
[data-testid=stMainBlockContainer] > [data-testid=stVerticalBlock] {{ gap: 0.4rem; }}
</style>"""

#: How a picture of the graph is shown by plotly: with a button that saves it as SVG.
FIGURE: Final = {
    "displaylogo": False,
    "scrollZoom": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "svg", "filename": "unrolled"},
}


class Sheet(NamedTuple):
    """What a page is made from: the state, its run, the page's palette ("light" or "dark") and its width in pixels."""

    state: State
    run: Run
    palette: str
    pixels: int


def begin(title: str, words: str, results: bool = False) -> Sheet:
    """Side bar and heading of a page; `results` opens the known results there."""
    state = current()
    if state.view.shows("sidebar"):
        with st.sidebar:
            controls(results)
    pixels, palette = browser.meet(), st.context.theme.type or "light"
    if state.view.present:
        st.html(_PRESENT.format(size=16 * large()))
        pixels = round(pixels / large())
    heading = st.container(horizontal=True, vertical_alignment="center")
    with heading.container():
        st.markdown(f"### {title}")
        if not state.view.present and pixels >= _BESIDE:
            st.caption(words)
    tell_problems()
    browser.tell()
    tell_notes(models.cell(state.model).notes)
    run = computed(state.model)
    if words := samples.missing(run, state.view.sample):
        st.info(words)
    heading.metric("Loss $L$", number(run.loss), width=130, help="The sum over the steps that count.")
    with heading:
        if not state.view.present:
            letters(state.model)
            link(state)
        back(state)
    if not state.view.present and pixels < _BESIDE:
        st.caption(words)
    return Sheet(state, run, palette, pixels)


@RESULTS.keeps()
def computed(model: Model) -> Run:
    """The run of a model; nothing but the model decides on it."""
    return models.run(model)


@RESULTS.keeps(partial(st.spinner, "Measuring …"))
def checked(model: Model) -> tuple[Check, ...]:
    """The laws, measured on the run of a model."""
    return check(computed(model))


@RESULTS.keeps()
def sentences(model: Model, sample: int = 0, name: str = "", cut: int = 0) -> tuple[str, ...]:
    """What happens to the gradient of a model's run, in words; `name` is the state that they are about, or the first."""
    return in_words.sentences(computed(model), sample, name or None, cut)


@RESULTS.keeps()
def followed(model: Model, sample: int, name: str) -> Course | None:
    """How the gradient of the last loss that counts goes back by itself."""
    return course(computed(model), name, sample)


def meanings() -> str:
    """What the words of the sentences mean, for a help text."""
    rows = [f"**{word}**: {meaning}." for word, meaning in DEFINITIONS.items()]
    return "\n\n".join(
        [*rows, "*A step leaves*: the geometric mean over the steps, of the last loss that counts alone."]
    )


def overflow(run: Run) -> None:
    """What went wrong in the numbers, in words."""
    found = run.overflow
    if found is None:
        return
    place = f"{plain(written(found.name))} at step {found.t}"
    if found.cause == "log of a negative number":
        said = (
            f"{place} takes the logarithm of a negative number, so it is not a number: this loss wants probabilities."
        )
    else:
        what = "not a number" if math.isnan(found.value) else "infinite"
        why = ", the logarithm of 0" if found.cause == "log of zero" else ""
        said = f"The values leave the range of floating point: {place} is the first that is {what}{why}."
    st.warning(f"{said} Where the page shows a number that is not finite, it is marked in red.")
