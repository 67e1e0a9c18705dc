"""The head of every page: side bar, title, loss and notices; it computes the run from which the page is made."""

from __future__ import annotations

from typing import Final, NamedTuple

import streamlit as st

from engine import Run
from explorer import model as models
from explorer.model import samples
from explorer.page import browser, memory
from explorer.page.change import current
from explorer.page.chart import large
from explorer.page.glossary_dialog import glossary_button
from explorer.page.notices import tell_notes, tell_problems
from explorer.page.results import computed
from explorer.page.share_link import link_popover, show_all
from explorer.page.sidebar import controls
from explorer.page.widgets import side_by_side
from explorer.state import State
from explorer.words.glossary import DEFINITIONS
from explorer.words.numbers import number

_BESIDE: Final = 720  # pixels from which the words of a heading have room beside the loss
#: A presentation: type that can be read from the last row, and no page around it. Padding is in pixels, since the size of
#: the type depends on the width that remains.
_PRESENT: Final = """<style>
html {{ font-size: {size:.1f}px !important; }}
[data-testid=stHeader], [data-testid=stToolbar] {{ display: none; }}
[data-testid=stMainBlockContainer] {{ padding: 0 32px 32px; }}
[data-testid=stMainBlockContainer] > [data-testid=stVerticalBlock] {{ gap: 0.4rem; }}
</style>"""


class Sheet(NamedTuple):
    """The input of a page: the state, its run, the palette ("light" or "dark") and the width of the page in pixels."""

    state: State
    run: Run
    palette: str
    pixels: int


def begin(title: str, words: str, results: bool = False) -> Sheet:
    """Draw the side bar and the heading of a page; `results` opens the known results in the side bar."""
    state = current()
    if state.view.shows("sidebar"):
        with st.sidebar:
            controls(results)
    pixels, palette = browser.mount(), st.context.theme.type or "light"
    if state.view.present:
        st.html(_PRESENT.format(size=16 * large()))
        pixels = round(pixels / large())
    heading = side_by_side("center")
    with heading.container():
        st.markdown(f"### {title}")
        if not state.view.present and pixels >= _BESIDE:
            st.caption(words)
    tell_problems()
    memory.tell()
    tell_notes(models.cell(state.model).notes)
    run = computed(state.model)
    if missing := samples.missing(run, state.view.sample):
        st.info(missing)
    heading.metric("Loss $L$", number(run.loss), width=130, help="The sum of the losses that count.")
    with heading:
        if not state.view.present:
            glossary_button(state.model)
            link_popover(state)
        show_all(state)
    if not state.view.present and pixels < _BESIDE:
        st.caption(words)
    return Sheet(state, run, palette, pixels)


def meanings() -> str:
    """A help text: the meaning of the words in the sentences."""
    rows = [f"**{word}**: {meaning}." for word, meaning in DEFINITIONS.items()]
    return "\n\n".join(
        [
            *rows,
            "*A step leaves*: the share of the gradient after a step back, the geometric mean over the steps, for the last loss "
            "that counts alone.",
        ]
    )
