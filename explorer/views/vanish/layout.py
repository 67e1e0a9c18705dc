"""The page on vanishing gradients, from top to bottom: sentences, the curve, and five tabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from engine import Run
from engine.language import written
from explorer.facts import earliest
from explorer.model import samples
from explorer.page.change import apply, of_view, viewed
from explorer.page.heading import begin, meanings
from explorer.page.notices import tell_overflow, write_link
from explorer.page.results import sentences
from explorer.page.widget_delivery import show
from explorer.page.widgets import choice, segmented, side_by_side
from explorer.state import SPREADS, TABS, State
from explorer.views.vanish import curve, jacobians, losses, matrices, remedies, shares
from explorer.words.markdown import plain

#: Draws a tab: from state, run, palette, the name of the state that is examined ("" if the network has none) and pixels.
Tab: TypeAlias = Callable[[State, Run, str, str, int], None]

#: The tabs by the keys of `TABS`, in their order.
_DRAW: Final[Mapping[str, Tab]] = {
    "losses": losses.tab,
    "jacobians": jacobians.tab,
    "shares": shares.tab,
    "matrices": matrices.tab,
    "remedies": remedies.tab,
}


@np.errstate(all="ignore")  # a number that is not finite is named and marked on the page
def page() -> None:
    """Draw the page on vanishing gradients."""
    state, run, palette, pixels = begin(
        "Why gradients vanish",
        "What is left of the gradient on its way back through time, and what takes the rest away.",
        results=True,
    )
    tell_overflow(run)
    name = examined(state, run)
    for i, sentence in enumerate(sentences(state.model, samples.shown(run, state.view.sample), name)):
        st.markdown(plain(sentence), help=None if i else meanings())
    _choices(state, run, name)
    curve.draw(state, run, palette, name)
    write_link(state)  # before the tab, which may take long
    for place, draw in zip(_tabs(state), _DRAW.values(), strict=True):
        if place.open:
            with place:
                draw(state, run, palette, name, pixels)


@np.errstate(all="ignore")
def figure(state: State, run: Run, palette: str, pixels: int, tab_first: bool) -> None:
    """For another page: the curve, and the tab that the view names, in that order or the other way round."""
    name = examined(state, run)
    pictures: list[Callable[[], None]] = [
        lambda: curve.draw(state, run, palette, name),
        lambda: _DRAW[state.view.tab](state, run, palette, name, pixels),
    ]
    for draw in reversed(pictures) if tab_first else pictures:
        draw()


def examined(state: State, run: Run) -> str:
    """The state that is examined: the chosen one, or the first on a way to the loss; "" if the network has none."""
    states = run.cell.states
    return state.view.state if state.view.state in states else earliest(run.cell) if states else ""


def _choices(state: State, run: Run, name: str) -> None:
    """Choose the state, the sample, and how the samples stand in the curve."""
    if not name and run.B == 1:
        return
    row = side_by_side()
    if name:
        with row.container(width=120):
            choice("State", run.cell.states, written, "vanish.state", name, viewed("state"))
    if run.B > 1:
        with row.container(width=120):
            sample = samples.shown(run, state.view.sample)
            choice("Sample", range(run.B + 1), lambda n: str(n or "all"), "vanish.sample", sample, viewed("sample"))
    if run.B > 1 and name:
        with row:
            segmented(
                "Samples in the curve", SPREADS, "vanish.spread", state.view.spread, viewed("spread"),
                help="**A line each**: thin lines, at most 40. **A band**: from the smallest to the largest, with the median.",
            )  # fmt: skip


def _tabs(state: State) -> Sequence[TabContainer]:
    """The places of the tabs, in the order of `TABS`; that of the view is open."""
    key = "vanish.tab"
    show(key, TABS[state.view.tab])
    keys = {title: tab for tab, title in TABS.items()}
    return st.tabs(
        list(keys), key=key, default=TABS[state.view.tab], on_change=apply,
        args=(key, lambda state, title: of_view(state, tab=keys.get(title, title))),
    )  # fmt: skip
