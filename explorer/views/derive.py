"""The derivation: from the loss to every gradient, line by line, with this network's numbers."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import streamlit as st

from engine import Run
from engine.working import SECTIONS, Section, derive
from explorer.cache import RESULTS
from explorer.model import Model, samples
from explorer.page.change import Change, apply, of_view, put
from explorer.page.heading import begin
from explorer.page.notices import tell_overflow, write_link
from explorer.page.results import computed
from explorer.page.widget_delivery import show
from explorer.page.widgets import choice, entered
from explorer.state import DETAILS, LEVELS, State
from explorer.teach import export
from explorer.words.numbers import number

_KEY: Final = "derive"


@np.errstate(all="ignore")  # a number that is not finite is named and marked on the page
def page() -> None:
    """Draw the page of the derivation."""
    state, run, *_ = begin(
        "Derivation",
        "From the loss to every gradient of this network, line by line; each line is checked with its numbers.",
    )
    tell_overflow(run)
    t, sample = step_of(state, run), samples.one(run, state.view.sample) + 1
    _choices(state, run, t, sample)
    _contents(state, run)
    write_link(state)  # before what may take long
    for key in SECTIONS:
        if key in state.view.sections and not SECTIONS[key].applies(run):
            _section(state, run, key, t, sample)
    if not any(not SECTIONS[key].applies(run) for key in state.view.sections):
        st.info("Choose a section above.")
    _exports(state, run, t, sample)


def step_of(state: State, run: Run) -> int:
    """The step of the derivation, counted from 1."""
    return state.view.step if 1 <= state.view.step <= run.T else (run.T + 1) // 2


def _choices(state: State, run: Run, t: int, sample: int) -> None:
    """Choose step, sample and detail."""
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row.container(width=130):
        key = f"{_KEY}.step"
        show(key, t)
        st.number_input(
            f"Step $t$, 1 to {run.T}", 1, run.T, st.session_state[key], step=1, key=key, on_change=apply,
            args=(key, lambda state, step: of_view(state, step=step)),
        )  # fmt: skip
    if run.B > 1:
        with row.container(width=120):
            choice(
                "Sample", range(1, run.B + 1), str, f"{_KEY}.sample", sample,
                lambda state, sample: of_view(state, sample=sample),
            )  # fmt: skip
    with row:
        key = f"{_KEY}.detail"
        show(key, state.view.detail)
        st.segmented_control(
            "Detail", list(DETAILS), format_func=DETAILS.__getitem__, key=key, default=state.view.detail, required=True,
            on_change=apply, args=(key, lambda state, detail: of_view(state, detail=detail)),
        )  # fmt: skip


def _contents(state: State, run: Run) -> None:
    """The table of contents; the chosen sections are open."""
    reasons = {key: row.applies(run) for key, row in SECTIONS.items()}
    there = [key for key in SECTIONS if not reasons[key]]
    key = f"{_KEY}.sections"
    chosen = [section for section in state.view.sections if section in there]
    show(key, chosen)
    st.pills(
        "Contents", there, selection_mode="multi", format_func=lambda section: SECTIONS[section].title, key=key,
        default=chosen, on_change=apply, args=(key, opened),
        help="The chosen sections are open below, in the order of the derivation.",
    )  # fmt: skip
    missing = [f"**{SECTIONS[key].title}**: {reason}" for key, reason in reasons.items() if reason]
    if missing:
        with st.expander(f"{len(missing)} more sections for other networks"):
            st.markdown("\n".join(f"- {said}" for said in missing))


def opened(state: State, chosen: list[str]) -> State:
    """The state with these sections open; sections that do not apply to this network stay as they were."""
    run = computed(state.model)
    kept = {key for key in state.view.sections if SECTIONS[key].applies(run)} | set(chosen)
    return of_view(state, sections=tuple(key for key in SECTIONS if key in kept))


def _section(state: State, run: Run, key: str, t: int, sample: int) -> None:
    row = SECTIONS[key]
    with st.container(border=True, key=f"{_KEY}-{key}"):
        heading = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
        heading.markdown(f"##### {row.title}")
        heading.button("Close", key=f"{_KEY}.close.{key}", type="tertiary", on_click=put,
                       args=(f"{_KEY}.close.{key}", _closed(key)))  # fmt: skip
        if key == "expanded" and t < run.T:
            with st.container(width=130):
                entered(
                    LEVELS, f"{_KEY}.levels", state.view.levels, lambda state, levels: of_view(state, levels=levels)
                )
        found = _derived(state, key, t, sample)
        wrong = sum(not line.passed for line in found.lines)
        worst = max((line.error for line in found.lines), default=0.0)
        checked = f"{wrong} of {len(found.lines)} lines do not hold" if wrong else (
            f"✓ all {len(found.lines)} lines hold, to {number(worst)} at worst"
        )  # fmt: skip
        st.caption(f"{found.source} · step {t}" + (f", sample {sample}" if run.B > 1 else "") + f" · {checked}")
        for line in found.lines:
            st.markdown(f":gray-badge[{line.row}] {line.explanation}")
            for formula in export.formulas(line, state.view.detail):
                st.latex(formula)
            (st.caption if line.passed else st.error)(export.mark(line))


def _closed(section: str) -> Change:
    return lambda state, _: of_view(state, sections=tuple(key for key in state.view.sections if key != section))


def _derived(state: State, key: str, t: int, sample: int) -> Section:
    return section(state.model, key, t, sample, state.view.levels if key == "expanded" else LEVELS.default)


@RESULTS.keeps(partial(st.spinner, "Deriving …"))
def section(model: Model, key: str, t: int, sample: int, levels: int) -> Section:
    """A section of the derivation for a model's run; samples are counted from 1."""
    return derive(computed(model), key, t, sample - 1, levels)


def _exports(state: State, run: Run, t: int, sample: int) -> None:
    """The whole derivation as files: all sections for this network, in the chosen detail."""
    title = f"Derivation at step $t = {t}$" + (f", sample {sample}" if run.B > 1 else "")

    def sections() -> list[Section]:
        return [_derived(state, key, t, sample) for key in SECTIONS if not SECTIONS[key].applies(run)]

    st.caption("All sections for this network, in the detail chosen above, as a file:")
    row = st.container(horizontal=True)
    row.download_button(
        "LaTeX", lambda: export.derived_latex(sections(), state.view.detail, title), f"derivation-{t}.tex", "text/plain",
        key="save.derived.tex", on_click="ignore", help="A document that compiles as it is.",
    )  # fmt: skip
    row.download_button(
        "Markdown", lambda: export.derived_markdown(sections(), state.view.detail, title), f"derivation-{t}.md",
        "text/markdown", key="save.derived.md", on_click="ignore", help="With mathematics between dollar signs.",
    )  # fmt: skip
