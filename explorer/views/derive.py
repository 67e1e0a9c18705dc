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
from explorer.page.change import Change, apply, of_view, put, viewed
from explorer.page.heading import begin
from explorer.page.notices import tell_overflow, write_link
from explorer.page.results import computed
from explorer.page.widget_delivery import show
from explorer.page.widgets import choice, counted, entered, segmented, side_by_side
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
    write_link(state)  # before the sections, which may take long
    for key in SECTIONS:
        if key in state.view.sections and not SECTIONS[key].obstacle(run):
            _section(state, run, key, t, sample)
    if not any(not SECTIONS[key].obstacle(run) for key in state.view.sections):
        st.info("Choose a section above.")
    _exports(state, run, t, sample)


def step_of(state: State, run: Run) -> int:
    """The step of the derivation, counted from 1."""
    return state.view.step if 1 <= state.view.step <= run.T else (run.T + 1) // 2


def _choices(state: State, run: Run, t: int, sample: int) -> None:
    """Choose step, sample and detail."""
    row = side_by_side()
    with row.container(width=130):
        counted(st, f"Step $t$, 1 to {run.T}", 1, run.T, f"{_KEY}.step", t, viewed("step"))
    if run.B > 1:
        with row.container(width=120):
            choice("Sample", range(1, run.B + 1), str, f"{_KEY}.sample", sample, viewed("sample"))
    with row:
        segmented("Detail", DETAILS, f"{_KEY}.detail", state.view.detail, viewed("detail"))


def _contents(state: State, run: Run) -> None:
    """The table of contents; the chosen sections are open."""
    reasons = {key: row.obstacle(run) for key, row in SECTIONS.items()}
    applicable = [key for key in SECTIONS if not reasons[key]]
    key = f"{_KEY}.sections"
    chosen = [section for section in state.view.sections if section in applicable]
    show(key, chosen)
    st.pills(
        "Contents", applicable, selection_mode="multi", format_func=lambda section: SECTIONS[section].title, key=key,
        default=chosen, on_change=apply, args=(key, opened),
        help="The chosen sections are open below, in the order of the derivation.",
    )  # fmt: skip
    missing = [f"**{SECTIONS[key].title}**: {reason}" for key, reason in reasons.items() if reason]
    if missing:
        with st.expander(f"{len(missing)} more sections for other networks"):
            st.markdown("\n".join(f"- {line}" for line in missing))


def opened(state: State, chosen: list[str]) -> State:
    """The state with these sections open; sections that do not apply to this network stay as they were."""
    run = computed(state.model)
    kept = {key for key in state.view.sections if SECTIONS[key].obstacle(run)} | set(chosen)
    return of_view(state, sections=tuple(key for key in SECTIONS if key in kept))


def _section(state: State, run: Run, key: str, t: int, sample: int) -> None:
    row = SECTIONS[key]
    with st.container(border=True, key=f"{_KEY}-{key}"):
        heading = side_by_side("center", horizontal_alignment="distribute")
        heading.markdown(f"##### {row.title}")
        heading.button("Close", key=f"{_KEY}.close.{key}", type="tertiary", on_click=put,
                       args=(f"{_KEY}.close.{key}", _closed(key)))  # fmt: skip
        if key == "expanded" and t < run.T:
            with st.container(width=130):
                entered(LEVELS, f"{_KEY}.levels", state.view.levels, viewed("levels"))
        derived = _derived(state, key, t, sample)
        wrong = sum(not line.passed for line in derived.lines)
        worst = max((line.error for line in derived.lines), default=0.0)
        checked = f"{wrong} of {len(derived.lines)} lines do not hold" if wrong else (
            f"✓ all {len(derived.lines)} lines hold, to {number(worst)} at worst"
        )  # fmt: skip
        st.caption(f"{derived.source} · step {t}" + (f", sample {sample}" if run.B > 1 else "") + f" · {checked}")
        for line in derived.lines:
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
        return [_derived(state, key, t, sample) for key in SECTIONS if not SECTIONS[key].obstacle(run)]

    st.caption("All sections for this network, in the detail chosen above, as a file:")
    row = side_by_side("top")
    row.download_button(
        "LaTeX", lambda: export.derived_latex(sections(), state.view.detail, title), f"derivation-{t}.tex", "text/plain",
        key="save.derived.tex", on_click="ignore", help="A complete document, ready to compile.",
    )  # fmt: skip
    row.download_button(
        "Markdown", lambda: export.derived_markdown(sections(), state.view.detail, title), f"derivation-{t}.md",
        "text/markdown", key="save.derived.md", on_click="ignore", help="With mathematics between dollar signs.",
    )  # fmt: skip
