"""One slip of a text: the stated and the correct formula, and their values on this network's numbers."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import streamlit as st

from engine.verify import Asked
from explorer.cache import RESULTS
from explorer.experiments import slips
from explorer.experiments.slips import SLIPS, SOURCES, Case
from explorer.model import Model
from explorer.page.change import Change, apply, of_view, put, viewed
from explorer.page.results import computed
from explorer.page.widget_delivery import show
from explorer.page.widgets import side_by_side, side_by_side_if
from explorer.state import State
from explorer.views.slips.verdict import arrays, badge, equation, outcome, unmeasured
from explorer.words.markdown import plain

_SHORT: Final = 40  # characters up to which two formulas have room side by side


@RESULTS.keeps(partial(st.spinner, "Testing …"))
def case(model: Model, key: str, sample: int) -> Case:
    """A slip, tested on the run of a model."""
    return slips.case(key, computed(model), sample)


def listed(state: State, widget: Any, key: str) -> None:
    """Choose a slip from their list, in one of two widgets."""
    show(key, state.view.slip)
    widget(
        "A slip", list(SLIPS), format_func=lambda key: f"{key}  {SLIPS[key].title}", key=key, on_change=apply,
        args=(key, viewed("slip")),
    )  # fmt: skip


def tell(state: State, case: Case, wide: bool) -> None:
    """Show one slip: the stated formula, the numbers, the correct formula, and the reason."""
    chosen = SLIPS[state.view.slip]
    st.markdown(f"#### {chosen.title}")
    st.caption(f"{SOURCES[chosen.source]}; {chosen.place}")
    st.markdown(f"> {chosen.quote}")
    network = (
        f"your network, {plain(case.run.cell.title)}"
        if case.own
        else f"a small network, {plain(case.run.cell.title)}, {case.why_not}"
    )
    sample = f", sample {case.sample + 1}" if case.run.B > 1 else ""
    st.caption(f"Tested on {network}, at $t = {case.asked.t}${sample}.")
    _side_by_side(case, wide)
    st.markdown(chosen.why)
    if case.remark:
        st.markdown(case.remark)
    if case.own and case.text:
        row = side_by_side("top")
        for key, which, text in (
            ("stated", "stated", case.text),
            ("right", "correct", case.right_text),
        ):
            row.button(
                f"Use the {which} formula as mine", key=f"slip.{key}", on_click=put,
                args=(f"slip.{key}", _taken(text, case.asked)),
            )  # fmt: skip


def _side_by_side(case: Case, wide: bool) -> None:
    """Both formulas with their verdicts and values, and the verdict on the stated one in a sentence."""
    stated, right = case.stated_verdict, case.right_verdict
    beside = wide and max(len(case.text), len(case.right_text)) <= _SHORT
    places = side_by_side_if(beside)
    for place, title, latex, verdict in zip(
        places, ("Stated", "Correct"), (case.stated, case.right), (stated, right), strict=True
    ):
        with place:
            with side_by_side("center"):
                st.markdown(f"**{title}**", width="content")
                badge(verdict.kind)
            equation(case.left, latex, wide)
    truth = right.truth if case.asked.kind == "value" else stated.measured
    arrays({"stated": stated.value, case.route: truth, "correct": right.value})
    unmeasured(case.run, case.asked, stated)
    outcome(stated)


def _taken(text: str, asked: Asked) -> Change:
    """The change that makes a formula of the slip the reader's own."""
    return lambda state, _: of_view(state, formula=text, asked=asked)
