"""The controls of the comparison: ready comparisons, columns to add, and the settings at the head of each column."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from explorer import compare
from explorer.compare import ASPECTS, MOST, READY, Column
from explorer.model import Array
from explorer.page.change import Change, apply, put, tell_faults
from explorer.page.colour import choose_ends, choose_lens
from explorer.page.widget_delivery import show
from explorer.page.widgets import entered, side_by_side
from explorer.picture.readings import overview
from explorer.state import State
from explorer.views.compare.columns import computed_column
from explorer.words.markdown import plain


def ready(state: State) -> None:
    """Ready comparisons, each by one click."""
    now = (state.model, state.view.columns)
    chosen = next((name for name in READY if compare.prepare(name, state.model) == now), None)
    show("compare.ready", chosen)

    def change(state: State, name: str | None) -> State:
        model, columns = compare.prepare(name, state.model) if name else (state.model, ())
        return compare.with_columns(replace(state, model=model), columns)

    st.pills(
        "Ready comparisons", list(READY), format_func=lambda name: READY[name].title, key="compare.ready",
        default=chosen, on_change=apply, args=("compare.ready", change),
        help="\n\n".join(f"**{plain(row.title)}**: {row.help}" for row in READY.values())
        + "\n\nEverything else of the present network stays where it can; a task of few steps is replaced by random numbers.",
    )  # fmt: skip


def tools(state: State) -> None:
    """Add columns, and choose lens and scale of the colours."""
    full = len(state.view.columns) >= MOST
    present = compare.column(state.model, "")
    row = side_by_side()
    with row.container(width=230):
        options = [name for name, aspect in ASPECTS.items() if aspect.setting(present) is not None]
        show("compare.add", None)
        st.selectbox(
            "Add a column that differs in", options, index=None, format_func=lambda name: ASPECTS[name].title,
            key="compare.add", placeholder=f"at most {MOST} columns" if full else "choose", disabled=full,
            on_change=apply, args=("compare.add", _added),
        )  # fmt: skip
    row.button(
        "Keep this network", key="compare.keep", disabled=full, on_click=put,
        args=("compare.keep", lambda state, _: compare.added(state, compare.kept(state.model))),
        help="Add the network of the side bar as a column that does not change with the side bar.",
    )  # fmt: skip
    if state.view.columns:
        row.button("Clear", key="compare.clear", on_click=put,
                   args=("compare.clear", lambda state, _: compare.with_columns(state, ())))  # fmt: skip
    with row:
        choose_lens(state)
    choose_ends(row, state, magnitude, "Fit the scale to all columns; after that it stays fixed.")
    tell_faults("compare.keep", "compare.add")


def magnitude(state: State) -> Array:
    """The magnitudes that the colours of all columns show."""
    runs = [run for column in compare.comparison(state).columns if (run := computed_column(column)) is not None]
    return np.concatenate([overview(run, state.view).ravel() for run in runs] or [np.zeros(0)])


def _added(state: State, name: str | None) -> State:
    """The state with another column, which differs in one setting, at some value."""
    if name is None:
        return state
    aspect, present = ASPECTS[name], compare.column(state.model, "")
    return compare.added(state, compare.text(aspect.entries(present, aspect.other(present))))


def heading(state: State, i: int, column: Column, words: str, present: bool) -> None:
    """The title of a column, which names its differences, and its controls."""
    alone = not state.view.columns
    title = words or ("The present network" if alone else "The same as the others")
    row = side_by_side("top")
    with row.container():
        st.markdown(f"##### {i + 1} · {plain(title)}" if not alone else f"##### {plain(title)}")
    if alone:
        return
    if i:
        row.button("←", key=f"compare.{i}.move", type="tertiary", help="One place to the left", on_click=put,
                   args=(f"compare.{i}.move", lambda state, _: compare.moved(state, i)))  # fmt: skip
    if not present:
        row.button("✕", key=f"compare.{i}.remove", type="tertiary", help="Remove this column", on_click=put,
                   args=(f"compare.{i}.remove", lambda state, _: compare.removed(state, i)))  # fmt: skip
    if present:
        st.caption(
            "The network of the side bar: change it there, and the others follow in every setting that they share."
        )
    else:
        editor(state, i, column)


def editor(state: State, i: int, column: Column) -> None:
    """Choose the settings in which a column differs, and their values."""
    if column.model is None:
        return
    chosen = compare.varied(column, compare.column(state.model, ""))
    if column.whole:
        st.caption("A kept network, which does not follow the side bar.")
    else:
        differs(i, column, chosen)
    for name in chosen:
        aspect = ASPECTS[name]
        if (setting := aspect.setting(column)) is not None:
            entered(setting, f"compare.{i}.{name}", aspect.value(column), _edited(i, name))


def differs(i: int, column: Column, chosen: list[str]) -> None:
    """Choose the settings in which a column differs."""
    key = f"compare.{i}.differs"
    options = [name for name, aspect in ASPECTS.items() if name in chosen or aspect.setting(column) is not None]

    def change(state: State, names: list[str]) -> State:
        text = state.view.columns[i]
        now = compare.column(state.model, text)
        entries: dict[str, str] = {}
        for name in names:
            if not ASPECTS[name].of(text):
                entries |= ASPECTS[name].entries(now, ASPECTS[name].other(now))
        gone = [key for name, aspect in ASPECTS.items() if name not in names for key in aspect.of(text)]
        return compare.edited(state, i, entries, [key for key in gone if key not in entries])

    show(key, chosen)
    st.multiselect("Differs in", options, chosen, format_func=lambda name: ASPECTS[name].title, key=key, on_change=apply,
                   args=(key, change), placeholder="nothing yet")  # fmt: skip
    tell_faults(key)


def _edited(i: int, name: str) -> Change:
    def change(state: State, value: Any) -> State:
        if value is None:
            raise ValueError("a number is needed")
        column = compare.column(state.model, state.view.columns[i])
        return compare.edited(state, i, ASPECTS[name].entries(column, value))

    return change
